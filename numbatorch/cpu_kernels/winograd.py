"""Winograd convolution F(4x4, 3x3): 3x3 kernels, stride 1, with a quarter of the multiplications.

Every 4x4 tile of the output comes from a 6x6 tile d of the image:

    output = A' [ (sum over channels of (G w G') * (B' d B)) ] A

The products over channels are 36 matrix products, one for each of the 6x6 places. Vectors run along
tiles, so images keep their layout. Rounding errors are about ten times those of direct summation
(1e-6 of the largest values in float32); NUMBATORCH_WINOGRAD=0 turns it off. A. Lavin and S. Gray,
"Fast algorithms for convolutional neural networks", 2015.
"""

from functools import lru_cache
from math import gcd

from numba import types
from numba.extending import intrinsic, register_jitable

from .. import config, cpu_target, memory
from ..dtypes import float32
from .convolution_geometry import five, image_slots, make_image
from .direct_convolution import (
    BIAS,
    BIAS_STRIDE,
    BLOCKS,
    CHANNELS,
    GROUPS,
    LINES,
    OUT,
    OUT_C,
    OUT_D,
    OUT_G,
    OUT_H,
    OUT_N,
    OUT_STRIDE_D,
    OUT_STRIDE_H,
    OUT_STRIDE_W,
    OUT_W,
    PITCH,
    ROWS,
    SCRATCH,
    SCRATCH_LINES,
    SCRATCH_STRIDE,
    SOURCE,
    SOURCE_G,
    SOURCE_N,
    TASKS,
    WEIGHT,
    WORKERS,
    image_filler,
)
from .gemm import TILE_VECTORS, tile_columns, tile_height
from .native import integer, span
from .vectors import NAME, WORD, lanes, multiply_tile, outlined, stack, vector_bytes

#: Multiplications, of the direct sum, that are worth a thread of their own.
GRAIN = 200_000

#: Channels on either side from which the transforms pay.
LEAST_CHANNELS = 12

# Slots after those of the correlation: tiles in a line, the row length of the transformed image,
# and where in the scratch memory it, the products and the pixels begin.
TILES, TILE_PITCH, TRANSFORMED, PRODUCTS, PIXELS = range(50, 55)

# The three one-dimensional transforms, on values that `at` adds and scales ----------------------


def _transform_image(at, d):
    """B' d: six values to six."""
    even, odd = at.times(-4.0, d[2], d[4]), at.times(-4.0, d[1], d[3])
    difference, twice = at.subtract(d[4], d[2]), at.times(2.0, at.subtract(d[3], d[1]))
    return [
        at.times(4.0, d[0], at.times(-5.0, d[2], d[4])),
        at.add(even, odd),
        at.subtract(even, odd),
        at.add(difference, twice),
        at.subtract(difference, twice),
        at.times(4.0, d[1], at.times(-5.0, d[3], d[5])),
    ]


def _transform_back(at, m):
    """A' m: six values to four."""
    sum1, difference1 = at.add(m[1], m[2]), at.subtract(m[1], m[2])
    sum2, difference2 = at.add(m[3], m[4]), at.subtract(m[3], m[4])
    return [
        at.add(at.add(m[0], sum1), sum2),
        at.times(2.0, difference2, difference1),
        at.times(4.0, sum2, sum1),
        at.add(at.times(8.0, difference2, difference1), m[5]),
    ]


def columns_of(rows):
    """The transpose of a list of rows."""
    return [list(column) for column in zip(*rows)]


def tile_transformer(name, rows, extra, transform):
    """A maker of tile(x, x_row, second, out, out_step, out_second) for a two-sided transform.

    It transforms a vector of tiles that lie side by side, `rows` rows of them; row i lies at
    x + i * x_row, and result (i, j) goes to out + (6 i + j) * out_step. Where `second` is not x,
    half of the tiles lie there and go `out_second` bytes further.
    """

    def make(element, paired):
        own_name = f"{name}_{NAME[element]}_{vector_bytes()}_{'pair' if paired else 'one'}"

        def emit(at, x, x_row, second, out, out_step, out_second):
            builder = at.builder
            x, out, second = at.pointer(x), at.pointer(out), at.pointer(second)
            lines = []
            for i in range(rows):
                place = at.at(x, builder.mul(x_row, WORD(i)))
                other = at.at(second, builder.mul(x_row, WORD(i))) if paired else None
                fours = at.load_fours(place, other)
                if extra:  # the next tile's first columns
                    next_place = at.at(place, 4 * at.size)
                    next_other = at.at(other, 4 * at.size) if paired else None
                    fours += at.load_fours(next_place, next_other)[:extra]
                lines.append(transform(at, fours))
            for j, column in enumerate(columns_of(lines)):
                for i, value in enumerate(transform(at, column)):
                    place = at.at(out, builder.mul(out_step, WORD(6 * i + j)))
                    if paired:
                        at.store_halves(value, place, at.at(place, out_second))
                    else:
                        at.store(value, place)

        generated = outlined(own_name, element, 6, emit)

        def tile(typing_context, x, x_row, second, out, out_step, out_second):
            return generated

        tile.__name__ = tile.__qualname__ = own_name
        return intrinsic(tile)

    return make


image_tile = tile_transformer("winograd_image", 6, 2, _transform_image)


def plane_transformer(maker, element):
    """transform(...): all tiles of a plane, line of tiles by line of tiles, into one row of `out`.

    What a vector holds beyond the end of a line is overwritten by the next line. Lines that fill
    half a vector or less are taken in pairs.
    """
    size, side = element.bitwidth // 8, lanes(element)
    one, pair = maker(element, False), maker(element, True)

    @register_jitable
    def transform(plane, row, out, out_step, tiles, tile_lines):
        if 2 * tiles <= side:
            for y in range(0, tile_lines, 2):
                at = plane + 4 * y * row
                other = at + 4 * row if y + 1 < tile_lines else at
                pair(at, row, other, out + y * tiles * size, out_step, tiles * size)
        else:
            for y in range(tile_lines):
                for x in range(0, tiles, side):
                    at = plane + 4 * (y * row + x * size)
                    one(at, row, at, out + (y * tiles + x) * size, out_step, 0)

    return transform


def pixel_tile(element):
    """A' m A for a vector of tiles: four rows of pixels, row i at out + i * out_row."""

    def emit(at, m, m_step, out, out_row):
        builder = at.builder
        m, out = at.pointer(m), at.pointer(out)
        rows = []
        for i in range(6):
            places = [at.at(m, builder.mul(m_step, WORD(6 * i + j))) for j in range(6)]
            rows.append(_transform_back(at, [at.load(place) for place in places]))
        pixels = columns_of([_transform_back(at, column) for column in columns_of(rows)])
        for i, row in enumerate(pixels):
            at.store_fours(row, at.at(out, builder.mul(out_row, WORD(i))))

    generated = outlined(f"winograd_pixels_{NAME[element]}_{vector_bytes()}", element, 4, emit)

    def tile(typing_context, m, m_step, out, out_row):
        return generated

    tile.__name__ = tile.__qualname__ = f"winograd_pixels_{NAME[element]}_{vector_bytes()}"
    return intrinsic(tile)


# The 36 places of every transformed operand are a vector more apart than their size: at multiples of
# 4096 bytes they would fall into one set of the cache and evict each other.

# Kernels -----------------------------------------------------------------------------------------


def weight_transformer(element):
    """out[group, 6 i + j, row, channel] = (G w G')[i, j]; an item is a row of a group."""
    size, sixth, gap = element.bitwidth // 8, 1 / 6, lanes(element)

    @register_jitable
    def transform(a, b, c):
        """G w: three values to six."""
        outer, inner = (a + c) * sixth, b * sixth
        wide, narrow = (0.25 * a + c) * sixth, 0.5 * inner
        return 0.25 * a, -outer - inner, inner - outer, wide + narrow, wide - narrow, c

    @register_jitable
    def tap(weight, offset):
        return types.float64(span(weight + offset, 1, element)[0])

    def winograd_weight_kernel(begin, end, arguments):
        out, weight = integer(arguments, 0), integer(arguments, 1)
        rows, channels = integer(arguments, 2), integer(arguments, 3)
        step_h, step_w = integer(arguments, 7), integer(arguments, 8)
        plane = rows * channels + gap
        for item in range(begin, end):
            group, row = item // rows, item % rows
            to = out + (group * 36 * plane + row * channels) * size
            source = weight + group * integer(arguments, 4) + row * integer(arguments, 5)
            for c in range(channels):
                at = source + c * integer(arguments, 6)
                left = transform(tap(at, 0), tap(at, step_h), tap(at, 2 * step_h))
                at += step_w
                middle = transform(tap(at, 0), tap(at, step_h), tap(at, 2 * step_h))
                at += step_w
                right = transform(tap(at, 0), tap(at, step_h), tap(at, 2 * step_h))
                for i in range(6):
                    v0, v1, v2, v3, v4, v5 = transform(left[i], middle[i], right[i])
                    place = to + (6 * i * plane + c) * size
                    span(place, 1, element)[0] = element(v0)
                    span(place + plane * size, 1, element)[0] = element(v1)
                    span(place + 2 * plane * size, 1, element)[0] = element(v2)
                    span(place + 3 * plane * size, 1, element)[0] = element(v3)
                    span(place + 4 * plane * size, 1, element)[0] = element(v4)
                    span(place + 5 * plane * size, 1, element)[0] = element(v5)

    return winograd_weight_kernel


def image_transformer(element):
    """transform(...): B' d B of all tiles of a block, as out[place][channel][tile]."""
    size, transform_plane = element.bitwidth // 8, plane_transformer(image_tile, element)

    @register_jitable
    def transform(arguments, image, out, out_step, channels, tile_lines):
        tiles, row = integer(arguments, TILES), integer(arguments, PITCH) * size
        tile_row = integer(arguments, TILE_PITCH) * size
        for c in range(channels):
            plane = image + c * integer(arguments, SCRATCH_LINES) * row
            transform_plane(plane, row, out + c * tile_row, out_step, tiles, tile_lines)

    return transform


def winograd_convolution(element):
    """out = bias + weight * image; an item is a worker's share of the blocks of lines."""
    size, side, width = element.bitwidth // 8, lanes(element), tile_columns(element)
    tile_rows, gap = tile_height(), vector_bytes()
    fill, zeros_memory = image_filler(element), stack(width * size)
    transform_image, pixel_transform = image_transformer(element), pixel_tile(element)
    wide = multiply_tile(element, tile_height(), TILE_VECTORS)
    narrow = multiply_tile(element, tile_height(), 1)

    @register_jitable
    def multiply(arguments, weight, transformed, products, i, count, tiles, zeros):
        """Rows i .. i + count of the 36 products."""
        channels, rows = integer(arguments, CHANNELS), integer(arguments, ROWS)
        tile_row = integer(arguments, TILE_PITCH) * size
        for place in range(36):
            a = weight + place * (rows * channels * size + gap) + i * channels * size
            b = transformed + place * (channels * tile_row + gap)
            c = products + place * (tile_rows * tile_row + gap)
            for first in range(0, tiles, width):
                here = first * size
                if tiles - first > side:
                    wide(
                        channels, a, channels * size, size, b + here, tile_row,
                        zeros, 0, c + here, tile_row, count,
                    )  # fmt: skip
                else:
                    narrow(
                        channels, a, channels * size, size, b + here, tile_row,
                        zeros, 0, c + here, tile_row, count,
                    )  # fmt: skip

    @register_jitable
    def write_lines(arguments, out, pixels, bias, lines):
        """The pixels of a block that exist, plus the bias."""
        out_width, hop = integer(arguments, OUT_W), integer(arguments, OUT_STRIDE_W) // size
        tiles, row = integer(arguments, TILES), 4 * integer(arguments, TILE_PITCH)
        for h in range(lines):
            at = pixels + (h % 4 * row + h // 4 * 4 * tiles) * size
            values = span(at, out_width, element)
            to = out + h * integer(arguments, OUT_STRIDE_H)
            place = span(to, (out_width - 1) * hop + 1, element)
            if hop == 1:
                for w in range(out_width):
                    place[w] = values[w] + bias
            else:
                for w in range(out_width):
                    place[w * hop] = values[w] + bias

    def winograd_kernel(begin, end, arguments):
        workers, tasks = integer(arguments, WORKERS), integer(arguments, TASKS)
        groups, blocks = integer(arguments, GROUPS), integer(arguments, BLOCKS)
        lines, out_depth = integer(arguments, LINES), integer(arguments, OUT_D)
        rows, channels = integer(arguments, ROWS), integer(arguments, CHANNELS)
        tile_row = integer(arguments, TILE_PITCH) * size
        zeros = zeros_memory()
        span(zeros, width, element)[:] = 0
        for worker in range(begin, end):
            scratch = integer(arguments, SCRATCH) + worker * integer(arguments, SCRATCH_STRIDE)
            transformed = scratch + integer(arguments, TRANSFORMED)
            products = scratch + integer(arguments, PRODUCTS)
            pixels = scratch + integer(arguments, PIXELS)
            for task in range(tasks * worker // workers, tasks * (worker + 1) // workers):
                line = task % blocks * lines
                d = task // blocks % out_depth
                group = task // (blocks * out_depth) % groups
                n = task // (blocks * out_depth * groups)
                source = integer(arguments, SOURCE)
                source += n * integer(arguments, SOURCE_N) + group * integer(arguments, SOURCE_G)
                fill(scratch, source, arguments, channels, d, line)
                here = min(lines, integer(arguments, OUT_H) - line)
                tile_lines = (here + 3) // 4
                tiles = tile_lines * integer(arguments, TILES)
                transform_image(
                    arguments, scratch, transformed, channels * tile_row + gap, channels, tile_lines
                )
                out = integer(arguments, OUT) + n * integer(arguments, OUT_N)
                out += group * integer(arguments, OUT_G) + d * integer(arguments, OUT_STRIDE_D)
                out += line * integer(arguments, OUT_STRIDE_H)
                weight = integer(arguments, WEIGHT) + group * 36 * (rows * channels * size + gap)
                for i in range(0, rows, tile_rows):
                    count = min(tile_rows, rows - i)
                    multiply(arguments, weight, transformed, products, i, count, tiles, zeros)
                    for r in range(count):
                        bias = element(0)
                        if integer(arguments, BIAS) != 0:
                            at = (group * rows + i + r) * integer(arguments, BIAS_STRIDE)
                            bias = span(integer(arguments, BIAS) + at, 1, element)[0]
                        for t in range(0, tiles, side):
                            pixel_transform(
                                products + r * tile_row + t * size, tile_rows * tile_row + gap,
                                pixels + 4 * t * size, 4 * tile_row,
                            )  # fmt: skip
                        to = out + (i + r) * integer(arguments, OUT_C)
                        write_lines(arguments, to, pixels, bias, here)

    return winograd_kernel


# Planning ----------------------------------------------------------------------------------------


def suits(dtype, axes, channels, rows):
    """Whether a correlation along `axes` pays as a Winograd convolution."""
    depth, height, width = axes
    return (
        config.WINOGRAD
        and dtype is float32
        and min(channels, rows) >= LEAST_CHANNELS
        and len(depth.taps) == 1
        and all(axis.step == 1 and sorted(axis.reach) == [0, 1, 2] for axis in (height, width))
        and height.count * width.count >= 64  # below, transforming the weight is most of the work
    )


def tile_geometry(axes, channels, most_tiles, element):
    """(scratch image, tiles in a line, most tiles of a block, row length for so many tiles)."""
    _, height, width = axes
    size, side, columns = element.bitwidth // 8, lanes(element), tile_columns(element)
    tiles = -(-width.count // 4)
    tile_lines = min(max(1, most_tiles // tiles), -(-height.count // 4))
    image = make_image(axes, channels, 4 * tile_lines, element)
    pitch = 4 * tiles + 2
    nbytes = (channels * image.scratch_lines * pitch + 8 * side) * size
    image = image._replace(pitch=pitch, nbytes=-(-nbytes // 64) * 64)
    count = tile_lines * tiles
    tile_pitch = -(-max(count + side, -(-count // columns) * columns) // side) * side
    if gcd(tile_pitch * size, 4096) >= 1024:
        tile_pitch += side  # rows that fall into the same cache sets would evict each other
    return image, tiles, count, tile_pitch


@lru_cache(maxsize=1024)
def _plan(dtype, threads, axes, out_strides, out_group, source, rows, groups):
    """(scratch bytes, workers, image slots, remaining slots) of one convolution."""
    element, size = dtype.numba, dtype.itemsize
    depth, height, width = axes
    source_shape, source_strides = source
    images, channels = source_shape[0], source_shape[1] // groups
    columns = tile_columns(element)
    image, tiles, _, tile_pitch = tile_geometry(axes, channels, columns, element)
    transformed = image.nbytes
    products = transformed + 36 * (channels * tile_pitch + columns) * size
    pixels = products + 36 * (tile_height() * tile_pitch + columns) * size
    scratch_bytes = pixels + 16 * tile_pitch * size
    blocks = -(-height.count // image.lines)
    tasks = images * groups * depth.count * blocks
    work = tasks * image.lines * width.count * rows * channels * 9
    workers = max(1, min(threads, tasks, work // GRAIN))
    head = image_slots(
        image, source_shape, source_strides, channels * source_strides[1],
        [workers, tasks, groups, channels, image.lines, blocks, depth.count, height.count,
         width.count, 0, rows],
    )  # fmt: skip
    n, c, *rest = out_strides
    tail = [0, n, out_group, c, *rest, 0, 0]
    after = [0, 0, tiles, tile_pitch, transformed, products, pixels]
    return -(-scratch_bytes // 64) * 64, workers, tuple(head), tuple(tail), tuple(after)


def correlate(dtype, axes, out, out_strides, out_group, source, weight, weight_strides, bias, rows,
              groups):  # fmt: skip
    """As convolution_plan.correlate."""
    scratch_bytes, workers, head, tail, after = _plan(
        dtype,
        cpu_target.get_num_threads(),
        axes,
        out_strides,
        out_group,
        five(source),
        rows,
        groups,
    )
    channels = source.shape[1] // groups
    transformed = memory.Storage(
        36 * groups * (rows * channels + lanes(dtype.numba)) * dtype.itemsize
    )
    group, row, channel, *_, step_h, step_w = weight_strides
    first = weight.address
    for axis, step in zip(axes[1:], (step_h, step_w)):  # the tap that reads the first place
        first += min(axis.taps, key=lambda tap: tap[1])[0] * step
    step_h, step_w = (
        step if axis.taps[0][1] < axis.taps[1][1] else -step
        for axis, step in zip(axes[1:], (step_h, step_w))
    )
    element = dtype.numba
    cpu_target.specialise(weight_transformer, element)(
        groups * rows, max(1, GRAIN // (64 * channels)), transformed.address, first, rows, channels,
        group, row, channel, step_h, step_w,
    )  # fmt: skip
    scratch = memory.Storage(scratch_bytes * workers)
    bias_address, bias_stride = 0, 0
    if bias is not None:
        bias_address, bias_stride = bias.address, bias.strides[0] * dtype.itemsize
    cpu_target.specialise(winograd_convolution, element)(
        workers, 1, source.address, scratch.address, scratch_bytes, *head,
        out, transformed.address, bias_address, *tail, bias_stride, *after,
    )  # fmt: skip
