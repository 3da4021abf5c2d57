"""Convolution over one to three spatial dimensions: forward, and the gradients of input and weight.

Shapes are PyTorch's: input (N, C, *spatial), weight (O, C / groups, *kernel), output (N, O, *spatial).
A transposed convolution is the input gradient, read as a forward function. The plain loops here
serve every dtype and layout and are the reference; float32 and float64 go to direct_convolution.py, planned by convolution_plan.py.
"""

from functools import cache

from numba.extending import register_jitable

from .. import cpu_target, shapes
from ..formulas import conversion
from . import convolution_plan
from . import pointwise_convolution as pointwise
from .convolution_geometry import volume
from .native import integer, span

#: Multiplications that are worth a thread of their own.
GRAIN = 65536

# Slots of the plain loops: addresses of input, weight, output, bias (0: none); N, groups, input and
# output channels of a group; then spatial triples: input size, kernel size, output size, stride,
# padding, dilation; then strides in bytes: input (5), weight (5), output (5), bias.


@register_jitable
def _triple(arguments, first):
    return integer(arguments, first), integer(arguments, first + 1), integer(arguments, first + 2)


@register_jitable
def _place(arguments, first, i, j, d, h, w):
    """The offset of an element of a five-dimensional operand whose strides start at `first`."""
    return (
        i * integer(arguments, first)
        + j * integer(arguments, first + 1)
        + d * integer(arguments, first + 2)
        + h * integer(arguments, first + 3)
        + w * integer(arguments, first + 4)
    )


@register_jitable
def _unravel(item, sizes):
    """The item's indices (row, d, h, w) in a space of rows by `sizes`."""
    w = item % sizes[2]
    h = item // sizes[2] % sizes[1]
    d = item // (sizes[2] * sizes[1]) % sizes[0]
    return item // (sizes[2] * sizes[1] * sizes[0]), d, h, w


@register_jitable
def _source(position, tap, stride, padding, dilation):
    """Where output `position` reads the input through `tap`."""
    return position * stride - padding + tap * dilation


def forward(load, store, convert, compute, element):
    """An item is an element of the output."""

    def convolution_kernel(begin, end, arguments):
        x, weight = integer(arguments, 0), integer(arguments, 1)
        out, bias = integer(arguments, 2), integer(arguments, 3)
        groups, channels = integer(arguments, 5), integer(arguments, 6)
        outs = integer(arguments, 7)
        size, kernel, out_size = (
            _triple(arguments, 8), _triple(arguments, 11), _triple(arguments, 14),
        )  # fmt: skip
        s, p, t = _triple(arguments, 17), _triple(arguments, 20), _triple(arguments, 23)
        for item in range(begin, end):
            row, od, oh, ow = _unravel(item, out_size)
            n, o = row // (groups * outs), row % (groups * outs)
            total = compute(0)
            if bias != 0:
                total += load(span(bias + o * integer(arguments, 41), 1, element)[0])
            for c in range(channels):
                for kd in range(kernel[0]):
                    d = _source(od, kd, s[0], p[0], t[0])
                    for kh in range(kernel[1]):
                        h = _source(oh, kh, s[1], p[1], t[1])
                        if d < 0 or d >= size[0] or h < 0 or h >= size[1]:
                            continue
                        for kw in range(kernel[2]):
                            w = _source(ow, kw, s[2], p[2], t[2])
                            if w < 0 or w >= size[2]:
                                continue
                            at = _place(arguments, 26, n, o // outs * channels + c, d, h, w)
                            tap = _place(arguments, 31, o, c, kd, kh, kw)
                            total += load(span(x + at, 1, element)[0]) * load(
                                span(weight + tap, 1, element)[0]
                            )
            at = _place(arguments, 36, n, o, od, oh, ow)
            span(out + at, 1, element)[0] = store(convert(total))

    return convolution_kernel


def input_gradient(load, store, convert, compute, element):
    """An item is an element of the input."""

    def convolution_input_gradient_kernel(begin, end, arguments):
        x, weight, out = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        groups, channels = integer(arguments, 5), integer(arguments, 6)
        outs = integer(arguments, 7)
        size, kernel, out_size = (
            _triple(arguments, 8), _triple(arguments, 11), _triple(arguments, 14),
        )  # fmt: skip
        s, p, t = _triple(arguments, 17), _triple(arguments, 20), _triple(arguments, 23)
        for item in range(begin, end):
            row, d, h, w = _unravel(item, size)
            n, c = row // (groups * channels), row % (groups * channels)
            total = compute(0)
            for o in range(c // channels * outs, (c // channels + 1) * outs):
                for kd in range(kernel[0]):
                    od = d + p[0] - kd * t[0]
                    for kh in range(kernel[1]):
                        oh = h + p[1] - kh * t[1]
                        if od % s[0] != 0 or od < 0 or od >= out_size[0] * s[0]:
                            continue
                        if oh % s[1] != 0 or oh < 0 or oh >= out_size[1] * s[1]:
                            continue
                        for kw in range(kernel[2]):
                            ow = w + p[2] - kw * t[2]
                            if ow % s[2] != 0 or ow < 0 or ow >= out_size[2] * s[2]:
                                continue
                            at = _place(
                                arguments, 36, n, o, od // s[0], oh // s[1], ow // s[2]
                            )  # fmt: skip
                            tap = _place(arguments, 31, o, c % channels, kd, kh, kw)
                            total += load(span(out + at, 1, element)[0]) * load(
                                span(weight + tap, 1, element)[0]
                            )
            at = _place(arguments, 26, n, c, d, h, w)
            span(x + at, 1, element)[0] = store(convert(total))

    return convolution_input_gradient_kernel


def weight_gradient(load, store, convert, compute, element):
    """An item is an element of the weight."""

    def convolution_weight_gradient_kernel(begin, end, arguments):
        x, weight, out = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        images, channels, outs = (
            integer(arguments, 4), integer(arguments, 6), integer(arguments, 7),
        )  # fmt: skip
        size, kernel, out_size = (
            _triple(arguments, 8), _triple(arguments, 11), _triple(arguments, 14),
        )  # fmt: skip
        s, p, t = _triple(arguments, 17), _triple(arguments, 20), _triple(arguments, 23)
        for item in range(begin, end):
            row, kd, kh, kw = _unravel(item, kernel)
            o, c = row // channels, row % channels
            total = compute(0)
            for n in range(images):
                for od in range(out_size[0]):
                    d = _source(od, kd, s[0], p[0], t[0])
                    for oh in range(out_size[1]):
                        h = _source(oh, kh, s[1], p[1], t[1])
                        if d < 0 or d >= size[0] or h < 0 or h >= size[1]:
                            continue
                        for ow in range(out_size[2]):
                            w = _source(ow, kw, s[2], p[2], t[2])
                            if w < 0 or w >= size[2]:
                                continue
                            at = _place(arguments, 26, n, o // outs * channels + c, d, h, w)
                            to = _place(arguments, 36, n, o, od, oh, ow)
                            total += load(span(x + at, 1, element)[0]) * load(
                                span(out + to, 1, element)[0]
                            )
            at = _place(arguments, 31, o, c, kd, kh, kw)
            span(weight + at, 1, element)[0] = store(convert(total))

    return convolution_weight_gradient_kernel


@cache
def _plain(factory, dtype):
    return cpu_target.specialise(
        factory, conversion.load(dtype), conversion.store(dtype), conversion.cast(dtype),
        dtype.compute, dtype.numba,
    )  # fmt: skip


def _volume_strides(array):
    """Strides in bytes of (first, second, depth, height, width)."""
    strides = [stride * array.dtype.itemsize for stride in array.strides]
    return [*strides[:2], *volume(strides[2:], 0)]


def _run_plain(factory, result, x, weight, out, bias, stride, padding, dilation, groups):
    slots = [
        x.shape[0], groups, weight.shape[1], weight.shape[0] // groups,
        *volume(x.shape[2:], 1), *volume(weight.shape[2:], 1), *volume(out.shape[2:], 1),
        *volume(stride, 1), *volume(padding, 0), *volume(dilation, 1),
        *_volume_strides(x), *_volume_strides(weight), *_volume_strides(out),
        0 if bias is None else bias.strides[0] * bias.dtype.itemsize,
    ]  # fmt: skip
    work = shapes.numel(weight.shape[1:])
    _plain(factory, out.dtype)(
        shapes.numel(result.shape), -(-GRAIN // max(work, 1)), x.address, weight.address,
        out.address, 0 if bias is None else bias.address, *slots,
    )  # fmt: skip


def convolution(out, input, weight, bias, stride, padding, dilation, groups):
    """out = the convolution of `input` with `weight`, plus `bias` (or None) a channel."""
    if pointwise.suits((out, input), weight, stride, padding, groups):
        pointwise.forward(out, input, weight, bias)
    elif convolution_plan.suits(out.dtype):
        convolution_plan.forward(out, input, weight, bias, stride, padding, dilation, groups)
    else:
        _run_plain(forward, out, input, weight, out, bias, stride, padding, dilation, groups)


def convolution_input_gradient(out, grad_output, weight, stride, padding, dilation, groups):
    """out = the gradient of convolution with respect to its input, whose shape `out` has."""
    if pointwise.suits((out, grad_output), weight, stride, padding, groups):
        pointwise.input_gradient(out, grad_output, weight)
    elif convolution_plan.suits(out.dtype):
        convolution_plan.input_gradient(out, grad_output, weight, stride, padding, dilation, groups)
    else:
        _run_plain(
            input_gradient, out, out, weight, grad_output, None, stride, padding, dilation, groups
        )


def convolution_weight_gradient(out, input, grad_output, stride, padding, dilation, groups):
    """out = the gradient of convolution with respect to its weight, whose shape `out` has."""
    if pointwise.suits((input, grad_output), out, stride, padding, groups):
        pointwise.weight_gradient(out, input, grad_output)
    elif convolution_plan.suits(out.dtype) and out.contiguous_layout:
        convolution_plan.weight_gradient(out, input, grad_output, stride, padding, dilation, groups)
    else:
        _run_plain(
            weight_gradient, out, input, out, grad_output, None, stride, padding, dilation, groups
        )
