"""MNIST and its like: images of 28 x 28 bytes in IDX files."""

import gzip
import string
import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

from ...creation import from_numpy
from ...dtypes import int64
from ...utils.download import download
from .images import VisionDataset, as_image, find_folder, not_found, present, unpacking

EMBEDDED = Path(__file__).parent / "mnist_subset"

_FILES = {
    True: ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    False: ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def read_idx(path):
    """The array of bytes in an IDX file, gzipped or not; RuntimeError where it is damaged."""
    content = Path(path).read_bytes()
    if Path(path).suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise RuntimeError(f"{path} is damaged: {error}. Delete it to get it anew") from error
    zeros, kind, rank = struct.unpack(">HBB", content[:4].ljust(4, b"\xff"))
    if zeros != 0 or kind != 8:
        raise RuntimeError(f"{path} is no IDX file of bytes")
    header = content[4 : 4 + 4 * rank]
    if len(header) < 4 * rank:
        raise RuntimeError(f"{path} ends within its header")
    shape = struct.unpack(f">{rank}I", header)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * rank)
    if values.size != np.prod(shape, dtype=np.int64):
        raise RuntimeError(f"{path} holds {values.size} bytes where {shape} needs more or fewer")
    return values.reshape(shape).copy()


class MNIST(VisionDataset):
    """Handwritten digits: item i is (Pillow image of 28 x 28, label), before the transforms.

    Reads the full set from root/MNIST/raw, root/mnist or `root`; with `download`, into
    root/MNIST/raw where it is not there. Where there is nothing to read, takes the 6,000 training
    and 1,000 test digits that come with the package.
    """

    mirrors = ["https://ossci-datasets.s3.amazonaws.com/mnist/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ]
    classes = [
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four",
        "5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine",
    ]  # fmt: skip
    folders = ("MNIST/raw", "mnist", "")

    def __init__(
        self, root=None, train=True, transform=None, target_transform=None, download=False
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        images, labels = files = self.files(train)
        folder = find_folder(self.root, self.folders, files)
        if download and (folder is None or folder == self.raw_folder):
            folder = self.download()
        folder = folder or self.fallback()
        self.data = from_numpy(read_idx(present(folder / images)))
        self.targets = from_numpy(read_idx(present(folder / labels))).to(int64)
        if self.data.dim() != 3 or self.targets.dim() != 1 or len(self.data) != len(self.targets):
            raise RuntimeError(
                f"{folder} does not hold images with their labels: shapes "
                f"{list(self.data.shape)} and {list(self.targets.shape)}"
            )

    def files(self, train):
        """Names of the files with the images and with the labels of a split."""
        return _FILES[train]

    @property
    def raw_folder(self):
        """Where downloaded files are put."""
        return Path(self.root) / type(self).__name__ / "raw"

    @property
    def class_to_idx(self):
        return {name: index for index, name in enumerate(self.classes)}

    def download(self):
        """Fetch the files that are missing or damaged; the folder that they are in."""
        self._make_raw_folder()
        for file, md5 in self.resources:
            if (self.raw_folder / file.removesuffix(".gz")).exists():
                continue  # unpacked by hand
            urls = [mirror + file for mirror in self.mirrors]
            download(urls, self.raw_folder / file, f"md5:{md5}")
        return self.raw_folder

    def _make_raw_folder(self):
        if self.root is None:
            raise ValueError(f"{type(self).__name__}(download=True) needs a root to download to")
        self.raw_folder.mkdir(parents=True, exist_ok=True)

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
        return self.transformed(as_image(self.data[index].numpy()), int(self.targets[index]))

    def extra_repr(self):
        return f"Split: {'Train' if self.train else 'Test'}"


class FashionMNIST(MNIST):
    """Articles of clothing in MNIST's format, from FashionMNIST/raw or fashion-mnist in `root`."""

    mirrors = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ]
    classes = [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ]  # fmt: skip
    folders = ("FashionMNIST/raw", "fashion-mnist", "")

    def fallback(self):
        name = type(self).__name__
        raise not_found(name, self.root or ".", self.folders, self.files(self.train))


class KMNIST(FashionMNIST):
    """Ten cursive Japanese characters in MNIST's format, from KMNIST/raw or kmnist in `root`."""

    mirrors = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    ]
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]
    folders = ("KMNIST/raw", "kmnist", "")


#: Letters whose upper and lower case are one class of EMNIST where classes are merged.
_MERGED = set("cijklmopsuvwxyz")
_CHARACTERS = sorted(string.digits + string.ascii_letters)


class EMNIST(FashionMNIST):
    """Handwritten digits and letters in MNIST's format, from EMNIST/raw or emnist in `root`.

    `split` is one of `splits`. The images lie on their sides, mirrored, as they were published and as
    torchvision leaves them. All splits come in one archive of 560 MB.
    """

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    classes_split_dict = {
        "byclass": _CHARACTERS,
        "bymerge": [c for c in _CHARACTERS if c not in _MERGED],
        "balanced": [c for c in _CHARACTERS if c not in _MERGED],
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": list(string.digits),
        "mnist": list(string.digits),
    }
    folders = ("EMNIST/raw", "emnist", "")

    def __init__(self, root, split, **options):
        if split not in self.splits:
            valid = "{" + ", ".join(f"'{known}'" for known in self.splits) + "}"
            raise ValueError(
                f"Unknown value '{split}' for argument split. Valid values are {valid}."
            )
        self.split = split
        self.classes = self.classes_split_dict[split]
        super().__init__(root, **options)

    def files(self, train):
        start = f"emnist-{self.split}-{'train' if train else 'test'}"
        return f"{start}-images-idx3-ubyte", f"{start}-labels-idx1-ubyte"

    def download(self):
        """Fetch the archive where a file of this split is missing, and unpack all splits."""
        self._make_raw_folder()
        wanted = [*self.files(True), *self.files(False)]
        if find_folder(self.root, ("EMNIST/raw",), wanted) is None:
            archive = download(self.url, self.raw_folder / "gzip.zip", f"md5:{self.md5}")
            with unpacking(archive, self.raw_folder) as staging, zipfile.ZipFile(archive) as files:
                files.extractall(staging)
                for file in sorted(staging.rglob("*.gz")):
                    file.replace(self.raw_folder / file.name)
        return self.raw_folder
