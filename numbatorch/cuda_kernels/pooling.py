"""Pooling over one to three spatial dimensions, all seen as three.

Outputs are row-major. An index is a place in the plane of one channel, as PyTorch counts. A thread
takes one element of the result; the gradients of means are gathered, so that no two threads write
to one place.
"""

import math

from .. import dtypes, shapes
from ..cuda_memory import empty_on
from ..cuda_target import cuda, specialise
from ..formulas import conversion
from ..formulas.typed import formula
from .convolution import place, unravel
from .elementwise import apply
from .native import flat, from_host, memory

# Windows ------------------------------------------------------------------------------------------
# `reach` gives (begin, end, length) of the window of an output position along one dimension, where
# length is what the divisor counts; `readers` the range of output positions whose windows hold an
# input position. Both take the sizes of input and output, then kernel, stride and padding.


@formula
def reach_sliding(position, size, out_size, kernel, stride, padding):
    begin = position * stride - padding
    return max(begin, 0), min(begin + kernel, size), min(begin + kernel, size + padding) - begin


@formula
def reach_sliding_inside(position, size, out_size, kernel, stride, padding):
    begin, end = (
        max(position * stride - padding, 0),
        min(position * stride - padding + kernel, size),
    )
    return begin, end, end - begin


@formula
def readers_sliding(position, size, out_size, kernel, stride, padding):
    first = -((kernel - 1 - padding - position) // stride)
    return max(first, 0), min((position + padding) // stride + 1, out_size)


@formula
def reach_adaptive(position, size, out_size, kernel, stride, padding):
    begin, end = position * size // out_size, -(-(position + 1) * size // out_size)
    return begin, end, end - begin


@formula
def readers_adaptive(position, size, out_size, kernel, stride, padding):
    return position * out_size // size, ((position + 1) * out_size - 1) // size + 1


@formula
def within(layout, channels, plane, d, h, w):
    """Where element (d, h, w) of the plane of one channel of one image lies."""
    return place(layout, plane // channels, plane % channels, d, h, w)


# Maxima -------------------------------------------------------------------------------------------


@formula
def first_inside(position, stride, padding, dilation):
    """The first place of a window that is not in the padding."""
    begin = position * stride - padding
    return begin if begin >= 0 else begin + (dilation - 1 - begin) // dilation * dilation


def max_pool_windows(load, store, compute, lowest):
    """The maximum of every window, and where it is."""

    def max_pool_kernel(
        out, indices, x, layout, channels, size, out_size, kernel, stride, padding, dilation, count
    ):
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            plane, od, oh, ow = unravel(item, out_size)
            d_begin = first_inside(od, stride[0], padding[0], dilation[0])
            h_begin = first_inside(oh, stride[1], padding[1], dilation[1])
            w_begin = first_inside(ow, stride[2], padding[2], dilation[2])
            d_end = min(od * stride[0] - padding[0] + (kernel[0] - 1) * dilation[0] + 1, size[0])
            h_end = min(oh * stride[1] - padding[1] + (kernel[1] - 1) * dilation[1] + 1, size[1])
            w_end = min(ow * stride[2] - padding[2] + (kernel[2] - 1) * dilation[2] + 1, size[2])
            best = compute(lowest)
            best_place = (d_begin * size[1] + h_begin) * size[2] + w_begin
            for d in range(d_begin, d_end, dilation[0]):
                for h in range(h_begin, h_end, dilation[1]):
                    for w in range(w_begin, w_end, dilation[2]):
                        value = load(x[within(layout, channels, plane, d, h, w)])
                        if value > best or value != value:
                            best, best_place = value, (d * size[1] + h) * size[2] + w
            out[item], indices[item] = store(best), best_place

    return max_pool_kernel


def adaptive_max_pool_windows(load, store, compute, lowest):
    """The maximum of every window, and where it is; windows divide the input evenly."""

    def adaptive_max_pool_kernel(out, indices, x, layout, channels, size, out_size, count):
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            plane, od, oh, ow = unravel(item, out_size)
            d_begin, d_end, _ = reach_adaptive(od, size[0], out_size[0], 0, 0, 0)
            h_begin, h_end, _ = reach_adaptive(oh, size[1], out_size[1], 0, 0, 0)
            w_begin, w_end, _ = reach_adaptive(ow, size[2], out_size[2], 0, 0, 0)
            best = compute(lowest)
            best_place = (d_begin * size[1] + h_begin) * size[2] + w_begin
            for d in range(d_begin, d_end):
                for h in range(h_begin, h_end):
                    for w in range(w_begin, w_end):
                        value = load(x[within(layout, channels, plane, d, h, w)])
                        if value > best or value != value:
                            best, best_place = value, (d * size[1] + h) * size[2] + w
            out[item], indices[item] = store(best), best_place

    return adaptive_max_pool_kernel


# Means --------------------------------------------------------------------------------------------


def average_windows(reach, load, store, convert, compute):
    """The sum of every window over the divisor (0: the window's length)."""

    def average_pool_kernel(
        out, x, layout, channels, size, out_size, kernel, stride, padding, divisor, count
    ):
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            plane, od, oh, ow = unravel(item, out_size)
            d_begin, d_end, depth = reach(
                od, size[0], out_size[0], kernel[0], stride[0], padding[0]
            )
            h_begin, h_end, height = reach(
                oh, size[1], out_size[1], kernel[1], stride[1], padding[1]
            )
            w_begin, w_end, width = reach(
                ow, size[2], out_size[2], kernel[2], stride[2], padding[2]
            )
            total = compute(0)
            for d in range(d_begin, d_end):
                for h in range(h_begin, h_end):
                    for w in range(w_begin, w_end):
                        total += load(x[within(layout, channels, plane, d, h, w)])
            length = divisor if divisor != 0 else depth * height * width
            out[item] = store(convert(total / compute(length)))

    return average_pool_kernel


def average_gradient(reach, readers, load, store, convert, compute):
    """For every element of the input, its share of the outputs whose windows hold it."""

    def average_pool_gradient_kernel(
        out, grad, layout, channels, size, out_size, kernel, stride, padding, divisor, count
    ):
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            plane, d, h, w = unravel(item, size)
            d_first, d_last = readers(d, size[0], out_size[0], kernel[0], stride[0], padding[0])
            h_first, h_last = readers(h, size[1], out_size[1], kernel[1], stride[1], padding[1])
            w_first, w_last = readers(w, size[2], out_size[2], kernel[2], stride[2], padding[2])
            total = compute(0)
            for od in range(d_first, d_last):
                _, _, depth = reach(od, size[0], out_size[0], kernel[0], stride[0], padding[0])
                for oh in range(h_first, h_last):
                    _, _, height = reach(oh, size[1], out_size[1], kernel[1], stride[1], padding[1])
                    for ow in range(w_first, w_last):
                        _, _, width = reach(
                            ow, size[2], out_size[2], kernel[2], stride[2], padding[2]
                        )
                        length = divisor if divisor != 0 else depth * height * width
                        value = load(grad[within(layout, channels, plane, od, oh, ow)])
                        total += value / compute(length)
            out[item] = store(convert(total))

    return average_pool_gradient_kernel


# By index -----------------------------------------------------------------------------------------


def scatter_planes(convert, load):
    """Every element of x added at its index in its plane of zeros."""

    def scatter_planes_kernel(out, x, layout, indices, channels, pixels, sizes, count):
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            plane, d, h, w = unravel(item, sizes)
            index = indices[item]
            if 0 <= index < pixels:
                value = convert(load(x[within(layout, channels, plane, d, h, w)]))
                cuda.atomic.add(out, plane * pixels + index, value)

    return scatter_planes_kernel


def gather_planes():
    """out = the elements of x at the indices."""

    def gather_planes_kernel(out, x, layout, indices, channels, size, per_plane, count):
        pixels = size[0] * size[1] * size[2]
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            index = indices[item]
            if 0 <= index < pixels:
                _, d, h, w = unravel(index, size)
                out[item] = x[within(layout, channels, item // per_plane, d, h, w)]

    return gather_planes_kernel


# Host functions -----------------------------------------------------------------------------------


def volume(values, missing):
    """A spatial tuple of one to three numbers as a triple."""
    return (missing,) * (3 - len(values)) + tuple(values)


def _source(x):
    """The memory of x, its layout as five dimensions, and its channels."""
    return memory(x), (*x.strides[:2], *volume(x.strides[2:], 0), x.offset), x.shape[1]


def _numeric(dtype):
    return conversion.load(dtype), conversion.store(dtype), conversion.cast(dtype), dtype.compute


def _maximum(dtype):
    lowest = -math.inf if dtype.is_floating_point else int(dtypes.iinfo(dtype).min)
    return conversion.load(dtype), conversion.store(dtype), dtype.compute, lowest


def max_pool(out, indices, input, kernel, stride, padding, dilation):
    """out = the maximum of every window, indices = where in its plane each one lies."""
    count = shapes.numel(out.shape)
    if count:
        specialise(max_pool_windows, *_maximum(out.dtype))(
            count, flat(out), flat(indices), *_source(input), volume(input.shape[2:], 1),
            volume(out.shape[2:], 1), volume(kernel, 1), volume(stride, 1), volume(padding, 0),
            volume(dilation, 1), count,
        )  # fmt: skip


def adaptive_max_pool(out, indices, input):
    """As max_pool, over windows that divide the input evenly among the outputs."""
    count = shapes.numel(out.shape)
    if count:
        specialise(adaptive_max_pool_windows, *_maximum(out.dtype))(
            count, flat(out), flat(indices), *_source(input), volume(input.shape[2:], 1),
            volume(out.shape[2:], 1), count,
        )  # fmt: skip


def _launch_average(kernel, out, x, size, out_size, windows, divisor):
    """`size` and `out_size` are the spatial shapes of the input and the output of the pooling."""
    count = shapes.numel(out.shape)
    if count:
        kernel(
            count, flat(out), *_source(x), volume(size, 1), volume(out_size, 1), *windows, divisor,
            count,
        )  # fmt: skip


def _windows(kernel, stride, padding):
    return volume(kernel, 1), volume(stride, 1), volume(padding, 0)


_NO_WINDOWS = ((0, 0, 0),) * 3


def _reach(count_include_pad):
    return reach_sliding if count_include_pad else reach_sliding_inside


def average_pool(out, input, kernel, stride, padding, count_include_pad, divisor):
    """out = the sum of every window over `divisor`; a divisor of 0 means the window's size."""
    launched = specialise(average_windows, _reach(count_include_pad), *_numeric(out.dtype))
    windows = _windows(kernel, stride, padding)
    _launch_average(launched, out, input, input.shape[2:], out.shape[2:], windows, divisor)


def average_pool_gradient(
    out, grad_output, kernel, stride, padding, count_include_pad, divisor
):  # fmt: skip
    """out = the gradient of average_pool with respect to its input, whose shape `out` has."""
    launched = specialise(
        average_gradient, _reach(count_include_pad), readers_sliding, *_numeric(out.dtype)
    )
    windows = _windows(kernel, stride, padding)
    sizes = out.shape[2:], grad_output.shape[2:]
    _launch_average(launched, out, grad_output, *sizes, windows, divisor)


def adaptive_average_pool(out, input):
    """out = the mean of every window, windows dividing the input evenly among the outputs."""
    launched = specialise(average_windows, reach_adaptive, *_numeric(out.dtype))
    _launch_average(launched, out, input, input.shape[2:], out.shape[2:], _NO_WINDOWS, 0)


def adaptive_average_pool_gradient(out, grad_output):
    """out = the gradient of adaptive_average_pool with respect to its input."""
    launched = specialise(average_gradient, reach_adaptive, readers_adaptive, *_numeric(out.dtype))
    sizes = out.shape[2:], grad_output.shape[2:]
    _launch_average(launched, out, grad_output, *sizes, _NO_WINDOWS, 0)


#: dtypes in which sums are formed in memory, where an element itself cannot be added to in one step.
_SUMMED_IN = {
    "float16": dtypes.float32, "bfloat16": dtypes.float32,
    "uint8": dtypes.int32, "int8": dtypes.int32, "int16": dtypes.int32,
}  # fmt: skip


def scatter_by_index(out, input, indices):
    """out = zeros, and each element of `input` added at its index in its plane."""
    index = out.storage.device_index
    dtype = _SUMMED_IN.get(out.dtype.name, out.dtype)
    target = out if dtype is out.dtype else empty_on(index, out.shape, dtype)
    apply(conversion.identity, target, from_host([0], dtype, index))
    count = shapes.numel(input.shape)
    if count:
        specialise(scatter_planes, conversion.cast(dtype), conversion.load(input.dtype))(
            count, flat(target), *_source(input)[:2], flat(indices), input.shape[1],
            shapes.numel(out.shape[2:]), volume(input.shape[2:], 1), count,
        )  # fmt: skip
    if target is not out:
        apply(conversion.identity, out, target)


def gather_by_index(out, input, indices):
    """out = the elements of `input` at `indices` in their planes."""
    count = shapes.numel(out.shape)
    if count:
        x, layout, channels = _source(input)
        specialise(gather_planes)(
            count, flat(out), x, layout, flat(indices), channels, volume(input.shape[2:], 1),
            shapes.numel(out.shape[2:]), count,
        )  # fmt: skip
