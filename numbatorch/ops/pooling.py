"""Pooling: maximum (with indices), average, and adaptive.

The primitive ops work on a batch of planes in one to three dimensions. The gradient of a maximum
puts each gradient at the index of its maximum; the gradient of that reads it back there.
"""

import operator

from .. import devices, dtypes, graph, shapes
from ..op import Spec, primitive, same_launches, scalar_name
from .autocast import full_precision
from .registry import Sample, function, samples
from .views import unsqueeze

# Primitive ops -----------------------------------------------------------------------------------


def _kernels(out):
    return devices.kernels(out).pooling


@primitive(node_name="MaxPool2DWithIndicesBackward0")
def max_pool(input, *, size, kernel, stride, padding, dilation):
    """The maximum of every window, and its index in the plane; `size` is the spatial output."""
    shape = (*input.shape[:2], *size)
    return Spec(shape, input.dtype), Spec(shape, dtypes.int64)


@max_pool.forward
def _(results, input, *, size, kernel, stride, padding, dilation):
    out, indices = results
    _kernels(out).max_pool(out, indices, input, kernel, stride, padding, dilation)


@primitive(node_name="AdaptiveMaxPool2DBackward0")
def adaptive_max_pool(input, *, size):
    """As max_pool, over windows that divide the input evenly among the outputs."""
    shape = (*input.shape[:2], *size)
    return Spec(shape, input.dtype), Spec(shape, dtypes.int64)


@adaptive_max_pool.forward
def _(results, input, *, size):
    out, indices = results
    _kernels(out).adaptive_max_pool(out, indices, input)


for _op in (max_pool, adaptive_max_pool):

    @_op.gradient("input")
    def _(grads, outputs, input_shape):
        return scatter_planes(grads[0], outputs[1].detach(), size=input_shape[2:])


@primitive
def scatter_planes(input, indices, *, size):
    """Planes of zeros in which each element of `input` is added at its index."""
    return Spec((*input.shape[:2], *size), input.dtype)


@scatter_planes.forward
def _(out, input, indices, *, size):
    _kernels(out).scatter_by_index(out, input, indices)


@scatter_planes.gradient("input")
def _(grad, indices):
    return gather_planes(grad, indices)


@primitive
def gather_planes(input, indices):
    """The elements of `input` at their indices in their planes."""
    return Spec(indices.shape, input.dtype)


@gather_planes.forward
def _(out, input, indices):
    _kernels(out).gather_by_index(out, input, indices)


@gather_planes.gradient("input")
def _(grad, indices, input_shape):
    return scatter_planes(grad, indices, size=input_shape[2:])


@primitive(node_name="AvgPool2DBackward0")
def average_pool(input, *, size, kernel, stride, padding, count_include_pad, divisor):
    """The sum of every window over `divisor`; 0 stands for the window's size."""
    return Spec((*input.shape[:2], *size), input.dtype)


@average_pool.forward
def _(out, input, *, size, kernel, stride, padding, count_include_pad, divisor):
    _kernels(out).average_pool(out, input, kernel, stride, padding, count_include_pad, divisor)


@average_pool.gradient("input")
def _(grad, input_shape, kernel, stride, padding, count_include_pad, divisor):
    return average_pool_gradient(
        grad, size=input_shape[2:], kernel=kernel, stride=stride, padding=padding,
        count_include_pad=count_include_pad, divisor=divisor,
    )  # fmt: skip


@primitive
def average_pool_gradient(grad, *, size, kernel, stride, padding, count_include_pad, divisor):
    """The gradient of average_pool with respect to an input of spatial shape `size`."""
    return Spec((*grad.shape[:2], *size), grad.dtype)


@average_pool_gradient.forward
def _(out, grad, *, size, kernel, stride, padding, count_include_pad, divisor):
    _kernels(out).average_pool_gradient(
        out, grad, kernel, stride, padding, count_include_pad, divisor
    )


@average_pool_gradient.gradient("grad")
def _(grads, grad_shape, kernel, stride, padding, count_include_pad, divisor):
    return average_pool(
        grads[0], size=grad_shape[2:], kernel=kernel, stride=stride, padding=padding,
        count_include_pad=count_include_pad, divisor=divisor,
    )  # fmt: skip


@primitive(node_name="AdaptiveAvgPool2DBackward0")
def adaptive_average_pool(input, *, size):
    """The mean of every window, windows dividing the input evenly among the outputs."""
    return Spec((*input.shape[:2], *size), input.dtype)


@adaptive_average_pool.forward
def _(out, input, *, size):
    _kernels(out).adaptive_average_pool(out, input)


@adaptive_average_pool.gradient("input")
def _(grad, input_shape):
    return adaptive_average_pool_gradient(grad, size=input_shape[2:])


@primitive
def adaptive_average_pool_gradient(grad, *, size):
    """The gradient of adaptive_average_pool with respect to an input of spatial shape `size`."""
    return Spec((*grad.shape[:2], *size), grad.dtype)


@adaptive_average_pool_gradient.forward
def _(out, grad, *, size):
    _kernels(out).adaptive_average_pool_gradient(out, grad)


@adaptive_average_pool_gradient.gradient("grad")
def _(grads, grad_shape):
    return adaptive_average_pool(grads[0], size=grad_shape[2:])


same_launches(
    max_pool, adaptive_max_pool, scatter_planes, gather_planes, average_pool, average_pool_gradient,
    adaptive_average_pool, adaptive_average_pool_gradient,
)  # fmt: skip

# What users' arguments must be -------------------------------------------------------------------

_NUMBERS = {1: "one int", 2: "two ints", 3: "three ints"}


def _spatial(value, rank, op, name):
    """An int, or a sequence of one or `rank` ints, as a tuple of `rank` ints."""
    values = tuple(value) if isinstance(value, tuple | list | shapes.Size) else (value,)
    try:
        values = tuple(operator.index(v) for v in values)
    except TypeError:
        raise TypeError(
            f"{op}(): argument '{name}' must be int or tuple of ints, not {value!r}"
        ) from None
    if len(values) == 1:
        return values * rank
    if len(values) != rank:
        raise RuntimeError(
            f"{op}: {name} must either be a single int, or a tuple of {_NUMBERS[rank]}"
        )
    return values


def _window(op, rank, kernel, stride, padding, dilation):
    """The four, as tuples, checked."""
    kernel = _spatial(kernel, rank, op, "kernel_size")
    no_stride = stride is None or (isinstance(stride, tuple | list) and not stride)
    stride = kernel if no_stride else _spatial(stride, rank, op, "stride")
    padding = _spatial(padding, rank, op, "padding")
    dilation = _spatial(dilation, rank, op, "dilation")
    if any(s <= 0 for s in stride):
        raise RuntimeError("stride should not be zero")
    if any(k <= 0 for k in kernel):
        raise RuntimeError(f"kernel size should be greater than zero, but got {list(kernel)}")
    if any(d <= 0 for d in dilation):
        raise RuntimeError(f"dilation should be greater than zero, but got {list(dilation)}")
    for k, p, d in zip(kernel, padding, dilation):
        if p < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {p}")
        if p > ((k - 1) * d + 1) // 2:
            raise RuntimeError(
                "pad should be at most half of effective kernel size, but got "
                f"pad={p}, kernel_size={k} and dilation={d}"
            )
    return kernel, stride, padding, dilation


def _output_sizes(input, kernel, stride, padding, dilation, ceil_mode):
    sizes = []
    for n, k, s, p, d in zip(input.shape[2:], kernel, stride, padding, dilation):
        reach = n + 2 * p - d * (k - 1) - 1
        size = (reach + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and (size - 1) * s >= n + p:  # the last window must begin inside
            size -= 1
        sizes.append(size)
    if any(size < 1 for size in sizes):
        before = "x".join(map(str, input.shape[1:]))
        after = "x".join(map(str, (input.shape[1], *sizes)))
        raise RuntimeError(
            f"Given input size: ({before}). Calculated output size: ({after}). "
            "Output size is too small"
        )
    return tuple(sizes)


def _batch(op, rank, input):
    """(input with a batch dimension, whether it had one)."""
    if not isinstance(input, graph.Value):
        raise TypeError(
            f"{op}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
        )
    if len(input.shape) not in (rank + 1, rank + 2) or 0 in input.shape[-rank - 1 :]:
        if rank == 1:
            raise RuntimeError(
                f"{op}: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for "
                f"input, but got:{list(input.shape)}"
            )
        raise RuntimeError(
            f"{op}: non-empty {rank + 1}D or {rank + 2}D (batch mode) tensor expected for input, "
            f"but got {list(input.shape)}"
        )
    batched = len(input.shape) == rank + 2
    return (input if batched else unsqueeze(input, 0)), batched


def _check_dtype(op, input, integers=True):
    category = input.dtype.category
    if category == dtypes.FLOATING or (integers and category == dtypes.INTEGRAL):
        return
    raise NotImplementedError(f"\"{op}\" not implemented for '{scalar_name(input.dtype)}'")


def _unbatched(results, batched):
    return results if batched else tuple(x.squeeze(0) for x in results)


# Maxima ------------------------------------------------------------------------------------------


def _max_pool(op, rank, input, kernel_size, stride, padding, dilation, ceil_mode):
    input, batched = _batch(op, rank, input)
    _check_dtype(op, input)
    window = _window(op, rank, kernel_size, stride, padding, dilation)
    size = _output_sizes(input, *window, ceil_mode)
    kernel, stride, padding, dilation = window
    results = max_pool(
        input, size=size, kernel=kernel, stride=stride, padding=padding, dilation=dilation
    )
    return _unbatched(results, batched)


@function(method=False)
def max_pool1d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False
):
    """(maxima, indices) of sliding windows over (N, C, L)."""
    return _max_pool("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode)


@function(method=False)
def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """The maxima of sliding windows over (N, C, L)."""
    return max_pool1d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)[0]


@function(method=False)
def max_pool2d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False
):
    """(maxima, indices) of sliding windows over (N, C, H, W)."""
    return _max_pool("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode)


@function(method=False)
def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """The maxima of sliding windows over (N, C, H, W)."""
    return max_pool2d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)[0]


@function(method=False)
def max_pool3d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False
):
    """(maxima, indices) of sliding windows over (N, C, D, H, W)."""
    return _max_pool("max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode)


@function(method=False)
def max_pool3d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """The maxima of sliding windows over (N, C, D, H, W)."""
    return max_pool3d_with_indices(input, kernel_size, stride, padding, dilation, ceil_mode)[0]


def _adaptive(op, rank, input, output_size):
    """(input with a batch dimension, whether it had one, spatial output size)."""
    if len(input.shape) not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"{op}(): Expected {rank + 1}D or {rank + 2}D tensor, but got {list(input.shape)}"
        )
    for d in range(-rank, 0):
        if input.shape[d] == 0:
            raise RuntimeError(
                f"{op}(): Expected input to have non-zero size for non-batch dimensions, but "
                f"input has sizes {list(input.shape)} with dimension {len(input.shape) + d} "
                "being empty"
            )
    sizes = tuple(output_size) if isinstance(output_size, tuple | list) else (output_size,)
    sizes = sizes * (rank if len(sizes) == 1 else 1)
    if len(sizes) != rank:
        raise RuntimeError(f"{op}: output_size must be {rank}")
    sizes = tuple(
        n if size is None else operator.index(size) for size, n in zip(sizes, input.shape[-rank:])
    )
    if any(size < 0 for size in sizes):
        raise RuntimeError(
            f"{op}: elements of output_size must be greater than or equal to 0 but received "
            f"{{{', '.join(map(str, sizes))}}}"
        )
    batched = len(input.shape) == rank + 2
    return (input if batched else unsqueeze(input, 0)), batched, sizes


def _adaptive_max_pool(op, rank, input, output_size):
    input, batched, size = _adaptive(op, rank, input, output_size)
    _check_dtype(op, input)
    return _unbatched(adaptive_max_pool(input, size=size), batched)


@function(method=False)
def adaptive_max_pool1d(input, output_size):
    """(maxima, indices) over windows that divide L evenly among `output_size` outputs."""
    return _adaptive_max_pool("adaptive_max_pool1d", 1, input, output_size)


@function(method=False)
def adaptive_max_pool2d(input, output_size):
    """(maxima, indices) over windows that divide (H, W) evenly among the outputs."""
    return _adaptive_max_pool("adaptive_max_pool2d", 2, input, output_size)


@function(method=False)
def adaptive_max_pool3d(input, output_size):
    """(maxima, indices) over windows that divide (D, H, W) evenly among the outputs."""
    return _adaptive_max_pool("adaptive_max_pool3d", 3, input, output_size)


# Means -------------------------------------------------------------------------------------------


def _average_pool(
    op, rank, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
):  # fmt: skip
    input, batched = _batch(op, rank, input)
    _check_dtype(op, input)
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    window = _window(op, rank, kernel_size, stride, padding, 1)
    size = _output_sizes(input, *window, ceil_mode)
    kernel, stride, padding, _ = window
    result = average_pool(
        input, size=size, kernel=kernel, stride=stride, padding=padding,
        count_include_pad=bool(count_include_pad), divisor=divisor_override or 0,
    )  # fmt: skip
    return result if batched else result.squeeze(0)


@function(method=False)
def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The means of sliding windows over (N, C, L)."""
    return _average_pool(
        "avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None
    )


@function(method=False)
def avg_pool2d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
    divisor_override=None,
):  # fmt: skip
    """The means of sliding windows over (N, C, H, W), or their sums over `divisor_override`."""
    return _average_pool(
        "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
        divisor_override,
    )  # fmt: skip


@function(method=False)
@full_precision
def avg_pool3d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
    divisor_override=None,
):  # fmt: skip
    """The means of sliding windows over (N, C, D, H, W), or their sums over `divisor_override`."""
    return _average_pool(
        "avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
        divisor_override,
    )  # fmt: skip


def _adaptive_average_pool(op, rank, input, output_size):
    input, batched, size = _adaptive(op, rank, input, output_size)
    _check_dtype(op, input)
    result = adaptive_average_pool(input, size=size)
    return result if batched else result.squeeze(0)


@function(method=False)
def adaptive_avg_pool1d(input, output_size):
    """Means over windows that divide L evenly among `output_size` outputs."""
    return _adaptive_average_pool("adaptive_avg_pool1d", 1, input, output_size)


@function(method=False)
def adaptive_avg_pool2d(input, output_size):
    """Means over windows that divide (H, W) evenly among the outputs."""
    return _adaptive_average_pool("adaptive_avg_pool2d", 2, input, output_size)


@function(method=False)
def adaptive_avg_pool3d(input, output_size):
    """Means over windows that divide (D, H, W) evenly among the outputs."""
    return _adaptive_average_pool("adaptive_avg_pool3d", 3, input, output_size)


# Samples for the op table ------------------------------------------------------------------------


@samples("max_pool1d")
def _(make):
    yield Sample(make(2, 3, 9), 3, 2, 1)
    yield Sample(make(3, 9), 2, ceil_mode=True)


@samples("max_pool2d")
def _(make):
    yield Sample(make(2, 3, 6, 5), 2)
    yield Sample(make(1, 2, 7, 8), (3, 2), (2, 1), (1, 0), (2, 3), True)


@samples("max_pool3d")
def _(make):
    yield Sample(make(1, 2, 4, 5, 3), 2, 1, 1)


@samples("adaptive_max_pool")
def _(make):
    yield Sample(make(2, 3, 5, 7), size=(2, 3))


@samples("average_pool")
def _(make):
    geometry = {"kernel": (3, 2), "stride": (2, 1), "padding": (1, 1)}
    for include in (True, False):
        yield Sample(
            make(2, 2, 5, 4), size=(3, 5), count_include_pad=include, divisor=0, **geometry
        )
    yield Sample(make(1, 2, 5, 4), size=(3, 5), count_include_pad=True, divisor=5, **geometry)


@samples("adaptive_average_pool")
def _(make):
    yield Sample(make(2, 3, 5, 7), size=(2, 3))
    yield Sample(make(2, 3, 4), size=(5,))
