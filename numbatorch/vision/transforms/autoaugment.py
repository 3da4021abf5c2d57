"""Several random changes at once, chosen by policies that were searched for (AutoAugment and its heirs).

Each change has a name, a strength and, for most, a random sign.
"""

import enum
import math

import numpy as np

from ... import nn
from ...creation import arange, linspace, tensor
from ...ops import _sample_dirichlet
from ...random_tensors import rand, randint
from ...tensor import Tensor
from . import functional as F
from .base import fill_for
from .functional import InterpolationMode

__all__ = ["AutoAugmentPolicy", "AutoAugment", "RandAugment", "TrivialAugmentWide", "AugMix"]


def _sheared(img, angles, interpolation, fill):
    return F.affine(img, 0.0, [0, 0], 1.0, angles, interpolation, fill, center=[0, 0])


def _moved(img, by, interpolation, fill):
    return F.affine(img, 0.0, by, 1.0, [0.0, 0.0], interpolation, fill)


#: Name -> (image, strength, interpolation, fill) to the changed image. A shear is the tangent.
_CHANGES = {
    "Identity": lambda img, x, *how: img,
    "ShearX": lambda img, x, *how: _sheared(img, [math.degrees(math.atan(x)), 0.0], *how),
    "ShearY": lambda img, x, *how: _sheared(img, [0.0, math.degrees(math.atan(x))], *how),
    "TranslateX": lambda img, x, *how: _moved(img, [int(x), 0], *how),
    "TranslateY": lambda img, x, *how: _moved(img, [0, int(x)], *how),
    "Rotate": lambda img, x, mode, fill: F.rotate(img, x, mode, fill=fill),
    "Brightness": lambda img, x, *how: F.adjust_brightness(img, 1.0 + x),
    "Color": lambda img, x, *how: F.adjust_saturation(img, 1.0 + x),
    "Contrast": lambda img, x, *how: F.adjust_contrast(img, 1.0 + x),
    "Sharpness": lambda img, x, *how: F.adjust_sharpness(img, 1.0 + x),
    "Posterize": lambda img, x, *how: F.posterize(img, int(x)),
    "Solarize": lambda img, x, *how: F.solarize(img, x),
    "AutoContrast": lambda img, x, *how: F.autocontrast(img),
    "Equalize": lambda img, x, *how: F.equalize(img),
    "Invert": lambda img, x, *how: F.invert(img),
}
_COLOURS = ("Brightness", "Color", "Contrast", "Sharpness")


def _strengths(names, bins, shear, move, turn, colour, bits, fewest_bits):
    """Name -> (`bins` strengths from none to the greatest, whether the sign is random).

    `move` is (x, y) in pixels, `turn` in degrees; `bits` is where posterizing starts from.
    """
    greatest = {
        "ShearX": shear, "ShearY": shear, "TranslateX": move[0], "TranslateY": move[1],
        "Rotate": turn, **dict.fromkeys(_COLOURS, colour),
    }  # fmt: skip
    result = {}
    for name in names:
        if name in greatest:
            result[name] = linspace(0.0, greatest[name], bins), True
        elif name == "Posterize":
            step = (bins - 1) / (8 - fewest_bits)
            result[name] = bits - (arange(bins) / step).round().int(), False
        elif name == "Solarize":
            result[name] = linspace(255.0, 0.0, bins), False
        else:
            result[name] = None, False
    return result


_GEOMETRY = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")
_TONES = ("Posterize", "Solarize", "AutoContrast", "Equalize")


class _Augment(nn.Module):
    """Shows itself by the values that its class lists in `shown`."""

    def __repr__(self):
        values = ", ".join(f"{name}={getattr(self, name)}" for name in self.shown)
        return f"{type(self).__name__}({values})"

    def changed(self, img, strengths, fill, level=None):
        """One change of `strengths`, chosen at random; of a random strength below, or the given one."""
        name = list(strengths)[randint(len(strengths), (1,)).item()]
        values, signed = strengths[name]
        strength = 0.0
        if values is not None:
            strength = float(values[level(len(values))])
        if signed and randint(2, (1,)).item():
            strength = -strength
        return _CHANGES[name](img, strength, self.interpolation, fill)


class AutoAugmentPolicy(enum.Enum):
    """The data set that a policy was searched on."""

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


def _policy(text):
    """Pairs of (change, probability, strength from 0 to 9 or None), one pair a line."""
    rows = []
    for line in text.strip().splitlines():
        words = [None if word == "-" else word for word in line.split()]
        rows.append(
            tuple(
                (words[i], float(words[i + 1]), None if words[i + 2] is None else int(words[i + 2]))
                for i in (0, 3)
            )
        )
    return rows


#: As published.
_POLICIES = {
    AutoAugmentPolicy.IMAGENET: _policy("""
        Posterize 0.4 8 Rotate 0.6 9
        Solarize 0.6 5 AutoContrast 0.6 -
        Equalize 0.8 - Equalize 0.6 -
        Posterize 0.6 7 Posterize 0.6 6
        Equalize 0.4 - Solarize 0.2 4
        Equalize 0.4 - Rotate 0.8 8
        Solarize 0.6 3 Equalize 0.6 -
        Posterize 0.8 5 Equalize 1.0 -
        Rotate 0.2 3 Solarize 0.6 8
        Equalize 0.6 - Posterize 0.4 6
        Rotate 0.8 8 Color 0.4 0
        Rotate 0.4 9 Equalize 0.6 -
        Equalize 0.0 - Equalize 0.8 -
        Invert 0.6 - Equalize 1.0 -
        Color 0.6 4 Contrast 1.0 8
        Rotate 0.8 8 Color 1.0 2
        Color 0.8 8 Solarize 0.8 7
        Sharpness 0.4 7 Invert 0.6 -
        ShearX 0.6 5 Equalize 1.0 -
        Color 0.4 0 Equalize 0.6 -
        Equalize 0.4 - Solarize 0.2 4
        Solarize 0.6 5 AutoContrast 0.6 -
        Invert 0.6 - Equalize 1.0 -
        Color 0.6 4 Contrast 1.0 8
        Equalize 0.8 - Equalize 0.6 -
    """),
    AutoAugmentPolicy.CIFAR10: _policy("""
        Invert 0.1 - Contrast 0.2 6
        Rotate 0.7 2 TranslateX 0.3 9
        Sharpness 0.8 1 Sharpness 0.9 3
        ShearY 0.5 8 TranslateY 0.7 9
        AutoContrast 0.5 - Equalize 0.9 -
        ShearY 0.2 7 Posterize 0.3 7
        Color 0.4 3 Brightness 0.6 7
        Sharpness 0.3 9 Brightness 0.7 9
        Equalize 0.6 - Equalize 0.5 -
        Contrast 0.6 7 Sharpness 0.6 5
        Color 0.7 7 TranslateX 0.5 8
        Equalize 0.3 - AutoContrast 0.4 -
        TranslateY 0.4 3 Sharpness 0.2 6
        Brightness 0.9 6 Color 0.2 8
        Solarize 0.5 2 Invert 0.0 -
        Equalize 0.2 - AutoContrast 0.6 -
        Equalize 0.2 - Equalize 0.6 -
        Color 0.9 9 Equalize 0.6 -
        AutoContrast 0.8 - Solarize 0.2 8
        Brightness 0.1 3 Color 0.7 0
        Solarize 0.4 5 AutoContrast 0.9 -
        TranslateY 0.9 9 TranslateY 0.7 9
        AutoContrast 0.9 - Solarize 0.8 3
        Equalize 0.8 - Invert 0.1 -
        TranslateY 0.7 9 AutoContrast 0.9 -
    """),
    AutoAugmentPolicy.SVHN: _policy("""
        ShearX 0.9 4 Invert 0.2 -
        ShearY 0.9 8 Invert 0.7 -
        Equalize 0.6 - Solarize 0.6 6
        Invert 0.9 - Equalize 0.6 -
        Equalize 0.6 - Rotate 0.9 3
        ShearX 0.9 4 AutoContrast 0.8 -
        ShearY 0.9 8 Invert 0.4 -
        ShearY 0.9 5 Solarize 0.2 6
        Invert 0.9 - AutoContrast 0.8 -
        Equalize 0.6 - Rotate 0.9 3
        ShearX 0.9 4 Solarize 0.3 3
        ShearY 0.8 8 Invert 0.7 -
        Equalize 0.9 - TranslateY 0.6 6
        Invert 0.9 - Equalize 0.6 -
        Contrast 0.3 3 Rotate 0.8 4
        Invert 0.8 - TranslateY 0.0 2
        ShearY 0.7 6 Solarize 0.4 8
        Invert 0.6 - Rotate 0.8 4
        ShearY 0.3 7 TranslateX 0.9 3
        ShearX 0.1 6 Invert 0.6 -
        Solarize 0.7 2 TranslateY 0.6 7
        ShearY 0.8 4 Invert 0.8 -
        ShearX 0.7 9 TranslateY 0.8 3
        ShearY 0.8 5 AutoContrast 0.7 -
        ShearX 0.7 2 Invert 0.1 -
    """),
}


class AutoAugment(_Augment):
    """One of the 25 pairs of changes of a policy, each with its probability (Cubuk et al., 2018)."""

    shown = ("policy", "fill")

    def __init__(
        self, policy=AutoAugmentPolicy.IMAGENET, interpolation=InterpolationMode.NEAREST, fill=None
    ):
        super().__init__()
        if policy not in _POLICIES:
            raise ValueError(f"The provided policy {policy} is not recognized.")
        self.policy = policy
        self.interpolation = interpolation
        self.fill = fill
        self.policies = _POLICIES[policy]

    @staticmethod
    def get_params(transform_num):
        """(number of the pair, a random number and a sign for each of the two)."""
        return randint(transform_num, (1,)).item(), rand((2,)), randint(2, (2,))

    def forward(self, img):
        fill = fill_for(img, self.fill)
        _, height, width = F.get_dimensions(img)
        number, chances, signs = self.get_params(len(self.policies))
        strengths = _strengths(
            (*_GEOMETRY, *_COLOURS, *_TONES, "Invert"), 10, 0.3,
            (150 / 331 * width, 150 / 331 * height), 30.0, 0.9, 8, 4,
        )  # fmt: skip
        for (name, p, level), chance, sign in zip(self.policies[number], chances, signs):
            if chance > p:
                continue
            values, signed = strengths[name]
            strength = 0.0 if level is None else float(values[level])
            if signed and sign == 0:
                strength = -strength
            img = _CHANGES[name](img, strength, self.interpolation, fill)
        return img


class RandAugment(_Augment):
    """`num_ops` random changes, all of strength `magnitude` of `num_magnitude_bins` (Cubuk et al., 2019)."""

    shown = ("num_ops", "magnitude", "num_magnitude_bins", "interpolation", "fill")

    def __init__(
        self, num_ops=2, magnitude=9, num_magnitude_bins=31,
        interpolation=InterpolationMode.NEAREST, fill=None,
    ):  # fmt: skip
        super().__init__()
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins
        self.interpolation = interpolation
        self.fill = fill

    def forward(self, img):
        fill = fill_for(img, self.fill)
        _, height, width = F.get_dimensions(img)
        strengths = _strengths(
            ("Identity", *_GEOMETRY, *_COLOURS, *_TONES), self.num_magnitude_bins, 0.3,
            (150 / 331 * width, 150 / 331 * height), 30.0, 0.9, 8, 4,
        )  # fmt: skip
        for _ in range(self.num_ops):
            img = self.changed(img, strengths, fill, lambda count: self.magnitude)
        return img


class TrivialAugmentWide(_Augment):
    """One random change of random strength, from wide intervals (Müller and Hutter, 2021)."""

    shown = ("num_magnitude_bins", "interpolation", "fill")

    def __init__(self, num_magnitude_bins=31, interpolation=InterpolationMode.NEAREST, fill=None):
        super().__init__()
        self.num_magnitude_bins = num_magnitude_bins
        self.interpolation = interpolation
        self.fill = fill

    def forward(self, img):
        strengths = _strengths(
            ("Identity", *_GEOMETRY, *_COLOURS, *_TONES), self.num_magnitude_bins,
            0.99, (32.0, 32.0), 135.0, 0.99, 8, 2,
        )  # fmt: skip
        fill = fill_for(img, self.fill)
        return self.changed(img, strengths, fill, lambda count: randint(count, (1,)).item())


class AugMix(_Augment):
    """The image mixed with several chains of random changes of it (Hendrycks et al., 2019)."""

    shown = (
        "severity", "mixture_width", "chain_depth", "alpha", "all_ops", "interpolation", "fill",
    )  # fmt: skip

    def __init__(
        self, severity=3, mixture_width=3, chain_depth=-1, alpha=1.0, all_ops=True,
        interpolation=InterpolationMode.BILINEAR, fill=None,
    ):  # fmt: skip
        super().__init__()
        if not 1 <= severity <= 10:
            raise ValueError(f"The severity must be between [1, 10]. Got {severity} instead.")
        self.severity = severity
        self.mixture_width = mixture_width
        self.chain_depth = chain_depth
        self.alpha = alpha
        self.all_ops = all_ops
        self.interpolation = interpolation
        self.fill = fill

    def forward(self, orig_img):
        if isinstance(orig_img, np.ndarray):
            return np.asarray(self(F.to_pil_image(orig_img)))
        if not isinstance(orig_img, Tensor):
            return F.to_pil_image(self(F.pil_to_tensor(orig_img)))
        fill = fill_for(orig_img, self.fill)
        _, height, width = F.get_dimensions(orig_img)
        strengths = _strengths(
            (*_GEOMETRY, *_TONES, *(_COLOURS if self.all_ops else ())), 10, 0.3,
            (width / 3, height / 3), 30.0, 0.9, 4, 4,
        )  # fmt: skip
        batch = orig_img.view(*[1] * (4 - orig_img.dim()), *orig_img.shape)
        column = (-1, *[1] * (batch.dim() - 1))
        shares = _sample_dirichlet(tensor([self.alpha] * 2).expand(len(batch), -1))
        chains = _sample_dirichlet(tensor([self.alpha] * self.mixture_width).expand(len(batch), -1))
        chains = chains * shares[:, 1:]
        mix = shares[:, 0].view(column) * batch
        for i in range(self.mixture_width):
            changed = batch
            depth = self.chain_depth if self.chain_depth > 0 else randint(1, 4, (1,)).item()
            for _ in range(depth):
                changed = self.changed(
                    changed, strengths, fill, lambda count: randint(self.severity, (1,)).item()
                )
            mix.add_(chains[:, i].view(column) * changed)
        return mix.view(orig_img.shape).to(orig_img.dtype)
