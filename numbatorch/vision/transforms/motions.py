"""Images mirrored, turned, sheared, tilted and crumpled at random."""

from collections.abc import Sequence

from ... import ops
from ...random_tensors import rand, randint
from . import functional as F
from .base import Transform, angles, check_sequence, checked_fill, fill_for, happens, uniform
from .functional import InterpolationMode


class RandomHorizontalFlip(Transform):
    """Left and right exchanged with probability p."""

    shown = ("p",)

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, img):
        return F.hflip(img) if happens(self.p) else img


class RandomVerticalFlip(RandomHorizontalFlip):
    """Top and bottom exchanged with probability p."""

    def forward(self, img):
        return F.vflip(img) if happens(self.p) else img


class RandomRotation(Transform):
    """Turned by a random angle, from -degrees to degrees or from an interval."""

    def __init__(
        self, degrees, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=0
    ):
        super().__init__()
        self.degrees = angles(degrees, "degrees")
        if center is not None:
            check_sequence(center, "center", (2,))
        self.center = center
        self.interpolation = F.interpolation_mode(interpolation)
        self.expand = expand
        self.fill = checked_fill(fill)

    @property
    def shown(self):
        return ("degrees", "interpolation", "expand", *(["center"] if self.center else []), "fill")

    @staticmethod
    def get_params(degrees):
        """A random angle."""
        return uniform(*degrees)

    def forward(self, img):
        angle, fill = self.get_params(self.degrees), fill_for(img, self.fill)
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, fill)


class RandomAffine(Transform):
    """Turned, moved, enlarged and sheared at random, each within an interval.

    `degrees` and `shear` are in degrees, `translate` in parts of the width and of the height;
    `shear` is an interval along x, or two, along x and y.
    """

    _DEFAULTS = {
        "translate": None, "scale": None, "shear": None,
        "interpolation": InterpolationMode.NEAREST, "fill": 0, "center": None,
    }  # fmt: skip

    def __init__(
        self, degrees, translate=None, scale=None, shear=None,
        interpolation=InterpolationMode.NEAREST, fill=0, center=None,
    ):  # fmt: skip
        super().__init__()
        self.degrees = angles(degrees, "degrees")
        if translate is not None:
            check_sequence(translate, "translate", (2,))
            if not all(0 <= part <= 1 for part in translate):
                raise ValueError("translation values should be between 0 and 1")
        self.translate = translate
        if scale is not None:
            check_sequence(scale, "scale", (2,))
            if any(factor <= 0 for factor in scale):
                raise ValueError("scale values should be positive")
        self.scale = scale
        self.shear = None if shear is None else angles(shear, "shear", (2, 4))
        self.interpolation = F.interpolation_mode(interpolation)
        self.fill = checked_fill(fill)
        if center is not None:
            check_sequence(center, "center", (2,))
        self.center = center

    @property
    def shown(self):
        given = [name for name, value in self._DEFAULTS.items() if getattr(self, name) != value]
        return ("degrees", *given)

    @staticmethod
    def get_params(degrees, translate, scale_ranges, shears, img_size):
        """(angle, (x, y) to move by, scale, (x, y) to shear by), for an image of (width, height)."""
        angle = uniform(*degrees)
        move = (0, 0)
        if translate is not None:
            most = [part * size for part, size in zip(translate, img_size)]
            move = tuple(round(uniform(-limit, limit)) for limit in most)
        scale = 1.0 if scale_ranges is None else uniform(*scale_ranges)
        shear = [0.0, 0.0]
        for axis in range(len(shears or ()) // 2):
            shear[axis] = uniform(shears[2 * axis], shears[2 * axis + 1])
        return angle, move, scale, tuple(shear)

    def forward(self, img):
        size = F.get_image_size(img)
        chosen = self.get_params(self.degrees, self.translate, self.scale, self.shear, size)
        fill = fill_for(img, self.fill)
        return F.affine(
            img, *chosen, interpolation=self.interpolation, fill=fill, center=self.center
        )


class RandomPerspective(Transform):
    """Tilted at random with probability p: the corners move inward, by at most half the image at 1."""

    shown = ("p",)

    def __init__(
        self, distortion_scale=0.5, p=0.5, interpolation=InterpolationMode.BILINEAR, fill=0
    ):
        super().__init__()
        self.p = p
        self.interpolation = F.interpolation_mode(interpolation)
        self.distortion_scale = distortion_scale
        self.fill = checked_fill(fill)

    @staticmethod
    def get_params(width, height, distortion_scale):
        """The corners, and where they come to lie: from the top left one on, clockwise."""
        across, down = (int(distortion_scale * (size // 2)) for size in (width, height))
        spans = {
            "left": (0, across + 1), "right": (width - across - 1, width),
            "top": (0, down + 1), "bottom": (height - down - 1, height),
        }  # fmt: skip
        corners = [("left", "top"), ("right", "top"), ("right", "bottom"), ("left", "bottom")]
        ends = [[randint(*spans[side], (1,)).item() for side in corner] for corner in corners]
        return [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], ends

    def forward(self, img):
        if not happens(self.p):
            return img
        width, height = F.get_image_size(img)
        start, end = self.get_params(width, height, self.distortion_scale)
        return F.perspective(img, start, end, self.interpolation, fill_for(img, self.fill))


class ElasticTransform(Transform):
    """Crumpled: every pixel moved at random, neighbours alike.

    `alpha` is how far, in pixels, and `sigma` over how many pixels the moves are smoothed; numbers, or
    (x, y).
    """

    def __init__(self, alpha=50.0, sigma=5.0, interpolation=InterpolationMode.BILINEAR, fill=0):
        super().__init__()
        self.alpha = _pair_of_floats(alpha, "alpha")
        self.sigma = _pair_of_floats(sigma, "sigma")
        self.interpolation = F.interpolation_mode(interpolation)
        if not isinstance(fill, int | float | list | tuple):
            raise TypeError(
                f"fill should be int or float or a list or tuple of them. Got {type(fill)}"
            )
        values = [fill] if isinstance(fill, int | float) else fill
        self.fill = [float(value) for value in values]

    def __repr__(self):
        return (
            f"ElasticTransform(alpha={self.alpha}, sigma={self.sigma}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )

    @staticmethod
    def get_params(alpha, sigma, size):
        """The random moves (1, H, W, 2) for an image of size [H, W]."""
        height, width = size
        moves = []
        for far, smooth, length in zip(alpha, sigma, (width, height)):
            move = rand([1, 1, height, width]) * 2 - 1
            if smooth > 0:
                kernel = int(8 * smooth + 1)
                kernel += kernel % 2 == 0  # odd
                move = F.gaussian_blur(move, [kernel, kernel], list(sigma))
            moves.append(move * far / length)
        return ops.cat(moves, 1).permute(0, 2, 3, 1)

    def forward(self, tensor):
        _, height, width = F.get_dimensions(tensor)
        moves = self.get_params(self.alpha, self.sigma, [height, width])
        return F.elastic_transform(tensor, moves, self.interpolation, self.fill)


def _pair_of_floats(value, name):
    if isinstance(value, float):
        return [value, value]
    if not isinstance(value, Sequence):
        raise TypeError(f"{name} should be float or a sequence of floats. Got {type(value)}")
    if len(value) != 2:
        raise ValueError(f"If {name} is a sequence its length should be 2. Got {len(value)}")
    for element in value:
        if not isinstance(element, float):
            raise TypeError(f"{name} should be a sequence of floats. Got {type(element)}")
    return list(value)
