"""MNIST and its like: images of 28 x 28 bytes in IDX files."""

import gzip
import struct
import warnings
from pathlib import Path

import numpy as np

from ...creation import from_numpy
from ...dtypes import int64
from .images import VisionDataset, find_folder, not_found, present

EMBEDDED = Path(__file__).parent / "mnist_subset"

_FILES = {
    True: ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    False: ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def read_idx(path):
    """The array of bytes in an IDX file, gzipped or not."""
    content = Path(path).read_bytes()
    if Path(path).suffix == ".gz":
        content = gzip.decompress(content)
    zeros, kind, rank = struct.unpack(">HBB", content[:4])
    if zeros != 0 or kind != 8:
        raise RuntimeError(f"{path} is no IDX file of bytes")
    shape = struct.unpack(f">{rank}I", content[4 : 4 + 4 * rank])
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * rank)
    if values.size != np.prod(shape, dtype=np.int64):
        raise RuntimeError(f"{path} holds {values.size} bytes where {shape} needs more or fewer")
    return values.reshape(shape).copy()


class MNIST(VisionDataset):
    """Handwritten digits: item i is (array of 28 x 28 bytes, label), before the transforms.

    Reads the full set from `root`, root/mnist or root/MNIST/raw; where it is not there, the 6,000
    training and 1,000 test digits that come with the package. `download` is accepted without
    effect.
    """

    classes = [
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four",
        "5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine",
    ]  # fmt: skip
    folders = ("MNIST/raw", "mnist", "")

    def __init__(
        self, root=None, train=True, transform=None, target_transform=None, download=False
    ):
        super().__init__(root, transform, target_transform)
        self.train = train
        images, labels = _FILES[train]
        folder = find_folder(root, self.folders, _FILES[train]) or self.fallback()
        self.data = from_numpy(read_idx(present(folder / images)))
        self.targets = from_numpy(read_idx(present(folder / labels))).to(int64)

    def fallback(self):
        """Where to read if `root` does not hold the files."""
        if self.root is not None:
            warnings.warn(
                f"MNIST is not in {self.root}: taking the subset of 6,000 + 1,000 digits that "
                "comes with numbatorch",
                stacklevel=3,
            )
        return EMBEDDED

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return self.transformed(self.data[index].numpy(), int(self.targets[index]))


class FashionMNIST(MNIST):
    """Articles of clothing in MNIST's format, from `root`, root/fashion-mnist or .../raw."""

    classes = [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ]  # fmt: skip
    folders = ("FashionMNIST/raw", "fashion-mnist", "")

    def fallback(self):
        raise not_found("FashionMNIST", self.root or ".", self.folders, _FILES[self.train])
