"""`interpolate` on images of bytes: to the byte what PyTorch gives, and refused where it has no kernel."""

import itertools

import numpy as np
import pytest

import numbatorch as torch

SIZES = [
    ((4, 4), (3, 5)),
    ((7, 9), (7, 4)),
    ((5, 6), (11, 6)),
    ((16, 12), (5, 5)),
    ((3, 3), (10, 17)),
]


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest", "nearest-exact"])
def test_bytes_are_pytorchs(mode):
    reference = pytest.importorskip("torch")
    smooth = mode in ("bilinear", "bicubic")
    random = np.random.default_rng(1)
    for (shape, size), channels in itertools.product(SIZES, (1, 3, 5)):
        image = random.integers(0, 256, (2, channels, *shape)).astype(np.uint8)
        for antialias, corners in (
            itertools.product((False, True), repeat=2) if smooth else [(0, None)]
        ):
            options = {"mode": mode, "antialias": bool(antialias), "align_corners": corners}
            wanted = reference.nn.functional.interpolate(reference.tensor(image), size, **options)
            found = torch.nn.functional.interpolate(torch.tensor(image), size, **options)
            assert found.dtype is torch.uint8
            np.testing.assert_array_equal(found.numpy(), wanted.numpy())


def test_a_constant_image_stays_constant():
    image = torch.full((1, 3, 5, 4), 201, dtype=torch.uint8)
    for mode in ("bilinear", "bicubic"):
        assert (torch.nn.functional.interpolate(image, (7, 9), mode=mode) == 201).all()


@pytest.mark.parametrize("dtype", ["int32", "bool", "complex64"])
def test_other_dtypes_are_refused(dtype):
    image = torch.zeros(1, 1, 4, 4).to(getattr(torch, dtype))
    for mode in ("nearest", "bilinear", "bicubic", "area"):
        with pytest.raises(NotImplementedError, match="not implemented for"):
            torch.nn.functional.interpolate(image, (2, 2), mode=mode)
