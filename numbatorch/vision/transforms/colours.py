"""Colours, contrast and sharpness changed at random."""

from collections.abc import Sequence

from ...random_tensors import randperm
from . import functional as F
from .base import Transform, happens, uniform


class Grayscale(Transform):
    """Grey, in one channel or repeated in three."""

    shown = ("num_output_channels",)

    def __init__(self, num_output_channels=1):
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img):
        return F.rgb_to_grayscale(img, self.num_output_channels)


class _Perhaps(Transform):
    """Changes an image with probability p."""

    shown = ("p",)

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def changed(self, img):
        raise NotImplementedError

    def forward(self, img):
        return self.changed(img) if happens(self.p) else img


class RandomGrayscale(_Perhaps):
    """Grey with probability p, in as many channels as before."""

    def __init__(self, p=0.1):
        super().__init__(p)

    def changed(self, img):
        return F.rgb_to_grayscale(img, F.get_image_num_channels(img))


class RandomInvert(_Perhaps):
    """Dark and light exchanged with probability p."""

    def changed(self, img):
        return F.invert(img)


class RandomAutocontrast(_Perhaps):
    """Stretched to the full range with probability p."""

    def changed(self, img):
        return F.autocontrast(img)


class RandomEqualize(_Perhaps):
    """The values spread evenly with probability p."""

    def changed(self, img):
        return F.equalize(img)


class RandomPosterize(_Perhaps):
    """Only the first `bits` of each byte kept, with probability p."""

    shown = ("bits", "p")
    separator = ","

    def __init__(self, bits, p=0.5):
        super().__init__(p)
        self.bits = bits

    def changed(self, img):
        return F.posterize(img, self.bits)


class RandomSolarize(_Perhaps):
    """What is as light as `threshold`, or lighter, inverted with probability p."""

    shown = ("threshold", "p")
    separator = ","

    def __init__(self, threshold, p=0.5):
        super().__init__(p)
        self.threshold = threshold

    def changed(self, img):
        return F.solarize(img, self.threshold)


class RandomAdjustSharpness(_Perhaps):
    """Blurred (factors below 1) or sharpened with probability p."""

    shown = ("sharpness_factor", "p")
    separator = ","

    def __init__(self, sharpness_factor, p=0.5):
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def changed(self, img):
        return F.adjust_sharpness(img, self.sharpness_factor)


class GaussianBlur(Transform):
    """Blurred by a bell curve whose standard deviation is `sigma`, or random from an interval."""

    shown = ("kernel_size", "sigma")

    def __init__(self, kernel_size, sigma=(0.1, 2.0)):
        super().__init__()
        self.kernel_size = F.pair(kernel_size, "Kernel size should be a tuple/list of two integers")
        if any(size <= 0 or size % 2 == 0 for size in self.kernel_size):
            raise ValueError("Kernel size value should be an odd and positive number.")
        if isinstance(sigma, int | float):
            if sigma <= 0:
                raise ValueError("If sigma is a single number, it must be positive.")
            sigma = (sigma, sigma)
        if not isinstance(sigma, Sequence) or len(sigma) != 2:
            raise ValueError("sigma should be a single number or a list/tuple with length 2.")
        if not 0 < sigma[0] <= sigma[1]:
            raise ValueError("sigma values should be positive and of the form (min, max).")
        self.sigma = sigma

    @staticmethod
    def get_params(sigma_min, sigma_max):
        """A random standard deviation."""
        return uniform(sigma_min, sigma_max)

    def forward(self, img):
        sigma = self.get_params(*self.sigma)
        return F.gaussian_blur(img, self.kernel_size, [sigma, sigma])


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
        factors = [None if span is None else uniform(*span) for _, span in adjustments]
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
