"""Image datasets read their files; transforms make tensors."""

import gzip
import io
import struct

import numpy as np
import pytest
from PIL import Image

import numbatorch as nt
from numbatorch.vision import datasets, transforms, utils


def write_idx(path, array, zipped=True):
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if zipped else content)


def write_mnist(folder, zipped=True):
    folder.mkdir(parents=True)
    suffix = ".gz" if zipped else ""
    images = np.arange(3 * 28 * 28).reshape(3, 28, 28) % 251
    for split in ("train", "t10k"):
        write_idx(folder / f"{split}-images-idx3-ubyte{suffix}", images, zipped)
        write_idx(folder / f"{split}-labels-idx1-ubyte{suffix}", np.array([7, 2, 9]), zipped)
    return images


class TestMNIST:
    def test_embedded_subset(self):
        train, test = datasets.MNIST(train=True), datasets.MNIST(train=False)
        assert train.data.shape == (6000, 28, 28)
        assert train.data.dtype == nt.uint8
        assert test.targets.shape == (1000,)
        assert test.targets.dtype == nt.int64
        counts = np.bincount(train.targets.numpy(), minlength=10)
        assert counts.tolist() == [592, 671, 581, 608, 623, 514, 608, 651, 551, 601]
        assert test.targets[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
        pixels = train.data.numpy() / 255
        assert pixels.mean() == pytest.approx(0.1307, abs=2e-3)
        assert pixels.std() == pytest.approx(0.3081, abs=2e-3)

    @pytest.mark.parametrize("place", ["", "mnist", "MNIST/raw"])
    @pytest.mark.parametrize("zipped", [True, False])
    def test_full_set_from_a_root(self, tmp_path, place, zipped):
        images = write_mnist(tmp_path / "root" / place, zipped)
        dataset = datasets.MNIST(tmp_path / "root", train=False)
        assert len(dataset) == 3
        image, label = dataset[1]
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), images[1])
        assert label == 2
        assert type(label) is int
        assert "Number of datapoints: 3" in repr(dataset)

    def test_a_root_without_the_files_is_announced(self, tmp_path):
        with pytest.warns(UserWarning, match="taking the subset of 6,000"):
            assert len(datasets.MNIST(tmp_path)) == 6000

    def test_broken_files(self, tmp_path):
        path = tmp_path / "broken"
        path.write_bytes(struct.pack(">HBBI", 0, 8, 1, 5) + b"abc")
        with pytest.raises(RuntimeError, match="holds 3 bytes"):
            datasets.mnist.read_idx(path)
        path.write_bytes(struct.pack(">HBBI", 0, 9, 1, 3) + b"abc")
        with pytest.raises(RuntimeError, match="no IDX file of bytes"):
            datasets.mnist.read_idx(path)

    def test_fashion_has_no_fallback(self, tmp_path):
        with pytest.raises(RuntimeError, match="Dataset FashionMNIST not found: looked for train"):
            datasets.FashionMNIST(tmp_path)
        write_mnist(tmp_path / "fashion-mnist")
        dataset = datasets.FashionMNIST(tmp_path, target_transform=lambda label: label + 100)
        assert dataset[0][1] == 107
        assert dataset.classes[9] == "Ankle boot"


class TestCIFAR10:
    def test_records(self, tmp_path):
        folder = tmp_path / "cifar10" / "cifar-10-batches-bin"
        folder.mkdir(parents=True)
        numbers = np.random.default_rng(0)
        planes = numbers.integers(0, 256, (2, 3, 32, 32), dtype=np.uint8)
        records = np.concatenate([np.array([[4], [9]], np.uint8), planes.reshape(2, -1)], axis=1)
        for name in [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]:
            (folder / name).write_bytes(records.tobytes())
        train, test = datasets.CIFAR10(tmp_path), datasets.CIFAR10(tmp_path, train=False)
        assert (len(train), len(test)) == (10, 2)
        image, label = test[1]
        np.testing.assert_array_equal(np.asarray(image), planes[1].transpose(1, 2, 0))
        assert label == 9
        (folder / "test_batch.bin").write_bytes(b"short")
        with pytest.raises(RuntimeError, match="no CIFAR file"):
            datasets.CIFAR10(tmp_path, train=False)

    def test_not_found(self, tmp_path):
        with pytest.raises(RuntimeError, match="Dataset CIFAR10 not found"):
            datasets.CIFAR10(tmp_path)


class TestTransforms:
    def test_the_usual_pipeline(self):
        transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
        )
        image, label = datasets.MNIST(train=False, transform=transform)[0]
        assert image.shape == (1, 28, 28)
        assert image.dtype == nt.float32
        raw = np.asarray(datasets.MNIST(train=False)[0][0])
        np.testing.assert_allclose(image[0].numpy(), (raw / 255 - 0.1307) / 0.3081, rtol=1e-5)
        assert label == 7
        assert repr(transform).count("\n") == 3

    def test_channels_come_first(self):
        image = np.arange(2 * 4 * 3, dtype=np.float32).reshape(2, 4, 3)
        tensor = transforms.ToTensor()(image)
        assert tensor.shape == (3, 2, 4)
        np.testing.assert_array_equal(tensor.numpy(), image.transpose(2, 0, 1))

    def test_inplace_and_lambda(self):
        image = nt.ones(3, 2, 2)
        normalize = transforms.Normalize((1.0, 0.0, 2.0), (1.0, 2.0, 4.0), inplace=True)
        assert normalize(image) is image
        assert image[:, 0, 0].tolist() == [0.0, 0.5, -0.25]
        assert transforms.Lambda(lambda x: x + 1)(1) == 2

    def test_errors(self):
        with pytest.raises(ValueError, match="pic should be 2/3 dimensional. Got 1"):
            transforms.ToTensor()(np.zeros(3))
        with pytest.raises(TypeError, match="should be a float tensor"):
            transforms.Normalize((0.0,), (1.0,))(nt.zeros(1, 2, 2, dtype=nt.uint8))
        with pytest.raises(TypeError, match="img should be Tensor Image"):
            transforms.Normalize((0.0,), (1.0,))("image")
        with pytest.raises(ValueError, match="tensor image of size"):
            transforms.Normalize((0.0,), (1.0,))(nt.zeros(2, 2))
        with pytest.raises(ValueError, match="std evaluated to zero"):
            transforms.Normalize((0.0,), (0.0,))(nt.zeros(1, 2, 2))
        with pytest.raises(TypeError, match="should be callable"):
            transforms.Lambda(3)


class TestGrids:
    def test_rows_and_borders(self):
        images = nt.arange(3.0).view(3, 1, 1, 1).expand(3, 3, 2, 2)
        grid = utils.make_grid(images, nrow=2, padding=1, pad_value=9)
        assert grid.shape == (3, 7, 7)
        expected = np.full((7, 7), 9.0)
        expected[1:3, 1:3], expected[1:3, 4:6], expected[4:6, 1:3] = 0, 1, 2
        np.testing.assert_array_equal(grid[0], expected)

    def test_kinds_of_input(self):
        image = nt.rand(4, 5)
        np.testing.assert_array_equal(utils.make_grid(image), image.expand(3, 4, 5))
        assert utils.make_grid([nt.rand(3, 4, 5)] * 2).shape == (3, 8, 16)
        for wrong in (3, [nt.rand(3, 4, 5), 3]):
            with pytest.raises(TypeError, match="tensor or list of tensors expected"):
                utils.make_grid(wrong)

    def test_normalization(self):
        images = nt.stack([nt.full((3, 2, 2), 2.0), nt.full((3, 2, 2), 4.0)])
        images[:, :, 0, 0] = 0
        together = utils.make_grid(images, padding=0, normalize=True)
        assert together[0, 1].tolist() == [0.5, 0.5, 1.0, 1.0]
        apart = utils.make_grid(images, padding=0, normalize=True, scale_each=True)
        assert apart[0, 1].tolist() == [1.0] * 4
        given = utils.make_grid(images, padding=0, normalize=True, value_range=(2, 6))
        assert given[0, :, 1].tolist() == [0.0, 0.0] and given[0, 1, 3].item() == 0.5
        with pytest.raises(TypeError, match="has to be a tuple"):
            utils.make_grid(images, normalize=True, value_range=[0, 1])

    def test_a_file_of_any_kind(self, tmp_path):
        images = nt.linspace(0, 1, 12).view(1, 3, 2, 2)
        utils.save_image(images, tmp_path / "a.png")
        pixels = np.asarray(Image.open(tmp_path / "a.png"))
        np.testing.assert_array_equal(pixels, (images[0] * 255 + 0.5).byte().permute(1, 2, 0))
        memory = io.BytesIO()
        utils.save_image([images[0]] * 3, memory, format="jpeg", nrow=3, padding=0)
        memory.seek(0)
        picture = Image.open(memory)
        assert (picture.format, picture.size) == ("JPEG", (6, 2))
