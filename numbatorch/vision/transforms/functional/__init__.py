"""Transforms as functions of one image: a Pillow image, a tensor (..., C, H, W), or an array.

An array (H, W) or (H, W, C) of bytes goes through Pillow and comes back as an array. The meaning of
every function, and the numbers it gives, are those of torchvision.transforms.functional.
"""

from .colour import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    autocontrast,
    equalize,
    invert,
    posterize,
    rgb_to_grayscale,
    solarize,
    to_grayscale,
)
from .conversion import convert_image_dtype, normalize, pil_to_tensor, to_pil_image, to_tensor
from .filters import adjust_sharpness, gaussian_blur
from .geometry import (
    borders,
    center_crop,
    crop,
    erase,
    five_crop,
    hflip,
    pad,
    pair,
    resize,
    resized_crop,
    ten_crop,
    vflip,
)
from .images import (
    InterpolationMode,
    get_dimensions,
    get_image_num_channels,
    get_image_size,
    interpolation_mode,
)
from .warping import affine, elastic_transform, perspective, rotate
