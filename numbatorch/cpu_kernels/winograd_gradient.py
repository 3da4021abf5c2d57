"""The weight gradient of 3x3 convolutions by Winograd's method, F(3x3, 4x4).

A tile's 4x4 output gradients g and its 6x6 image d give its share of the 3x3 gradient:

    gradient = A' [ (sum over tiles of (G g G') * (B' d B)) ] A

where B is that of the forward convolution. The sum over tiles is 36 matrix products, outputs x tiles
x channels. Where the weight is small, workers take parts of the batch, whose sums are then added up;
else the batch is transformed first, some images at a time, and the products are split over outputs
and channels. Rounding errors are about twice those of direct summation.
"""

from functools import lru_cache

from numba.extending import register_jitable

from .. import cpu_target, memory, shapes
from .channels_last import (
    CHANNELS,
    IMAGE_SLOTS,
    TILING_SLOTS,
    TO,
    TO_PLACE,
    TO_ROW,
    cut,
    first_tile,
    row_pitch,
    source_slots,
)
from .convolution_geometry import forward_axis
from .direct_convolution import part_summer
from .native import integer, span
from .vector_copies import transpose_tile
from .vectors import lanes, stack, vector_bytes
from .winograd import GRAIN, SHARED_BYTES
from .winograd_tiles import (
    PLACES,
    block_transformer,
    places_multiplier,
    result_tile,
    segment_transformer,
    strip_bytes,
    transform_gradient,
    transform_image,
    transform_taps,
)

#: Parts of the batch; fixed, so that the sums do not depend on the threads.
PARTS = 16

#: Bytes of the sums that a worker keeps, and of what it transforms at a time.
WORKER_SUMS, WORKER_BYTES = 5 << 18, 1 << 20

#: Outputs and channels of a task where the batch is transformed first.
OUTPUT_BLOCK, CHANNEL_BLOCK = 128, 64

# Slots: the image's, the tiling's, the gradient's, then these.
TILING, GRADIENT = IMAGE_SLOTS, IMAGE_SLOTS + TILING_SLOTS
SCRATCH, SCRATCH_STRIDE, WORKERS, TASKS, SEGMENT_COUNT, BLOCK = range(
    GRADIENT + IMAGE_SLOTS, GRADIENT + IMAGE_SLOTS + 6
)
OWN_IMAGES, OWN_GRADIENTS, SUMS, SUMS_ROW, SUMS_PLACE = range(BLOCK + 1, BLOCK + 6)
OUT, PART_STRIDE, FIRST = range(SUMS_PLACE + 1, SUMS_PLACE + 4)


def batch_transforms(element):
    """An item is a worker's share of the tasks: a vector of channels, or outputs, of a segment."""
    side = lanes(element)
    transform_channels = segment_transformer(transform_image, 6, element)
    transform_outputs = segment_transformer(transform_gradient, 4, element)

    def winograd_batch_kernel(begin, end, arguments):
        workers, tasks = integer(arguments, WORKERS), integer(arguments, TASKS)
        channels = (integer(arguments, CHANNELS) + side - 1) // side
        outputs = (integer(arguments, GRADIENT + CHANNELS) + side - 1) // side
        for worker in range(begin, end):
            strip = integer(arguments, SCRATCH) + worker * integer(arguments, SCRATCH_STRIDE)
            for task in range(tasks * worker // workers, tasks * (worker + 1) // workers):
                segment, vector = task // (channels + outputs), task % (channels + outputs)
                if vector < channels:
                    to = integer(arguments, TO)
                    transform_channels(arguments, 0, TILING, strip, segment, vector * side, to)
                else:
                    to, vector = integer(arguments, GRADIENT + TO), vector - channels
                    transform_outputs(
                        arguments, GRADIENT, TILING, strip, segment, vector * side, to
                    )

    return winograd_batch_kernel


def sums_writer(element):
    """write(...): the 3x3 gradients of some outputs and channels, from their 36 sums."""
    size, side, step = element.bitwidth // 8, lanes(element), vector_bytes()
    tile, transpose = result_tile(transform_taps, element), transpose_tile(element)
    rows = max(side, 9)
    nine_memory = stack((rows + 1) * step)
    turned_memory = stack(10 * side * size)

    @register_jitable
    def write(sums, row, place, outputs, channels, out, out_row, add):
        zeros = nine_memory()
        nine, turned = zeros + step, turned_memory()
        span(zeros, (rows + 1) * side, element)[:] = 0
        values = span(turned, 9 * side, element)
        for o in range(outputs):
            for c in range(0, channels, side):
                tile(sums + o * row + c * size, place, zeros, nine, 3 * step)
                if side > 9:  # each row's end is written over by the next row
                    transpose(nine, step, turned, 9 * size)
                else:
                    taps = span(nine, 9 * side, element)
                    for i in range(side):
                        for k in range(9):
                            values[i * 9 + k] = taps[k * side + i]
                count = 9 * min(side, channels - c)
                to = span(out + o * out_row + c * 9 * size, count, element)
                if add:
                    for i in range(count):
                        to[i] += values[i]
                else:
                    for i in range(count):
                        to[i] = values[i]

    return write


def winograd_weight_gradient(element):
    """An item is a worker's share of the tasks.

    A task is a part of the batch or, where the transforms are there already, a block of outputs by
    a block of channels.
    """
    size = element.bitwidth // 8
    output_block, channel_block = OUTPUT_BLOCK, CHANNEL_BLOCK
    width = 2 * lanes(element)
    transform_images = block_transformer(transform_image, 6, element)
    transform_gradients = block_transformer(transform_gradient, 4, element)
    multiply, write = places_multiplier(element), sums_writer(element)

    @register_jitable
    def add_products(arguments, gradients, images, tiles, outputs, channels, sums, first):
        row = integer(arguments, TO_ROW)
        gradient_row = integer(arguments, GRADIENT + TO_ROW)
        multiply(
            outputs, channels, tiles, gradients, size, gradient_row,
            integer(arguments, GRADIENT + TO_PLACE), images, row, width * size,
            integer(arguments, TO_PLACE), sums, integer(arguments, SUMS_ROW),
            integer(arguments, SUMS_PLACE), first,
        )  # fmt: skip

    @register_jitable
    def sum_part(arguments, scratch, part, tasks, outputs, channels, sums):
        """All outputs and channels of a part of the segments, block by block."""
        segments, block = integer(arguments, SEGMENT_COUNT), integer(arguments, BLOCK)
        blocks = (segments + block - 1) // block
        images = scratch + integer(arguments, OWN_IMAGES)
        gradients = scratch + integer(arguments, OWN_GRADIENTS)
        begin = blocks * part // tasks
        for b in range(begin, blocks * (part + 1) // tasks):
            first, last = b * block, min((b + 1) * block, segments)
            transform_images(arguments, 0, TILING, scratch, first, last, images)
            transform_gradients(arguments, GRADIENT, TILING, scratch, first, last, gradients)
            tiles = first_tile(arguments, TILING, last) - first_tile(arguments, TILING, first)
            add_products(arguments, gradients, images, tiles, outputs, channels, sums, b - begin)

    def winograd_weight_gradient_kernel(begin, end, arguments):
        workers, tasks = integer(arguments, WORKERS), integer(arguments, TASKS)
        outputs = integer(arguments, GRADIENT + CHANNELS)
        channels, out = integer(arguments, CHANNELS), integer(arguments, OUT)
        row, place = integer(arguments, SUMS_ROW), integer(arguments, SUMS_PLACE)
        blocks = (channels + channel_block - 1) // channel_block
        for worker in range(begin, end):
            scratch = integer(arguments, SCRATCH) + worker * integer(arguments, SCRATCH_STRIDE)
            sums = scratch + integer(arguments, SUMS)
            for task in range(tasks * worker // workers, tasks * (worker + 1) // workers):
                if integer(arguments, OWN_IMAGES) != 0:
                    sum_part(arguments, scratch, task, tasks, outputs, channels, sums)
                    to = out + task * integer(arguments, PART_STRIDE)
                    write(sums, row, place, outputs, channels, to, channels * 9 * size, False)
                else:
                    o, c = task // blocks * output_block, task % blocks * channel_block
                    count = min(channel_block, channels - c)
                    rows = min(output_block, outputs - o)
                    tiles = first_tile(arguments, TILING, integer(arguments, SEGMENT_COUNT))
                    add_products(
                        arguments, integer(arguments, GRADIENT + TO) + o * size,
                        integer(arguments, TO) + c * size, tiles, rows, count, sums, 0,
                    )  # fmt: skip
                    to = out + (o * channels + c) * 9 * size
                    add = integer(arguments, FIRST) == 0
                    write(sums, row, place, rows, count, to, channels * 9 * size, add)

    return winograd_weight_gradient_kernel


def _aligned(nbytes):
    return -(-nbytes // 64) * 64


@lru_cache(maxsize=1024)
def _plan(dtype, sizes, images, channels, outputs):
    """How the work is cut: (tiling, segments of a block, parts, images of a chunk).

    Parts of 0: the batch is transformed first.
    """
    place, pitch = PLACES * dtype.itemsize, row_pitch(channels, dtype.numba)
    both = place * (pitch + row_pitch(outputs, dtype.numba))  # bytes of a tile
    if place * pitch * outputs <= WORKER_SUMS:
        tiling = cut(*sizes, 4, max(32, WORKER_BYTES // both))
        block = 1
        if tiling.segments == 1:
            most = max(1, max(32, WORKER_BYTES // both) // tiling.map_tiles)
            block = max(1, min(most, images // PARTS))
        blocks = -(-images * tiling.segments // block)
        return tiling, block, min(PARTS, blocks), images
    tiling = cut(*sizes, 4, 64)
    chunk = max(1, min(images, SHARED_BYTES // (both * tiling.map_tiles)))
    return tiling, 1, 0, -(-images // -(-images // chunk))


def weight_gradient(out, axes, input, grad_output, groups):
    """As convolution_plan.weight_gradient."""
    dtype, element, size = out.dtype, out.dtype.numba, out.dtype.itemsize
    step, threads = vector_bytes(), cpu_target.get_num_threads()
    outputs, channels, depths = out.shape[0] // groups, out.shape[1], axes[0].count
    sizes, images = tuple(axis.count for axis in axes[1:]), input.shape[0] * depths
    tiling, block, parts, chunk = _plan(dtype, sizes, images, channels, outputs)
    row, gradient_row = (row_pitch(count, element) * size for count in (channels, outputs))
    tiles = block * tiling.segment_tiles if parts else chunk * tiling.map_tiles
    image_place, gradient_place = tiles * row + step, tiles * gradient_row + step
    image_bytes, gradient_bytes = _aligned(PLACES * image_place), _aligned(PLACES * gradient_place)
    columns, rows = (channels, outputs) if parts else (CHANNEL_BLOCK, OUTPUT_BLOCK)
    sums_row = row_pitch(-(-columns // (2 * lanes(element))) * 2 * lanes(element), element) * size
    sums_place = rows * sums_row + step
    strip = _aligned(strip_bytes(tiling, element))
    sums = strip + (image_bytes + gradient_bytes if parts else 0)
    scratch_bytes = sums + _aligned(PLACES * sums_place)
    work = images * sizes[0] * sizes[1] * outputs * channels * 9
    workers = max(1, min(threads, work // GRAIN))
    scratch = memory.Storage(workers * scratch_bytes)
    shared = None if parts else memory.Storage(image_bytes + gradient_bytes)
    count = shapes.numel(out.shape)
    partial = memory.Storage(parts * count * size) if parts > 1 else out
    gradient_axes = axes[0], *[forward_axis(axis.count, 1, 1, 0, 1) for axis in axes[1:]]

    def launch(kernel, tasks, head, segments, group, first):
        workers_now = max(1, min(workers, tasks))
        cpu_target.specialise(kernel, element)(
            workers_now, 1, *head, scratch.address, scratch_bytes, workers_now, tasks, segments,
            block, strip if parts else 0, strip + image_bytes, sums, sums_row, sums_place,
            partial.address + group * outputs * channels * 9 * size, count * size, int(first == 0),
        )  # fmt: skip

    for group in range(groups):
        to = (0, 0) if parts else (shared.address, shared.address + image_bytes)
        image = source_slots(input, group * channels, channels, axes, to[0], row, image_place)
        gradient = source_slots(
            grad_output,
            group * outputs,
            outputs,
            gradient_axes,
            to[1],
            gradient_row,
            gradient_place,
        )
        for first in range(0, images, chunk):
            segments = min(chunk, images - first) * tiling.segments
            head = (*image, *tiling.slots(first, depths), *gradient)
            tasks = parts
            if not parts:
                vectors = sum(-(-n // lanes(element)) for n in (channels, outputs))
                launch(batch_transforms, segments * vectors, head, segments, group, first)
                tasks = -(-channels // CHANNEL_BLOCK) * -(-outputs // OUTPUT_BLOCK)
            launch(winograd_weight_gradient, tasks, head, segments, group, first)
    if parts > 1:
        cpu_target.specialise(part_summer, element)(
            count, max(1, GRAIN // parts), out.address, partial.address, parts, count * size
        )
