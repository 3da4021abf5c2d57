"""Small readers of the data sets. They work under PyTorch and under numbatorch alike.

The files are looked for in the folder given by --data, then in the folder named by the environment
variable NUMBATORCH_DATA, then in ../shared/data beside the repository.
"""

import gzip
import os
import random
import string
import unicodedata
from pathlib import Path

import numpy as np
import torch

REPOSITORY = Path(__file__).resolve().parent.parent
EMBEDDED_MNIST = REPOSITORY / "numbatorch" / "vision" / "datasets" / "mnist_subset"
SAMPLES = Path(__file__).resolve().parent / "samples"


def find(name, root=None):
    """The folder of a data set in the first root that has it, or None."""
    roots = [root, os.environ.get("NUMBATORCH_DATA"), REPOSITORY.parent / "shared" / "data"]
    for candidate in roots:
        if candidate is not None and (Path(candidate) / name).is_dir():
            return Path(candidate) / name
    return None


def require(name, root, source):
    """The folder of a data set; exits with a hint where to get it if there is none."""
    folder = find(name, root)
    if folder is None:
        raise SystemExit(
            f"The data set {name!r} was not found. Put it into a folder {name}/ under a data root "
            f"and pass --data ROOT, or set NUMBATORCH_DATA. It comes from {source}."
        )
    return folder


def read_idx(path):
    """The bytes of a gzipped IDX file as an array."""
    content = gzip.decompress(path.read_bytes())
    rank = content[3]
    shape = np.frombuffer(content, ">u4", count=rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape).copy()


def mnist(root=None, train=True, name="mnist"):
    """(images of N x 1 x 28 x 28 floats, normalised; labels).

    Without the full set, the 6,000 + 1,000 digits that come with numbatorch.
    """
    folder = find(name, root) or EMBEDDED_MNIST
    if name != "mnist" and folder == EMBEDDED_MNIST:
        folder = require(name, root, "github.com/zalandoresearch/fashion-mnist")
    split = "train" if train else "t10k"
    images = torch.from_numpy(read_idx(folder / f"{split}-images-idx3-ubyte.gz"))
    labels = torch.from_numpy(read_idx(folder / f"{split}-labels-idx1-ubyte.gz"))
    mean, std = (0.1307, 0.3081) if name == "mnist" else (0.2860, 0.3530)
    return ((images.float() / 255 - mean) / std).unsqueeze(1), labels.long()


def cifar10(root=None, train=True):
    """(images of N x 3 x 32 x 32 floats in [-1, 1], labels) of the binary version."""
    source = "www.cs.toronto.edu/~kriz/cifar.html (binary version)"
    folder = require("cifar10", root, source) / "cifar-10-batches-bin"
    files = [f"data_batch_{i}.bin" for i in range(1, 6)] if train else ["test_batch.bin"]
    records = np.concatenate([np.fromfile(folder / file, np.uint8) for file in files])
    records = records.reshape(-1, 1 + 3 * 32 * 32)
    images = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy())
    labels = torch.from_numpy(records[:, 0].copy())
    return images.float() / 127.5 - 1, labels.long()


LETTERS = string.ascii_letters + " .,;'-"


def plain(name):
    """A name in ASCII letters: accents are dropped."""
    parts = unicodedata.normalize("NFD", name)
    return "".join(part for part in parts if part in LETTERS)


def names(root=None, seed=0):
    """(languages, [(name, index of its language), ...] in random order)."""
    folder = require("names", root, "github.com/spro/practical-pytorch, data/names")
    files = sorted(folder.glob("*.txt"))
    pairs = []
    for index, file in enumerate(files):
        lines = file.read_text(encoding="utf-8").splitlines()
        known = sorted({plain(line.strip()) for line in lines} - {""})
        pairs += [(name, index) for name in known]
    random.Random(seed).shuffle(pairs)
    return [file.stem for file in files], pairs


def shakespeare(root=None):
    """Text by Shakespeare: the whole of tinyshakespeare, or a scene of it."""
    folder = find("tinyshakespeare", root)
    path = folder / "input.txt" if folder else SAMPLES / "shakespeare.txt"
    return path.read_text(encoding="utf-8")
