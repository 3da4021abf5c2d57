"""How a convolution is laid out for direct_convolution.py: scratch image, table of taps, tasks."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .. import jit, memory, shapes
from ..dtypes import float32, float64
from . import direct_convolution as kernels
from .gemm import tile_columns
from .vectors import lanes

#: Bytes of a scratch image: it should stay in the second-level cache.
SCRATCH_BYTES = 1 << 18

#: Multiplications that are worth a thread of their own.
GRAIN = 100_000

#: Pixels that the weight gradient multiplies at a time: both operands stay in the nearest cache.
PIXELS = 1024

#: Tasks that the weight gradient is cut into; fixed, so that its sums do not depend on the threads.
WEIGHT_TASKS = 16
WEIGHT_CHANNELS = 16


def suits(dtype):
    """Whether these kernels can compute in `dtype`."""
    return dtype is float32 or dtype is float64


class Axis(NamedTuple):
    """One spatial dimension: position q reads source[q * step + t] for (k, t) in taps."""

    count: int
    step: int
    taps: tuple

    @property
    def first(self):
        return min((t for _, t in self.taps), default=0)

    @property
    def reach(self):
        """Offsets of the taps from the first one."""
        return [t - self.first for _, t in self.taps]

    @property
    def phases(self):
        """Phases of the source, modulo the step, that some tap reads."""
        return max((u % self.step for u in self.reach), default=0) + 1

    @property
    def span(self):
        """Places that one phase holds beyond the first."""
        return max((u // self.step for u in self.reach), default=0)


def _forward_axis(count, kernel, stride, padding, dilation):
    return Axis(count, stride, tuple((k, k * dilation - padding) for k in range(kernel)))


def _backward_axis(size, kernel, stride, padding, dilation, phase):
    """The inputs phase, phase + stride, ... gather from the outputs that read them."""
    taps = []
    for k in range(kernel):
        reached = phase + padding - k * dilation
        if reached % stride == 0:
            taps.append((k, reached // stride))
    return Axis(len(range(phase, size, stride)), 1, tuple(taps))


class Image(NamedTuple):
    """The scratch image of a block of lines."""

    axes: tuple
    channels: int
    lines: int  # of the output, in a block
    pitch: int
    scratch_lines: int
    nbytes: int


def _image(axes, channels, lines, element):
    depth, height, width = axes
    pitch, scratch_lines = width.count + width.span, lines + height.span
    rows = channels * len(depth.taps) * height.phases * width.phases * scratch_lines
    slack = tile_columns(element)  # the last tile reads this much beyond the last pixel
    nbytes = (rows * pitch + slack) * element.bitwidth // 8
    return Image(axes, channels, lines, pitch, scratch_lines, -(-nbytes // 64) * 64)


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


def _offsets(image, size):
    """Where in the scratch image each (channel, tap) begins, in bytes; shape (channels, taps)."""
    depth, height, width = image.axes
    channel = np.arange(image.channels).reshape(-1, 1, 1, 1)
    plane = np.arange(len(depth.taps)).reshape(-1, 1, 1)
    up, across = np.array(height.reach).reshape(-1, 1), np.array(width.reach)
    row = (channel * len(depth.taps) + plane) * height.phases + up % height.step
    row = row * width.phases + across % width.step
    place = (row * image.scratch_lines + up // height.step) * image.pitch + across // width.step
    return (place * size).astype(np.int64).reshape(image.channels, -1)


def _image_slots(image, source_shape, source_strides, group_stride, task_slots):
    depth, height, width = image.axes
    plane_step = depth.taps[1][1] - depth.taps[0][1] if len(depth.taps) > 1 else 0
    first_d = depth.taps[0][1] if depth.taps else 0
    n, c, *rest = source_strides
    return [
        image.pitch, image.scratch_lines, len(depth.taps), plane_step, height.phases, width.phases,
        *source_shape[2:], depth.step, height.step, width.step, first_d, height.first, width.first,
        n, group_stride, c, *rest, *task_slots,
    ]  # fmt: skip


def _volume(values, missing):
    """A spatial tuple of one to three numbers as a triple."""
    return (missing,) * (3 - len(values)) + tuple(values)


def _five(array):
    """(shape, strides in bytes) with three spatial dimensions."""
    strides = [stride * array.dtype.itemsize for stride in array.strides]
    shape = (*array.shape[:2], *_volume(array.shape[2:], 1))
    return shape, (*strides[:2], *_volume(strides[2:], 0))


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
    image = _image(axes, channels, lines, element)
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
        table[:, 1] = _offsets(image, size).ravel()
    head = _image_slots(
        image, source_shape, source_strides, channels * source_strides[1],
        [workers, tasks, groups, channels, lines, blocks, depth.count, height.count, width.count,
         table.ctypes.data, rows],
    )  # fmt: skip
    n, c, *rest = out_strides
    tail = [channels * taps, n, out_group, c, *rest, *weight_strides[:2]]
    return image.nbytes, workers, tuple(head), tuple(tail), table


def _correlate(dtype, axes, out, out_strides, out_group, source, weight, weight_strides, bias, rows,
               groups):  # fmt: skip
    scratch_bytes, workers, head, tail, _table = _correlation_plan(
        dtype, jit.get_num_threads(), axes, out_strides, out_group, _five(source), weight_strides,
        rows, groups,
    )  # fmt: skip
    scratch = memory.Storage(scratch_bytes * workers)
    bias_address, bias_stride = 0, 0
    if bias is not None:
        bias_address, bias_stride = bias.address, bias.strides[0] * dtype.itemsize
    jit.specialise(kernels.correlation, dtype.numba)(
        workers, 1, source.address, scratch.address, scratch_bytes, *head,
        out, weight.address, bias_address, *tail, bias_stride,
    )  # fmt: skip


def forward(out, input, weight, bias, stride, padding, dilation, groups):
    """As convolution.convolution."""
    if 0 in out.shape:
        return
    (_, _, *sizes), out_strides = _five(out)
    (_, _, *kernel), (o, c, *taps) = _five(weight)
    triples = _volume(stride, 1), _volume(padding, 0), _volume(dilation, 1)
    axes = tuple(_forward_axis(*axis) for axis in zip(sizes, kernel, *triples))
    rows = weight.shape[0] // groups
    _correlate(
        out.dtype, axes, out.address, out_strides, rows * out_strides[1], input,
        weight, (rows * o, o, c, *taps), bias, rows, groups,
    )  # fmt: skip


def input_gradient(out, grad_output, weight, stride, padding, dilation, groups):
    """As convolution.convolution_input_gradient."""
    if 0 in out.shape:
        return
    (_, _, *sizes), (out_n, out_c, *steps) = _five(out)
    (_, _, *kernel), (o, c, *taps) = _five(weight)
    stride, padding, dilation = _volume(stride, 1), _volume(padding, 0), _volume(dilation, 1)
    rows = weight.shape[1]
    weight_strides = (weight.shape[0] // groups * o, c, o, *taps)
    out_strides = (out_n, out_c, *[step * s for step, s in zip(steps, stride)])
    for phase in np.ndindex(*stride):
        axes = tuple(
            _backward_axis(*axis) for axis in zip(sizes, kernel, stride, padding, dilation, phase)
        )
        if any(axis.count == 0 for axis in axes):
            continue
        place = out.address + sum(step * p for step, p in zip(steps, phase))
        _correlate(
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
    image = _image(axes, block, lines, element)
    side = lanes(element)
    vectors = -(-((lines - 1) * image.pitch + width.count) // side)
    scratch_bytes = -(-(image.nbytes + rows * vectors * side * size) // 64) * 64
    taps = len(depth.taps) * len(height.taps) * len(width.taps)
    work = images * depth.count * height.count * width.count * out_channels * channels * taps
    workers = max(1, min(threads, tasks, work // GRAIN))
    table = _offsets(image, size).ravel()
    head = _image_slots(
        image, source[0], source_strides, channels * source_strides[1],
        [workers, tasks, groups, block, lines, -(-height.count // lines),
         depth.count, height.count, width.count, table.ctypes.data, rows],
    )  # fmt: skip
    grad_n, grad_c, *grad_steps = grad
    tail = [
        parts, images, blocks, taps, grad_n, rows * grad_c, grad_c, *grad_steps,
        out_channels * channels * taps * size, image.nbytes, channels,
    ]  # fmt: skip
    return scratch_bytes, workers, parts, tuple(head), tuple(tail), table


def weight_gradient(out, input, grad_output, stride, padding, dilation, groups):
    """As convolution.convolution_weight_gradient; `out` is contiguous."""
    if 0 in out.shape:
        return
    (_, _, *sizes), grad_strides = _five(grad_output)
    kernel = _volume(out.shape[2:], 1)
    triples = _volume(stride, 1), _volume(padding, 0), _volume(dilation, 1)
    axes = tuple(_forward_axis(*axis) for axis in zip(sizes, kernel, *triples))
    scratch_bytes, workers, parts, head, tail, _table = _weight_plan(
        out.dtype, jit.get_num_threads(), axes, _five(input), grad_strides, out.shape[0], groups
    )
    count = shapes.numel(out.shape)
    partial = out if parts == 1 else memory.Storage(parts * count * out.dtype.itemsize)
    scratch = memory.Storage(scratch_bytes * workers)
    element = out.dtype.numba
    jit.specialise(kernels.weight_gradient_sums, element)(
        workers, 1, input.address, scratch.address, scratch_bytes, *head,
        grad_output.address, partial.address, *tail,
    )  # fmt: skip
    if parts > 1:
        jit.specialise(kernels.part_summer, element)(
            count, GRAIN // parts, out.address, partial.address, parts, count * out.dtype.itemsize
        )
