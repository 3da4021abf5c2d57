"""Images in folders that are named after their classes, and images that are made up."""

import os
from pathlib import Path

from ... import random
from ...dtypes import int64
from ...random_tensors import randint, randn
from .images import VisionDataset, as_image

IMG_EXTENSIONS = (
    ".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp",
)  # fmt: skip


def pil_loader(path):
    """The image in a file, as RGB."""
    from PIL import Image

    with open(path, "rb") as file:
        return Image.open(file).convert("RGB")


default_loader = pil_loader


def find_classes(directory):
    """(names of the folders in `directory`, sorted; name -> index)."""
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
    return classes, {name: index for index, name in enumerate(classes)}


class DatasetFolder(VisionDataset):
    """Files at root/class/.../file: item i is (loader(path), index of the class).

    Takes files with one of `extensions`, or those of which `is_valid_file(path)` is true.
    """

    def __init__(
        self, root, loader, extensions=None, transform=None, target_transform=None,
        is_valid_file=None, allow_empty=False,
    ):  # fmt: skip
        super().__init__(root, transform=transform, target_transform=target_transform)
        if (extensions is None) == (is_valid_file is None):
            raise ValueError(
                "Both extensions and is_valid_file cannot be None or not None at the same time"
            )
        self.loader = loader
        self.extensions = extensions
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = self._find_samples(is_valid_file, allow_empty)
        self.targets = [target for _, target in self.samples]

    def find_classes(self, directory):
        """The classes and their indices; a subclass may choose them."""
        return find_classes(directory)

    def _find_samples(self, is_valid_file, allow_empty):
        samples, empty = [], []
        for name in sorted(self.class_to_idx):
            found = []
            for folder, _, files in sorted(os.walk(Path(self.root) / name, followlinks=True)):
                paths = [os.path.join(folder, file) for file in sorted(files)]
                found += [p for p in paths if self._is_valid(p, is_valid_file)]
            samples += [(path, self.class_to_idx[name]) for path in found]
            if not found:
                empty.append(name)
        if empty and not allow_empty:
            supported = f"Supported extensions are: {', '.join(self.extensions or ())}"
            raise FileNotFoundError(
                f"Found no valid file for the classes {', '.join(empty)}. {supported}"
            )
        return samples

    def _is_valid(self, path, is_valid_file):
        if is_valid_file is not None:
            return is_valid_file(path)
        return path.lower().endswith(tuple(self.extensions))

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        path, target = self.samples[index]
        return self.transformed(self.loader(path), target)


class ImageFolder(DatasetFolder):
    """Images at root/class/.../image.png: item i is (Pillow image, index of the class)."""

    def __init__(
        self, root, transform=None, target_transform=None, loader=default_loader,
        is_valid_file=None, allow_empty=False,
    ):  # fmt: skip
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(
            root, loader, extensions, transform, target_transform, is_valid_file, allow_empty
        )
        self.imgs = self.samples


class FakeData(VisionDataset):
    """Random images with random labels, the same for the same index."""

    def __init__(
        self, size=1000, image_size=(3, 224, 224), num_classes=10, transform=None,
        target_transform=None, random_offset=0,
    ):  # fmt: skip
        super().__init__(transform=transform, target_transform=target_transform)
        self.size = size
        self.image_size = image_size
        self.num_classes = num_classes
        self.random_offset = random_offset

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index out of range")
        state = random.get_rng_state()
        random.manual_seed(index + self.random_offset)
        noise = randn(*self.image_size)
        target = randint(0, self.num_classes, (1,), dtype=int64)[0].item()
        random.set_rng_state(state)
        pixels = noise.mul(255).numpy().astype("int32").astype("uint8").transpose(1, 2, 0)
        image = as_image(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        return self.transformed(image, target)
