"""Rearranging and sampling images."""

import math

from numbatorch import creation, ops
from numbatorch.ops.autocast import full_precision
from numbatorch.tensor import Tensor


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(*, C r^2, H, W) to (*, C, H r, W r), Shi et al. (2016)."""
    _check_image("pixel_shuffle", input)
    if upscale_factor <= 0:
        raise RuntimeError(
            f"pixel_shuffle expects a positive upscale_factor, but got {upscale_factor}"
        )
    r = upscale_factor
    *batch, channels, height, width = input.shape
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={channels} is not divisible by {r * r}"
        )
    images = input.reshape(math.prod(batch), channels // (r * r), r, r, height, width)
    images = images.permute(0, 1, 4, 2, 5, 3)
    return images.reshape(*batch, channels // (r * r), height * r, width * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(*, C, H r, W r) to (*, C r^2, H, W): `pixel_shuffle` undone."""
    _check_image("pixel_unshuffle", input)
    r = downscale_factor
    if r <= 0:
        raise RuntimeError(
            f"pixel_unshuffle expects a positive downscale_factor, but got {downscale_factor}"
        )
    *batch, channels, height, width = input.shape
    for name, dim, size in (("height", -2, height), ("width", -1, width)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, "
                f"but input.size({dim})={size} is not divisible by {r}"
            )
    images = input.reshape(math.prod(batch), channels, height // r, r, width // r, r)
    images = images.permute(0, 1, 3, 5, 2, 4)
    return images.reshape(*batch, channels * r * r, height // r, width // r)


def _check_image(name: str, input: Tensor) -> None:
    if input.dim() < 3:
        raise RuntimeError(
            f"{name} expects input to have at least 3 dimensions, but got input with "
            f"{input.dim()} dimension(s)"
        )


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """(N, C, *) with the channels dealt out: the first of every group, then the second, ..."""
    if input.dim() < 3:
        raise RuntimeError(
            "channel_shuffle expects input with > 2 dims, but got input with sizes "
            f"{list(input.shape)}"
        )
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    batch, channels, *space = input.shape
    if channels % groups:
        raise RuntimeError(
            "Number of channels must be divisible by groups. "
            f"Got {channels} channels and {groups} groups."
        )
    grouped = input.reshape(batch, groups, channels // groups, *space)
    return grouped.transpose(1, 2).reshape(input.shape)


def affine_grid(theta: Tensor, size, align_corners: bool | None = None) -> Tensor:
    """The sampling grid (N, H, W, 2) or (N, D, H, W, 3) of affine maps ``theta``."""
    _check_affine_inputs(theta, size)
    batch, _, *space = size
    axes = []
    for place, length in enumerate(space):
        axis = _normalized_positions(length, bool(align_corners), theta)
        shape = [1] * len(space)
        shape[place] = length
        axes.append(axis.reshape(shape).expand(*space))
    ones = creation.ones(space, dtype=theta.dtype, device=theta.device)
    base = ops.stack([*reversed(axes), ones], -1)  # x before y before z
    flat = base.reshape(1, -1, len(space) + 1).expand(batch, -1, -1)
    return ops.bmm(flat, theta.transpose(1, 2)).reshape(batch, *space, len(space))


def _normalized_positions(length: int, align_corners: bool, like: Tensor) -> Tensor:
    """Where ``length`` pixels lie in [-1, 1]; their centres, or the outer ones at the ends."""
    if length <= 1:
        return creation.zeros(length, dtype=like.dtype, device=like.device)
    positions = creation.linspace(-1, 1, length, dtype=like.dtype, device=like.device)
    return positions if align_corners else positions * (length - 1) / length


def _check_affine_inputs(theta: Tensor, size) -> None:
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    rows = len(size) - 2
    if rows not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {size}."
        )
    if theta.dim() != 3 or tuple(theta.shape[1:]) != (rows, rows + 1):
        raise ValueError(
            f"Expected a batch of {rows}D affine matrices of shape Nx{rows}x{rows + 1} for size "
            f"{size}. Got {theta.shape}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")


@full_precision
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Values of (N, C, H, W) or (N, C, D, H, W) at the places of ``grid``, which span [-1, 1]."""
    _check_grid_inputs(input, grid, mode, padding_mode)
    space = input.shape[2:]
    places = []  # one tensor of pixel coordinates per axis, the first axis of `space` first
    for axis, length in enumerate(space):
        place = grid[..., len(space) - 1 - axis]
        place = _to_pixels(place, length, bool(align_corners))
        if mode != "bicubic":
            place = _fold_back(place, length, padding_mode, bool(align_corners))
        places.append(place)
    if mode == "nearest":
        nearest = [place.round() for place in places]
        # the grid gets a gradient as in the other modes; here it is zero
        zero = sum(ops.where(place.isfinite(), place, 0.0) * 0 for place in places)
        return _gather_pixels(input, nearest) + zero.unsqueeze(1)
    if mode == "bicubic":
        return _sample_cubic(input, places, padding_mode, bool(align_corners))
    return _sample_linear(input, places)


def _check_grid_inputs(input: Tensor, grid: Tensor, mode: str, padding_mode: str) -> None:
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    if input.dim() not in (4, 5) or grid.dim() != input.dim():
        raise RuntimeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but "
            f"got input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if input.dtype is not grid.dtype:
        raise RuntimeError(
            f"grid_sampler(): expected input and grid to have same dtype, but input has {input.dtype} "
            f"and grid has {grid.dtype}"
        )
    if not input.is_floating_point():
        raise NotImplementedError(f"grid_sampler(): not implemented for {input.dtype}")
    if input.size(0) != grid.size(0):
        raise RuntimeError(
            "grid_sampler(): expected grid and input to have same batch size, but got input with "
            f"sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if grid.size(-1) != input.dim() - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {input.dim() - 2} in last dimension, but "
            f"got grid with sizes {list(grid.shape)}"
        )
    if mode == "bicubic" and input.dim() == 5:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")


def _to_pixels(place: Tensor, length: int, align_corners: bool) -> Tensor:
    if align_corners:
        return (place + 1) / 2 * (length - 1)
    return ((place + 1) * length - 1) / 2


def _fold_back(place: Tensor, length: int, padding_mode: str, align_corners: bool) -> Tensor:
    """Coordinates beyond the image moved into it: to its border, or mirrored there."""
    if padding_mode == "zeros":
        return place
    if padding_mode == "reflection":
        low, high = (0, length - 1) if align_corners else (-0.5, length - 0.5)
        if high <= low:
            return place * 0
        span = high - low
        distance = (place - low).abs()
        turns = (distance / span).floor().detach()
        rest = distance - turns * span
        place = ops.where(turns % 2 == 0, rest + low, span - rest + low)
    return place.clamp(0, length - 1)


def _gather_pixels(input: Tensor, places: list[Tensor]) -> Tensor:
    """The pixels at whole coordinates, (N, C, *grid); zero where they lie outside."""
    batch, channels, *space = input.shape
    flat, inside = 0, None
    for place, length in zip(places, space):
        valid = (place >= 0) & (place <= length - 1)
        inside = valid if inside is None else inside & valid
        flat = flat * length + place.detach().clamp(0, length - 1).long()
    index = flat.reshape(batch, 1, -1).expand(-1, channels, -1)
    pixels = input.reshape(batch, channels, -1).gather(2, index)
    pixels = pixels.reshape(batch, channels, *places[0].shape[1:])
    return pixels * inside.unsqueeze(1).to(input.dtype)


def _sample_linear(input: Tensor, places: list[Tensor]) -> Tensor:
    """The mean of the nearest pixels, weighted by nearness along every axis."""
    lower = [place.detach().floor() for place in places]
    result = 0
    for corner in range(2 ** len(places)):
        weight, at = 1, []
        for axis, (place, floor) in enumerate(zip(places, lower)):
            upper = corner >> axis & 1
            weight = weight * ((place - floor) if upper else (floor + 1 - place))
            at.append(floor + upper)
        result = result + _gather_pixels(input, at) * weight.unsqueeze(1)
    return result


def _sample_cubic(input, places, padding_mode: str, align_corners: bool) -> Tensor:
    """Cubic convolution over the 4 x 4 nearest pixels, Keys (1981) with a = -0.75."""
    lower = [place.detach().floor() for place in places]
    weights = [_cubic_weights(place - floor) for place, floor in zip(places, lower)]
    space = input.shape[2:]
    result = 0
    for row in range(4):
        y = _fold_back(lower[0] + (row - 1), space[0], padding_mode, align_corners)
        for column in range(4):
            x = _fold_back(lower[1] + (column - 1), space[1], padding_mode, align_corners)
            weight = (weights[0][row] * weights[1][column]).unsqueeze(1)
            result = result + _gather_pixels(input, [y, x]) * weight
    return result


def _cubic_weights(t: Tensor) -> list[Tensor]:
    a = -0.75

    def near(x: Tensor) -> Tensor:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Tensor) -> Tensor:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]
