"""Transforms give torchvision's numbers, from the same seed, on images and tensors alike."""

import inspect
from itertools import product

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
    "rotation-expand": ("RandomRotation", ((20, 70), "bilinear", True)),
    "affine": ("RandomAffine", (25,)),
    "affine-all": (
        "RandomAffine", (25, (0.1, 0.2), (0.7, 1.3), (-9, 9, 4, 8), "bilinear", 30, (4, 9)),
    ),
    "affine-shear": ("RandomAffine", ((0, 0), None, None, 20)),
    "perspective": ("RandomPerspective", (0.6, 0.9)),
    "perspective-nearest": ("RandomPerspective", (0.3, 1.0, "nearest", 90)),
    "elastic": ("ElasticTransform", (60.0, [2.0, 1.5])),
    "elastic-sharp": ("ElasticTransform", ([20.0, 30.0], 0.0, "nearest", 50)),
    "invert": ("RandomInvert", ()),
    "solarize": ("RandomSolarize", (0.5,)),
    "sharpness-less": ("RandomAdjustSharpness", (0.3, 1.0)),
    "sharpness-more": ("RandomAdjustSharpness", (3, 1.0)),
    "autocontrast": ("RandomAutocontrast", (1.0,)),
    "blur": ("GaussianBlur", ((3, 5),)),
    "blur-same": ("GaussianBlur", (5, 1.5)),
    "brightness": ("ColorJitter", (0.5,)),
    "contrast": ("ColorJitter", (0, 0.5)),
    "saturation": ("ColorJitter", (0, 0, 0.5)),
    "hue": ("ColorJitter", (0, 0, 0, 0.3)),
    "jitter": ("ColorJitter", (0.4, (0.5, 1.2), 0.3, 0.1)),
    "grayscale": ("Grayscale", (3,)),
    "random-grayscale": ("RandomGrayscale", (0.5,)),
}  # fmt: skip

#: What takes tensors of bytes only, and Pillow images.
OF_BYTES = {
    "posterize": ("RandomPosterize", (3,)),
    "solarize-bytes": ("RandomSolarize", (130, 1.0)),
    "equalize": ("RandomEqualize", (1.0,)),
    "auto": ("AutoAugment", ()),
    "auto-cifar": ("AutoAugment", (transforms.AutoAugmentPolicy.CIFAR10, "bilinear", 40)),
    "auto-svhn": ("AutoAugment", (transforms.AutoAugmentPolicy.SVHN, "nearest", (1, 2, 3))),
    "rand-augment": ("RandAugment", (3, 12)),
    "trivial-augment": ("TrivialAugmentWide", ()),
    "mix": ("AugMix", (7, 2, -1, 0.8)),
    "mix-deep": ("AugMix", (3, 3, 2, 1.0, False, "nearest")),
}


def build(module, name):
    kind, arguments = {**CASES, **OF_BYTES}[name]
    modes = {"bilinear", "nearest"}
    mode = type(module.InterpolationMode.NEAREST)
    arguments = [mode(a) if isinstance(a, str) and a in modes else a for a in arguments]
    policy = transforms.AutoAugmentPolicy
    arguments = [
        module.AutoAugmentPolicy(a.value) if isinstance(a, policy) else a for a in arguments
    ]
    return getattr(module, kind)(*arguments)


@pytest.fixture
def oracle():
    return import_torchvision().transforms


@pytest.mark.parametrize("name", [*CASES, *OF_BYTES])
def test_images(name, oracle):
    import torch

    image = Image.fromarray(PIXELS)
    for seed in range(4):
        torch.manual_seed(seed)
        nt.manual_seed(seed)
        expected = np.asarray(build(oracle, name)(image))
        found = build(transforms, name)(image)
        equal = almost_equal if name.startswith("mix") else np.testing.assert_array_equal
        equal(np.asarray(found), expected)
        nt.manual_seed(seed)
        equal(build(transforms, name)(PIXELS), expected)


def almost_equal(found, expected, most=4):
    """Few bytes differ, and not by much: the same real number may round to either side."""
    off = found.astype(int) - expected.astype(int)
    assert np.abs(off).max() <= most
    assert (off != 0).mean() < 0.01


@pytest.mark.parametrize(
    ("name", "floats"), [*product(CASES, [False, True]), *product(OF_BYTES, [False])]
)
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
        else:  # later changes in a chain may widen a difference
            almost_equal(found, expected, most=4 if name.startswith("mix") else 1)


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


def test_representations_and_signatures_as_torchvision(oracle):
    names = [*oracle.transforms.__all__, *oracle.autoaugment.__all__]
    assert names == [*transforms.transforms.__all__, *transforms.autoaugment.__all__]
    for theirs, ours in [(oracle, transforms), (oracle.functional, functional)]:
        for name in names if theirs is oracle else functions_of(theirs):
            expected, found = (inspect.signature(getattr(m, name)) for m in (theirs, ours))
            assert list(found.parameters) == list(expected.parameters), name
            for parameter in expected.parameters.values():
                default = found.parameters[parameter.name].default
                assert str(default) == str(parameter.default), (name, parameter.name)
    for kind, arguments in {**REPRESENTED, **dict.fromkeys(SIMPLE, ())}.items():
        expected, found = (repr(getattr(m, kind)(*arguments)) for m in (oracle, transforms))
        assert found == expected


def functions_of(module):
    return [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and name[0] != "_"
    ]


#: Class -> arguments to represent it with.
REPRESENTED = {
    "Compose": ([],), "Normalize": ((0.5,), (0.2,)), "Resize": (4,), "CenterCrop": (3,), "Pad": (2,),
    "RandomApply": ([],), "RandomChoice": ([],), "RandomOrder": ([],), "RandomCrop": (3,),
    "RandomResizedCrop": (3,), "FiveCrop": (3,), "TenCrop": (3, True), "RandomRotation": (3,),
    "RandomAffine": (3, (0.1, 0.2), (1, 2), 3), "GaussianBlur": (3,), "RandomPosterize": (3,),
    "RandomSolarize": (3,), "RandomAdjustSharpness": (3,),
}  # fmt: skip
SIMPLE = (
    "ToTensor", "PILToTensor", "ToPILImage", "RandomHorizontalFlip", "RandomVerticalFlip",
    "ColorJitter", "Grayscale", "RandomGrayscale", "RandomPerspective", "RandomErasing",
    "RandomInvert", "RandomAutocontrast", "RandomEqualize", "ElasticTransform", "AutoAugment",
    "RandAugment", "TrivialAugmentWide", "AugMix",
)  # fmt: skip


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


class TestWithoutTorchvision:
    """What is known without it: NumPy, Pillow and geometry say what the numbers are."""

    planes = nt.from_numpy(np.ascontiguousarray(PIXELS.transpose(2, 0, 1)))
    image = Image.fromarray(PIXELS)

    def same(self, found, expected):
        expected = np.asarray(expected)
        expected = expected if expected.ndim == 2 else expected.transpose(2, 0, 1)
        np.testing.assert_array_equal(found.numpy().reshape(expected.shape), expected)

    def test_geometry_of_tensors_is_that_of_images(self):
        for name, arguments in {
            "hflip": (), "vflip": (), "crop": (-2, 3, 9, 40), "center_crop": ([40, 12],),
            "pad": ([1, 2, 3, 4], 7), "invert": (), "posterize": (3,), "solarize": (99,),
        }.items():  # fmt: skip
            function = getattr(functional, name)
            self.same(function(self.planes, *arguments), function(self.image, *arguments))
        for mode in ("edge", "reflect", "symmetric"):
            found = functional.pad(self.planes, [2, -1, -3, 4], 0, mode)
            self.same(found, functional.pad(self.image, [2, -1, -3, 4], 0, mode))

    def test_quarter_turns(self):
        square = self.planes[:, :, :24]
        for turns in (1, 2, 3):
            turned = functional.rotate(square, 90.0 * turns)
            np.testing.assert_array_equal(turned, square.rot90(turns, (1, 2)))
        even = self.planes[:, :, :30]
        whole = functional.rotate(even, 90.0, expand=True)
        np.testing.assert_array_equal(whole, even.rot90(1, (1, 2)))

    def test_affine_moves(self):
        moved = functional.affine(self.planes, 0.0, [3, -2], 1.0, 0.0, fill=9)
        np.testing.assert_array_equal(moved[:, :-2, 3:], self.planes[:, 2:, :-3])
        assert (moved[:, -2:] == 9).all() and (moved[:, :, :3] == 9).all()
        same = functional.affine(self.image, 0.0, [3, -2], 1.0, 0.0, fill=9)
        self.same(moved, same)
        np.testing.assert_array_equal(
            functional.affine(self.planes, 180.0, [0, 0], 1.0, [0.0, 0.0]), self.planes.flip(1, 2)
        )

    def test_perspective_of_its_own_corners_is_the_image(self):
        corners = [[0, 0], [30, 0], [30, 23], [0, 23]]
        for img in (self.planes, self.image):
            found = functional.perspective(img, corners, corners)
            np.testing.assert_array_equal(np.asarray(found), np.asarray(img))
        with pytest.raises(ValueError, match="exactly four corners, got 3 startpoints"):
            functional.perspective(self.image, corners[:3], corners)

    def test_elastic_of_no_moves_is_the_image(self):
        still = nt.zeros(1, 24, 31, 2)
        found = functional.elastic_transform(self.planes, still)
        np.testing.assert_array_equal(found, self.planes)
        assert functional.elastic_transform(self.image, still).size == self.image.size
        with pytest.raises(ValueError, match="displacement shape should be"):
            functional.elastic_transform(self.planes, still[:, :5])
        with pytest.raises(TypeError, match="should be a Tensor"):
            functional.elastic_transform(self.planes, still.numpy())

    def test_blur_is_a_weighted_mean(self):
        blurred = functional.gaussian_blur(self.planes.double(), 3, 0.8)
        weights = np.exp(-0.5 * (np.arange(-1, 2) / 0.8) ** 2)
        weights /= weights.sum()
        box = self.planes[1, 8:11, 18:21].numpy()
        assert blurred[1, 9, 19].item() == pytest.approx(weights @ box @ weights)
        assert functional.gaussian_blur(self.image, (5, 3)).size == self.image.size
        assert functional.gaussian_blur(self.planes[0], 3).shape == (24, 31)

    def test_sharpness_one_is_the_image(self):
        np.testing.assert_array_equal(functional.adjust_sharpness(self.planes, 1), self.planes)
        tiny = self.planes[:, :2]
        assert functional.adjust_sharpness(tiny, 3) is tiny

    def test_colours(self):
        doubled = np.minimum(2 * PIXELS.astype(int), 255)
        self.same(functional.adjust_brightness(self.planes, 2), doubled)
        self.same(functional.adjust_brightness(self.image, 2.0) and self.planes, PIXELS)
        np.testing.assert_array_equal(functional.adjust_brightness(PIXELS, 2.0), doubled)
        for value in (0, 0.5, 1):
            for name in ("adjust_contrast", "adjust_saturation"):
                found = getattr(functional, name)(self.planes, value).numpy().astype(int)
                image = np.asarray(getattr(functional, name)(self.image, value)).astype(int)
                assert np.abs(found - image.transpose(2, 0, 1)).max() <= 2
        np.testing.assert_array_equal(functional.adjust_hue(self.planes, 0.0), self.planes)
        third = functional.adjust_hue(self.planes, 1 / 3).numpy().astype(int)
        turned = self.planes.numpy().astype(int)[[2, 0, 1]]
        assert np.abs(third - turned).max() <= 2
        gamma = functional.adjust_gamma(self.planes, 2.0).numpy().astype(int)
        assert np.abs(gamma - PIXELS.transpose(2, 0, 1).astype(int) ** 2 // 255).max() <= 1
        self.same(functional.adjust_gamma(self.planes, 1), PIXELS)
        self.same(functional.pil_to_tensor(functional.adjust_gamma(self.image, 1.0)), PIXELS)
        luma = functional.rgb_to_grayscale(self.planes).numpy().astype(int)
        assert np.abs(luma[0] - np.asarray(self.image.convert("L")).astype(int)).max() <= 1

    def test_contrast_and_histograms(self):
        narrow = self.planes // 4 + 50
        stretched = functional.autocontrast(narrow)
        assert (stretched.amin((1, 2)) == 0).all() and (stretched.amax((1, 2)) >= 254).all()
        flat = nt.full((1, 3, 3), 7, dtype=nt.uint8)
        np.testing.assert_array_equal(functional.autocontrast(flat), flat)
        np.testing.assert_array_equal(functional.equalize(flat), flat)
        picture = Image.fromarray(np.ascontiguousarray(narrow.permute(1, 2, 0).numpy()))
        self.same(functional.equalize(narrow), functional.equalize(picture))

    def test_representations(self):
        for kind, arguments in {**REPRESENTED, **dict.fromkeys(SIMPLE, ())}.items():
            assert repr(getattr(transforms, kind)(*arguments)).startswith(f"{kind}(")
        found = repr(transforms.RandomAffine(3, scale=(1, 2)))
        assert found == "RandomAffine(degrees=[-3.0, 3.0], scale=(1, 2))"
        found = repr(transforms.RandomRotation((1, 2), center=(3, 4)))
        assert "center=(3, 4), fill=0)" in found
        assert "p=[1]" in repr(transforms.RandomChoice([transforms.ToTensor()], [1]))
        tensors = nt.eye(1), nt.zeros(1)
        assert "mean_vector=[0.0])" in repr(transforms.LinearTransformation(*tensors))

    def test_conversions_both_ways(self):
        for transform, given in [
            (transforms.PILToTensor(), self.image),
            (transforms.ToPILImage(), self.planes),
        ]:
            other = transform(given)
            assert functional.get_dimensions(other) == functional.get_dimensions(given)
        assert transforms.ToPILImage("HSV")(self.planes).mode == "HSV"
        deeper = transforms.ConvertImageDtype(nt.int16)(self.planes)
        np.testing.assert_array_equal(deeper, self.planes.numpy().astype(np.int16) * 128)
        np.testing.assert_array_equal(functional.convert_image_dtype(deeper, nt.uint8), self.planes)

    def test_an_image_of_another_shape_than_any_box(self):
        tall = nt.zeros(1, 90, 2)
        box = transforms.RandomResizedCrop.get_params(tall, [1.0, 1.0], [0.75, 1.33])
        assert box == (43, 0, 3, 2)
        wide = transforms.RandomResizedCrop.get_params(tall.mT, [1.0, 1.0], [0.75, 1.33])
        assert wide == (0, 43, 2, 3)
        same = transforms.RandomErasing(1.0, scale=(1, 1), ratio=(1, 1))(tall)
        np.testing.assert_array_equal(same, tall)
        assert transforms.RandomCrop((90, 2))(tall).shape == tall.shape
        assert transforms.RandomApply([print], p=0.0)(tall) is tall

    def test_ten_crop(self):
        parts = transforms.TenCrop(8)(self.planes)
        assert len(parts) == 10
        np.testing.assert_array_equal(parts[5], self.planes.flip(-1)[:, :8, :8])
        with pytest.raises(ValueError, match="is bigger than input size"):
            transforms.TenCrop(30)(self.planes)

    def test_whitening(self):
        data = nt.randn(50, 1, 2, 2, generator=nt.Generator().manual_seed(0))
        matrix, mean = nt.eye(4) * 2, nt.arange(4.0)
        found = transforms.LinearTransformation(matrix, mean)(data)
        np.testing.assert_allclose(found, (data - mean.view(1, 2, 2)) * 2)
        with pytest.raises(ValueError, match="should be square"):
            transforms.LinearTransformation(matrix[:2], mean)
        with pytest.raises(ValueError, match="same length 3"):
            transforms.LinearTransformation(matrix, mean[:3])
        with pytest.raises(ValueError, match="same dtype"):
            transforms.LinearTransformation(matrix, mean.double())
        with pytest.raises(ValueError, match=r"incompatible shape.\[1 x 3 x 2\] != 4"):
            transforms.LinearTransformation(matrix, mean)(nt.zeros(1, 3, 2))

    def test_modes_of_pillow(self):
        for mode in ("L", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LA", "I", "F"):
            image = self.image.convert(mode)
            tensor = functional.pil_to_tensor(image)
            back = functional.to_pil_image(tensor, mode=mode)
            assert back.mode == mode
            np.testing.assert_array_equal(np.asarray(back), np.asarray(image))
        black = functional.to_tensor(self.image.convert("1"))
        assert set(black.unique().tolist()) == {0.0, 1.0}
        deep = Image.fromarray(PIXELS[:, :, 0].astype(np.uint16) * 50)
        assert deep.mode == "I;16" and functional.to_tensor(deep).dtype == nt.int16
        assert functional.to_pil_image(functional.to_tensor(deep)).mode == "I;16"
        for tensor, mode, wanted in [
            (nt.zeros(1, 2, 2), "RGB", r"Incorrect mode \(RGB\)"),
            (nt.zeros(3, 2, 2), "L", r"Only modes \['RGB', 'YCbCr', 'HSV'\]"),
            (nt.zeros(5, 2, 2), None, "should not have > 4 channels"),
            (nt.zeros(5), None, "should be 2/3 dimensional"),
        ]:
            with pytest.raises(ValueError, match=wanted):
                functional.to_pil_image(tensor, mode)
        with pytest.raises(TypeError, match="int64 is not supported"):
            functional.to_pil_image(nt.zeros(3, 2, 2, dtype=nt.int64))
        with pytest.raises(RuntimeError, match="cannot be performed safely"):
            functional.convert_image_dtype(nt.zeros(1, 2, 2), nt.int32)

    def test_every_random_transform_keeps_the_kind_of_image(self):
        nt.manual_seed(0)
        for name in [*CASES, *OF_BYTES]:
            transform = build(transforms, name)
            for img in (self.image, PIXELS, self.planes):
                for _ in range(3):
                    changed = transform(img)
                assert type(changed) is type(img), name
            if name in CASES:
                assert transform(self.planes / 255).dtype == nt.float32

    def test_erasing_with_values(self):
        white = transforms.RandomErasing(1.0, value=(1, 2, 3))(self.planes.float())
        assert (white != self.planes).any()
        assert transforms.RandomErasing(0.0)(self.planes) is self.planes
        with pytest.raises(ValueError, match="either a single value or 3"):
            transforms.RandomErasing(1.0, value=(1, 2))(self.planes)
        with pytest.raises(ValueError, match="it should be 'random'"):
            transforms.RandomErasing(value="noise")
        with pytest.raises(ValueError, match="between 0 and 1"):
            transforms.RandomErasing(p=2)

    def test_pillow_constants_stand_for_modes(self):
        found = functional.resize(self.image, [9, 9], interpolation=Image.Resampling.BICUBIC)
        expected = functional.resize(self.image, [9, 9], functional.InterpolationMode.BICUBIC)
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
        with pytest.raises(TypeError, match="should be a InterpolationMode"):
            functional.resize(self.image, [9, 9], interpolation="cubic")
        with pytest.raises(NotImplementedError, match="Pillow images only"):
            functional.resize(self.planes, [9, 9], functional.InterpolationMode.LANCZOS)
        with pytest.warns(UserWarning, match="antialias is ignored"):
            functional.resize(self.image, [9, 9], antialias=False)

    @pytest.mark.parametrize(
        ("make", "error", "message"),
        [
            (lambda t: t.RandomAffine(3, translate=(2, 0)), ValueError, "between 0 and 1"),
            (lambda t: t.RandomAffine(3, scale=(0, 1)), ValueError, "should be positive"),
            (lambda t: t.RandomAffine(3, shear=(1, 2, 3)), ValueError, "of length 2 or 4"),
            (lambda t: t.RandomAffine("x", fill={}), ValueError, "degrees should be a sequence"),
            (lambda t: t.RandomAffine(3, fill={}), TypeError, "either a sequence or a number"),
            (lambda t: t.RandomRotation({3}), TypeError, "degrees should be a sequence of length"),
            (lambda t: t.GaussianBlur(4), ValueError, "odd and positive"),
            (lambda t: t.GaussianBlur(3, 0), ValueError, "must be positive"),
            (lambda t: t.GaussianBlur(3, (2, 1)), ValueError, "of the form"),
            (lambda t: t.GaussianBlur(3, "x"), ValueError, "a single number or"),
            (lambda t: t.ElasticTransform(3), TypeError, "alpha should be float"),
            (lambda t: t.ElasticTransform(3.0, [1.0]), ValueError, "its length should be 2"),
            (lambda t: t.ElasticTransform([1, 2]), TypeError, "a sequence of floats"),
            (lambda t: t.ElasticTransform(fill="x"), TypeError, "fill should be int or float"),
            (lambda t: t.AutoAugment("mine"), ValueError, "policy mine is not recognized"),
            (lambda t: t.AugMix(11), ValueError, "severity must be between"),
            (lambda t: t.RandomChoice(3), TypeError, "should be a sequence"),
            (lambda t: t.RandomChoice([], 3), TypeError, "p should be a sequence"),
            (lambda t: t.Resize((1, 2, 3)), ValueError, "1 or 2 values"),
            (lambda t: t.ColorJitter(-1), ValueError, "must be non negative"),
            (lambda t: t.ColorJitter((1, 2, 3)), TypeError, "list/tuple with length 2"),
        ],
    )
    def test_bad_arguments(self, make, error, message):
        with pytest.raises(error, match=message):
            make(transforms)

    @pytest.mark.parametrize(
        ("call", "error", "message"),
        [
            (lambda f, x: f.rotate(x, "far"), TypeError, "angle should be int or float"),
            (lambda f, x: f.rotate(x, 3, center=5), TypeError, "center should be a sequence"),
            (lambda f, x: f.rotate(x, 3, fill=(1, 2)), ValueError, r"\(2 != 3\)"),
            (lambda f, x: f.affine(x, 3, 5, 1.0, 0), TypeError, "translate should be a sequence"),
            (lambda f, x: f.affine(x, 3, (5,), 1.0, 0), ValueError, "sequence of length 2"),
            (lambda f, x: f.affine(x, 3, (1, 2), 0, 0), ValueError, "scale should be positive"),
            (lambda f, x: f.affine(x, 3, (1, 2), 1, {}), TypeError, "Shear should be"),
            (lambda f, x: f.affine(x, 3, (1, 2), 1, (1, 2, 3)), ValueError, "two values"),
            (lambda f, x: f.gaussian_blur(x, 4), ValueError, "odd and positive integers"),
            (lambda f, x: f.gaussian_blur(x, (3,)), ValueError, "its length should be 2. Got 1"),
            (lambda f, x: f.gaussian_blur(x, 3.0), TypeError, "kernel_size should be int"),
            (lambda f, x: f.gaussian_blur(x, 3, 0), ValueError, "positive values"),
            (lambda f, x: f.gaussian_blur(x, 3, "x"), TypeError, "sigma should be either"),
            (lambda f, x: f.gaussian_blur(x, 3, (1, 2, 3)), ValueError, "length should be 2"),
            (lambda f, x: f.pad(x, "x"), TypeError, "inappropriate padding"),
            (lambda f, x: f.pad(x, 1, "x"), TypeError, "inappropriate fill"),
            (lambda f, x: f.pad(x, 1, 0, 3), TypeError, "inappropriate padding_mode"),
            (lambda f, x: f.pad(x, (1, 2, 3)), ValueError, "1, 2, or 4 element tuple"),
            (lambda f, x: f.resize(x, (1, 2), max_size=3), ValueError, "smaller edge"),
            (lambda f, x: f.resize(x, 9, max_size=9), ValueError, "strictly greater"),
            (lambda f, x: f.resize(x, (1, 2, 3)), ValueError, "1 or 2 element"),
            (lambda f, x: f.adjust_sharpness(x, -1), ValueError, "is not non-negative"),
            (lambda f, x: f.adjust_gamma(x, -1), ValueError, "non-negative real number"),
            (lambda f, x: f.rgb_to_grayscale(x, 2), ValueError, "either 1 or 3"),
        ],
    )
    def test_bad_calls(self, call, error, message):
        for img in (self.image, self.planes):
            with pytest.raises(error, match=message):
                call(functional, img)

    def test_tensors_that_are_no_images(self):
        for call, message in [
            (lambda: functional.invert(nt.zeros(3, 3)), "at least 3 dimensions, but found 2"),
            (lambda: functional.invert(nt.zeros(2, 3, 3)), "permitted channel values"),
            (lambda: functional.posterize(nt.zeros(1, 3, 3), 2), "Only torch.uint8"),
            (lambda: functional.solarize(nt.zeros(1, 3, 3), 2), "less than bound of img"),
            (lambda: functional.rgb_to_grayscale(nt.zeros(2, 3, 3)), "permitted channel values"),
            (lambda: functional.hflip(nt.zeros(3)), "is not a torch image"),
            (lambda: functional.erase(self.image, 0, 0, 1, 1, 0), "should be Tensor Image"),
            (lambda: functional.pil_to_tensor(self.planes), "should be PIL Image"),
            (lambda: functional.to_tensor(self.planes), "PIL Image or ndarray"),
            (lambda: functional.to_pil_image([1]), "Tensor or ndarray"),
            (lambda: functional.get_dimensions("x"), "Unexpected type"),
            (lambda: functional.convert_image_dtype(self.image), "Tensor Image"),
        ]:
            with pytest.raises(TypeError, match=message):
                call()
