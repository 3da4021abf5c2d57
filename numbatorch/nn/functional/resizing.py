"""Resizing images, one axis after the other: every mode but "area" is a product of axes."""

import math
import warnings

from numbatorch import creation, dtypes, ops
from numbatorch.ops.autocast import full_precision
from numbatorch.tensor import Tensor

#: mode -> the number of dimensions of its inputs; None for any of 3, 4 and 5
_DIMS = {
    "nearest": None,
    "nearest-exact": None,
    "area": None,
    "linear": 3,
    "bilinear": 4,
    "bicubic": 4,
    "trilinear": 5,
}
_SMOOTH = ("linear", "bilinear", "bicubic", "trilinear")


@full_precision(devices=("cuda",))
def interpolate(
    input: Tensor,
    size=None,
    scale_factor=None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resize (N, C, L), (N, C, H, W) or (N, C, D, H, W) to ``size``, or by ``scale_factor``."""
    if mode in _SMOOTH:
        align_corners = bool(align_corners)
    elif align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: "
            "linear | bilinear | bicubic | trilinear"
        )
    sizes, scales = _target(input, size, scale_factor, recompute_scale_factor)
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError(
            "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D "
            "tensor as input"
        )
    _check_mode(input, mode)
    _check_dtype(input, mode)
    if mode == "area":
        pool = (ops.adaptive_avg_pool1d, ops.adaptive_avg_pool2d, ops.adaptive_avg_pool3d)
        return pool[len(sizes) - 1](input, sizes if len(sizes) > 1 else sizes[0])
    axes = [(axis + 2, *goal) for axis, goal in enumerate(zip(sizes, scales))]
    in_bytes = input.dtype is dtypes.uint8 and mode in _SMOOTH
    result = input
    for axis, size, scale in reversed(axes) if in_bytes else axes:
        resize = _resize_bytes if in_bytes else _resize_axis
        result = resize(result, axis, size, scale, mode, align_corners, antialias)
    return result


def _target(input, size, scale_factor, recompute) -> tuple[list[int], list[float | None]]:
    """The output size of every axis, and the scale it is computed from, None for the ratio."""
    space = input.shape[2:]
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if size is not None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        sizes = _one_per_axis("size", size, space)
        return [int(length) for length in sizes], [None] * len(space)
    factors = _one_per_axis("scale_factor", scale_factor, space)
    sizes = [math.floor(float(length) * float(factor)) for length, factor in zip(space, factors)]
    return sizes, [None] * len(space) if recompute else [float(factor) for factor in factors]


def _one_per_axis(name: str, value, space) -> list:
    if not isinstance(value, (tuple, list)):
        return [value] * len(space)
    if len(value) != len(space):
        raise ValueError(
            f"Input and {name} must have the same number of spatial dimensions, but got input "
            f"with spatial dimensions of {list(space)} and {name} of {value}. Please provide "
            "input tensor in (N, C, d1, d2, ...,dK) format and "
            f"{'output size' if name == 'size' else name} in "
            f"{'(o1, o2, ...,oK)' if name == 'size' else '(s1, s2, ...,sK)'} format."
        )
    return list(value)


def _check_mode(input: Tensor, mode: str) -> None:
    if mode not in _DIMS:
        raise NotImplementedError(
            "Input Error: Only 3D, 4D and 5D input Tensors supported (got "
            f"{input.dim()}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | "
            f"area | nearest-exact (got {mode})"
        )
    expected = _DIMS[mode]
    if expected is None and input.dim() not in (3, 4, 5):
        raise NotImplementedError(
            "Input Error: Only 3D, 4D and 5D input Tensors supported (got "
            f"{input.dim()}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | "
            f"area | nearest-exact (got {mode})"
        )
    if expected is not None and input.dim() != expected:
        raise NotImplementedError(
            f"Got {input.dim()}D input, but {mode} mode needs {expected}D input"
        )


def _check_dtype(input: Tensor, mode: str) -> None:
    """NotImplementedError for what PyTorch has no kernel for: bytes are resized in two dimensions."""
    dtype = input.dtype
    in_bytes = dtype is dtypes.uint8 and mode not in ("linear", "trilinear", "area")
    if not (dtype.is_floating_point or in_bytes):
        raise NotImplementedError(f"\"interpolate_{mode}\" not implemented for '{dtype.name}'")


def _resize_bytes(input, dim, size, scale, mode, align_corners, antialias) -> Tensor:
    """An axis of bytes, by weights in whole parts of 2^-precision: to the byte what PyTorch gives.

    The largest weight times 2^precision fits 16 bits.
    """
    length = input.size(dim)
    if size == length:
        return input
    eye = creation.eye(length, dtype=dtypes.float64, device=input.device)
    weights = _resize_axis(eye, 1, size, scale, mode, align_corners, antialias)
    precision = 0
    while precision < 21 and int(0.5 + float(weights.max()) * 2 ** (precision + 1)) < 2**15:
        precision += 1
    parts = weights * 2.0**precision
    parts = (parts + ops.where(parts < 0, -0.5, 0.5)).trunc()
    total = ops.matmul(input.movedim(dim, -1).to(dtypes.float64), parts)
    found = ((total + 2.0 ** (precision - 1)) / 2.0**precision).floor().clamp(0, 255)
    return found.to(dtypes.uint8).movedim(-1, dim)


def _resize_axis(input, dim, size, scale, mode, align_corners, antialias) -> Tensor:
    length = input.size(dim)
    if size <= 0 or length <= 0:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input {length} and "
            f"output {size} in dimension {dim}"
        )
    if antialias:
        return _antialiased(input, dim, size, scale, mode, align_corners)
    if mode in ("nearest", "nearest-exact"):
        shift = 0.5 if mode == "nearest-exact" else 0.0
        ratio = length / size if scale is None else 1.0 / scale
        places = [min(math.floor((i + shift) * ratio), length - 1) for i in range(size)]
        return input.index_select(dim, _index(places, input))
    places = [_source(i, length, size, scale, align_corners) for i in range(size)]
    if mode == "bicubic":
        return _weigh(input, dim, *_cubic_taps(places, length))
    return _weigh(input, dim, *_linear_taps([max(place, 0.0) for place in places], length))


def _source(i: int, length: int, size: int, scale: float | None, align_corners: bool) -> float:
    """Where output pixel ``i`` lies among the input's."""
    if align_corners:
        return i * (length - 1) / (size - 1) if size > 1 else 0.0
    ratio = length / size if scale is None else 1.0 / scale
    return (i + 0.5) * ratio - 0.5


def _linear_taps(places: list[float], length: int) -> tuple[list, list]:
    """(neighbours, weights): for each tap, its place for every output pixel, and its weight."""
    lower = [min(math.floor(place), length - 1) for place in places]
    upper = [min(place + 1, length - 1) for place in lower]
    rest = [min(max(place - floor, 0.0), 1.0) for place, floor in zip(places, lower)]
    return [lower, upper], [[1.0 - part for part in rest], rest]


def _cubic_taps(places: list[float], length: int) -> tuple[list, list]:
    """Keys (1981), a = -0.75."""
    floors = [math.floor(place) for place in places]
    taps, weights = [], []
    for offset in (-1, 0, 1, 2):
        taps.append([min(max(floor + offset, 0), length - 1) for floor in floors])
        weights.append(
            [cubic(place - floor - offset, -0.75) for place, floor in zip(places, floors)]
        )
    return taps, weights


def cubic(x: float, a: float) -> float:
    """The kernel of cubic convolution."""
    x = abs(x)
    if x <= 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    if x < 2:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return 0.0


def _weigh(input: Tensor, dim: int, taps: list, weights: list) -> Tensor:
    shape = [1] * input.dim()
    shape[dim] = len(taps[0])
    result = None
    for places, factors in zip(taps, weights):
        factor = creation.tensor(factors, dtype=input.dtype, device=input.device).reshape(shape)
        part = input.index_select(dim, _index(places, input)) * factor
        result = part if result is None else result + part
    return result


def _antialiased(input, dim, size, scale, mode, align_corners) -> Tensor:
    """Every output pixel is a mean over the input pixels that it covers, as in Pillow."""
    length = input.size(dim)
    if align_corners:
        ratio = (length - 1) / (size - 1) if size > 1 else 0.0
    else:
        ratio = length / size if scale is None else 1.0 / scale
    stretch = max(ratio, 1.0)
    reach = (1 if mode == "bilinear" else 2) * stretch
    matrix = []
    for i in range(size):
        center = ratio * (i + 0.5)
        first = max(int(center - reach + 0.5), 0)
        last = min(int(center + reach + 0.5), length)
        row = [0.0] * length
        for place in range(first, last):
            x = (place - center + 0.5) / stretch
            row[place] = max(1 - abs(x), 0.0) if mode == "bilinear" else cubic(x, -0.5)
        total = sum(row)
        matrix.append([weight / total for weight in row])
    weights = creation.tensor(matrix, dtype=input.dtype, device=input.device)
    return ops.matmul(input.movedim(dim, -1), weights.t()).movedim(-1, dim)


def _index(places: list[int], like: Tensor) -> Tensor:
    return creation.tensor(places, dtype=dtypes.int64, device=like.device)


def upsample(
    input: Tensor, size=None, scale_factor=None, mode: str = "nearest", align_corners=None
) -> Tensor:
    _warn_renamed("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size=None, scale_factor=None) -> Tensor:
    _warn_renamed("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size=None, scale_factor=None) -> Tensor:
    _warn_renamed("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _warn_renamed(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=3,
    )
