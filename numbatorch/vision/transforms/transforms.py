"""The transforms: objects to call on an image. Their arithmetic is in `functional`."""

import math
import random as python_random

from ... import nn
from ...creation import empty, tensor
from ...random_tensors import rand, randint, randperm
from . import functional as F
from .functional import InterpolationMode


def _uniform(low, high):
    return empty(1).uniform_(low, high).item()


def _below(p):
    return rand(1).item() < p


class Transform(nn.Module):
    """Shows itself by the values that its class lists in `shown`."""

    shown = ()

    def __repr__(self):
        values = ", ".join(f"{name}={_shown(getattr(self, name))}" for name in self.shown)
        return f"{type(self).__name__}({values})"


def _shown(value):
    return value.value if isinstance(value, InterpolationMode) else value


class Compose:
    """One transform after the other."""

    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, img):
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self):
        inner = "".join(f"\n    {transform}" for transform in self.transforms)
        return f"{type(self).__name__}({inner}\n)"


class RandomOrder(Compose):
    """All of the transforms, in random order."""

    def __call__(self, img):
        order = list(range(len(self.transforms)))
        python_random.shuffle(order)
        for i in order:
            img = self.transforms[i](img)
        return img


class RandomChoice(Compose):
    """One of the transforms, chosen with the weights `p`."""

    def __init__(self, transforms, p=None):
        super().__init__(transforms)
        self.p = p

    def __call__(self, img):
        return python_random.choices(self.transforms, weights=self.p)[0](img)


class RandomApply(nn.Module):
    """All of the transforms, or with probability 1 - p none."""

    def __init__(self, transforms, p=0.5):
        super().__init__()
        self.transforms = transforms
        self.p = p

    def forward(self, img):
        if self.p < rand(1).item():
            return img
        for transform in self.transforms:
            img = transform(img)
        return img


class Lambda:
    """A function as a transform."""

    def __init__(self, lambd):
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img):
        return self.lambd(img)

    def __repr__(self):
        return "Lambda()"


class ToTensor:
    """An image or an array (H, W) or (H, W, C) as a tensor (C, H, W); bytes scaled to [0, 1]."""

    def __call__(self, pic):
        return F.to_tensor(pic)

    def __repr__(self):
        return "ToTensor()"


class PILToTensor:
    """A Pillow image as a tensor (C, H, W) of its own numbers."""

    def __call__(self, pic):
        return F.pil_to_tensor(pic)

    def __repr__(self):
        return "PILToTensor()"


class ToPILImage:
    """A tensor (C, H, W) or an array (H, W, C) as a Pillow image."""

    def __init__(self, mode=None):
        self.mode = mode

    def __call__(self, pic):
        return F.to_pil_image(pic, self.mode)

    def __repr__(self):
        return "ToPILImage()" if self.mode is None else f"ToPILImage(mode={self.mode})"


class ConvertImageDtype(Transform):
    """A tensor of another dtype, with its range."""

    shown = ("dtype",)

    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype

    def forward(self, image):
        return F.convert_image_dtype(image, self.dtype)


class Normalize(Transform):
    """(image - mean) / std, channel by channel."""

    shown = ("mean", "std")

    def __init__(self, mean, std, inplace=False):
        super().__init__()
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def forward(self, tensor):
        return F.normalize(tensor, self.mean, self.std, self.inplace)


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


class CenterCrop(Transform):
    """The box of this size in the middle."""

    shown = ("size",)

    def __init__(self, size):
        super().__init__()
        self.size = F._pair(size)

    def forward(self, img):
        return F.center_crop(img, self.size)


class FiveCrop(CenterCrop):
    """The four corners and the centre, as a tuple."""

    def forward(self, img):
        return F.five_crop(img, self.size)


class Pad(Transform):
    """A border: one width, (left and right, top and bottom), or (left, top, right, bottom)."""

    shown = ("padding", "fill", "padding_mode")

    def __init__(self, padding, fill=0, padding_mode="constant"):
        super().__init__()
        F._borders(padding)
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def forward(self, img):
        return F.pad(img, self.padding, self.fill, self.padding_mode)


class RandomCrop(Transform):
    """A box of this size somewhere in the image, which may be padded first."""

    shown = ("size", "padding")

    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        super().__init__()
        self.size = F._pair(size)
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
        self.size = F._pair(size)
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
            target = area * _uniform(scale[0], scale[1])
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


class RandomHorizontalFlip(Transform):
    """Left and right exchanged with probability p."""

    shown = ("p",)

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, img):
        return F.hflip(img) if _below(self.p) else img


class RandomVerticalFlip(RandomHorizontalFlip):
    """Top and bottom exchanged with probability p."""

    def forward(self, img):
        return F.vflip(img) if _below(self.p) else img


class RandomGrayscale(RandomHorizontalFlip):
    """Grey with probability p, in as many channels as before."""

    def __init__(self, p=0.1):
        super().__init__(p)

    def forward(self, img):
        channels = F.get_dimensions(img)[0]
        return F.rgb_to_grayscale(img, channels) if _below(self.p) else img


class Grayscale(Transform):
    """Grey, in one channel or repeated in three."""

    shown = ("num_output_channels",)

    def __init__(self, num_output_channels=1):
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img):
        return F.rgb_to_grayscale(img, self.num_output_channels)


class RandomRotation(Transform):
    """Turned by a random angle, from -degrees to degrees or from an interval."""

    shown = ("degrees", "interpolation", "expand", "fill")

    def __init__(
        self, degrees, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=0
    ):
        super().__init__()
        if isinstance(degrees, int | float) and degrees < 0:
            raise ValueError("If degrees is a single number, it must be positive.")
        single = isinstance(degrees, int | float)
        self.degrees = [-float(degrees), float(degrees)] if single else [float(d) for d in degrees]
        self.interpolation = interpolation
        self.expand = expand
        self.center = center
        self.fill = fill

    def forward(self, img):
        angle = _uniform(*self.degrees)
        fill = self.fill
        if not isinstance(fill, tuple | list):
            channels = F.get_dimensions(img)[0]
            number = float(fill) if isinstance(img, F.Tensor) else int(fill)
            fill = (number,) * channels if channels > 1 else number
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, fill)


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed at random, in random order.

    A number x means factors from max(0, 1 - x) to 1 + x (for the hue: turns from -x to x).
    """

    shown = ("brightness", "contrast", "saturation", "hue")

    def __init__(self, brightness=0, contrast=0, saturation=0, hue=0):
        super().__init__()
        self.brightness = _interval("brightness", brightness)
        self.contrast = _interval("contrast", contrast)
        self.saturation = _interval("saturation", saturation)
        self.hue = _interval("hue", hue, middle=0, least=-0.5, most=0.5)

    def forward(self, img):
        order = randperm(4).tolist()
        adjustments = (
            (F.adjust_brightness, self.brightness), (F.adjust_contrast, self.contrast),
            (F.adjust_saturation, self.saturation), (F.adjust_hue, self.hue),
        )  # fmt: skip
        factors = [None if span is None else _uniform(*span) for _, span in adjustments]
        for i in order:
            if factors[i] is not None:
                img = adjustments[i][0](img, factors[i])
        return img


def _interval(name, value, middle=1, least=0.0, most=float("inf")):
    """The interval of factors that a number or a pair stands for; None where nothing changes."""
    if isinstance(value, int | float):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be non negative.")
        value = [middle - float(value), middle + float(value)]
        if middle == 1:
            value[0] = max(value[0], 0.0)
    if len(value) != 2:
        raise TypeError(f"{name} should be a single number or a list/tuple with length 2.")
    if not least <= value[0] <= value[1] <= most:
        raise ValueError(f"{name} values should be between [{least}, {most}], but got {value}.")
    return None if value[0] == value[1] == middle else tuple(value)


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
            area = rows * columns * _uniform(scale[0], scale[1])
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
        if not _below(self.p):
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
