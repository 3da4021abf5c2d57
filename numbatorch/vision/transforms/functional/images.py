"""What an image is: a Pillow image, a tensor (..., C, H, W), or an array (H, W) or (H, W, C)."""

import enum
import functools
import warnings

import numpy as np

from ....dtypes import uint8
from ....tensor import Tensor


class InterpolationMode(enum.Enum):
    """How values between pixels are found; the last three are for Pillow images only."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"

    @property
    def pillow(self):
        """Pillow's constant for this mode."""
        from PIL import Image

        name = "NEAREST" if self is InterpolationMode.NEAREST_EXACT else self.name
        return getattr(Image.Resampling, name)


def interpolation_mode(interpolation):
    """The mode; Pillow's integer constants stand for modes too."""
    if isinstance(interpolation, InterpolationMode):
        return interpolation
    modes = [mode for mode in InterpolationMode if mode is not InterpolationMode.NEAREST_EXACT]
    if isinstance(interpolation, int):
        for mode in modes:
            if mode.pillow == interpolation:
                return mode
    raise TypeError(
        "Argument interpolation should be a InterpolationMode or a corresponding Pillow integer "
        "constant"
    )


def is_pillow(image):
    return not isinstance(image, Tensor | np.ndarray) and hasattr(image, "getbands")


def on_arrays(function):
    """Let a function of images take an array of bytes, by way of Pillow: it comes back as an array."""

    @functools.wraps(function)
    def wrapped(img, *args, **kwargs):
        if isinstance(img, np.ndarray):
            from .conversion import to_pil_image

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


def get_dimensions(img):
    """[channels, height, width]"""
    if isinstance(img, Tensor):
        return [1 if img.dim() == 2 else img.shape[-3], *img.shape[-2:]]
    if isinstance(img, np.ndarray):
        return [1 if img.ndim == 2 else img.shape[2], *img.shape[:2]]
    if is_pillow(img):
        return [len(img.getbands()), img.height, img.width]
    raise TypeError(f"Unexpected type {type(img)}")


def get_image_size(img):
    """[width, height]"""
    _, height, width = get_dimensions(img)
    return [width, height]


def get_image_num_channels(img):
    """The number of channels."""
    return get_dimensions(img)[0]


def pillow_fill(fill, img):
    """A colour for Pillow: a number stands for all channels, no colour for black."""
    channels = len(img.getbands())
    fill = 0 if fill is None else fill
    if isinstance(fill, int | float):
        fill = (fill,) * channels
    elif len(fill) == 1:
        fill = tuple(fill) * channels
    elif len(fill) != channels:
        raise ValueError(
            "The number of elements in 'fill' does not match the number of channels of the image "
            f"({len(fill)} != {channels})"
        )
    fill = tuple(fill) if img.mode == "F" else tuple(int(value) for value in fill)
    return fill if channels > 1 else fill[0]


def check_channels(img, bytes_only=False):
    """TypeError for a tensor that is no image (..., 1 or 3, H, W)."""
    if img.dim() < 3:
        raise TypeError(
            f"Input image tensor should have at least 3 dimensions, but found {img.dim()}"
        )
    if bytes_only and img.dtype is not uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")
    if img.shape[-3] not in (1, 3):
        raise TypeError(
            f"Input image tensor permitted channel values are [1, 3], but found {img.shape[-3]}"
        )


def enhanced(img, enhancer, factor):
    from PIL import ImageEnhance

    return getattr(ImageEnhance, enhancer)(img).enhance(factor)


def not_negative(name, factor):
    if factor < 0:
        raise ValueError(f"{name} ({factor}) is not non-negative.")


def warn_of_ignored_antialias():
    warnings.warn(
        "Anti-alias option is always applied for PIL Image input. Argument antialias is ignored.",
        stacklevel=4,
    )
