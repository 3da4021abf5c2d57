"""Transforms give torchvision's numbers, from the same seed, on images and tensors alike."""

import numpy as np
import pytest
from oracle_torchvision import import_torchvision
from PIL import Image

import numbatorch as nt
from numbatorch.vision import transforms
from numbatorch.vision.transforms import functional

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 31, 3), dtype=np.uint8)
PIXELS[4:12, 5:20] = (200, 40, 90)

#: Name -> (class, arguments): what works on images and on tensors of bytes and floats.
CASES = {
    "resize": ("Resize", ((12, 18),)),
    "resize-up": ("Resize", (40,)),
    "resize-longest": ("Resize", (16, "bilinear", 19)),
    "resize-nearest": ("Resize", ((13, 7), "nearest")),
    "center": ("CenterCrop", (15,)),
    "center-larger": ("CenterCrop", ((30, 33),)),
    "pad": ("Pad", ((1, 2, 3, 4), 7)),
    "pad-edge": ("Pad", (3, 0, "edge")),
    "pad-reflect": ("Pad", ([2, 4], 0, "reflect")),
    "pad-symmetric": ("Pad", (2, 0, "symmetric")),
    "crop": ("RandomCrop", (10,)),
    "crop-padded": ("RandomCrop", ((28, 40), 4, True)),
    "resized-crop": ("RandomResizedCrop", ((9, 11),)),
    "flip": ("RandomHorizontalFlip", ()),
    "flip-vertical": ("RandomVerticalFlip", ()),
    "rotation": ("RandomRotation", (30,)),
    "rotation-fill": ("RandomRotation", ((20, 70), "nearest", False, (8, 5), 100)),
    "brightness": ("ColorJitter", (0.5,)),
    "contrast": ("ColorJitter", (0, 0.5)),
    "saturation": ("ColorJitter", (0, 0, 0.5)),
    "hue": ("ColorJitter", (0, 0, 0, 0.3)),
    "jitter": ("ColorJitter", (0.4, (0.5, 1.2), 0.3, 0.1)),
    "grayscale": ("Grayscale", (3,)),
    "random-grayscale": ("RandomGrayscale", (0.5,)),
}


def build(module, name):
    kind, arguments = CASES[name]
    modes = {"bilinear", "nearest"}
    mode = type(module.InterpolationMode.NEAREST)
    arguments = [mode(a) if isinstance(a, str) and a in modes else a for a in arguments]
    return getattr(module, kind)(*arguments)


@pytest.fixture
def oracle():
    return import_torchvision().transforms


@pytest.mark.parametrize("name", CASES)
def test_images(name, oracle):
    import torch

    image = Image.fromarray(PIXELS)
    for seed in range(4):
        torch.manual_seed(seed)
        nt.manual_seed(seed)
        expected = np.asarray(build(oracle, name)(image))
        found = build(transforms, name)(image)
        np.testing.assert_array_equal(np.asarray(found), expected)
        nt.manual_seed(seed)
        np.testing.assert_array_equal(build(transforms, name)(PIXELS), expected)


@pytest.mark.parametrize("floats", [False, True], ids=["bytes", "floats"])
@pytest.mark.parametrize("name", CASES)
def test_tensors(name, floats, oracle):
    import torch

    planes = np.ascontiguousarray(PIXELS.transpose(2, 0, 1))
    if floats:
        planes = planes.astype(np.float32) / 255
    for seed in range(4):
        torch.manual_seed(seed)
        nt.manual_seed(seed)
        expected = build(oracle, name)(torch.from_numpy(planes)).numpy()
        found = build(transforms, name)(nt.from_numpy(planes)).numpy()
        assert found.shape == expected.shape
        assert found.dtype == expected.dtype
        if floats:
            np.testing.assert_allclose(found, expected, atol=1e-5)
        else:  # the same real number may round to either side
            off = found.astype(int) - expected.astype(int)
            assert np.abs(off).max() <= 1
            assert (off != 0).mean() < 0.01


@pytest.mark.parametrize(
    "arguments",
    [(1.0,), (1.0, (0.1, 0.2), (0.5, 2.0), "random"), (0.5, (0.02, 0.9), (0.3, 3.3), (1, 2, 3))],
)
def test_erasing(arguments, oracle):
    import torch

    planes = np.ascontiguousarray(PIXELS.transpose(2, 0, 1)).astype(np.float32)
    for seed in range(6):
        torch.manual_seed(seed)
        nt.manual_seed(seed)
        expected = oracle.RandomErasing(*arguments)(torch.from_numpy(planes)).numpy()
        found = transforms.RandomErasing(*arguments)(nt.from_numpy(planes)).numpy()
        np.testing.assert_array_equal(found, expected)


def test_conversions(oracle):
    import torch

    grey = PIXELS[:, :, 0]
    for picture in (Image.fromarray(PIXELS), Image.fromarray(grey), PIXELS, grey):
        expected = oracle.ToTensor()(picture).numpy()
        np.testing.assert_array_equal(transforms.ToTensor()(picture).numpy(), expected)
    planes = np.random.default_rng(1).random((3, 5, 6), dtype=np.float32)
    expected = oracle.ToPILImage()(torch.from_numpy(planes))
    found = transforms.ToPILImage()(nt.from_numpy(planes))
    assert found.mode == expected.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
    for source, target in [
        ("uint8", "float32"),
        ("float32", "uint8"),
        ("int32", "uint8"),
        ("uint8", "int16"),
    ]:
        numbers = (planes * 250).astype(source) if source != "float32" else planes
        expected = oracle.ConvertImageDtype(getattr(torch, target))(torch.from_numpy(numbers))
        found = transforms.ConvertImageDtype(getattr(nt, target))(nt.from_numpy(numbers))
        np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_five_crop_and_compositions():
    image = Image.fromarray(PIXELS)
    parts = transforms.FiveCrop(8)(image)
    assert [part.size for part in parts] == [(8, 8)] * 5
    np.testing.assert_array_equal(np.asarray(parts[3]), PIXELS[-8:, -8:])
    add = transforms.RandomApply([transforms.Lambda(lambda x: x + 1)], p=1.0)
    assert add(1) == 2
    both = transforms.RandomOrder([transforms.Lambda(lambda x: x + 1)] * 2)
    assert both(0) == 2
    assert transforms.RandomChoice([transforms.Lambda(lambda x: -x)])(3) == -3


def test_representations():
    assert repr(transforms.CenterCrop(5)) == "CenterCrop(size=(5, 5))"
    assert repr(transforms.RandomHorizontalFlip()) == "RandomHorizontalFlip(p=0.5)"
    assert "interpolation=bilinear" in repr(transforms.Resize(4))


def test_bad_input():
    image = Image.fromarray(PIXELS)
    with pytest.raises(ValueError, match="larger than input image size"):
        transforms.RandomCrop(99)(image)
    with pytest.raises(
        TypeError, match=r"hflip\(\): img should be a PIL Image, an array or a Tensor"
    ):
        functional.hflip("picture")
    with pytest.raises(ValueError, match="is not in"):
        functional.adjust_hue(image, 0.7)
    with pytest.raises(ValueError, match="Padding mode should be"):
        transforms.Pad(1, padding_mode="mirror")(image)
    with pytest.raises(ValueError, match="must be positive"):
        transforms.RandomRotation(-3)
    with pytest.raises(ValueError, match="hue values should be between"):
        transforms.ColorJitter(hue=0.9)
    with pytest.raises(TypeError, match="Size should be int or sequence"):
        transforms.Resize("large")


def test_grids_as_torchvision(oracle, tmp_path):
    import torch
    from torchvision import utils as their_utils

    from numbatorch.vision import utils

    images = np.random.default_rng(2).standard_normal((5, 3, 4, 6)).astype(np.float32)
    ours, theirs = nt.from_numpy(images), torch.from_numpy(images)
    for options in (
        {}, {"nrow": 2, "padding": 1, "pad_value": 0.5}, {"normalize": True},
        {"normalize": True, "value_range": (-1, 1), "scale_each": True},
    ):  # fmt: skip
        expected = their_utils.make_grid(theirs, **options).numpy()
        np.testing.assert_allclose(utils.make_grid(ours, **options).numpy(), expected, atol=1e-6)
    single = their_utils.make_grid(theirs[0, 0]).numpy()
    np.testing.assert_array_equal(utils.make_grid(ours[0, 0]).numpy(), single)
    their_utils.save_image(theirs, tmp_path / "theirs.png", normalize=True)
    utils.save_image(ours, tmp_path / "ours.png", normalize=True)
    pictures = [np.asarray(Image.open(tmp_path / f"{n}.png")) for n in ("ours", "theirs")]
    np.testing.assert_array_equal(*pictures)
    with pytest.raises(TypeError, match="tensor or list of tensors expected"):
        utils.make_grid(3)
