"""The geometry of a fast convolution: its axes, and the padded scratch image that it reads."""

from typing import NamedTuple

import numpy as np

from .gemm import tile_columns


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


def forward_axis(count, kernel, stride, padding, dilation):
    return Axis(count, stride, tuple((k, k * dilation - padding) for k in range(kernel)))


def backward_axis(size, kernel, stride, padding, dilation, phase):
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


def make_image(axes, channels, lines, element):
    depth, height, width = axes
    pitch, scratch_lines = width.count + width.span, lines + height.span
    rows = channels * len(depth.taps) * height.phases * width.phases * scratch_lines
    slack = tile_columns(element)  # the last tile reads this much beyond the last pixel
    nbytes = (rows * pitch + slack) * element.bitwidth // 8
    return Image(axes, channels, lines, pitch, scratch_lines, -(-nbytes // 64) * 64)


def tap_offsets(image, size):
    """Where in the scratch image each (channel, tap) begins, in bytes; shape (channels, taps)."""
    depth, height, width = image.axes
    channel = np.arange(image.channels).reshape(-1, 1, 1, 1)
    plane = np.arange(len(depth.taps)).reshape(-1, 1, 1)
    up, across = np.array(height.reach).reshape(-1, 1), np.array(width.reach)
    row = (channel * len(depth.taps) + plane) * height.phases + up % height.step
    row = row * width.phases + across % width.step
    place = (row * image.scratch_lines + up // height.step) * image.pitch + across // width.step
    return (place * size).astype(np.int64).reshape(image.channels, -1)


def image_slots(image, source_shape, source_strides, group_stride, task_slots):
    depth, height, width = image.axes
    plane_step = depth.taps[1][1] - depth.taps[0][1] if len(depth.taps) > 1 else 0
    first_d = depth.taps[0][1] if depth.taps else 0
    n, c, *rest = source_strides
    return [
        image.pitch, image.scratch_lines, len(depth.taps), plane_step, height.phases, width.phases,
        *source_shape[2:], depth.step, height.step, width.step, first_d, height.first, width.first,
        n, group_stride, c, *rest, *task_slots,
    ]  # fmt: skip


def volume(values, missing):
    """A spatial tuple of one to three numbers as a triple."""
    return (missing,) * (3 - len(values)) + tuple(values)


def five(array):
    """(shape, strides in bytes) with three spatial dimensions."""
    strides = [stride * array.dtype.itemsize for stride in array.strides]
    shape = (*array.shape[:2], *volume(array.shape[2:], 1))
    return shape, (*strides[:2], *volume(strides[2:], 0))
