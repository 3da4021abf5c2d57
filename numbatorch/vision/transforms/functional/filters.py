"""Sharper and softer images: each pixel with its neighbours."""

from ....creation import linspace, tensor
from ....dtypes import float32
from ....nn import functional as F
from ....tensor import Tensor
from . import tensor_colours
from .conversion import pil_to_tensor, to_pil_image
from .images import check_channels, enhanced, not_negative, on_arrays


@on_arrays
def adjust_sharpness(img, sharpness_factor):
    """0 gives a blurred image, 1 the image, 2 twice the sharpness."""
    not_negative("sharpness_factor", sharpness_factor)
    if not isinstance(img, Tensor):
        return enhanced(img, "Sharpness", sharpness_factor)
    check_channels(img)
    if min(img.shape[-2:]) <= 2:
        return img
    kernel = tensor([[1.0, 1.0, 1.0], [1.0, 5.0, 1.0], [1.0, 1.0, 1.0]]) / 13
    blurred = img.clone()
    working = img if img.is_floating_point() else img.float()
    blurred[..., 1:-1, 1:-1] = _as_whole_as(img, _filtered(working, kernel))
    return tensor_colours.blend(img, blurred, sharpness_factor)


@on_arrays
def gaussian_blur(img, kernel_size, sigma=None):
    """The mean of each pixel's neighbours, with the weights of a bell curve.

    `kernel_size` and `sigma`, its standard deviation in pixels, are numbers or (x, y).
    """
    kernel_size, sigma = _blur_parameters(kernel_size, sigma)
    if not isinstance(img, Tensor):
        return to_pil_image(gaussian_blur(pil_to_tensor(img), kernel_size, sigma), mode=img.mode)
    dtype = img.dtype if img.is_floating_point() else float32
    across, down = (_bell(size, width, dtype) for size, width in zip(kernel_size, sigma))
    left, top = kernel_size[0] // 2, kernel_size[1] // 2
    working = img.to(dtype).reshape(-1, *([1] if img.dim() == 2 else []), *img.shape[-3:])
    padded = F.pad(working, [left, left, top, top], mode="reflect")
    blurred = _filtered(padded, down[:, None] * across)
    return _as_whole_as(img, blurred).view(img.shape)


def _blur_parameters(kernel_size, sigma):
    """Both as pairs (x, y)."""
    if not isinstance(kernel_size, int | list | tuple):
        raise TypeError(
            f"kernel_size should be int or a sequence of integers. Got {type(kernel_size)}"
        )
    kernel_size = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(kernel_size) != 2:
        raise ValueError(
            f"If kernel_size is a sequence its length should be 2. Got {len(kernel_size)}"
        )
    if any(size % 2 == 0 or size < 0 for size in kernel_size):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {kernel_size}")
    if sigma is None:
        sigma = [size * 0.15 + 0.35 for size in kernel_size]
    if not isinstance(sigma, int | float | list | tuple):
        raise TypeError(f"sigma should be either float or sequence of floats. Got {type(sigma)}")
    sigma = [float(sigma)] if isinstance(sigma, int | float) else list(sigma)
    sigma = sigma * 2 if len(sigma) == 1 else sigma
    if len(sigma) != 2:
        raise ValueError(f"If sigma is a sequence, its length should be 2. Got {len(sigma)}")
    if any(value <= 0 for value in sigma):
        raise ValueError(f"sigma should have positive values. Got {sigma}")
    return kernel_size, sigma


def _bell(size, sigma, dtype):
    """A bell curve over `size` pixels; its sum is 1."""
    half = (size - 1) / 2
    curve = (-0.5 * (linspace(-half, half, size, dtype=dtype) / sigma) ** 2).exp()
    return curve / curve.sum()


def _filtered(img, kernel):
    """Each channel of a tensor of floats (..., C, H, W) convolved with a kernel."""
    channels = img.shape[-3]
    weight = kernel.to(img.dtype).expand(channels, 1, *kernel.shape)
    result = F.conv2d(img.reshape(-1, *img.shape[-3:]), weight, groups=channels)
    return result.view(*img.shape[:-2], *result.shape[-2:])


def _as_whole_as(img, result):
    """The result in the image's dtype; whole numbers are rounded."""
    return result if img.is_floating_point() else result.round().to(img.dtype)
