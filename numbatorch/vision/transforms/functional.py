"""Transforms as functions of one image: a Pillow image, a tensor (..., C, H, W), or an array.

An array (H, W) or (H, W, C) of bytes goes through Pillow and comes back as an array. The meaning of
every function, and the numbers it gives, are those of torchvision.transforms.functional.
"""

import enum
import functools
import math

import numpy as np

from ... import ops
from ...creation import as_tensor, from_numpy, linspace, tensor
from ...dtypes import float32, get_default_dtype, uint8
from ...nn import functional as F
from ...tensor import Tensor
from . import colour


class InterpolationMode(enum.Enum):
    """How values between pixels are found."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"

    @property
    def pillow(self):
        from PIL import Image

        return getattr(Image.Resampling, self.name)


def is_pillow(image):
    return not isinstance(image, Tensor | np.ndarray) and hasattr(image, "getbands")


def on_arrays(function):
    """Let a function of images take an array, by way of Pillow."""

    @functools.wraps(function)
    def wrapped(img, *args, **kwargs):
        if isinstance(img, np.ndarray):
            return np.asarray(function(to_pil_image(img), *args, **kwargs))
        if not isinstance(img, Tensor) and not is_pillow(img):
            raise TypeError(
                f"{function.__name__}(): img should be a PIL Image, an array or a Tensor. Got "
                f"{type(img)}"
            )
        if isinstance(img, Tensor) and img.dim() < 2:
            raise TypeError("Tensor is not a torch image.")
        return function(img, *args, **kwargs)

    return wrapped


# Between images, arrays and tensors ---------------------------------------------------------------


def pil_to_tensor(pic):
    """A Pillow image as a tensor (C, H, W) of its own numbers."""
    if not is_pillow(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    array = np.array(pic)
    return from_numpy(np.ascontiguousarray(_planes(array)))


def to_tensor(pic):
    """An image, or an array (H, W) or (H, W, C), as a tensor (C, H, W); bytes scaled to [0, 1]."""
    if not is_pillow(pic) and not isinstance(pic, np.ndarray):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    array = np.asarray(pic)
    if array.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {array.ndim} dimensions.")
    if array.dtype == bool:  # a Pillow image of mode "1"
        return from_numpy(_planes(array).astype(np.float32))
    if array.dtype == np.uint16:
        array = array.astype(np.int32)
    planes = from_numpy(np.array(_planes(array), order="C"))
    return planes.to(get_default_dtype()).div(255) if planes.dtype is uint8 else planes


def _planes(array):
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def to_pil_image(pic, mode=None):
    """A tensor (C, H, W) or array (H, W, C) as a Pillow image; floats of a tensor times 255."""
    from PIL import Image

    if not isinstance(pic, Tensor | np.ndarray):
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if pic.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    if isinstance(pic, Tensor):
        pic = pic.detach().cpu()
        if pic.is_floating_point() and mode != "F":
            pic = pic.mul(255).numpy().astype(np.int32).astype(np.uint8)
        array = np.asarray(pic)
        array = array if array.ndim == 2 else array.transpose(1, 2, 0)
    else:
        array = pic
    if array.ndim == 3 and array.shape[2] > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {array.shape[2]} channels.")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.dtype not in (np.uint8, np.int16, np.int32, np.float32):
        raise TypeError(f"Input type {array.dtype} is not supported")
    image = Image.fromarray(np.ascontiguousarray(array))
    return image if mode is None or mode == image.mode else image.convert(mode)


def convert_image_dtype(image, dtype=float32):
    """A tensor of another dtype, with its range: bytes to [0, 1] and back."""
    if image.dtype is dtype:
        return image
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        most = np.iinfo(dtype.name).max
        return image.mul(most + 1.0 - 1e-3).to(dtype)
    most = np.iinfo(image.dtype.name).max
    if dtype.is_floating_point:
        return image.to(dtype) / most
    wanted = np.iinfo(dtype.name).max
    if most > wanted:
        return image.div((most + 1) // (wanted + 1), rounding_mode="floor").to(dtype)
    return image.to(dtype) * ((wanted + 1) // (most + 1))


def get_dimensions(img):
    """[channels, height, width]"""
    if isinstance(img, Tensor):
        return [1 if img.dim() == 2 else img.shape[-3], *img.shape[-2:]]
    if isinstance(img, np.ndarray):
        return [1 if img.ndim == 2 else img.shape[2], *img.shape[:2]]
    return [len(img.getbands()), img.height, img.width]


def get_image_size(img):
    """[width, height]"""
    _, height, width = get_dimensions(img)
    return [width, height]


def get_image_num_channels(img):
    return get_dimensions(img)[0]


def normalize(tensor, mean, std, inplace=False):
    """(tensor - mean) / std, channel by channel."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.dim() < 3:
        raise ValueError(
            "Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = "
            f"{tuple(tensor.shape)}"
        )
    mean, std = (as_tensor(value, dtype=tensor.dtype) for value in (mean, std))
    if ops.eq(std, 0).any():
        raise ValueError("std evaluated to zero, leading to division by zero.")
    mean, std = (value.view(-1, 1, 1) if value.dim() == 1 else value for value in (mean, std))
    tensor = tensor if inplace else tensor.clone()
    return tensor.sub_(mean).div_(std)


# Geometry -----------------------------------------------------------------------------------------


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


def _pair(size, message="Please provide only two dimensions (h, w) for size."):
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
    height, width = _pair(output_size)
    _, rows, columns = get_dimensions(img)
    if width > columns or height > rows:
        across, down = max(width - columns, 0), max(height - rows, 0)
        img = pad(img, [across // 2, down // 2, (across + 1) // 2, (down + 1) // 2])
        _, rows, columns = get_dimensions(img)
    return crop(img, round((rows - height) / 2), round((columns - width) / 2), height, width)


def five_crop(img, size):
    """The four corners and the centre: top left, top right, bottom left, bottom right, centre."""
    height, width = _pair(size)
    _, rows, columns = get_dimensions(img)
    if width > columns or height > rows:
        raise ValueError(
            f"Requested crop size {(height, width)} is bigger than input size {(rows, columns)}"
        )
    corners = [(0, 0), (0, columns - width), (rows - height, 0), (rows - height, columns - width)]
    cut = [crop(img, top, left, height, width) for top, left in corners]
    return (*cut, center_crop(img, (height, width)))


@on_arrays
def pad(img, padding, fill=0, padding_mode="constant"):
    """A border: one width, (left and right, top and bottom), or (left, top, right, bottom).

    padding_mode: "constant" (fill), "edge", "reflect" or "symmetric".
    """
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    left, top, right, bottom = _borders(padding)
    if not isinstance(img, Tensor):
        return _pad_pillow(img, left, top, right, bottom, fill, padding_mode)
    if padding_mode == "constant":
        value = fill[0] if isinstance(fill, tuple | list) else fill
        return F.pad(img, [left, right, top, bottom], value=value)
    rows, columns = (
        from_numpy(np.pad(np.arange(size), width, mode=padding_mode))
        for size, width in zip(img.shape[-2:], ((top, bottom), (left, right)))
    )
    return img.index_select(-2, rows).index_select(-1, columns)


def _borders(padding):
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
        fill = tuple(fill) if isinstance(fill, list) else fill
        if isinstance(fill, int | float) and len(img.getbands()) > 1:
            fill = (int(fill),) * len(img.getbands())
        return ImageOps.expand(img, border=(left, top, right, bottom), fill=fill)
    array = np.asarray(img)
    widths = ((top, bottom), (left, right)) + ((0, 0),) * (array.ndim - 2)
    return Image.fromarray(np.pad(array, widths, mode=mode))


@on_arrays
def resize(img, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """To (height, width); to one number along the shorter edge, keeping the aspect ratio."""
    _, rows, columns = get_dimensions(img)
    height, width = _resized(rows, columns, size, max_size)
    if (height, width) == (rows, columns):
        return img
    if not isinstance(img, Tensor):
        return img.resize((width, height), interpolation.pillow)
    kind = interpolation.value
    if kind not in ("nearest", "bilinear", "bicubic"):
        raise ValueError(f"{interpolation} is for Pillow images only")
    batch = img.reshape(-1, *([1] if img.dim() == 2 else []), *img.shape[-3:])
    smooth = {} if kind == "nearest" else {"align_corners": False, "antialias": bool(antialias)}
    working = batch if batch.is_floating_point() or kind == "nearest" else batch.float()
    result = F.interpolate(working, size=[height, width], mode=kind, **smooth)
    if result.dtype is not img.dtype:
        info = np.iinfo(img.dtype.name)
        result = result.clamp(info.min, info.max).round().to(img.dtype)
    return result.reshape(*img.shape[:-2], height, width)


def _resized(rows, columns, size, max_size):
    if not isinstance(size, int) and len(size) == 2:
        if max_size is not None:
            raise ValueError(
                "max_size should only be passed if size specifies the length of the smaller edge"
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


@on_arrays
def rotate(
    img, angle, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=None
):
    """Turned counter-clockwise by `angle` degrees, about the centre or about (x, y).

    With `expand`, the result is large enough for the whole image (Pillow images only).
    """
    if not isinstance(img, Tensor):
        fill = tuple(fill) if isinstance(fill, list) else fill
        return img.rotate(angle, interpolation.pillow, expand, center, fillcolor=fill)
    if expand:
        raise NotImplementedError("rotate(expand=True) takes Pillow images")
    if interpolation.value not in ("nearest", "bilinear"):
        raise ValueError(f"rotate() of tensors is nearest or bilinear, not {interpolation}")
    _, rows, columns = get_dimensions(img)
    grid = _rotation_grid(rows, columns, angle, center)
    batch = img.reshape(-1, *([1] if img.dim() == 2 else []), *img.shape[-3:])
    working = batch if batch.is_floating_point() else batch.float()
    grid = grid.expand(working.shape[0], -1, -1, -1).to(working.dtype)
    mode = interpolation.value
    result = F.grid_sample(working, grid, mode=mode, padding_mode="zeros", align_corners=False)
    if fill:
        inside = F.grid_sample(
            working.new_ones(working.shape), grid, mode=mode, align_corners=False
        )
        value = tensor(fill if isinstance(fill, tuple | list) else [fill], dtype=working.dtype)
        result = result * inside + value.view(-1, 1, 1) * (1 - inside)
    if result.dtype is not img.dtype:
        result = result.round().to(img.dtype)
    return result.reshape(img.shape)


def _rotation_grid(rows, columns, angle, center):
    """For each pixel, where it comes from, in grid_sample's coordinates."""
    turn = math.radians(angle)
    cos, sin = math.cos(turn), math.sin(turn)
    x0, y0 = (0.0, 0.0) if center is None else (center[0] - columns / 2, center[1] - rows / 2)
    x = linspace(-columns / 2 + 0.5, columns / 2 - 0.5, columns) - x0
    y = (linspace(-rows / 2 + 0.5, rows / 2 - 0.5, rows) - y0).unsqueeze(1)
    across = (cos * x - sin * y + x0) / (columns / 2)
    down = (sin * x + cos * y + y0) / (rows / 2)
    return ops.stack([across, down], dim=-1).unsqueeze(0)


def erase(img, i, j, h, w, v, inplace=False):
    """A tensor with the box at (i, j) set to v."""
    if not isinstance(img, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    img = img if inplace else img.clone()
    img[..., i : i + h, j : j + w] = v
    return img


# Colour: see colour.py for tensors, Pillow for images ---------------------------------------------


def _enhanced(img, enhancer, factor):
    from PIL import ImageEnhance

    return getattr(ImageEnhance, enhancer)(img).enhance(factor)


def _not_negative(name, factor):
    if factor < 0:
        raise ValueError(f"{name} ({factor}) is not non-negative.")


@on_arrays
def adjust_brightness(img, brightness_factor):
    """0 gives black, 1 the image, 2 twice the brightness."""
    _not_negative("brightness_factor", brightness_factor)
    if isinstance(img, Tensor):
        return colour.blend(img, img.new_zeros(img.shape), brightness_factor)
    return _enhanced(img, "Brightness", brightness_factor)


@on_arrays
def adjust_contrast(img, contrast_factor):
    """0 gives grey, 1 the image, 2 twice the contrast."""
    _not_negative("contrast_factor", contrast_factor)
    if isinstance(img, Tensor):
        return colour.blend(img, colour.mean_grey(img), contrast_factor)
    return _enhanced(img, "Contrast", contrast_factor)


@on_arrays
def adjust_saturation(img, saturation_factor):
    """0 gives shades of grey, 1 the image, 2 twice the saturation."""
    _not_negative("saturation_factor", saturation_factor)
    if not isinstance(img, Tensor):
        return _enhanced(img, "Color", saturation_factor)
    return img if img.shape[-3] == 1 else colour.blend(img, colour.grey(img), saturation_factor)


@on_arrays
def adjust_hue(img, hue_factor):
    """The hue turned by a part of the circle of colours, from -0.5 to 0.5."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if isinstance(img, Tensor):
        return colour.turn_hue(img, hue_factor)
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
        result = colour.grey(img)
        return (
            result.expand(*img.shape[:-3], 3, *img.shape[-2:])
            if num_output_channels == 3
            else result
        )
    grey = img.convert("L")
    return grey if num_output_channels == 1 else grey.convert("RGB")


to_grayscale = rgb_to_grayscale


@on_arrays
def invert(img):
    """Dark and light exchanged."""
    if isinstance(img, Tensor):
        return (1 if img.is_floating_point() else 255) - img
    from PIL import ImageOps

    return ImageOps.invert(img)
