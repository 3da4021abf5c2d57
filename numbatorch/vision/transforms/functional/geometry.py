"""Flips, crops, borders and sizes."""

import numpy as np

from ....creation import from_numpy
from ....nn import functional as F
from ....tensor import Tensor
from .images import (
    InterpolationMode,
    get_dimensions,
    interpolation_mode,
    on_arrays,
    pillow_fill,
    warn_of_ignored_antialias,
)


@on_arrays
def hflip(img):
    """Left and right exchanged."""
    from PIL import Image

    return img.flip(-1) if isinstance(img, Tensor) else img.transpose(Image.FLIP_LEFT_RIGHT)


@on_arrays
def vflip(img):
    """Top and bottom exchanged."""
    from PIL import Image

    return img.flip(-2) if isinstance(img, Tensor) else img.transpose(Image.FLIP_TOP_BOTTOM)


@on_arrays
def crop(img, top, left, height, width):
    """The box at (top, left); what lies outside of the image is 0."""
    if not isinstance(img, Tensor):
        return img.crop((left, top, left + width, top + height))
    _, rows, columns = get_dimensions(img)
    inside = img[..., max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    outside = [
        max(-left, 0), max(left + width - max(columns, left), 0),
        max(-top, 0), max(top + height - max(rows, top), 0),
    ]  # fmt: skip
    return F.pad(inside, outside) if any(outside) else inside


def pair(size, message="Please provide only two dimensions (h, w) for size."):
    if isinstance(size, int):
        return size, size
    if len(size) == 1:
        return size[0], size[0]
    if len(size) != 2:
        raise ValueError(message)
    return tuple(size)


@on_arrays
def center_crop(img, output_size):
    """The box of this size in the middle; smaller images are padded with 0 first."""
    height, width = pair(output_size)
    _, rows, columns = get_dimensions(img)
    if width > columns or height > rows:
        across, down = max(width - columns, 0), max(height - rows, 0)
        img = pad(img, [across // 2, down // 2, (across + 1) // 2, (down + 1) // 2])
        _, rows, columns = get_dimensions(img)
    return crop(img, round((rows - height) / 2), round((columns - width) / 2), height, width)


def five_crop(img, size):
    """The four corners and the centre: top left, top right, bottom left, bottom right, centre."""
    height, width = pair(size)
    _, rows, columns = get_dimensions(img)
    if width > columns or height > rows:
        raise ValueError(
            f"Requested crop size {(height, width)} is bigger than input size {(rows, columns)}"
        )
    corners = [(0, 0), (0, columns - width), (rows - height, 0), (rows - height, columns - width)]
    cut = [crop(img, top, left, height, width) for top, left in corners]
    return (*cut, center_crop(img, (height, width)))


def ten_crop(img, size, vertical_flip=False):
    """five_crop of the image, and of its mirror image (upside down with `vertical_flip`)."""
    flipped = vflip(img) if vertical_flip else hflip(img)
    return five_crop(img, size) + five_crop(flipped, size)


@on_arrays
def pad(img, padding, fill=0, padding_mode="constant"):
    """A border: one width, (left and right, top and bottom), or (left, top, right, bottom).

    padding_mode: "constant" (fill), "edge", "reflect" or "symmetric". Negative widths cut.
    """
    if not isinstance(padding, int | tuple | list):
        raise TypeError("Got inappropriate padding arg")
    if not isinstance(fill, int | float | tuple | list | None):
        raise TypeError("Got inappropriate fill arg")
    if not isinstance(padding_mode, str):
        raise TypeError("Got inappropriate padding_mode arg")
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    left, top, right, bottom = borders(padding)
    if not isinstance(img, Tensor):
        return _pad_pillow(img, left, top, right, bottom, fill, padding_mode)
    if padding_mode == "constant":
        value = fill[0] if isinstance(fill, tuple | list) else fill or 0
        return F.pad(img, [left, right, top, bottom], value=value)
    rows, columns = (
        from_numpy(_positions(size, widths, padding_mode))
        for size, widths in zip(img.shape[-2:], ((top, bottom), (left, right)))
    )
    return img.index_select(-2, rows).index_select(-1, columns)


def _positions(size, widths, mode):
    """For each row or column of the padded image, which one of the image it is."""
    before, after = (max(-width, 0) for width in widths)
    kept = np.arange(before, size - after)
    return np.pad(kept, [max(width, 0) for width in widths], mode=mode)


def borders(padding):
    if isinstance(padding, int):
        return (padding,) * 4
    if len(padding) not in (1, 2, 4):
        raise ValueError(
            f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element "
            "tuple"
        )
    return tuple(padding) * (4 // len(padding))


def _pad_pillow(img, left, top, right, bottom, fill, mode):
    from PIL import Image, ImageOps

    if mode == "constant":
        padded = ImageOps.expand(
            img, border=(left, top, right, bottom), fill=pillow_fill(fill, img)
        )
    else:
        array = np.asarray(img)
        rows = _positions(img.height, (top, bottom), mode)
        columns = _positions(img.width, (left, right), mode)
        padded = Image.fromarray(array[rows[:, None], columns])
    if img.mode == "P":
        padded.putpalette(img.getpalette())
    return padded


@on_arrays
def resize(img, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """To (height, width); to one number along the shorter edge, keeping the aspect ratio.

    With `max_size`, to less where the longer edge would be longer than that. Pillow images are always
    smoothed where they shrink; tensors with `antialias`.
    """
    interpolation = interpolation_mode(interpolation)
    _, rows, columns = get_dimensions(img)
    height, width = _resized(rows, columns, size, max_size)
    if (height, width) == (rows, columns):
        return img
    if not isinstance(img, Tensor):
        if antialias is False:
            warn_of_ignored_antialias()
        return img.resize((width, height), interpolation.pillow)
    kind = interpolation.value
    if kind not in ("nearest", "nearest-exact", "bilinear", "bicubic"):
        raise NotImplementedError(
            f"resize() of a tensor: {interpolation} is for Pillow images only"
        )
    copies = kind.startswith("nearest")
    batch = img.reshape(-1, *([1] if img.dim() == 2 else []), *img.shape[-3:])
    smooth = {} if copies else {"align_corners": False, "antialias": bool(antialias)}
    working = batch if batch.is_floating_point() or copies else batch.float()
    result = F.interpolate(working, size=[height, width], mode=kind, **smooth)
    if result.dtype is not img.dtype:
        info = np.iinfo(img.dtype.name)
        result = result.clamp(info.min, info.max).round().to(img.dtype)
    return result.reshape(*img.shape[:-2], height, width)


def _resized(rows, columns, size, max_size):
    """(height, width) of the result."""
    if not isinstance(size, int) and len(size) not in (1, 2):
        raise ValueError(
            f"Size must be an int or a 1 or 2 element tuple/list, not a {len(size)} element "
            "tuple/list"
        )
    if not isinstance(size, int) and len(size) == 2:
        if max_size is not None:
            raise ValueError(
                "max_size should only be passed if size specifies the length of the smaller edge, i.e. "
                "size should be an int or a sequence of length 1 in torchscript mode."
            )
        return tuple(size)
    short = size if isinstance(size, int) else size[0]
    long = int(short * max(rows, columns) / min(rows, columns))
    if max_size is not None:
        if max_size <= short:
            raise ValueError(
                f"max_size = {max_size} must be strictly greater than the requested size for the "
                f"smaller edge size = {size}"
            )
        if long > max_size:
            short, long = int(max_size * short / long), max_size
    return (long, short) if columns <= rows else (short, long)


def resized_crop(
    img, top, left, height, width, size, interpolation=InterpolationMode.BILINEAR, antialias=True
):
    """A box of the image, resized."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def erase(img, i, j, h, w, v, inplace=False):
    """A tensor with the box at (i, j) set to v."""
    if not isinstance(img, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    img = img if inplace else img.clone()
    img[..., i : i + h, j : j + w] = v
    return img
