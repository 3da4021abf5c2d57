"""Winograd convolution F(4x4, 3x3): 3x3 kernels, stride 1, with a quarter of the multiplications.

Every 4x4 tile of the output comes from a 6x6 tile d of the image:

    output = A' [ (sum over channels of (G w G') * (B' d B)) ] A

The products over channels are 36 matrix products, tiles x channels x outputs, one for each of the
6x6 places. Where a layer is deep and its maps are small, the images of a batch are transformed
first, and the products are then split over outputs; else a worker does both for a block of tiles
whose transform stays in its cache.

Rounding errors are about ten times those of direct summation (1e-6 of the largest values in
float32); NUMBATORCH_WINOGRAD=0 turns it off. A. Lavin and S. Gray, "Fast algorithms for
convolutional neural networks", 2015.
"""

from functools import lru_cache

from numba.extending import register_jitable

from .. import config, cpu_target, memory
from ..dtypes import float32
from .channels_last import (
    CHANNELS,
    IMAGE_SLOTS,
    TILES,
    TILING_SLOTS,
    TO,
    TO_PLACE,
    TO_ROW,
    cut,
    first_tile,
    result_writer,
    row_pitch,
    segment_place,
    source_slots,
)
from .gemm import TILE_VECTORS, tile_columns, tile_height
from .native import integer, span
from .vector_copies import transpose_tile
from .vectors import lanes, stack, vector_bytes
from .winograd_tiles import (
    PLACES,
    block_transformer,
    places_multiplier,
    places_tile,
    result_tile,
    segment_transformer,
    strip_bytes,
    transform_image,
    transform_pixels,
    transform_weight,
)

#: Multiplications, of the direct sum, that are worth a thread of their own.
GRAIN = 200_000

#: Channels on either side from which the transforms pay.
LEAST_CHANNELS = 12

#: Bytes of a transformed weight, up to which workers transform images for themselves.
SHARED_WEIGHT = 3 << 20

#: Bytes of a worker's transformed images and products, and of those that workers share.
WORKER_BYTES, SHARED_BYTES = 3 << 19, 8 << 20

#: Tiles of a block whose images are shared, and input channels of its weights.
MOST_TILES, MOST_CHANNELS = 128, 64


def panel_transformer(element):
    """transform(...): G w G' of a vector's outputs and some channels, into panels of outputs.

    All strides are in bytes; `out` is where the first channel's vector goes. `beyond` says whether
    the weights of further outputs follow.
    """
    size, side, step = element.bitwidth // 8, lanes(element), vector_bytes()
    tile, transpose = places_tile(transform_weight, 3, element), transpose_tile(element)
    block, margin, panel_row = side, side * step, TILE_VECTORS * step
    taps_memory = stack(9 * block * step + 2 * margin)

    @register_jitable
    def load_few(taps, weight, stride_o, stride_c, stride_h, stride_w, outputs, channels):
        """taps[channel][tap] = the vector of the outputs' weights."""
        values = span(taps, 9 * block * side, element)
        if outputs < side:
            values[:] = 0
        for c in range(channels):
            for o in range(outputs):
                source = weight + o * stride_o + c * stride_c
                for i in range(3):
                    for j in range(3):
                        tap = span(source + i * stride_h + j * stride_w, 1, element)
                        values[(c * 9 + 3 * i + j) * side + o] = tap[0]

    @register_jitable
    def load_rows(taps, weight, stride_o):
        """As load_few, of as many channels and outputs as a vector has lanes, taps by channels dense."""
        for square in range(9):
            transpose(weight + square * step, stride_o, taps + square * side * step, step)

    @register_jitable
    def load_columns(taps, weight, stride_c, stride_w):
        """As load_few, of as many channels and outputs, taps by outputs dense, in either direction.

        Nine rows of a square are taps; the others go where the next channel's will be, and what they
        are read from may lie beyond these weights.
        """
        if stride_w > 0:
            for c in range(block):
                transpose(weight + c * stride_c, 9 * size, taps + c * 9 * step, step)
        else:
            for c in range(block - 1, -1, -1):
                transpose(
                    weight + c * stride_c - 8 * size, 9 * size, taps + (c * 9 + 8) * step, -step
                )

    @register_jitable
    def transform(
        weight, stride_o, stride_c, stride_h, stride_w, outputs, channels, out, place, beyond
    ):
        taps = taps_memory() + margin
        by_rows = stride_w == size and stride_h == 3 * size and stride_c == 9 * size
        by_columns = abs(stride_w) == size and stride_h == 3 * stride_w and stride_o == 9 * size
        by_columns = by_columns and stride_c > 0 and side >= 9
        for first in range(0, channels, block):
            count, here = min(block, channels - first), weight + first * stride_c
            whole = outputs == side and count == block
            if whole and by_rows:
                load_rows(taps, here, stride_o)
            elif whole and by_columns and (beyond or first + count < channels):
                load_columns(taps, here, stride_c, stride_w)
            else:
                load_few(taps, here, stride_o, stride_c, stride_h, stride_w, outputs, count)
            for c in range(count):
                tile(taps + c * 9 * step, 3 * step, out + (first + c) * panel_row, place)

    return transform


def weight_transforms(element):
    """out[place][panel][channel] = G w G'; an item is a vector of outputs.

    Slots: out, weight, outputs, channels; strides in bytes of output, channel, tap (height, width)
    and place.
    """
    side, step, transform = lanes(element), vector_bytes(), panel_transformer(element)
    vectors = TILE_VECTORS

    def winograd_weight_kernel(begin, end, arguments):
        outputs, channels = integer(arguments, 2), integer(arguments, 3)
        stride_o = integer(arguments, 4)
        for item in range(begin, end):
            out = integer(arguments, 0) + item % vectors * step
            out += item // vectors * channels * vectors * step
            transform(
                integer(arguments, 1) + item * side * stride_o, stride_o, integer(arguments, 5),
                integer(arguments, 6), integer(arguments, 7), min(side, outputs - item * side),
                channels, out, integer(arguments, 8), (item + 1) * side < outputs,
            )  # fmt: skip

    return winograd_weight_kernel


# Slots: the image's, the tiling's, then these. What lies in a worker's scratch memory is told by its
# offset: the worker's own images (0: images are shared, and ready) or weights, products, pixels.
TILING = IMAGE_SLOTS
SCRATCH, SCRATCH_STRIDE, WORKERS, TASKS, SEGMENT_COUNT, BLOCK = range(
    TILING + TILING_SLOTS, TILING + TILING_SLOTS + 6
)
OWN_IMAGES, OWN_WEIGHTS, PRODUCTS, PRODUCT_ROW, PRODUCT_PLACE, PIXELS = range(BLOCK + 1, BLOCK + 7)
WEIGHT, WEIGHT_PLACE, WEIGHT_O, WEIGHT_C, WEIGHT_H, WEIGHT_W = range(PIXELS + 1, PIXELS + 7)
OUTPUTS, OUTPUT_BLOCK, CHANNEL_BLOCK, BIAS, BIAS_STRIDE = range(WEIGHT_W + 1, WEIGHT_W + 6)
OUT, OUT_N, OUT_C, OUT_D, OUT_H, OUT_W, OUT_HEIGHT, OUT_WIDTH = range(
    BIAS_STRIDE + 1, BIAS_STRIDE + 9
)


def image_transforms(element):
    """An item is a worker's share of the tasks: a vector of channels of a segment."""
    side, transform = lanes(element), segment_transformer(transform_image, 6, element)

    def winograd_image_kernel(begin, end, arguments):
        workers, tasks = integer(arguments, WORKERS), integer(arguments, TASKS)
        vectors = (integer(arguments, CHANNELS) + side - 1) // side
        for worker in range(begin, end):
            strip = integer(arguments, SCRATCH) + worker * integer(arguments, SCRATCH_STRIDE)
            for task in range(tasks * worker // workers, tasks * (worker + 1) // workers):
                transform(
                    arguments, 0, TILING, strip, task // vectors, task % vectors * side,
                    integer(arguments, TO),
                )  # fmt: skip

    return winograd_image_kernel


def winograd_convolution(element):
    """out = bias + weight * image; an item is a worker's share of the tasks.

    A task is a block of segments by a block of outputs.
    """
    size, side, step = element.bitwidth // 8, lanes(element), vector_bytes()
    width = tile_columns(element)
    transform_block = block_transformer(transform_image, 6, element)
    transform_panel = panel_transformer(element)
    multiply, write = places_multiplier(element), result_writer(element)
    pixel_tile, bias_memory = result_tile(transform_pixels, element), stack(vector_bytes())

    @register_jitable
    def write_segment(arguments, scratch, products, segment, first_output, outputs):
        """The pixels of a segment, from products whose first tile is the segment's."""
        image, depth, line, lines = segment_place(arguments, TILING, segment)
        pixels = scratch + integer(arguments, PIXELS)
        tiles, row = integer(arguments, TILING + TILES), integer(arguments, PRODUCT_ROW)
        out_height, out_width = integer(arguments, OUT_HEIGHT), integer(arguments, OUT_WIDTH)
        stride_c, stride_h = integer(arguments, OUT_C), integer(arguments, OUT_H)
        bias_stride, bias_at = integer(arguments, BIAS_STRIDE), bias_memory()
        bias = span(bias_at, side, element)
        out = integer(arguments, OUT) + image * integer(arguments, OUT_N)
        out += depth * integer(arguments, OUT_D)
        for vector in range(0, outputs, side):
            output, there = first_output + vector, min(side, outputs - vector)
            bias[:] = 0
            if integer(arguments, BIAS) != 0:
                for o in range(there):
                    at = integer(arguments, BIAS) + (output + o) * bias_stride
                    bias[o] = span(at, 1, element)[0]
            for y in range(lines):
                for back in range(tiles):  # what reaches beyond the map's edge is written over
                    x = tiles - 1 - back
                    pixel_tile(
                        products + (y * tiles + x) * row + vector * size,
                        integer(arguments, PRODUCT_PLACE), bias_at,
                        pixels + 4 * x * step, out_width * step,
                    )  # fmt: skip
                first = 4 * (line + y)
                write(
                    out + output * stride_c + first * stride_h, stride_c, stride_h,
                    integer(arguments, OUT_W), min(4, out_height - first) * out_width, out_width,
                    there, pixels, step,
                )  # fmt: skip

    @register_jitable
    def multiply_own(arguments, scratch, images, products, tiles, first_output, outputs):
        """The products of shared images with some outputs' weights, transformed here."""
        channels, block = integer(arguments, CHANNELS), integer(arguments, CHANNEL_BLOCK)
        stride_o, stride_c = integer(arguments, WEIGHT_O), integer(arguments, WEIGHT_C)
        weights, place = scratch + integer(arguments, OWN_WEIGHTS), integer(arguments, WEIGHT_PLACE)
        for c in range(0, channels, block):
            depth = min(block, channels - c)
            panel = depth * width * size
            for o in range(0, outputs, side):
                transform_panel(
                    integer(arguments, WEIGHT) + (first_output + o) * stride_o + c * stride_c,
                    stride_o, stride_c, integer(arguments, WEIGHT_H), integer(arguments, WEIGHT_W),
                    min(side, outputs - o), depth, weights + o // width * panel + o % width * size,
                    place, first_output + o + side < integer(arguments, OUTPUTS),
                )  # fmt: skip
            multiply(
                tiles, outputs, depth, images + c * size, integer(arguments, TO_ROW), size,
                integer(arguments, TO_PLACE), weights, width * size, panel, place, products,
                integer(arguments, PRODUCT_ROW), integer(arguments, PRODUCT_PLACE), c,
            )  # fmt: skip

    @register_jitable
    def do_task(arguments, scratch, first, last, first_output, outputs):
        channels, row = integer(arguments, CHANNELS), integer(arguments, TO_ROW)
        products, product_row = integer(arguments, PRODUCTS), integer(arguments, PRODUCT_ROW)
        products, before = scratch + products, first_tile(arguments, TILING, first)
        tiles = first_tile(arguments, TILING, last) - before
        own = integer(arguments, OWN_IMAGES)
        if own != 0:
            transform_block(arguments, 0, TILING, scratch, first, last, scratch + own)
            multiply(
                tiles, outputs, channels, scratch + own, row, size, integer(arguments, TO_PLACE),
                integer(arguments, WEIGHT), width * size, channels * width * size,
                integer(arguments, WEIGHT_PLACE), products, product_row,
                integer(arguments, PRODUCT_PLACE), 0,
            )  # fmt: skip
        else:
            images = integer(arguments, TO) + before * row
            multiply_own(arguments, scratch, images, products, tiles, first_output, outputs)
        for segment in range(first, last):
            here = products + (first_tile(arguments, TILING, segment) - before) * product_row
            write_segment(arguments, scratch, here, segment, first_output, outputs)

    def winograd_kernel(begin, end, arguments):
        workers, tasks = integer(arguments, WORKERS), integer(arguments, TASKS)
        segments, block = integer(arguments, SEGMENT_COUNT), integer(arguments, BLOCK)
        outputs, output_block = integer(arguments, OUTPUTS), integer(arguments, OUTPUT_BLOCK)
        output_blocks = (outputs + output_block - 1) // output_block
        for worker in range(begin, end):
            scratch = integer(arguments, SCRATCH) + worker * integer(arguments, SCRATCH_STRIDE)
            for task in range(tasks * worker // workers, tasks * (worker + 1) // workers):
                first = task // output_blocks * block
                first_output = task % output_blocks * output_block
                do_task(
                    arguments, scratch, first, min(first + block, segments),
                    first_output, min(output_block, outputs - first_output),
                )  # fmt: skip

    return winograd_kernel


# Planning ----------------------------------------------------------------------------------------


def suits(dtype, axes, source_depth, channels, rows):
    """Whether a correlation along `axes` pays as a Winograd convolution."""
    depth, height, width = axes
    return (
        config.WINOGRAD
        and dtype is float32
        and min(channels, rows) >= LEAST_CHANNELS
        and len(depth.taps) == depth.step == 1
        and depth.first == 0
        and depth.count == source_depth
        and all(axis.step == 1 and sorted(axis.reach) == [0, 1, 2] for axis in (height, width))
        and width.count >= 4  # a narrower line of pixels would be written over by the tile's own
    )


def _aligned(nbytes):
    return -(-nbytes // 64) * 64


def _output_block(outputs, tile_blocks, threads, width):
    """Outputs of a task: few panels, so few that all threads have tasks."""
    for panels in (4, 3, 2):
        if -(-outputs // (panels * width)) * tile_blocks >= 2 * threads:
            return panels * width
    return width


@lru_cache(maxsize=1024)
def _plan(dtype, threads, sizes, images, channels, rows):
    """How the work is cut: (tiling, segments of a block, outputs of a block, images of a chunk)."""
    element, size = dtype.numba, dtype.itemsize
    width, place = tile_columns(element), PLACES * size
    columns = -(-rows // width) * width
    if place * channels * columns <= SHARED_WEIGHT:
        most = max(32, WORKER_BYTES // (place * (channels + columns)))
        tiling = cut(*sizes, 4, most)
        tiling = cut(*sizes, 4, min(most, max(8, images * tiling.map_tiles // threads)))
        block = max(1, most // tiling.map_tiles)
        block = max(1, min(block, images // threads)) if tiling.segments == 1 else 1
        return tiling, block, columns, 0
    tiling = cut(*sizes, 4, MOST_TILES)
    chunk = max(1, min(images, SHARED_BYTES // (place * channels * tiling.map_tiles)))
    chunk = -(-images // -(-images // chunk))
    block = max(1, MOST_TILES // tiling.map_tiles) if tiling.segments == 1 else 1
    block = min(block, chunk)
    tile_blocks = -(-chunk * tiling.segments // block)
    return tiling, block, _output_block(rows, tile_blocks, threads, width), chunk


def _first_tap(weight, axes, strides):
    """(address of the tap that reads the first place, the steps from there), as axes go."""
    steps = []
    for axis, step in zip(axes, strides):
        first, second, _ = [tap for tap, _ in sorted(axis.taps, key=lambda tap: tap[1])]
        weight += first * step
        steps.append((second - first) * step)
    return weight, steps


def correlate(dtype, axes, out, out_strides, out_group, source, weight, weight_strides, bias, rows,
              groups):  # fmt: skip
    """As convolution_plan.correlate."""
    element, size, step = dtype.numba, dtype.itemsize, vector_bytes()
    threads, width = cpu_target.get_num_threads(), tile_columns(element)
    channels, depths = source.shape[1] // groups, axes[0].count
    sizes, images = tuple(axis.count for axis in axes[1:]), source.shape[0] * depths
    tiling, block, output_block, chunk = _plan(dtype, threads, sizes, images, channels, rows)
    shares = chunk > 0
    row, product_row = row_pitch(channels, element) * size, output_block * size
    block_tiles, panels = block * tiling.segment_tiles, -(-rows // width)
    tiles = chunk * tiling.map_tiles if shares else block_tiles
    place, product_place = tiles * row + step, block_tiles * product_row + step
    channel_block = min(channels, MOST_CHANNELS)
    weight_place = output_block * channel_block if shares else panels * width * channels
    weight_place = weight_place * size + step
    strip = _aligned(strip_bytes(tiling, element))
    products = strip + _aligned(PLACES * (weight_place if shares else place))
    pixels = products + _aligned(PLACES * product_place + tile_height() * product_row)
    scratch_bytes = pixels + _aligned((4 * sizes[1] + 8) * step)
    workers = max(1, min(threads, images * sizes[0] * sizes[1] * rows * channels * 9 // GRAIN))
    scratch = memory.Storage(workers * scratch_bytes)
    shared = memory.Storage(PLACES * (place if shares else weight_place))
    bias_stride = 0 if bias is None else bias.strides[0] * size

    def launch(kernel, tasks, head, segments, tail):
        count = min(workers, tasks)
        cpu_target.specialise(kernel, element)(
            count, 1, *head, scratch.address, scratch_bytes, count, tasks, segments, block, *tail
        )  # fmt: skip

    for group in range(groups):
        taps, tap_steps = _first_tap(weight.address, axes[1:], weight_strides[-2:])
        taps += group * weight_strides[0]
        if not shares:
            cpu_target.specialise(weight_transforms, element)(
                panels * TILE_VECTORS, 1 + GRAIN // (600 * channels), shared.address, taps,
                rows, channels, *weight_strides[1:3], *tap_steps, weight_place,
            )  # fmt: skip
        images_to = shared.address if shares else 0
        image = source_slots(source, group * channels, channels, axes, images_to, row, place)
        tail = (
            0 if shares else strip, strip, products, product_row, product_place, pixels,
            taps if shares else shared.address, weight_place, *weight_strides[1:3], *tap_steps,
            rows, output_block, channel_block,
            0 if bias is None else bias.address + group * rows * bias_stride, bias_stride,
            out + group * out_group, *out_strides, *sizes,
        )  # fmt: skip
        for first in range(0, images, chunk or images):
            segments = min(chunk or images, images - first) * tiling.segments
            head = (*image, *tiling.slots(first, depths))
            if shares:
                launch(
                    image_transforms,
                    segments * -(-channels // lanes(element)),
                    head,
                    segments,
                    tail,
                )
            tasks = -(-segments // block) * -(-rows // output_block)
            launch(winograd_convolution, tasks, head, segments, tail)
