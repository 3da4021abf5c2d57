"""Colours of tensors (..., 3, H, W): bytes, or floats from 0 to 1."""

from .... import ops
from ....creation import arange
from ....dtypes import float32


def most(image):
    """The value of white."""
    return 1.0 if image.is_floating_point() else 255


def blend(image, other, ratio):
    """ratio * image + (1 - ratio) * other, kept in range."""
    ratio = float(ratio)  # a whole number times bytes would be bytes, and overflow
    mixed = ratio * image + (1.0 - ratio) * other
    return mixed.clamp(0, most(image)).to(image.dtype)


def grey(image):
    """The luma in one channel."""
    if image.dim() < 3 or image.shape[-3] not in (1, 3):
        raise TypeError(
            f"Input image tensor permitted channel values are 1 or 3, but found {tuple(image.shape)}"
        )
    if image.shape[-3] == 1:
        return image.clone()
    red, green, blue = image.unbind(-3)
    luma = 0.2989 * red + 0.587 * green + 0.114 * blue
    return luma.to(image.dtype).unsqueeze(-3)


def mean_grey(image):
    """The mean luma of each image."""
    dtype = image.dtype if image.is_floating_point() else float32
    return grey(image).to(dtype).mean(dim=(-3, -2, -1), keepdim=True)


def turn_hue(image, part):
    """The hue of each pixel turned by a part of the circle."""
    if image.shape[-3] == 1:
        return image
    working = image if image.is_floating_point() else image.to(float32) / 255
    hue, saturation, value = to_hsv(working)
    result = to_rgb((hue + part) % 1.0, saturation, value)
    return result if image.is_floating_point() else (result * (256 - 1e-3)).to(image.dtype)


def to_hsv(image):
    """(hue, saturation, value), each from 0 to 1."""
    red, green, blue = image.unbind(-3)
    largest, smallest = image.amax(-3), image.amin(-3)
    span = largest - smallest
    flat = span == 0
    saturation = span / largest.masked_fill(flat, 1)
    divisor = span.masked_fill(flat, 1)
    to_red, to_green, to_blue = ((largest - c) / divisor for c in (red, green, blue))
    is_red, is_green = largest == red, largest == green
    sector = ops.where(
        is_red, to_blue - to_green,
        ops.where(is_green, 2.0 + to_red - to_blue, 4.0 + to_green - to_red),
    )  # fmt: skip
    return (sector / 6.0 + 1.0).fmod(1.0), saturation, largest


def to_rgb(hue, saturation, value):
    """The image of hue, saturation and value."""
    sector = (hue * 6.0).floor()
    part = hue * 6.0 - sector
    low = (value * (1.0 - saturation)).clamp(0.0, 1.0)
    falling = (value * (1.0 - saturation * part)).clamp(0.0, 1.0)
    rising = (value * (1.0 - saturation * (1.0 - part))).clamp(0.0, 1.0)
    sector = sector % 6
    sectors = (
        (value, falling, low, low, rising, value),
        (rising, value, value, falling, low, low),
        (low, low, rising, value, value, falling),
    )
    chosen = (sector.unsqueeze(-3) == arange(6).view(-1, 1, 1)).to(hue.dtype)
    channels = [(ops.stack(list(values), dim=-3) * chosen).sum(-3) for values in sectors]
    return ops.stack(channels, dim=-3)
