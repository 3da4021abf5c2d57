"""Colour and contrast: Pillow's functions for its images, `tensor_colours` for tensors."""

import numpy as np

from .... import ops
from ....dtypes import float32, int64, uint8
from ....tensor import Tensor
from . import tensor_colours
from .conversion import convert_image_dtype
from .images import check_channels, enhanced, not_negative, on_arrays


@on_arrays
def adjust_brightness(img, brightness_factor):
    """0 gives black, 1 the image, 2 twice the brightness."""
    not_negative("brightness_factor", brightness_factor)
    if isinstance(img, Tensor):
        return tensor_colours.blend(img, img.new_zeros(img.shape), brightness_factor)
    return enhanced(img, "Brightness", brightness_factor)


@on_arrays
def adjust_contrast(img, contrast_factor):
    """0 gives grey, 1 the image, 2 twice the contrast."""
    not_negative("contrast_factor", contrast_factor)
    if isinstance(img, Tensor):
        return tensor_colours.blend(img, tensor_colours.mean_grey(img), contrast_factor)
    return enhanced(img, "Contrast", contrast_factor)


@on_arrays
def adjust_saturation(img, saturation_factor):
    """0 gives shades of grey, 1 the image, 2 twice the saturation."""
    not_negative("saturation_factor", saturation_factor)
    if not isinstance(img, Tensor):
        return enhanced(img, "Color", saturation_factor)
    return (
        img
        if img.shape[-3] == 1
        else tensor_colours.blend(img, tensor_colours.grey(img), saturation_factor)
    )


@on_arrays
def adjust_hue(img, hue_factor):
    """The hue turned by a part of the circle of colours, from -0.5 to 0.5."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if isinstance(img, Tensor):
        return tensor_colours.turn_hue(img, hue_factor)
    if img.mode in ("L", "1", "I", "F"):
        return img
    from PIL import Image

    hue, saturation, value = img.convert("HSV").split()
    turned = np.asarray(hue) + np.int32(hue_factor * 255).astype(np.uint8)
    return Image.merge("HSV", (Image.fromarray(turned), saturation, value)).convert(img.mode)


@on_arrays
def rgb_to_grayscale(img, num_output_channels=1):
    """The luma 0.299 R + 0.587 G + 0.114 B, in one channel or repeated in three."""
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if isinstance(img, Tensor):
        result = tensor_colours.grey(img)
        return (
            result.expand(*img.shape[:-3], 3, *img.shape[-2:])
            if num_output_channels == 3
            else result
        )
    grey = img.convert("L")
    return grey if num_output_channels == 1 else grey.convert("RGB")


to_grayscale = rgb_to_grayscale


@on_arrays
def adjust_gamma(img, gamma, gain=1):
    """gain * image^gamma, of values from 0 to 1: gamma over 1 darkens the shadows."""
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    if isinstance(img, Tensor):
        working = convert_image_dtype(img) if not img.is_floating_point() else img
        return convert_image_dtype((gain * working**gamma).clamp(0, 1), img.dtype)
    table = [int((256 - 1e-3) * gain * (value / 255) ** gamma) for value in range(256)]
    return img.convert("RGB").point(table * 3).convert(img.mode)


@on_arrays
def invert(img):
    """Dark and light exchanged."""
    if isinstance(img, Tensor):
        check_channels(img)
        return tensor_colours.most(img) - img
    from PIL import ImageOps

    return ImageOps.invert(img)


@on_arrays
def posterize(img, bits):
    """Only the first `bits` of each byte kept."""
    if isinstance(img, Tensor):
        check_channels(img, bytes_only=True)
        return img & (256 - 2 ** (8 - bits))
    from PIL import ImageOps

    return ImageOps.posterize(img, bits)


@on_arrays
def solarize(img, threshold):
    """What is as light as `threshold`, or lighter, inverted."""
    if isinstance(img, Tensor):
        check_channels(img)
        if threshold > tensor_colours.most(img):
            raise TypeError("Threshold should be less than bound of img.")
        return ops.where(img >= threshold, invert(img), img)
    from PIL import ImageOps

    return ImageOps.solarize(img, threshold)


@on_arrays
def autocontrast(img):
    """Each channel stretched, so that its darkest pixel is black and its lightest white."""
    if not isinstance(img, Tensor):
        from PIL import ImageOps

        return ImageOps.autocontrast(img)
    check_channels(img)
    dtype = img.dtype if img.is_floating_point() else float32
    most = tensor_colours.most(img)
    low, high = (f(dim=(-2, -1), keepdim=True).to(dtype) for f in (img.amin, img.amax))
    flat = low == high
    scale = most / (high - low).masked_fill(flat, most)
    return ((img - low.masked_fill(flat, 0)) * scale).clamp(0, most).to(img.dtype)


@on_arrays
def equalize(img):
    """The bytes of each channel spread, so that each value is about equally frequent."""
    if not isinstance(img, Tensor):
        from PIL import ImageOps

        return ImageOps.equalize(img)
    check_channels(img, bytes_only=True)
    channels = [_equalized(channel) for channel in img.reshape(-1, *img.shape[-2:])]
    return ops.stack(channels).view(img.shape)


def _equalized(channel):
    counts = ops.bincount(channel.flatten(), minlength=256)
    present = counts[counts != 0]
    step = int(present[:-1].sum()) // 255
    if step == 0:
        return channel
    darker = counts.cumsum(0) - counts  # pixels that are darker than a value
    table = ((darker + step // 2) // step).clamp(0, 255)
    return table[channel.to(int64)].to(uint8)
