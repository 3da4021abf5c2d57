"""CIFAR-10 and CIFAR-100: 32 x 32 photographs, in the Python and in the binary format.

A record of the binary format is a label byte (CIFAR-100: a coarse and a fine one), then 32 x 32
bytes each of red, green and blue. The Python format is a pickled dictionary of the same.
"""

import pickle
import shutil
import tarfile
from pathlib import Path

import numpy as np

from ...utils.download import download, is_intact
from .images import VisionDataset, as_image, find_folder, not_found, unpacking

_PIXELS = 3 * 32 * 32


def read_records(path, label_bytes=1):
    """(images as N x 32 x 32 x 3 bytes, labels) of a binary file, however many records it has."""
    content = np.fromfile(path, np.uint8)
    record = label_bytes + _PIXELS
    if content.size == 0 or content.size % record:
        raise RuntimeError(f"{path} is no CIFAR file: {content.size} bytes")
    records = content.reshape(-1, record)
    return _images(records[:, label_bytes:]), records[:, label_bytes - 1].tolist()


def read_batch(path, key):
    """(images, labels) of a file of the Python format."""
    try:
        with open(path, "rb") as file:
            batch = _ArraysOnly(file, encoding="latin1").load()
        return _images(np.asarray(batch["data"], np.uint8)), list(batch[key])
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError) as error:
        raise RuntimeError(f"{path} is no CIFAR file, or damaged: {error}") from error


class _ArraysOnly(pickle.Unpickler):
    """Loads arrays and plain Python values, and runs nothing else that a file may name."""

    _ALLOWED = {
        ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"),
        ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode"),
    }  # fmt: skip

    def find_class(self, module, name):
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"the file asks for {module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def _images(rows):
    planes = rows.reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))


class CIFAR10(VisionDataset):
    """Colour photographs of ten kinds: item i is (Pillow image of 32 x 32, label).

    Reads the Python version from root/cifar-10-batches-py, or the binary version from
    root/cifar-10-batches-bin or root/cifar10/cifar-10-batches-bin. With `download`, fetches the
    former where neither is there.
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    #: Split -> files of the Python version and their MD5s.
    files = {
        True: {
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        },
        False: {"test_batch": "40351d587109b95175f43aff81a1287e"},
    }
    key = "labels"
    label_bytes = 1
    folders = ("cifar-10-batches-bin", "cifar10/cifar-10-batches-bin", "")
    classes = [
        "airplane", "automobile", "bird", "cat", "deer",
        "dog", "frog", "horse", "ship", "truck",
    ]  # fmt: skip

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        binary = find_folder(self.root, self.folders, self._binary_files())
        if download and (binary is None or self._has_python_version()):
            self.download()
        parts = self._read()
        if parts is None:
            raise not_found(
                type(self).__name__, root, (self.base_folder, *self.folders), self._binary_files()
            )
        self.data = np.concatenate([images for images, _ in parts])
        self.targets = [label for _, labels in parts for label in labels]

    def _has_python_version(self):
        return find_folder(self.root, (self.base_folder,), self.files[self.train]) is not None

    def _read(self):
        folder = find_folder(self.root, (self.base_folder,), self.files[self.train])
        if folder is not None:
            return [read_batch(folder / file, self.key) for file in self.files[self.train]]
        folder = find_folder(self.root, self.folders, self._binary_files())
        if folder is not None:
            return [read_records(folder / file, self.label_bytes) for file in self._binary_files()]
        return None

    def _binary_files(self):
        return [f"{name}.bin" for name in self.files[self.train]]

    def download(self):
        """Fetch and unpack the Python version; a file appears only when it is whole."""
        root = Path(self.root)
        wanted = {**self.files[True], **self.files[False]}
        if all(is_intact(root / self.base_folder / f, f"md5:{md5}") for f, md5 in wanted.items()):
            return
        root.mkdir(parents=True, exist_ok=True)
        archive = download(self.url, root / Path(self.url).name, f"md5:{self.tgz_md5}")
        with unpacking(archive, root) as staging, tarfile.open(archive) as files:
            files.extractall(staging, filter="data")
            shutil.rmtree(root / self.base_folder, ignore_errors=True)
            (staging / self.base_folder).rename(root / self.base_folder)

    @property
    def class_to_idx(self):
        return {name: index for index, name in enumerate(self.classes)}

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return self.transformed(as_image(self.data[index]), self.targets[index])

    def extra_repr(self):
        return f"Split: {'Train' if self.train else 'Test'}"


class CIFAR100(CIFAR10):
    """Colour photographs of a hundred kinds, in the formats of CIFAR-10."""

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    files = {
        True: {"train": "16019d7e3df5f24257cddd939b257f8d"},
        False: {"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
    }
    key = "fine_labels"
    label_bytes = 2
    folders = ("cifar-100-binary", "cifar100/cifar-100-binary", "")
    classes = [
        "apple",
        "aquarium_fish",
        "baby",
        "bear",
        "beaver",
        "bed",
        "bee",
        "beetle",
        "bicycle",
        "bottle",
        "bowl",
        "boy",
        "bridge",
        "bus",
        "butterfly",
        "camel",
        "can",
        "castle",
        "caterpillar",
        "cattle",
        "chair",
        "chimpanzee",
        "clock",
        "cloud",
        "cockroach",
        "couch",
        "crab",
        "crocodile",
        "cup",
        "dinosaur",
        "dolphin",
        "elephant",
        "flatfish",
        "forest",
        "fox",
        "girl",
        "hamster",
        "house",
        "kangaroo",
        "keyboard",
        "lamp",
        "lawn_mower",
        "leopard",
        "lion",
        "lizard",
        "lobster",
        "man",
        "maple_tree",
        "motorcycle",
        "mountain",
        "mouse",
        "mushroom",
        "oak_tree",
        "orange",
        "orchid",
        "otter",
        "palm_tree",
        "pear",
        "pickup_truck",
        "pine_tree",
        "plain",
        "plate",
        "poppy",
        "porcupine",
        "possum",
        "rabbit",
        "raccoon",
        "ray",
        "road",
        "rocket",
        "rose",
        "sea",
        "seal",
        "shark",
        "shrew",
        "skunk",
        "skyscraper",
        "snail",
        "snake",
        "spider",
        "squirrel",
        "streetcar",
        "sunflower",
        "sweet_pepper",
        "table",
        "tank",
        "telephone",
        "television",
        "tiger",
        "tractor",
        "train",
        "trout",
        "tulip",
        "turtle",
        "wardrobe",
        "whale",
        "willow_tree",
        "wolf",
        "woman",
        "worm",
    ]
