"""What the image datasets share."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from ...utils.data import Dataset


class VisionDataset(Dataset):
    """Images with labels, each with a transform that is applied when an item is taken.

    `transforms` is called with image and label together; give either it or the other two.
    """

    def __init__(self, root=None, transforms=None, transform=None, target_transform=None):
        if transforms is not None and (transform is not None or target_transform is not None):
            raise ValueError(
                "Only transforms or transform/target_transform can be passed as argument"
            )
        self.root = os.path.expanduser(root) if isinstance(root, str) else root
        self.transforms = transforms
        self.transform = transform
        self.target_transform = target_transform

    def transformed(self, image, target):
        """The item of an image and its label."""
        if self.transforms is not None:
            return self.transforms(image, target)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def extra_repr(self):
        """A further line of the representation."""
        return ""

    def __repr__(self):
        lines = [f"Dataset {type(self).__name__}", f"    Number of datapoints: {len(self)}"]
        if self.root is not None:
            lines.append(f"    Root location: {self.root}")
        if self.extra_repr():
            lines.append(f"    {self.extra_repr()}")
        return "\n".join(lines)


def as_image(array):
    """An array of height x width (x 3) bytes as a Pillow image."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("image datasets need Pillow: pip install 'numbatorch[vision]'") from error
    return Image.fromarray(array)


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
    return RuntimeError(
        f"Dataset {name} not found: looked for {', '.join(files)} in {places}. "
        "You can use download=True to download it"
    )


@contextlib.contextmanager
def unpacking(archive, folder):
    """A folder inside `folder` to unpack an archive into; gone afterwards, with all that is left in it.

    An OSError (a full disk, say) tells what was being done.
    """
    staging = Path(tempfile.mkdtemp(dir=folder))
    try:
        yield staging
    except OSError as error:
        reason = error.strerror or str(error)
        raise type(error)(
            error.errno, f"{reason} while unpacking {archive}", str(folder)
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
