"""Convolution over one to three spatial dimensions: forward, and the gradients of input and weight.

Shapes are PyTorch's: input (N, C, *spatial), weight (O, C / groups, *kernel), output (N, O, *spatial).
A transposed convolution is the input gradient, read as a forward function.

Most are products of gathered patches (implicit_convolution.py). The kernels here, the plainest
statement of what is computed, are for groups of few channels: one thread sums one element of the
result, or one block an element of a weight.
"""

from .. import shapes
from ..cuda_target import THREADS, cuda, specialise
from ..formulas import conversion
from ..formulas.accumulation import add
from ..formulas.typed import formula
from . import implicit_convolution as implicit
from .convolution_geometry import Geometry
from .implicit_convolution import is_worth_tiles
from .native import block_reducer, memory


@formula
def place(layout, i, j, d, h, w):
    """Where an element of a five-dimensional operand lies."""
    return (
        layout[5]
        + i * layout[0]
        + j * layout[1]
        + d * layout[2]
        + h * layout[3]
        + w * layout[4]
    )  # fmt: skip


@formula
def unravel(item, sizes):
    """The item's indices (row, d, h, w) in a space of rows by `sizes`."""
    w = item % sizes[2]
    h = item // sizes[2] % sizes[1]
    d = item // (sizes[2] * sizes[1]) % sizes[0]
    return item // (sizes[2] * sizes[1] * sizes[0]), d, h, w


# All kernels take: the three operands, a bias, the numbers (images, groups, input and output channels
# of a group, elements of the result), and spatial triples.


def forward(load, store, convert, compute, has_bias):
    """out[n, o] = bias[o] + the sum over c and taps of x[n, c, ...] * weight[o, c, tap]."""

    def convolution_kernel(
        x, x_layout, weight, weight_layout, out, out_layout, bias, bias_layout, numbers,
        size, taps, out_size, stride, padding, dilation,
    ):  # fmt: skip
        _, groups, channels, outs, count = numbers
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            row, od, oh, ow = unravel(item, out_size)
            n, o = row // (groups * outs), row % (groups * outs)
            total = compute(0)
            if has_bias:
                total += load(bias[bias_layout[0] + o * bias_layout[1]])
            for c in range(channels):
                for kd in range(taps[0]):
                    d = od * stride[0] - padding[0] + kd * dilation[0]
                    for kh in range(taps[1]):
                        h = oh * stride[1] - padding[1] + kh * dilation[1]
                        if d < 0 or d >= size[0] or h < 0 or h >= size[1]:
                            continue
                        for kw in range(taps[2]):
                            w = ow * stride[2] - padding[2] + kw * dilation[2]
                            if w < 0 or w >= size[2]:
                                continue
                            at = place(x_layout, n, o // outs * channels + c, d, h, w)
                            tap = place(weight_layout, o, c, kd, kh, kw)
                            total += load(x[at]) * load(weight[tap])
            out[place(out_layout, n, o, od, oh, ow)] = store(convert(total))

    return convolution_kernel


def input_gradient(load, store, convert, compute, has_bias):
    """x[n, c] = the sum over o and taps of out[n, o, ...] * weight[o, c, tap]."""

    def convolution_input_gradient_kernel(
        x, x_layout, weight, weight_layout, out, out_layout, bias, bias_layout, numbers,
        size, taps, out_size, stride, padding, dilation,
    ):  # fmt: skip
        _, groups, channels, outs, count = numbers
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            row, d, h, w = unravel(item, size)
            n, c = row // (groups * channels), row % (groups * channels)
            total = compute(0)
            for o in range(c // channels * outs, (c // channels + 1) * outs):
                for kd in range(taps[0]):
                    od = d + padding[0] - kd * dilation[0]
                    for kh in range(taps[1]):
                        oh = h + padding[1] - kh * dilation[1]
                        if od % stride[0] != 0 or od < 0 or od >= out_size[0] * stride[0]:
                            continue
                        if oh % stride[1] != 0 or oh < 0 or oh >= out_size[1] * stride[1]:
                            continue
                        for kw in range(taps[2]):
                            ow = w + padding[2] - kw * dilation[2]
                            if ow % stride[2] != 0 or ow < 0 or ow >= out_size[2] * stride[2]:
                                continue
                            at = place(
                                out_layout, n, o, od // stride[0], oh // stride[1], ow // stride[2]
                            )
                            tap = place(weight_layout, o, c % channels, kd, kh, kw)
                            total += load(out[at]) * load(weight[tap])
            x[place(x_layout, n, c, d, h, w)] = store(convert(total))

    return convolution_input_gradient_kernel


def weight_gradient(load, store, convert, compute, has_bias):
    """weight[o, c, tap] = the sum over n and places of x[n, c, ...] * out[n, o, place].

    The threads of a block share the places.
    """
    reduce_block = block_reducer(add, compute)

    def convolution_weight_gradient_kernel(
        x, x_layout, weight, weight_layout, out, out_layout, bias, bias_layout, numbers,
        size, taps, out_size, stride, padding, dilation,
    ):  # fmt: skip
        images, _, channels, outs, count = numbers
        places = images * out_size[0] * out_size[1] * out_size[2]
        for item in range(cuda.blockIdx.x, count, cuda.gridDim.x):
            row, kd, kh, kw = unravel(item, taps)
            o, c = row // channels, row % channels
            total = compute(0)
            for number in range(cuda.threadIdx.x, places, cuda.blockDim.x):
                n, od, oh, ow = unravel(number, out_size)
                d = od * stride[0] - padding[0] + kd * dilation[0]
                h = oh * stride[1] - padding[1] + kh * dilation[1]
                w = ow * stride[2] - padding[2] + kw * dilation[2]
                is_inside = d >= 0 and d < size[0] and h >= 0 and h < size[1]
                if is_inside and w >= 0 and w < size[2]:
                    at = place(x_layout, n, o // outs * channels + c, d, h, w)
                    to = place(out_layout, n, o, od, oh, ow)
                    total += load(x[at]) * load(out[to])
            total = reduce_block(total)
            if cuda.threadIdx.x == 0:
                weight[place(weight_layout, o, c, kd, kh, kw)] = store(convert(total))

    return convolution_weight_gradient_kernel


def _launch(factory, result, x, weight, out, bias, geometry):
    g, count, dtype = geometry, shapes.numel(result.shape), out.dtype
    kernel = specialise(
        factory, conversion.load(dtype), conversion.store(dtype), conversion.cast(dtype),
        dtype.compute, bias is not None,
    )  # fmt: skip
    added = out if bias is None else bias
    items = count * (THREADS if factory is weight_gradient else 1)
    kernel(
        items, memory(x), g.x_layout, memory(weight), g.weight_layout, memory(out), g.out_layout,
        memory(added), (added.offset, added.strides[0]),
        (g.images, g.groups, g.channels, g.outs, count), g.size, g.taps, g.out_size, g.stride,
        g.padding, g.dilation,
    )  # fmt: skip


def convolution(out, input, weight, bias, stride, padding, dilation, groups):
    """out = the convolution of `input` with `weight`, plus `bias` (or None) a channel."""
    if 0 in out.shape:
        return
    geometry = Geometry.of(input, weight, out, stride, padding, dilation, groups)
    if is_worth_tiles(geometry.outs, geometry.places):
        implicit.forward(out, input, weight, bias, geometry)
    else:
        _launch(forward, out, input, weight, out, bias, geometry)


def convolution_input_gradient(out, grad_output, weight, stride, padding, dilation, groups):
    """out = the gradient of convolution with respect to its input, whose shape `out` has."""
    if 0 in out.shape:
        return
    geometry = Geometry.of(out, weight, grad_output, stride, padding, dilation, groups)
    if is_worth_tiles(geometry.channels, geometry.places):
        implicit.input_gradient(out, grad_output, weight, geometry)
    else:
        _launch(input_gradient, out, out, weight, grad_output, None, geometry)


def convolution_weight_gradient(out, input, grad_output, stride, padding, dilation, groups):
    """out = the gradient of convolution with respect to its weight, whose shape `out` has."""
    if 0 in out.shape:
        return
    geometry = Geometry.of(input, out, grad_output, stride, padding, dilation, groups)
    if is_worth_tiles(geometry.outs, geometry.taps_of_input):
        implicit.weight_gradient(out, input, grad_output, geometry)
    else:
        _launch(weight_gradient, out, input, out, grad_output, None, geometry)
