"""How a convolution is laid out for direct_convolution.py: scratch image, table of taps, tasks."""

from functools import lru_cache

import numpy as np

from .. import cpu_target, memory, recording, shapes
from ..array import Array, empty, initialise
from ..dtypes import float32, float64
from ..formulas import conversion
from . import direct_convolution as kernels
from . import patch_convolution, winograd, winograd_gradient
from .convolution_geometry import (
    backward_axis,
    five,
    forward_axis,
    image_slots,
    make_image,
    tap_offsets,
    volume,
)
from .elementwise import apply
from .gemm import tile_columns
from .vectors import lanes

#: Bytes of a scratch image: it should stay in the second-level cache.
SCRATCH_BYTES = 1 << 18

#: Multiplications that are worth a thread of their own.
GRAIN = 100_000

#: Pixels that the weight gradient multiplies at a time: both operands stay in the nearest cache.
PIXELS = 1024

#: Bytes of a weight that the input gradient reads from a copy, in the order in which it goes.
FAR_APART = 1 << 16

#: Tasks that the weight gradient is cut into; fixed, so that its sums do not depend on the threads.
WEIGHT_TASKS = 16
WEIGHT_CHANNELS = 16


def suits(dtype):
    """Whether these kernels can compute in `dtype`."""
    return dtype is float32 or dtype is float64


def _lines(axes, channels, element, tasks_of_lines, wanted_tasks):
    """Lines of a block: few enough for the cache and for all threads to have tasks."""
    depth, height, width = axes
    row = channels * len(depth.taps) * height.phases * width.phases
    line_bytes = max(row * (width.count + width.span) * element.bitwidth // 8, 1)
    lines = max(
        SCRATCH_BYTES // line_bytes - height.span, -(-2 * tile_columns(element) // width.count)
    )
    lines = min(lines, max(1, height.count * tasks_of_lines // wanted_tasks))
    blocks = -(-height.count // max(1, min(lines, height.count)))
    return -(-height.count // blocks)


@lru_cache(maxsize=1024)
def _correlation_plan(
    dtype, threads, axes, out_strides, out_group, source, weight_strides, rows, groups
):
    """(scratch bytes, workers, image slots, table, remaining slots) of one correlation.

    weight_strides: (group, row, channel, depth, height, width).
    """
    element, size = dtype.numba, dtype.itemsize
    depth, height, width = axes
    source_shape, source_strides = source
    images, channels = source_shape[0], source_shape[1] // groups
    planes_of_lines = images * groups * depth.count
    lines = _lines(axes, channels, element, planes_of_lines, 4 * threads)
    image = make_image(axes, channels, lines, element)
    blocks = -(-height.count // lines)
    tasks = planes_of_lines * blocks
    taps = len(depth.taps) * len(height.taps) * len(width.taps)
    work = planes_of_lines * height.count * width.count * rows * channels * taps
    workers = max(1, min(threads, tasks, work // GRAIN))
    table = np.zeros((channels * taps, 2), np.int64)
    if taps:
        channel = np.arange(channels).reshape(-1, 1, 1, 1) * weight_strides[2]
        steps = [
            np.array([k for k, _ in axis.taps]) * stride
            for axis, stride in zip(axes, weight_strides[3:])
        ]
        table[:, 0] = (
            channel + steps[0].reshape(-1, 1, 1) + steps[1].reshape(-1, 1) + steps[2]
        ).ravel()
        table[:, 1] = tap_offsets(image, size).ravel()
    head = image_slots(
        image, source_shape, source_strides, channels * source_strides[1],
        [workers, tasks, groups, channels, lines, blocks, depth.count, height.count, width.count,
         table.ctypes.data, rows],
    )  # fmt: skip
    n, c, *rest = out_strides
    tail = [channels * taps, n, out_group, c, *rest, *weight_strides[:2]]
    return image.nbytes, workers, tuple(head), tuple(tail), table


def correlate(dtype, axes, out, out_strides, out_group, source, weight, weight_strides, bias, rows,
               groups):  # fmt: skip
    if winograd.suits(dtype, axes, five(source)[0][2], source.shape[1] // groups, rows):
        winograd.correlate(
            dtype, axes, out, out_strides, out_group, source, weight, weight_strides, bias, rows,
            groups,
        )  # fmt: skip
        return
    if patch_convolution.suits(axes, source.shape[1] // groups, rows):
        patch_convolution.correlate(
            dtype, axes, out, out_strides, out_group, source, weight, weight_strides, bias, rows,
            groups,
        )  # fmt: skip
        return
    scratch_bytes, workers, head, tail, table = _correlation_plan(
        dtype, cpu_target.get_num_threads(), axes, out_strides, out_group, five(source), weight_strides,
        rows, groups,
    )  # fmt: skip
    recording.addresses_of(table)
    scratch = memory.Storage(scratch_bytes * workers)
    bias_address, bias_stride = 0, 0
    if bias is not None:
        bias_address, bias_stride = bias.address, bias.strides[0] * dtype.itemsize
    cpu_target.specialise(kernels.correlation, dtype.numba)(
        workers, 1, source.address, scratch.address, scratch_bytes, *head,
        out, weight.address, bias_address, *tail, bias_stride,
    )  # fmt: skip


def forward(out, input, weight, bias, stride, padding, dilation, groups):
    """As convolution.convolution."""
    if 0 in out.shape:
        return
    (_, _, *sizes), out_strides = five(out)
    (_, _, *kernel), (o, c, *taps) = five(weight)
    triples = volume(stride, 1), volume(padding, 0), volume(dilation, 1)
    axes = tuple(forward_axis(*axis) for axis in zip(sizes, kernel, *triples))
    rows = weight.shape[0] // groups
    correlate(
        out.dtype, axes, out.address, out_strides, rows * out_strides[1], input,
        weight, (rows * o, o, c, *taps), bias, rows, groups,
    )  # fmt: skip


def _by_input_channel(weight):
    """A copy (input channels, output channels, *kernel) of a weight."""
    shape = shapes.Size((weight.shape[1], weight.shape[0], *weight.shape[2:]))
    strides = (weight.strides[1], weight.strides[0], *weight.strides[2:])
    source = initialise(Array(), weight.storage, weight.dtype, shape, strides, weight.offset)
    copy = empty(shape, weight.dtype)
    apply(conversion.identity, copy, source)
    return copy


def input_gradient(out, grad_output, weight, stride, padding, dilation, groups):
    """As convolution.convolution_input_gradient."""
    if 0 in out.shape:
        return
    (_, _, *sizes), (out_n, out_c, *steps) = five(out)
    (_, _, *kernel), (o, c, *taps) = five(weight)
    stride, padding, dilation = volume(stride, 1), volume(padding, 0), volume(dilation, 1)
    rows = weight.shape[1]
    weight_strides = (weight.shape[0] // groups * o, c, o, *taps)
    far_apart = groups == 1 and shapes.numel(weight.shape) * out.dtype.itemsize >= FAR_APART
    out_strides = (out_n, out_c, *[step * s for step, s in zip(steps, stride)])
    phases = {
        phase: tuple(
            backward_axis(*axis) for axis in zip(sizes, kernel, stride, padding, dilation, phase)
        )
        for phase in np.ndindex(*stride)
    }
    zeros_first = out.contiguous_layout and not all(
        axis.taps for axes in phases.values() for axis in axes
    )
    if zeros_first:
        count = shapes.numel(out.shape)
        cpu_target.specialise(kernels.zero_filler, out.dtype.numba)(count, GRAIN, out.address)
    for phase, axes in phases.items():
        if any(axis.count == 0 or (zeros_first and not axis.taps) for axis in axes):
            continue
        place = out.address + sum(step * p for step, p in zip(steps, phase))
        if far_apart and not winograd.suits(
            out.dtype, axes, five(grad_output)[0][2], weight.shape[0], rows
        ):
            weight, far_apart = _by_input_channel(weight), False
            _, (c, o, *taps) = five(weight)
            weight_strides = (0, c, o, *taps)
        correlate(
            out.dtype, axes, place, out_strides, rows * out_c, grad_output,
            weight, weight_strides, None, rows, groups,
        )  # fmt: skip


@lru_cache(maxsize=1024)
def _weight_plan(dtype, threads, axes, source, grad, out_channels, groups):
    """(scratch bytes, workers, parts, image slots, remaining slots, table)."""
    element, size = dtype.numba, dtype.itemsize
    depth, height, width = axes
    (images, channels, *_), source_strides = source
    channels //= groups
    rows = out_channels // groups
    block = min(channels, WEIGHT_CHANNELS)
    blocks = -(-channels // block)
    parts = max(1, min(images, WEIGHT_TASKS // (groups * blocks)))
    tasks = parts * groups * blocks
    lines = min(height.count, max(1, PIXELS // (width.count + width.span)))
    image = make_image(axes, block, lines, element)
    side = lanes(element)
    vectors = -(-((lines - 1) * image.pitch + width.count) // side)
    taps = len(depth.taps) * len(height.taps) * len(width.taps)
    sums = image.nbytes + (rows * vectors + 1) * side * size  # a vector may be written beyond
    sums = -(-sums // 64) * 64
    scratch_bytes = sums + rows * block * taps * side * size
    work = images * depth.count * height.count * width.count * out_channels * channels * taps
    workers = max(1, min(threads, tasks, work // GRAIN))
    table = tap_offsets(image, size).ravel()
    head = image_slots(
        image, source[0], source_strides, channels * source_strides[1],
        [workers, tasks, groups, block, lines, -(-height.count // lines),
         depth.count, height.count, width.count, table.ctypes.data, rows],
    )  # fmt: skip
    grad_n, grad_c, *grad_steps = grad
    tail = [
        parts, images, blocks, taps, grad_n, rows * grad_c, grad_c, *grad_steps,
        out_channels * channels * taps * size, image.nbytes, sums, channels,
    ]  # fmt: skip
    return scratch_bytes, workers, parts, tuple(head), tuple(tail), table


def weight_gradient(out, input, grad_output, stride, padding, dilation, groups):
    """As convolution.convolution_weight_gradient; `out` is contiguous."""
    if 0 in out.shape:
        return
    (_, _, *sizes), grad_strides = five(grad_output)
    kernel = volume(out.shape[2:], 1)
    triples = volume(stride, 1), volume(padding, 0), volume(dilation, 1)
    axes = tuple(forward_axis(*axis) for axis in zip(sizes, kernel, *triples))
    if winograd.suits(out.dtype, axes, five(input)[0][2], out.shape[1], out.shape[0] // groups):
        winograd_gradient.weight_gradient(out, axes, input, grad_output, groups)
        return
    if patch_convolution.suits(axes, out.shape[1], out.shape[0] // groups):
        patch_convolution.weight_gradient(out, axes, input, grad_output, groups)
        return
    scratch_bytes, workers, parts, head, tail, table = _weight_plan(
        out.dtype,
        cpu_target.get_num_threads(),
        axes,
        five(input),
        grad_strides,
        out.shape[0],
        groups,
    )
    count = shapes.numel(out.shape)
    partial = out if parts == 1 else memory.Storage(parts * count * out.dtype.itemsize)
    recording.addresses_of(table)
    scratch = memory.Storage(scratch_bytes * workers)
    element = out.dtype.numba
    cpu_target.specialise(kernels.weight_gradient_sums, element)(
        workers, 1, input.address, scratch.address, scratch_bytes, *head,
        grad_output.address, partial.address, *tail,
    )  # fmt: skip
    if parts > 1:
        cpu_target.specialise(kernels.part_summer, element)(
            count, GRAIN // parts, out.address, partial.address, parts, count * out.dtype.itemsize
        )
