"""CIFAR-10 in its binary format: a label byte, then 32 x 32 bytes each of red, green and blue."""

from pathlib import Path

import numpy as np

from .images import VisionDataset, find_folder, not_found

_RECORD = 1 + 3 * 32 * 32
_FILES = {True: [f"data_batch_{i}.bin" for i in range(1, 6)], False: ["test_batch.bin"]}


def read_records(path):
    """(images as N x 32 x 32 x 3 bytes, labels) of one file, however many records it has."""
    content = np.fromfile(path, np.uint8)
    if content.size == 0 or content.size % _RECORD:
        raise RuntimeError(f"{path} is no CIFAR-10 file: {content.size} bytes")
    records = content.reshape(-1, _RECORD)
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), records[:, 0]


class CIFAR10(VisionDataset):
    """Colour photographs of ten kinds: item i is (array of 32 x 32 x 3 bytes, label).

    Reads the binary version from root/cifar-10-batches-bin, root/cifar10/cifar-10-batches-bin or
    `root`. `download` is accepted without effect.
    """

    classes = [
        "airplane", "automobile", "bird", "cat", "deer",
        "dog", "frog", "horse", "ship", "truck",
    ]  # fmt: skip
    folders = ("cifar-10-batches-bin", "cifar10/cifar-10-batches-bin", "")

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform, target_transform)
        self.train = train
        folder = find_folder(root, self.folders, _FILES[train])
        if folder is None:
            raise not_found("CIFAR10", root, self.folders, _FILES[train])
        parts = [read_records(Path(folder) / file) for file in _FILES[train]]
        self.data = np.concatenate([images for images, _ in parts])
        self.targets = np.concatenate([labels for _, labels in parts]).tolist()

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return self.transformed(self.data[index], self.targets[index])
