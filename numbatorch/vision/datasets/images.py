"""What the image datasets share."""

from pathlib import Path

from ...utils.data import Dataset


class VisionDataset(Dataset):
    """Images with labels, each with a transform that is applied when an item is taken."""

    def __init__(self, root=None, transform=None, target_transform=None):
        self.root = root
        self.transform = transform
        self.target_transform = target_transform

    def transformed(self, image, target):
        """The item of an image and its label."""
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __repr__(self):
        lines = [f"Dataset {type(self).__name__}", f"    Number of datapoints: {len(self)}"]
        if self.root is not None:
            lines.append(f"    Root location: {self.root}")
        return "\n".join(lines)


def find_folder(root, folders, files):
    """The first of root / folder that holds all files (or the files as .gz); None if there is none."""
    if root is None:
        return None
    for folder in folders:
        candidate = Path(root) / folder
        if all(present(candidate / file) for file in files):
            return candidate
    return None


def present(path):
    """The file or its gzipped form, whichever exists."""
    for candidate in (path, path.with_name(f"{path.name}.gz")):
        if candidate.exists():
            return candidate
    return None


def not_found(name, root, folders, files):
    places = ", ".join(str(Path(root) / folder) for folder in folders)
    return RuntimeError(f"Dataset {name} not found: looked for {', '.join(files)} in {places}")
