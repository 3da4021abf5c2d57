"""Convolution as matrix products with patches, for strides and kernels of any kind.

A worker lays out the patches of a block of output pixels as the rows of a matrix, taps by channels
with channels last, and multiplies it by the weight in that order. The matrix stays in the worker's
cache. The input gradient is the same with the roles of the channels swapped: each phase of a
strided input is a correlation of grad_output with the taps that reach it.
"""

from functools import lru_cache

import numpy as np
from numba.extending import register_jitable

from .. import cpu_target, memory, recording
from .channels_last import (
    ADDRESS,
    CHANNELS,
    FIRST_H,
    IMAGE_C,
    IMAGE_D,
    IMAGE_N,
    IMAGE_SLOTS,
    TILES,
    TILING_SLOTS,
    TO_ROW,
    channels_last,
    cut,
    first_tile,
    panel_multiplier,
    result_writer,
    row_pitch,
    segment_place,
    source_slots,
)
from .convolution_geometry import five
from .gemm import TILE_VECTORS, tile_columns, tile_height
from .native import integer, span
from .vector_copies import vector_copy
from .vectors import lanes, stack, vector_bytes

#: Multiplications that are worth a thread of their own.
GRAIN = 200_000

#: Bytes of a block's patches: they should stay in the second-level cache.
PATCH_BYTES = 3 << 18

#: Parts of the batch whose weight gradients are added up, and outputs of a task; fixed, so that the
#: sums do not depend on the threads.
PARTS, OUTPUT_BLOCK = 16, 128

# Slots: the image's, the tiling's, then these. A plane is a tap of the depth; the table has, for each
# tap of a plane, where its first pixel lies in the strip and its channels in a patch, in bytes.
TILING = IMAGE_SLOTS
PLANES, PLANE_STEP, FIRST_D, SOURCE_D, STEP_D, STEP_H, STEP_W = range(
    TILING + TILING_SLOTS, TILING + TILING_SLOTS + 7
)
SPAN_H, COLUMNS, TAPS, TABLE, PLANE_DEPTH = range(STEP_W + 1, STEP_W + 6)
SCRATCH, SCRATCH_STRIDE, WORKERS, TASKS, SEGMENT_COUNT, BLOCK, PATCHES, PRODUCTS = range(
    PLANE_DEPTH + 1, PLANE_DEPTH + 9
)
END = PRODUCTS + 1
# Slots of the correlation alone.
WEIGHT, OUTPUTS, OUTPUT_BLOCKS, BIAS, BIAS_STRIDE = range(END, END + 5)
OUT, OUT_N, OUT_C, OUT_D, OUT_H, OUT_W = range(END + 5, END + 11)
# Slots of the weight gradient alone.
GRADIENT = END
OUTPUT_COUNT, SUMS, PART_STRIDE, SUMS_ROW, GRADIENT_ROW, TASK_PARTS = range(
    GRADIENT + IMAGE_SLOTS, GRADIENT + IMAGE_SLOTS + 6
)


def patch_maker(element):
    """make(...): the patches of some segments, in rows that are TO_ROW bytes apart."""
    size, side, step = element.bitwidth // 8, lanes(element), vector_bytes()
    copy, copy_vectors = channels_last(element), vector_copy(element)

    @register_jitable
    def copy_taps(arguments, strip, patches, lines):
        """What one vector of channels gives to the patches of `lines` lines."""
        width, row = integer(arguments, TILING + TILES), integer(arguments, TO_ROW)
        columns, taps = integer(arguments, COLUMNS), integer(arguments, TAPS)
        step_h, step_w = integer(arguments, STEP_H), integer(arguments, STEP_W)
        table = span(integer(arguments, TABLE), 2 * taps, np.int64)
        for tap in range(taps):  # ascending: what reaches beyond a tap's channels is written over
            for y in range(lines):
                copy_vectors(
                    width, strip + table[2 * tap] + y * step_h * columns * step, step_w * step,
                    patches + table[2 * tap + 1] + y * width * row, row,
                )  # fmt: skip

    @register_jitable
    def make(arguments, strip, first, last, patches):
        channels, columns = integer(arguments, CHANNELS), integer(arguments, COLUMNS)
        step_h, row = integer(arguments, STEP_H), integer(arguments, TO_ROW)
        for segment in range(first, last):
            image, depth, line, lines = segment_place(arguments, TILING, segment)
            source = integer(arguments, ADDRESS) + image * integer(arguments, IMAGE_N)
            before = first_tile(arguments, TILING, segment) - first_tile(arguments, TILING, first)
            height = (lines - 1) * step_h + integer(arguments, SPAN_H)
            for plane in range(integer(arguments, PLANES)):
                d = depth * integer(arguments, STEP_D) + integer(arguments, FIRST_D)
                d += plane * integer(arguments, PLANE_STEP)
                for back in range(0, channels, side):  # descending, as above
                    channel = (channels - 1) // side * side - back
                    if d < 0 or d >= integer(arguments, SOURCE_D):
                        span(strip, height * columns * side, element)[:] = 0
                    else:
                        copy(
                            strip, strip + height * columns * step, arguments, 0,
                            source + d * integer(arguments, IMAGE_D)
                            + channel * integer(arguments, IMAGE_C),
                            min(side, channels - channel), height, columns,
                            line * step_h + integer(arguments, FIRST_H),
                        )  # fmt: skip
                    place = patches + before * row + channel * size
                    place += plane * integer(arguments, PLANE_DEPTH)
                    copy_taps(arguments, strip, place, lines)

    return make


def weight_packer(element):
    """An item is a vector of outputs: the weight as panels of outputs, depth taps by channels.

    Slots: out, weight, outputs, channels; strides in bytes of output and channel; taps, and the
    address of a table of their offsets.
    """
    side, step = lanes(element), vector_bytes()
    vectors = TILE_VECTORS

    def pack_weight_kernel(begin, end, arguments):
        outputs, channels = integer(arguments, 2), integer(arguments, 3)
        stride_o, stride_c = integer(arguments, 4), integer(arguments, 5)
        taps, width = integer(arguments, 6), vectors * side
        table = span(integer(arguments, 7), taps, np.int64)
        for item in range(begin, end):
            depth = taps * channels
            out = integer(arguments, 0) + item // vectors * depth * vectors * step
            panel = span(out + item % vectors * step, (depth - 1) * width + side, element)
            weight = integer(arguments, 1) + item * side * stride_o
            there = max(0, min(side, outputs - item * side))
            for c in range(channels):
                for k in range(taps):
                    row, source = (k * channels + c) * width, weight + c * stride_c + table[k]
                    for o in range(there):
                        panel[row + o] = span(source + o * stride_o, 1, element)[0]
                    for o in range(there, side):
                        panel[row + o] = 0

    return pack_weight_kernel


def patch_convolution(element):
    """out = bias + weight @ patches; an item is a worker's share of the tasks.

    A task is a block of segments by a block of panels of outputs.
    """
    size, side, step = element.bitwidth // 8, lanes(element), vector_bytes()
    width, vectors = tile_columns(element), TILE_VECTORS
    make, multiply, write = patch_maker(element), panel_multiplier(element), result_writer(element)
    bias_memory = stack(TILE_VECTORS * vector_bytes())

    @register_jitable
    def write_segments(arguments, products, first, last, output, outputs):
        stride_c, stride_h = integer(arguments, OUT_C), integer(arguments, OUT_H)
        breadth = integer(arguments, TILING + TILES)
        for segment in range(first, last):
            image, depth, line, lines = segment_place(arguments, TILING, segment)
            out = integer(arguments, OUT) + image * integer(arguments, OUT_N)
            out += depth * integer(arguments, OUT_D) + line * stride_h + output * stride_c
            before = first_tile(arguments, TILING, segment) - first_tile(arguments, TILING, first)
            for o in range(0, min(width, outputs), side):
                write(
                    out + o * stride_c, stride_c, stride_h, integer(arguments, OUT_W),
                    lines * breadth, breadth, min(side, outputs - o),
                    products + before * vectors * step + o * size, vectors * step,
                )  # fmt: skip

    @register_jitable
    def do_task(arguments, scratch, first, last, first_output, last_output):
        patches, products = integer(arguments, PATCHES), integer(arguments, PRODUCTS)
        patches, products = scratch + patches, scratch + products
        depth = integer(arguments, PLANES) * integer(arguments, TAPS) * integer(arguments, CHANNELS)
        tiles = first_tile(arguments, TILING, last) - first_tile(arguments, TILING, first)
        bias_at, bias_stride = bias_memory(), integer(arguments, BIAS_STRIDE)
        bias = span(bias_at, width, element)
        make(arguments, scratch, first, last, patches)
        for output in range(first_output, last_output, width):
            count = min(width, last_output - output)
            bias[:] = 0
            if integer(arguments, BIAS) != 0:
                for o in range(count):
                    at = integer(arguments, BIAS) + (output + o) * bias_stride
                    bias[o] = span(at, 1, element)[0]
            if depth > 0:
                multiply(
                    tiles, count, depth, patches, integer(arguments, TO_ROW), size,
                    integer(arguments, WEIGHT) + output * depth * size, width * size,
                    bias_at, 0, products, width * size,
                )  # fmt: skip
            else:
                for i in range(tiles):
                    row = span(products + i * width * size, width, element)
                    for o in range(width):
                        row[o] = bias[o]
            write_segments(arguments, products, first, last, output, count)

    def patch_convolution_kernel(begin, end, arguments):
        workers, tasks = integer(arguments, WORKERS), integer(arguments, TASKS)
        segments, block = integer(arguments, SEGMENT_COUNT), integer(arguments, BLOCK)
        outputs, blocks = integer(arguments, OUTPUTS), integer(arguments, OUTPUT_BLOCKS)
        panels = (outputs + width - 1) // width
        for worker in range(begin, end):
            scratch = integer(arguments, SCRATCH) + worker * integer(arguments, SCRATCH_STRIDE)
            for task in range(tasks * worker // workers, tasks * (worker + 1) // workers):
                first, part = task // blocks * block, task % blocks
                do_task(
                    arguments, scratch, first, min(first + block, segments),
                    panels * part // blocks * width,
                    min(panels * (part + 1) // blocks * width, outputs),
                )  # fmt: skip

    return patch_convolution_kernel


def patch_weight_gradient(element):
    """Sums over parts of the batch, outputs x taps x channels; an item is a worker's share."""
    size, side, step = element.bitwidth // 8, lanes(element), vector_bytes()
    width, output_block = tile_columns(element), OUTPUT_BLOCK
    make, multiply = patch_maker(element), panel_multiplier(element)
    copy, copy_vectors = channels_last(element), vector_copy(element)
    zeros_memory = stack(TILE_VECTORS * vector_bytes())

    @register_jitable
    def copy_gradient(arguments, strip, first, last, output, outputs, gradients):
        """Some outputs' gradients of some segments, channels last."""
        row, width = integer(arguments, GRADIENT_ROW), integer(arguments, TILING + TILES)
        for segment in range(first, last):
            image, depth, line, lines = segment_place(arguments, TILING, segment)
            source = integer(arguments, GRADIENT + ADDRESS)
            source += image * integer(arguments, GRADIENT + IMAGE_N)
            source += depth * integer(arguments, GRADIENT + IMAGE_D)
            before = first_tile(arguments, TILING, segment) - first_tile(arguments, TILING, first)
            pixels = lines * width
            for o in range(0, outputs, side):
                copy(
                    strip, strip + pixels * step, arguments, GRADIENT,
                    source + (output + o) * integer(arguments, GRADIENT + IMAGE_C),
                    min(side, outputs - o), lines, width, line,
                )  # fmt: skip
                copy_vectors(pixels, strip, step, gradients + before * row + o * size, row)

    @register_jitable
    def do_task(arguments, scratch, part, output, outputs):
        segments, block = integer(arguments, SEGMENT_COUNT), integer(arguments, BLOCK)
        parts, row = integer(arguments, TASK_PARTS), integer(arguments, SUMS_ROW)
        sums = integer(arguments, SUMS) + part * integer(arguments, PART_STRIDE) + output * row
        patches, gradients = integer(arguments, PATCHES), integer(arguments, PRODUCTS)
        patches, gradients = scratch + patches, scratch + gradients
        depth = integer(arguments, PLANES) * integer(arguments, TAPS) * integer(arguments, CHANNELS)
        zeros, blocks = zeros_memory(), (segments + block - 1) // block
        span(zeros, width, element)[:] = 0
        begin = blocks * part // parts
        for b in range(begin, blocks * (part + 1) // parts):
            first, last = b * block, min((b + 1) * block, segments)
            make(arguments, scratch, first, last, patches)
            copy_gradient(arguments, scratch, first, last, output, outputs, gradients)
            tiles = first_tile(arguments, TILING, last) - first_tile(arguments, TILING, first)
            for j in range(0, depth, width):
                to = sums + j * size
                start, start_row = to, row
                if b == begin:
                    start, start_row = zeros, 0
                multiply(
                    outputs, depth - j, tiles, gradients, size, integer(arguments, GRADIENT_ROW),
                    patches + j * size, integer(arguments, TO_ROW), start, start_row, to, row,
                )  # fmt: skip

    def patch_weight_gradient_kernel(begin, end, arguments):
        workers, tasks = integer(arguments, WORKERS), integer(arguments, TASKS)
        outputs, parts = integer(arguments, OUTPUT_COUNT), integer(arguments, TASK_PARTS)
        for worker in range(begin, end):
            scratch = integer(arguments, SCRATCH) + worker * integer(arguments, SCRATCH_STRIDE)
            for task in range(tasks * worker // workers, tasks * (worker + 1) // workers):
                output = task // parts * output_block
                do_task(
                    arguments, scratch, task % parts, output, min(output_block, outputs - output)
                )

    return patch_weight_gradient_kernel


def sums_collector(element):
    """out[output, channel, tap] = the sum of all parts' sums[output, tap, channel].

    An item is an output. Slots: out, sums, parts; strides in bytes of a part and of an output;
    channels, taps.
    """
    size = element.bitwidth // 8

    def collect_sums_kernel(begin, end, arguments):
        parts, stride = integer(arguments, 2), integer(arguments, 3)
        channels, taps = integer(arguments, 5), integer(arguments, 6)
        depth = channels * taps
        for output in range(begin, end):
            first = integer(arguments, 1) + output * integer(arguments, 4)
            total = span(first, depth, element)
            for part in range(1, parts):
                values = span(first + part * stride, depth, element)
                for i in range(depth):
                    total[i] += values[i]
            for k in range(taps):
                values = span(first + k * channels * size, channels, element)
                place = span(
                    integer(arguments, 0) + (output * depth + k) * size, depth - k, element
                )
                for c in range(channels):
                    place[c * taps] = values[c]

    return collect_sums_kernel


# Planning ----------------------------------------------------------------------------------------


def suits(axes, channels, rows):
    """Whether a correlation along `axes` pays as a product with patches."""
    return min(channels, rows) >= 8


def _aligned(nbytes):
    return -(-nbytes // 64) * 64


@lru_cache(maxsize=1024)
def _layout(dtype, axes, images, channels, most_pixels):
    """(tiling, segments of a block, bytes of a patch, of a strip, of the patches, slots, table)."""
    depth, height, width = axes
    element, size, step = dtype.numba, dtype.itemsize, vector_bytes()
    taps = len(height.taps) * len(width.taps)
    row = row_pitch(max(len(depth.taps) * taps * channels, 1) + lanes(element), element) * size
    pixels = min(most_pixels, max(tile_height(), PATCH_BYTES // row))
    tiling = cut(height.count, width.count, 1, pixels)
    block = max(1, min(images, pixels // tiling.map_tiles)) if tiling.segments == 1 else 1
    span_h, span_w = (max(axis.reach, default=0) + 1 for axis in (height, width))
    columns = (width.count - 1) * width.step + span_w
    lines = (tiling.segment_lines - 1) * height.step + span_h
    table = np.array(
        [
            ((u * columns + v) * step, (i * len(width.taps) + j) * channels * size)
            for i, u in enumerate(height.reach)
            for j, v in enumerate(width.reach)
        ],
        np.int64,
    ).reshape(-1, 2)
    plane_step = depth.taps[1][1] - depth.taps[0][1] if len(depth.taps) > 1 else 0
    slots = [
        len(depth.taps), plane_step, depth.taps[0][1] if depth.taps else 0, depth.step, height.step, width.step,
        span_h, columns, taps, table.ctypes.data, taps * channels * size,
    ]  # fmt: skip
    return tiling, block, row, lines * columns, slots, table


def _tap_offsets(axes, strides):
    """Where in the weight the taps lie, in their order, in bytes."""
    steps = [
        np.array([k for k, _ in axis.taps], np.int64).reshape([-1] + [1] * (2 - d)) * stride
        for d, (axis, stride) in enumerate(zip(axes, strides))
    ]
    return np.ascontiguousarray(sum(steps[1:], steps[0]).ravel())


@lru_cache(maxsize=1024)
def _weight_table(axes, strides):
    return _tap_offsets(axes, strides)


def correlate(dtype, axes, out, out_strides, out_group, source, weight, weight_strides, bias, rows,
              groups):  # fmt: skip
    """As convolution_plan.correlate."""
    element, size, step = dtype.numba, dtype.itemsize, vector_bytes()
    threads, width = cpu_target.get_num_threads(), tile_columns(element)
    channels, depths = source.shape[1] // groups, axes[0].count
    images, panels = source.shape[0] * depths, -(-rows // width)
    pixels = images * axes[1].count * axes[2].count
    tiling, block, row, strip, slots, table = _layout(
        dtype, axes, images, channels, max(tile_height(), min(128, pixels // threads))
    )
    offsets = _weight_table(axes, weight_strides[3:])
    taps = len(offsets)
    recording.addresses_of(table)
    recording.addresses_of(offsets)
    flat = strip + (tiling.segment_lines * axes[1].step + slots[6]) * five(source)[0][4]
    patches = _aligned((flat + 2 * lanes(element)) * step)
    block_tiles = block * tiling.segment_tiles
    products = patches + _aligned(block_tiles * row + step)
    scratch_bytes = products + _aligned((block_tiles + tile_height()) * width * size)
    segments = images * tiling.segments
    tile_blocks = -(-segments // block)
    blocks = (
        1 if tile_blocks >= 2 * threads else max(1, min(panels, -(-2 * threads // tile_blocks)))
    )
    tasks = tile_blocks * blocks
    workers = max(1, min(threads, tasks, pixels * rows * channels * taps // GRAIN))
    scratch = memory.Storage(workers * scratch_bytes)
    panel_bytes = panels * width * taps * channels * size
    packed = memory.Storage(max(panel_bytes, 1))
    bias_stride = 0 if bias is None else bias.strides[0] * size
    for group in range(groups):
        if taps:
            cpu_target.specialise(weight_packer, element)(
                panels * TILE_VECTORS, 1 + GRAIN // (10 * taps * channels), packed.address,
                weight.address + group * weight_strides[0], rows, channels, *weight_strides[1:3],
                taps, offsets.ctypes.data,
            )  # fmt: skip
        cpu_target.specialise(patch_convolution, element)(
            workers, 1, *source_slots(source, group * channels, channels, axes, 0, row, 0),
            *tiling.slots(0, depths), *slots[:3], five(source)[0][2], *slots[3:],
            scratch.address, scratch_bytes, workers, tasks, segments, block, patches, products,
            packed.address, rows, blocks,
            0 if bias is None else bias.address + group * rows * bias_stride, bias_stride,
            out + group * out_group, *out_strides,
        )  # fmt: skip


def weight_gradient(out, axes, input, grad_output, groups):
    """As convolution_plan.weight_gradient; `out` is contiguous."""
    dtype, element, size = out.dtype, out.dtype.numba, out.dtype.itemsize
    step, threads = vector_bytes(), cpu_target.get_num_threads()
    outputs, channels, depths = out.shape[0] // groups, out.shape[1], axes[0].count
    images = input.shape[0] * depths
    tiling, block, row, strip, slots, table = _layout(dtype, axes, images, channels, 64)
    recording.addresses_of(table)
    taps = len(axes[0].taps) * slots[8]
    flat = strip + (tiling.segment_lines * axes[1].step + slots[6]) * five(input)[0][4]
    block_tiles, side = block * tiling.segment_tiles, lanes(element)
    patches = _aligned((max(flat, 2 * block_tiles) + 2 * side) * step)
    gradients = patches + _aligned(block_tiles * row + step)
    gradient_row = row_pitch(min(outputs, OUTPUT_BLOCK), element) * size
    scratch_bytes = gradients + _aligned(block_tiles * gradient_row + step)
    segments = images * tiling.segments
    output_blocks = -(-outputs // OUTPUT_BLOCK)
    parts = max(1, min(PARTS // output_blocks, -(-segments // block)))
    tasks = parts * output_blocks
    work = images * axes[1].count * axes[2].count * outputs * channels * taps
    workers = max(1, min(threads, tasks, work // GRAIN))
    scratch = memory.Storage(workers * scratch_bytes)
    sums_row = row_pitch(-(-taps * channels // (2 * side)) * 2 * side, element) * size
    sums = memory.Storage(parts * outputs * sums_row)
    gradient_axes = [axis._replace(taps=((0, 0),)) for axis in axes]
    for group in range(groups):
        cpu_target.specialise(patch_weight_gradient, element)(
            workers, 1, *source_slots(input, group * channels, channels, axes, 0, row, 0),
            *tiling.slots(0, depths), *slots[:3], five(input)[0][2], *slots[3:],
            scratch.address, scratch_bytes, workers, tasks, segments, block, patches, gradients,
            *source_slots(grad_output, group * outputs, outputs, gradient_axes, 0, 0, 0),
            outputs, sums.address, outputs * sums_row, sums_row, gradient_row, parts,
        )  # fmt: skip
        cpu_target.specialise(sums_collector, element)(
            outputs, 1 + GRAIN // (parts * taps * channels),
            out.address + group * outputs * channels * taps * size, sums.address, parts,
            outputs * sums_row, sums_row, channels, taps,
        )  # fmt: skip
