"""Datasets with folders, with made-up images, and with downloads."""

import gzip
import hashlib
import pickle
import sys
import tarfile

import numpy as np
import pytest
from oracle_torchvision import import_torchvision
from PIL import Image

import numbatorch as nt
from numbatorch.vision import datasets


def test_image_folder(tmp_path):
    for name, colour in (("dog", 10), ("cat", 20)):
        (tmp_path / name / "deep").mkdir(parents=True)
        Image.new("L", (4, 3), colour).save(tmp_path / name / "deep" / "b.png")
        Image.new("RGB", (4, 3), (colour, 0, 0)).save(tmp_path / name / "a.PNG")
        (tmp_path / name / "notes.txt").write_text("no image")
    dataset = datasets.ImageFolder(str(tmp_path))
    assert dataset.classes == ["cat", "dog"]
    assert dataset.class_to_idx == {"cat": 0, "dog": 1}
    assert dataset.targets == [0, 0, 1, 1]
    image, label = dataset[3]
    assert (image.mode, image.size, image.getpixel((0, 0)), label) == (
        "RGB",
        (4, 3),
        (10, 10, 10),
        1,
    )
    chosen = datasets.ImageFolder(tmp_path, is_valid_file=lambda path: path.endswith("a.PNG"))
    assert len(chosen) == 2
    (tmp_path / "bird").mkdir()
    with pytest.raises(FileNotFoundError, match="no valid file for the classes bird"):
        datasets.ImageFolder(tmp_path)
    assert len(datasets.ImageFolder(tmp_path, allow_empty=True)) == 4
    with pytest.raises(FileNotFoundError, match="any class folder"):
        datasets.ImageFolder(tmp_path / "bird")


def test_fake_data_as_torchvision():
    torchvision = import_torchvision()
    options = {"size": 5, "image_size": (3, 8, 9), "num_classes": 7, "random_offset": 3}
    theirs, ours = torchvision.datasets.FakeData(**options), datasets.FakeData(**options)
    assert len(ours) == 5
    for (expected, label), (image, found) in zip((theirs[i] for i in range(5)), ours):
        assert label == found
        off = np.asarray(image).astype(int) - np.asarray(expected)
        assert (off != 0).mean() < 0.01


def test_fake_data_is_the_same_for_the_same_index():
    data = datasets.FakeData(size=4, image_size=(1, 5, 6), num_classes=3)
    nt.manual_seed(7)
    before = nt.rand(1)
    image, label = data[2]
    nt.manual_seed(7)
    assert nt.rand(1) == before  # drawing an item leaves the generator alone
    assert image.mode == "L" and image.size == (6, 5) and 0 <= label < 3
    np.testing.assert_array_equal(np.asarray(data[2][0]), np.asarray(image))
    shifted = datasets.FakeData(size=4, image_size=(1, 5, 6), num_classes=3, random_offset=1)
    np.testing.assert_array_equal(np.asarray(shifted[1][0]), np.asarray(image))
    as_text = datasets.FakeData(size=2, target_transform=str)
    assert isinstance(as_text[0][1], str)
    with pytest.raises(IndexError, match="FakeData index out of range"):
        data[4]


def test_both_transforms_together(tmp_path):
    (tmp_path / "a").mkdir()
    Image.new("RGB", (4, 3)).save(tmp_path / "a" / "x.png")
    folder = datasets.DatasetFolder(
        tmp_path, datasets.folder.default_loader, (".png",), transform=lambda image: image.size
    )
    assert folder[0] == ((4, 3), 0)
    for options in ({}, {"extensions": (".png",), "is_valid_file": bool}):
        with pytest.raises(ValueError, match="Both extensions and is_valid_file"):
            datasets.DatasetFolder(tmp_path, datasets.folder.default_loader, **options)
    with pytest.raises(ValueError, match="Only transforms or transform/target_transform"):
        datasets.VisionDataset(tmp_path, transforms=print, transform=print)
    both = datasets.VisionDataset(transforms=lambda image, target: (target, image))
    assert both.transformed(1, 2) == (2, 1)
    assert datasets.VisionDataset("~").root != "~"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0\1\x08", "is no IDX file"),
        (b"\0\0\x08\x03\0\0", "ends within its header"),
        (b"\0\0\x08\x01\0\0\0\x02\x05", "holds 1 bytes"),
    ],
)
def test_damaged_idx_files(tmp_path, content, message):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(RuntimeError, match=message):
        datasets.mnist.read_idx(tmp_path / "file")


def test_images_without_as_many_labels(tmp_path):
    folder = tmp_path / "kmnist"
    folder.mkdir()
    images, labels = datasets.KMNIST.resources[2][0], datasets.KMNIST.resources[1][0]
    (folder / images).write_bytes((datasets.mnist.EMBEDDED / images).read_bytes())
    wrong = (datasets.mnist.EMBEDDED / labels).read_bytes()
    (folder / datasets.KMNIST.resources[3][0]).write_bytes(wrong)
    with pytest.raises(RuntimeError, match="does not hold images with their labels"):
        datasets.KMNIST(tmp_path, train=False)
    assert datasets.MNIST(train=False).class_to_idx["3 - three"] == 3
    with pytest.raises(ValueError, match="needs a root to download to"):
        datasets.MNIST(download=True)


def test_without_pillow(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install 'numbatorch\[vision\]'"):
        datasets.MNIST(train=False)[0]


def files_of(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


class TestDownloads:
    @pytest.fixture
    def network(self, monkeypatch):
        """URL -> content, in place of the network."""
        contents = {}

        def download(urls, path, digest):
            url = next(
                (u for u in ([urls] if isinstance(urls, str) else urls) if u in contents), None
            )
            if url is None or hashlib.md5(contents[url]).hexdigest() != digest.removeprefix("md5:"):
                raise RuntimeError(f"{path.name} could not be downloaded")
            path.write_bytes(contents[url])
            return path

        monkeypatch.setattr(datasets.mnist, "download", download)
        monkeypatch.setattr(datasets.cifar, "download", download)
        return contents

    def test_mnist(self, network, monkeypatch, tmp_path):
        resources = []
        for file, _ in datasets.KMNIST.resources:
            source = datasets.mnist.EMBEDDED / file
            network[datasets.KMNIST.mirrors[0] + file] = source.read_bytes()
            resources.append((file, hashlib.md5(source.read_bytes()).hexdigest()))
        monkeypatch.setattr(datasets.KMNIST, "resources", resources)
        dataset = datasets.KMNIST(tmp_path, train=False, download=True)
        assert len(dataset) == 1000
        assert len(datasets.KMNIST(tmp_path)) == 6000
        assert "    Split: Train" in repr(datasets.KMNIST(tmp_path))
        assert files_of(tmp_path)[0] == "KMNIST/raw/t10k-images-idx3-ubyte.gz"

    def test_not_there(self, network, tmp_path):
        with pytest.raises(RuntimeError, match="You can use download=True"):
            datasets.CIFAR100(tmp_path)
        with pytest.raises(RuntimeError, match="could not be downloaded"):
            datasets.CIFAR100(tmp_path, download=True)
        with pytest.raises(RuntimeError, match="could not be downloaded"):
            datasets.FashionMNIST(tmp_path, download=True)
        assert files_of(tmp_path) == []

    def test_a_truncated_file_is_named(self, tmp_path):
        folder = tmp_path / "MNIST" / "raw"
        folder.mkdir(parents=True)
        for file, _ in datasets.MNIST.resources:
            content = (datasets.mnist.EMBEDDED / file).read_bytes()
            (folder / file).write_bytes(content[: len(content) // 2])
        with pytest.raises(RuntimeError, match=r"train-images-idx3-ubyte.gz is damaged"):
            datasets.MNIST(tmp_path)

    def archive(self, tmp_path, kind, count=3):
        """An archive like the published one, of random images."""
        numbers = np.random.default_rng(0)
        folder = tmp_path / "source" / kind.base_folder
        folder.mkdir(parents=True)
        for split in kind.files.values():
            for file in split:
                data = numbers.integers(0, 256, (count, 3072), dtype=np.uint8)
                with open(folder / file, "wb") as out:
                    pickle.dump({"data": data, kind.key: list(range(count))}, out, protocol=2)
        path = tmp_path / "source.tar.gz"
        with tarfile.open(path, "w:gz") as files:
            files.add(folder, kind.base_folder)
        return path.read_bytes(), data

    @pytest.mark.parametrize("kind", [datasets.CIFAR10, datasets.CIFAR100])
    def test_cifar(self, network, monkeypatch, tmp_path, kind):
        content, data = self.archive(tmp_path, kind)
        network[kind.url] = content
        monkeypatch.setattr(kind, "tgz_md5", hashlib.md5(content).hexdigest())
        root = tmp_path / "root"
        test = kind(root, train=False, download=True)
        assert len(test) == 3
        image, label = test[2]
        np.testing.assert_array_equal(
            np.asarray(image), data[2].reshape(3, 32, 32).transpose(1, 2, 0)
        )
        assert label == 2
        assert len(kind(root)) == 3 * len(kind.files[True])
        assert len(kind.classes) == (10 if kind is datasets.CIFAR10 else 100)

    def test_a_pickle_that_runs_something_is_refused(self, tmp_path):
        folder = tmp_path / datasets.CIFAR10.base_folder
        folder.mkdir()

        class Evil:
            def __reduce__(self):
                return print, ("ran",)

        (folder / "test_batch").write_bytes(pickle.dumps(Evil()))
        with pytest.raises(RuntimeError, match="asks for builtins.print"):
            datasets.CIFAR10(tmp_path, train=False)


def test_gzip_is_optional(tmp_path):
    folder = tmp_path / "kmnist"
    folder.mkdir()
    for file, _ in datasets.KMNIST.resources:
        content = gzip.decompress((datasets.mnist.EMBEDDED / file).read_bytes())
        (folder / file.removesuffix(".gz")).write_bytes(content)
    assert len(datasets.KMNIST(tmp_path, train=False)) == 1000
