"""The weight gradient of 3x3 convolutions by Winograd's method, F(3x3, 4x4).

A tile's 4x4 output gradients g and its 6x6 image d give its share of the 3x3 gradient:

    gradient = A' [ (sum over tiles of (G g G') * (B' d B)) ] A

where B is that of the forward convolution. The sum over tiles is 36 matrix products, outputs by
channels. Rounding errors are about twice those of direct summation.
"""

from functools import lru_cache

from numba.extending import intrinsic, register_jitable

from .. import cpu_target, memory, shapes
from .convolution_geometry import five, image_slots
from .direct_convolution import (
    ALL_CHANNELS,
    CHANNEL_BLOCKS,
    CHANNELS,
    GRAD,
    GRAD_C,
    GRAD_D,
    GRAD_G,
    GRAD_H,
    GRAD_N,
    GRAD_SCRATCH,
    GRAD_W,
    GROUPS,
    IMAGES,
    LINES,
    OUT_D,
    OUT_H,
    OUT_W,
    PARTIAL,
    PARTIAL_STRIDE,
    PARTS,
    ROWS,
    SCRATCH,
    SCRATCH_STRIDE,
    SOURCE,
    SOURCE_G,
    SOURCE_N,
    STRIDE_C,
    TASKS,
    WORKERS,
    image_filler,
    part_summer,
)
from .gemm import TILE_VECTORS, tile_columns, tile_height
from .native import integer, span
from .vectors import NAME, WORD, lanes, multiply_tile, outlined, stack, transpose_tile, vector_bytes
from .winograd import (
    GRAIN,
    TILE_PITCH,
    TILES,
    columns_of,
    image_transformer,
    plane_transformer,
    tile_geometry,
    tile_transformer,
)

#: Tasks that the work is cut into; fixed, so that the sums do not depend on the threads.
WEIGHT_TASKS = 16

# Slots after those of the direct weight gradient and of the tiles: where in the scratch memory the
# transformed images (as they come, and with channels last), gradients and the sums begin.
TRANSFORMED, CHANNELS_LAST, GRADIENTS, SUMS = range(52, 56)


def _transform_gradient(at, g):
    """G g: four values to six."""
    even, odd = at.times(-1 / 6, at.add(g[0], g[2])), at.times(-1 / 6, at.add(g[1], g[3]))
    wide = at.times(1 / 24, at.times(4.0, g[2], g[0]))
    narrow = at.times(1 / 12, at.times(4.0, g[3], g[1]))
    return [
        at.times(1 / 4, g[0]),
        at.add(even, odd),
        at.subtract(even, odd),
        at.add(wide, narrow),
        at.subtract(wide, narrow),
        g[3],
    ]


def _transform_sums(at, m):
    """A' m: six values to three."""
    sum1, difference1 = at.add(m[1], m[2]), at.subtract(m[1], m[2])
    sum2, difference2 = at.add(m[3], m[4]), at.subtract(m[3], m[4])
    return [
        at.add(at.add(m[0], sum1), sum2),
        at.times(2.0, difference2, difference1),
        at.add(at.times(4.0, sum2, sum1), m[5]),
    ]


#: G g G' for a vector of tiles.
gradient_tile = tile_transformer("winograd_gradient", 4, 0, _transform_gradient)


def sums_tile(element):
    """A' m A for a vector of channels: nine vectors, one after the other."""
    name = f"winograd_sums_{NAME[element]}_{vector_bytes()}"

    def emit(at, m, m_step, out):
        builder = at.builder
        m, out = at.pointer(m), at.pointer(out)
        rows = []
        for i in range(6):
            places = [at.at(m, builder.mul(m_step, WORD(6 * i + j))) for j in range(6)]
            rows.append(_transform_sums(at, [at.load(place) for place in places]))
        for j, column in enumerate(columns_of(rows)):
            for i, value in enumerate(_transform_sums(at, column)):
                at.store(value, at.at(out, (3 * i + j) * vector_bytes()))

    generated = outlined(name, element, 3, emit)

    def tile(typing_context, m, m_step, out):
        return generated

    tile.__name__ = tile.__qualname__ = name
    return intrinsic(tile)


def winograd_weight_gradient(element):
    """Partial gradients over a part of the batch and a panel of channels; an item is a worker's."""
    size, side, width = element.bitwidth // 8, lanes(element), tile_columns(element)
    tile_rows, gap = tile_height(), vector_bytes()
    fill, transform_image = image_filler(element), image_transformer(element)
    transform_gradient = plane_transformer(gradient_tile, element)
    transpose = transpose_tile(element)
    transform_sums, nine_memory = sums_tile(element), stack(9 * vector_bytes())
    wide = multiply_tile(element, tile_height(), TILE_VECTORS)

    @register_jitable
    def fill_gradient(place, grad, arguments, lines, tile_lines):
        """A row's lines of grad_output, up to whole tiles with zeros."""
        pitch, out_width = 4 * integer(arguments, TILES), integer(arguments, OUT_W)
        hop = integer(arguments, GRAD_W) // size
        for h in range(4 * tile_lines):
            row = span(place + h * pitch * size, pitch, element)
            if h >= lines:
                row[:] = 0
                continue
            row[out_width:] = 0
            begin = grad + h * integer(arguments, GRAD_H)
            values = span(begin, (out_width - 1) * hop + 1, element)
            if hop == 1:
                for w in range(out_width):
                    row[w] = values[w]
            else:
                for w in range(out_width):
                    row[w] = values[w * hop]

    @register_jitable
    def gradients(arguments, scratch, grad, lines, tile_lines):
        """G g G' of all outputs, as [place][output][tile]."""
        rows, tiles = integer(arguments, ROWS), integer(arguments, TILES)
        tile_row = integer(arguments, TILE_PITCH) * size
        place = scratch + integer(arguments, GRAD_SCRATCH)
        out = scratch + integer(arguments, GRADIENTS)
        for r in range(rows):
            fill_gradient(
                place, grad + r * integer(arguments, GRAD_C), arguments, lines, tile_lines
            )
            to = out + r * tile_row
            transform_gradient(
                place, 4 * tiles * size, to, rows * tile_row + gap, tiles, tile_lines
            )

    @register_jitable
    def add_block(arguments, scratch, tiles):
        """sums[place] += gradients[place] @ images[place], outputs by channels."""
        rows, tile_row = integer(arguments, ROWS), integer(arguments, TILE_PITCH) * size
        images = scratch + integer(arguments, TRANSFORMED)
        channels_last = scratch + integer(arguments, CHANNELS_LAST)
        for place in range(36):
            b = channels_last + place * integer(arguments, TILE_PITCH) * width * size
            for c in range(0, width, side):
                for t in range(0, tiles, side):
                    transpose(
                        images + place * (width * tile_row + gap) + c * tile_row + t * size, tile_row,
                        b + (t * width + c) * size, width * size,
                    )  # fmt: skip
            a = scratch + integer(arguments, GRADIENTS) + place * (rows * tile_row + gap)
            for i in range(0, rows, tile_rows):
                sums = scratch + integer(arguments, SUMS) + place * (rows * width * size + gap)
                sums += i * width * size
                wide(
                    tiles, a + i * tile_row, tile_row, size, b, width * size,
                    sums, width * size, sums, width * size, min(tile_rows, rows - i),
                )  # fmt: skip

    @register_jitable
    def write_sums(arguments, sums, out, channels):
        """The 3x3 gradients of all outputs and of the panel's channels."""
        rows, stride = integer(arguments, ROWS), integer(arguments, ALL_CHANNELS) * 9
        nine = nine_memory()
        taps = span(nine, 9 * side, element)
        for r in range(rows):
            for first in range(0, channels, side):
                transform_sums(sums + (r * width + first) * size, rows * width * size + gap, nine)
                for c in range(min(side, channels - first)):
                    place = span(out + (r * stride + (first + c) * 9) * size, 9, element)
                    for k in range(9):
                        place[k] = taps[k * side + c]

    def winograd_weight_gradient_kernel(begin, end, arguments):
        workers, tasks = integer(arguments, WORKERS), integer(arguments, TASKS)
        rows, block = integer(arguments, ROWS), integer(arguments, CHANNELS)
        blocks, channels = integer(arguments, CHANNEL_BLOCKS), integer(arguments, ALL_CHANNELS)
        parts, images = integer(arguments, PARTS), integer(arguments, IMAGES)
        groups, height = integer(arguments, GROUPS), integer(arguments, OUT_H)
        step = width * integer(arguments, TILE_PITCH) * size + gap
        for worker in range(begin, end):
            scratch = integer(arguments, SCRATCH) + worker * integer(arguments, SCRATCH_STRIDE)
            sums = scratch + integer(arguments, SUMS)
            for task in range(tasks * worker // workers, tasks * (worker + 1) // workers):
                first = task % blocks * block
                count = min(block, channels - first)
                group, part = task // blocks % groups, task // (blocks * groups)
                span(sums, 36 * (rows * width + side), element)[:] = 0
                for n in range(images * part // parts, images * (part + 1) // parts):
                    source = integer(arguments, SOURCE) + n * integer(arguments, SOURCE_N)
                    source += group * integer(arguments, SOURCE_G)
                    source += first * integer(arguments, STRIDE_C)
                    grad = integer(arguments, GRAD) + n * integer(arguments, GRAD_N)
                    grad += group * integer(arguments, GRAD_G)
                    for d in range(integer(arguments, OUT_D)):
                        for line in range(0, height, integer(arguments, LINES)):
                            lines = min(integer(arguments, LINES), height - line)
                            tile_lines = (lines + 3) // 4
                            fill(scratch, source, arguments, count, d, line)
                            images_at = scratch + integer(arguments, TRANSFORMED)
                            transform_image(arguments, scratch, images_at, step, count, tile_lines)
                            at = grad + d * integer(arguments, GRAD_D)
                            at += line * integer(arguments, GRAD_H)
                            gradients(arguments, scratch, at, lines, tile_lines)
                            add_block(arguments, scratch, tile_lines * integer(arguments, TILES))
                out = integer(arguments, PARTIAL) + part * integer(arguments, PARTIAL_STRIDE)
                out += (group * rows * channels + first) * 9 * size
                write_sums(arguments, sums, out, count)

    return winograd_weight_gradient_kernel


@lru_cache(maxsize=1024)
def _plan(dtype, threads, axes, source, grad, out_channels, groups):
    """(scratch bytes, workers, parts, image slots, remaining slots)."""
    element, size = dtype.numba, dtype.itemsize
    depth, height, width = axes
    (images, channels, *_), source_strides = source
    channels //= groups
    rows, columns, side = out_channels // groups, tile_columns(element), lanes(element)
    block = min(channels, columns)
    blocks = -(-channels // block)
    parts = max(1, min(images, WEIGHT_TASKS // (groups * blocks)))
    tasks = parts * groups * blocks
    image, tiles, count, tile_pitch = tile_geometry(axes, block, columns, element)
    work = images * depth.count * height.count * width.count * out_channels * channels * 9
    workers = max(1, min(threads, tasks, work // GRAIN))
    offsets, end = [], image.nbytes
    slack = 8 * side  # vectors reach this much beyond the last tile
    for elements in (
        4 * image.lines * tiles + slack,  # grad_output; the next three transformed
        36 * (columns * tile_pitch + side) + slack,
        36 * (columns * tile_pitch + side) + slack,
        36 * (rows * tile_pitch + side) + slack,
        36 * (rows * columns + side),
    ):
        offsets.append(end)
        end += -(-elements * size // 64) * 64
    head = image_slots(
        image, source[0], source_strides, channels * source_strides[1],
        [workers, tasks, groups, block, image.lines, -(-height.count // image.lines),
         depth.count, height.count, width.count, 0, rows],
    )  # fmt: skip
    grad_n, grad_c, *grad_steps = grad
    tail = [
        parts, images, blocks, 9, grad_n, rows * grad_c, grad_c, *grad_steps,
        out_channels * channels * 9 * size, offsets[0], channels, tiles, tile_pitch, *offsets[1:],
    ]  # fmt: skip
    return end, workers, parts, tuple(head), tuple(tail)


def weight_gradient(out, axes, input, grad_output, groups):
    """As convolution_plan.weight_gradient."""
    dtype, element = out.dtype, out.dtype.numba
    scratch_bytes, workers, parts, head, tail = _plan(
        dtype,
        cpu_target.get_num_threads(),
        axes,
        five(input),
        five(grad_output)[1],
        out.shape[0],
        groups,
    )
    count = shapes.numel(out.shape)
    partial = out if parts == 1 else memory.Storage(parts * count * dtype.itemsize)
    scratch = memory.Storage(scratch_bytes * workers)
    cpu_target.specialise(winograd_weight_gradient, element)(
        workers, 1, input.address, scratch.address, scratch_bytes, *head,
        grad_output.address, partial.address, *tail,
    )  # fmt: skip
    if parts > 1:
        cpu_target.specialise(part_summer, element)(
            count, max(1, GRAIN // parts), out.address, partial.address, parts,
            count * dtype.itemsize,
        )  # fmt: skip
