"""Sizes, borders, and parts of an image."""

import math

from ...creation import empty, tensor
from ...random_tensors import randint
from . import functional as F
from .base import Transform, happens, uniform
from .functional import InterpolationMode


class Resize(Transform):
    """To (height, width); to one number along the shorter edge, keeping the aspect ratio."""

    shown = ("size", "interpolation", "max_size", "antialias")

    def __init__(
        self, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True
    ):
        super().__init__()
        if not isinstance(size, int | tuple | list):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if not isinstance(size, int) and len(size) not in (1, 2):
            raise ValueError("If size is a sequence, it should have 1 or 2 values")
        self.size = size
        self.interpolation = interpolation
        self.max_size = max_size
        self.antialias = antialias

    def forward(self, img):
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)


class Pad(Transform):
    """A border: one width, (left and right, top and bottom), or (left, top, right, bottom)."""

    shown = ("padding", "fill", "padding_mode")

    def __init__(self, padding, fill=0, padding_mode="constant"):
        super().__init__()
        F.borders(padding)
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def forward(self, img):
        return F.pad(img, self.padding, self.fill, self.padding_mode)


class CenterCrop(Transform):
    """The box of this size in the middle."""

    shown = ("size",)

    def __init__(self, size):
        super().__init__()
        self.size = F.pair(size)

    def forward(self, img):
        return F.center_crop(img, self.size)


class FiveCrop(CenterCrop):
    """The four corners and the centre, as a tuple."""

    def forward(self, img):
        return F.five_crop(img, self.size)


class TenCrop(FiveCrop):
    """The four corners and the centre, and the same of the mirror image, as a tuple."""

    shown = ("size", "vertical_flip")

    def __init__(self, size, vertical_flip=False):
        super().__init__(size)
        self.vertical_flip = vertical_flip

    def forward(self, img):
        return F.ten_crop(img, self.size, self.vertical_flip)


class RandomCrop(Transform):
    """A box of this size somewhere in the image, which may be padded first."""

    shown = ("size", "padding")

    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        super().__init__()
        self.size = F.pair(size)
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    @staticmethod
    def get_params(img, output_size):
        """(top, left, height, width) of a random box."""
        _, rows, columns = F.get_dimensions(img)
        height, width = output_size
        if rows < height or columns < width:
            raise ValueError(
                f"Required crop size {(height, width)} is larger than input image size "
                f"{(rows, columns)}"
            )
        if (rows, columns) == (height, width):
            return 0, 0, rows, columns
        top = randint(0, rows - height + 1, (1,)).item()
        left = randint(0, columns - width + 1, (1,)).item()
        return top, left, height, width

    def forward(self, img):
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        _, rows, columns = F.get_dimensions(img)
        if self.pad_if_needed and columns < self.size[1]:
            img = F.pad(img, [self.size[1] - columns, 0], self.fill, self.padding_mode)
        if self.pad_if_needed and rows < self.size[0]:
            img = F.pad(img, [0, self.size[0] - rows], self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))


class RandomResizedCrop(Transform):
    """A box of random area and aspect ratio, resized (Szegedy et al., 2014)."""

    shown = ("size", "scale", "ratio", "interpolation", "antialias")

    def __init__(
        self, size, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3),
        interpolation=InterpolationMode.BILINEAR, antialias=True,
    ):  # fmt: skip
        super().__init__()
        self.size = F.pair(size)
        self.scale = scale
        self.ratio = ratio
        self.interpolation = interpolation
        self.antialias = antialias

    @staticmethod
    def get_params(img, scale, ratio):
        """(top, left, height, width) of a random box."""
        _, rows, columns = F.get_dimensions(img)
        area = rows * columns
        logs = tensor(ratio).log()
        for _ in range(10):
            target = area * uniform(scale[0], scale[1])
            aspect = empty(1).uniform_(logs[0].item(), logs[1].item()).exp().item()
            width, height = round(math.sqrt(target * aspect)), round(math.sqrt(target / aspect))
            if 0 < width <= columns and 0 < height <= rows:
                top = randint(0, rows - height + 1, (1,)).item()
                left = randint(0, columns - width + 1, (1,)).item()
                return top, left, height, width
        aspect = columns / rows
        height, width = rows, columns
        if aspect < min(ratio):
            height = round(columns / min(ratio))
        elif aspect > max(ratio):
            width = round(rows * max(ratio))
        return (rows - height) // 2, (columns - width) // 2, height, width

    def forward(self, img):
        box = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *box, self.size, self.interpolation, self.antialias)


class RandomErasing(Transform):
    """A random box of a tensor overwritten with probability p (Zhong et al., 2017)."""

    shown = ("p", "scale", "ratio", "value", "inplace")

    def __init__(self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace=False):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError("Random erasing probability should be between 0 and 1")
        if isinstance(value, str) and value != "random":
            raise ValueError("If value is str, it should be 'random'")
        self.p = p
        self.scale = scale
        self.ratio = ratio
        self.value = value
        self.inplace = inplace

    @staticmethod
    def get_params(img, scale, ratio, value=None):
        """(top, left, height, width, values); value None stands for random ones."""
        channels, rows, columns = img.shape[-3:]
        logs = tensor(ratio).log()
        for _ in range(10):
            area = rows * columns * uniform(scale[0], scale[1])
            aspect = empty(1).uniform_(logs[0].item(), logs[1].item()).exp().item()
            height, width = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if not (height < rows and width < columns):
                continue
            if value is None:
                values = empty(channels, height, width).normal_()
            else:
                values = tensor(value)[:, None, None]
            top = randint(0, rows - height + 1, (1,)).item()
            left = randint(0, columns - width + 1, (1,)).item()
            return top, left, height, width, values
        return 0, 0, rows, columns, img

    def forward(self, img):
        if not happens(self.p):
            return img
        value = self.value
        if isinstance(value, int | float):
            value = [float(value)]
        elif isinstance(value, str):
            value = None
        elif len(value) not in (1, img.shape[-3]):
            raise ValueError(
                "If value is a sequence, it should have either a single value or "
                f"{img.shape[-3]} (number of input channels)"
            )
        box = self.get_params(img, self.scale, self.ratio, value)
        return F.erase(img, *box, self.inplace)
