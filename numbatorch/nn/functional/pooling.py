"""Pooling: maxima, means and norms over windows."""

import math

from numbatorch import creation, ops
from numbatorch.nn.sizes import _list_with_default, _pair, _single, _triple
from numbatorch.ops.autocast import full_precision
from numbatorch.tensor import Tensor


def max_pool1d(
    input: Tensor,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode: bool = False,
    return_indices: bool = False,
):
    """Maxima over windows of (N, C, L); with ``return_indices`` also where they lie."""
    function = ops.max_pool1d_with_indices if return_indices else ops.max_pool1d
    return function(input, kernel_size, _stride(stride), padding, dilation, ceil_mode)


def max_pool2d(
    input: Tensor,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode: bool = False,
    return_indices: bool = False,
):
    """Maxima over windows of (N, C, H, W); with ``return_indices`` also where they lie."""
    function = ops.max_pool2d_with_indices if return_indices else ops.max_pool2d
    return function(input, kernel_size, _stride(stride), padding, dilation, ceil_mode)


@full_precision
def max_pool3d(
    input: Tensor,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode: bool = False,
    return_indices: bool = False,
):
    """Maxima over windows of (N, C, D, H, W); with ``return_indices`` also where they lie."""
    function = ops.max_pool3d_with_indices if return_indices else ops.max_pool3d
    return function(input, kernel_size, _stride(stride), padding, dilation, ceil_mode)


def _stride(stride):
    """PyTorch reads an absent stride (None) as an empty list: the size of the window."""
    return () if stride is None else stride


def adaptive_avg_pool2d(input: Tensor, output_size) -> Tensor:
    return ops.adaptive_avg_pool2d(input, _list_with_default(output_size, input.size()))


@full_precision
def adaptive_avg_pool3d(input: Tensor, output_size) -> Tensor:
    return ops.adaptive_avg_pool3d(input, _list_with_default(output_size, input.size()))


def adaptive_max_pool1d(input: Tensor, output_size, return_indices: bool = False):
    pooled = ops.adaptive_max_pool1d(input, output_size)
    return pooled if return_indices else pooled[0]


def adaptive_max_pool2d(input: Tensor, output_size, return_indices: bool = False):
    sizes = _list_with_default(output_size, input.size())
    pooled = ops.adaptive_max_pool2d(input, sizes)
    return pooled if return_indices else pooled[0]


@full_precision
def adaptive_max_pool3d(input: Tensor, output_size, return_indices: bool = False):
    sizes = _list_with_default(output_size, input.size())
    pooled = ops.adaptive_max_pool3d(input, sizes)
    return pooled if return_indices else pooled[0]


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size, stride=None, ceil_mode: bool = False
) -> Tensor:
    """The p-norm of every window."""
    return _lp_pool(input, norm_type, _single(kernel_size), stride, ceil_mode)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size, stride=None, ceil_mode: bool = False
) -> Tensor:
    """The p-norm of every window."""
    return _lp_pool(input, norm_type, _pair(kernel_size), stride, ceil_mode)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size, stride=None, ceil_mode: bool = False
) -> Tensor:
    """The p-norm of every window."""
    return _lp_pool(input, norm_type, _triple(kernel_size), stride, ceil_mode)


def _lp_pool(input: Tensor, p: float, kernel_size: tuple, stride, ceil_mode: bool) -> Tensor:
    place = len(kernel_size) - 1
    if math.isinf(p):
        max_pool = (max_pool1d, max_pool2d, max_pool3d)[place]
        sign = math.copysign(1, p)
        return sign * max_pool(sign * input.abs(), kernel_size, stride, 0, 1, ceil_mode)
    avg_pool = (ops.avg_pool1d, ops.avg_pool2d, ops.avg_pool3d)[place]
    means = avg_pool(
        input.pow(p), kernel_size, kernel_size if stride is None else stride, 0, ceil_mode
    )
    # relu only gives zero, not 0 to a power below 1, a gradient that is a number
    positive = means.sign() * ops.relu(means.abs())
    return (positive * math.prod(kernel_size)).pow(1.0 / p)


def max_unpool1d(
    input: Tensor, indices: Tensor, kernel_size, stride=None, padding=0, output_size=None
) -> Tensor:
    """The maxima back at their places, zeros elsewhere: a partial inverse of `max_pool1d`."""
    return _max_unpool(input, indices, _single, kernel_size, stride, padding, output_size)


@full_precision
def max_unpool2d(
    input: Tensor, indices: Tensor, kernel_size, stride=None, padding=0, output_size=None
) -> Tensor:
    """The maxima back at their places, zeros elsewhere: a partial inverse of `max_pool2d`."""
    return _max_unpool(input, indices, _pair, kernel_size, stride, padding, output_size)


@full_precision
def max_unpool3d(
    input: Tensor, indices: Tensor, kernel_size, stride=None, padding=0, output_size=None
) -> Tensor:
    """The maxima back at their places, zeros elsewhere: a partial inverse of `max_pool3d`."""
    return _max_unpool(input, indices, _triple, kernel_size, stride, padding, output_size)


def _max_unpool(input, indices, ntuple, kernel_size, stride, padding, output_size) -> Tensor:
    kernel_size = ntuple(kernel_size)
    stride = ntuple(stride) if stride is not None else kernel_size
    space = _unpooled_size(input, kernel_size, stride, ntuple(padding), output_size)
    if indices.shape != input.shape:
        raise RuntimeError(
            "Expected shape of indices to be same as that of the input tensor "
            f"({list(input.shape)}) but got indices tensor with shape: {list(indices.shape)}"
        )
    elements = math.prod(space)
    outside = (indices < 0) | (indices >= elements)
    if outside.any():
        found = int(indices[outside][0])
        raise RuntimeError(
            f"Found an invalid max index: {found} (output volumes are of size "
            f"{'x'.join(map(str, space))}"
        )
    kept = input.shape[: input.dim() - len(space)]
    flat = creation.zeros((*kept, elements), dtype=input.dtype, device=input.device)
    flat = flat.scatter(-1, indices.reshape(*kept, -1), input.reshape(*kept, -1))
    return flat.reshape(*kept, *space)


def _unpooled_size(input, kernel_size, stride, padding, output_size) -> list[int]:
    dims = len(kernel_size)
    default = [
        (length - 1) * step + window - 2 * edge
        for length, step, window, edge in zip(input.shape[-dims:], stride, kernel_size, padding)
    ]
    if output_size is None:
        return default
    output_size = list(output_size)
    if len(output_size) == dims + 2:
        output_size = output_size[2:]
    if len(output_size) != dims:
        raise ValueError(
            "output_size should be a sequence containing "
            f"{dims} or {dims + 2} elements, but it has a length of '{len(output_size)}'"
        )
    for place, (size, usual, step) in enumerate(zip(output_size, default, stride)):
        if not usual - step < size < usual + step:
            lowest = [a - b for a, b in zip(default, stride)]
            highest = [a + b for a, b in zip(default, stride)]
            raise ValueError(
                f'invalid output_size "{output_size}" (dim {place} must be between '
                f"{lowest[place]} and {highest[place]})"
            )
    return output_size


def _with_indices(pool):
    def pooled(input: Tensor, *args, **kwargs):
        return pool(input, *args, **{**kwargs, "return_indices": True})

    pooled.__name__ = pooled.__qualname__ = f"{pool.__name__}_with_indices"
    pooled.__doc__ = f"`{pool.__name__}` with ``return_indices``."
    return pooled


max_pool1d_with_indices = _with_indices(max_pool1d)
max_pool2d_with_indices = _with_indices(max_pool2d)
max_pool3d_with_indices = _with_indices(max_pool3d)
adaptive_max_pool1d_with_indices = _with_indices(adaptive_max_pool1d)
adaptive_max_pool2d_with_indices = _with_indices(adaptive_max_pool2d)
adaptive_max_pool3d_with_indices = _with_indices(adaptive_max_pool3d)
