"""Turned, sheared, tilted and crumpled images: each pixel is taken from somewhere else.

For tensors a grid tells where, in grid_sample's coordinates: -1 and 1 are the edges of the image.
"""

import math

from .... import ops
from ....creation import linspace, ones, tensor
from ....dtypes import float32, float64
from ....linalg import solve
from ....nn import functional as F
from ....tensor import Tensor
from .conversion import pil_to_tensor, to_pil_image
from .images import (
    InterpolationMode,
    get_dimensions,
    interpolation_mode,
    is_pillow,
    on_arrays,
    pillow_fill,
)


@on_arrays
def rotate(
    img, angle, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=None
):
    """Turned counter-clockwise by `angle` degrees, about the centre or about (x, y).

    With `expand`, the result is large enough for the whole image.
    """
    interpolation = interpolation_mode(interpolation)
    _check_angle_and_center(angle, center)
    if not isinstance(img, Tensor):
        fill = pillow_fill(fill, img)
        return img.rotate(angle, interpolation.pillow, expand, center, fillcolor=fill)
    matrix = _inverse_affine_matrix(_from_the_middle(img, center), -angle)
    height, width = _extent(matrix, *img.shape[-2:]) if expand else img.shape[-2:]
    return _sample(img, _affine_grid(img, matrix, height, width), interpolation, fill)


@on_arrays
def affine(
    img, angle, translate, scale, shear, interpolation=InterpolationMode.NEAREST, fill=None,
    center=None,
):  # fmt: skip
    """Turned clockwise by `angle` degrees and sheared by (x, y) degrees, enlarged, and moved by (x, y).

    All but the move are about the centre of the image, or about `center`.
    """
    interpolation = interpolation_mode(interpolation)
    _check_angle_and_center(angle, center)
    if not isinstance(translate, list | tuple):
        raise TypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    shear = _both_shears(shear)
    if isinstance(img, Tensor):
        matrix = _inverse_affine_matrix(
            _from_the_middle(img, center), angle, translate, scale, shear
        )
        return _sample(img, _affine_grid(img, matrix, *img.shape[-2:]), interpolation, fill)
    from PIL import Image

    center = (img.width / 2, img.height / 2) if center is None else center
    matrix = _inverse_affine_matrix(center, angle, translate, scale, shear)
    return img.transform(
        img.size, Image.Transform.AFFINE, matrix, interpolation.pillow,
        fillcolor=pillow_fill(fill, img),
    )  # fmt: skip


def _check_angle_and_center(angle, center):
    if not isinstance(angle, int | float):
        raise TypeError("Argument angle should be int or float")
    if center is not None and not isinstance(center, list | tuple):
        raise TypeError("Argument center should be a sequence")


def _both_shears(shear):
    if isinstance(shear, int | float):
        return shear, 0.0
    if not isinstance(shear, list | tuple):
        raise TypeError("Shear should be either a single value or a sequence of two values")
    if len(shear) not in (1, 2):
        raise ValueError(f"Shear should be a sequence containing two values. Got {shear}")
    return shear[0], shear[-1]


def _from_the_middle(img, center):
    """A point in pixels, seen from the middle of the image."""
    if center is None:
        return 0.0, 0.0
    return center[0] - img.shape[-1] / 2, center[1] - img.shape[-2] / 2


def _inverse_affine_matrix(center, angle, translate=(0, 0), scale=1.0, shear=(0.0, 0.0)):
    """The first two rows of the matrix that leads from the result back to the image, in one list.

    The way there is T C R S Y X C^-1: to the centre, shears along x and y, scale, rotation, back from
    the centre, translation.
    """
    turn, shear_x, shear_y = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    cos, sin = math.cos(turn - shear_y) / math.cos(shear_y), math.sin(turn - shear_y)
    sin /= math.cos(shear_y)
    across = -cos * math.tan(shear_x) - math.sin(turn)
    down = -sin * math.tan(shear_x) + math.cos(turn)
    # The linear part (cos across / sin down) has the determinant 1 before it is scaled.
    a, b, c, d = down / scale, -across / scale, -sin / scale, cos / scale
    x, y = center[0] + translate[0], center[1] + translate[1]
    return [a, b, center[0] - a * x - b * y, c, d, center[1] - c * x - d * y]


def _extent(matrix, height, width):
    """(height, width) of the smallest whole box around the turned image."""
    corners = tensor(
        [[x * width / 2, y * height / 2, 1.0] for x in (-1, 1) for y in (-1, 1)], dtype=float32
    )
    places = corners @ tensor(matrix, dtype=float32).view(2, 3).t()
    middle = tensor([width / 2, height / 2], dtype=float32)
    # 1e-4 of a pixel is no pixel
    most = ((places.amax(0) + middle) / 1e-4).trunc() * 1e-4
    least = ((places.amin(0) + middle) / 1e-4).trunc() * 1e-4
    size = most.ceil() - least.floor()
    return int(size[1]), int(size[0])


def _pixels(dtype, height, width, from_the_middle):
    """The places (1, height * width, 3) of the middles of the pixels: (x, y, 1)."""
    x0, y0 = (-width / 2, -height / 2) if from_the_middle else (0.0, 0.0)
    x = linspace(x0 + 0.5, x0 + width - 0.5, width).to(dtype).expand(height, width)
    y = linspace(y0 + 0.5, y0 + height - 0.5, height).to(dtype).unsqueeze(1).expand(height, width)
    return ops.stack([x, y, ones(height, width, dtype=dtype)], dim=-1).view(1, -1, 3)


def _working_dtype(img):
    return img.dtype if img.is_floating_point() else float32


def _affine_grid(img, matrix, height, width):
    dtype = _working_dtype(img)
    half = tensor([img.shape[-1] / 2, img.shape[-2] / 2], dtype=dtype)
    matrix = tensor(matrix, dtype=dtype).view(1, 2, 3).transpose(1, 2) / half
    places = _pixels(dtype, height, width, from_the_middle=True).bmm(matrix)
    return places.view(1, height, width, 2)


@on_arrays
def perspective(img, startpoints, endpoints, interpolation=InterpolationMode.BILINEAR, fill=None):
    """Tilted, so that the corners `startpoints` come to lie at `endpoints`.

    Both list four (x, y): top left, top right, bottom right, bottom left.
    """
    coefficients = _perspective_coefficients(startpoints, endpoints)
    interpolation = interpolation_mode(interpolation)
    if isinstance(img, Tensor):
        return _sample(img, _perspective_grid(img, coefficients), interpolation, fill)
    from PIL import Image

    return img.transform(
        img.size, Image.Transform.PERSPECTIVE, coefficients, interpolation.pillow,
        fillcolor=pillow_fill(fill, img),
    )  # fmt: skip


def _perspective_coefficients(startpoints, endpoints):
    """(a, ..., h): (x, y) comes from ((ax + by + c) / (gx + hy + 1), (dx + ey + f) / (gx + hy + 1))."""
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(
            f"Please provide exactly four corners, got {len(startpoints)} startpoints and "
            f"{len(endpoints)} endpoints."
        )
    rows = []
    for (x, y), (u, v) in zip(endpoints, startpoints):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    wanted = tensor([value for point in startpoints for value in point], dtype=float64)
    return solve(tensor(rows, dtype=float64), wanted).to(float32).tolist()


def _perspective_grid(img, coefficients):
    height, width = img.shape[-2:]
    dtype = _working_dtype(img)
    a, b, c, d, e, f, g, h = coefficients
    half = tensor([width / 2, height / 2], dtype=dtype)
    upper = tensor([[[a, b, c], [d, e, f]]], dtype=dtype).transpose(1, 2) / half
    lower = tensor([[[g, h, 1.0], [g, h, 1.0]]], dtype=dtype).transpose(1, 2)
    pixels = _pixels(dtype, height, width, from_the_middle=False)
    return (pixels.bmm(upper) / pixels.bmm(lower) - 1.0).view(1, height, width, 2)


@on_arrays
def elastic_transform(img, displacement, interpolation=InterpolationMode.BILINEAR, fill=None):
    """Each pixel taken from where `displacement` (1, H, W, 2) leads; 2 is the width of the image."""
    interpolation = interpolation_mode(interpolation)
    if not isinstance(displacement, Tensor):
        raise TypeError("Argument displacement should be a Tensor")
    if is_pillow(img):
        moved = elastic_transform(pil_to_tensor(img), displacement, interpolation, fill)
        return to_pil_image(moved, mode=img.mode)
    height, width = img.shape[-2:]
    if displacement.shape != (1, height, width, 2):
        raise ValueError(
            f"Argument displacement shape should be {(1, height, width, 2)}, but given "
            f"{displacement.shape}"
        )
    y, x = (linspace((1 - size) / size, (size - 1) / size, size) for size in (height, width))
    places = ops.stack([x.expand(height, width), y.unsqueeze(1).expand(height, width)], dim=-1)
    return _sample(img, places + displacement, interpolation, fill)


def _sample(img, grid, interpolation, fill):
    """The tensor seen through a grid (1, H, W, 2); `fill` where the grid leads outside of it."""
    mode = interpolation.value
    if mode not in ("nearest", "bilinear"):
        raise ValueError(f"Interpolation mode '{mode}' is unsupported with Tensor input")
    fill = [fill] if isinstance(fill, int | float) else fill
    channels = get_dimensions(img)[0]
    if fill is not None and len(fill) not in (1, channels):
        raise ValueError(
            "The number of elements in 'fill' cannot broadcast to match the number of channels of "
            f"the image ({len(fill)} != {channels})"
        )
    batch = img.reshape(-1, *([1] if img.dim() == 2 else []), *img.shape[-3:]).to(grid.dtype)
    grid = grid.to(img.device).expand(batch.shape[0], -1, -1, -1)
    result = F.grid_sample(batch, grid, mode=mode, padding_mode="zeros", align_corners=False)
    if fill is not None:
        inside = F.grid_sample(batch.new_ones(batch.shape), grid, mode=mode, align_corners=False)
        colour = tensor(fill, dtype=batch.dtype, device=img.device).view(-1, 1, 1)
        result = result * inside + colour * (1 - inside)
    if not img.is_floating_point():
        result = result.round()
    return result.to(img.dtype).reshape(*img.shape[:-2], *grid.shape[1:3])
