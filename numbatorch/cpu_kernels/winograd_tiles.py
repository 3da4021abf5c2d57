"""Winograd's transforms of 3x3 convolutions with 4x4 tiles, and the images they are applied to.

Vectors run along channels: a few lines of an image are first copied to where a pixel's channels lie
next to each other, padded with zeros. So small maps do as well as large ones. Transformed operands
are matrices (tiles x channels), one for each of the 36 places of a tile.
"""

from functools import cache
from math import gcd
from typing import NamedTuple

from numba.extending import intrinsic, register_jitable

from .gemm import DEPTH, TILE_VECTORS, tile_columns, tile_height
from .native import integer, span
from .vectors import (
    NAME,
    WORD,
    lanes,
    multiply_tile,
    outlined,
    stack,
    transpose_tile,
    vector_bytes,
)

#: Places of a transformed tile, 6 x 6.
PLACES = 36

# The one-dimensional transforms, on values that `at` adds and scales ------------------------------


def transform_image(at, d):
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


def transform_weight(at, g):
    """G g: three values to six."""
    outer, inner = at.times(1 / 6, at.add(g[0], g[2])), at.times(1 / 6, g[1])
    wide, narrow = at.times(1 / 24, g[0], at.times(1 / 6, g[2])), at.times(1 / 12, g[1])
    return [
        at.times(1 / 4, g[0]),
        at.times(-1.0, at.add(outer, inner)),
        at.subtract(inner, outer),
        at.add(wide, narrow),
        at.subtract(wide, narrow),
        g[2],
    ]


def transform_gradient(at, g):
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


def transform_pixels(at, m):
    """A' m: six values to the four of the output."""
    sum1, difference1 = at.add(m[1], m[2]), at.subtract(m[1], m[2])
    sum2, difference2 = at.add(m[3], m[4]), at.subtract(m[3], m[4])
    return [
        at.add(at.add(m[0], sum1), sum2),
        at.times(2.0, difference2, difference1),
        at.times(4.0, sum2, sum1),
        at.add(at.times(8.0, difference2, difference1), m[5]),
    ]


def transform_taps(at, m):
    """A' m: six values to the three of the weight's gradient."""
    first, second, _, last = transform_pixels(at, m)
    sum1, sum2 = at.add(m[1], m[2]), at.add(m[3], m[4])
    return [first, second, at.add(at.times(4.0, sum2, sum1), m[5])]


# Two-sided transforms of a vector of tiles ------------------------------------------------------


def _columns_of(rows):
    return [list(column) for column in zip(*rows)]


def _named(intrinsic_function, name):
    intrinsic_function.__name__ = intrinsic_function.__qualname__ = name
    return intrinsic(intrinsic_function)


@cache
def places_tile(transform, rows, element):
    """tile(x, x_row, out, place): `rows` x `rows` vectors to the 36 places of a tile.

    Vector (i, j) lies at x + i * x_row + j vectors; result (i, j) goes to out + (6 i + j) * place.
    """
    name = f"winograd_{transform.__name__}_{NAME[element]}_{vector_bytes()}"

    def emit(at, x, x_row, out, place):
        builder, step = at.builder, vector_bytes()
        x, out = at.pointer(x), at.pointer(out)
        lines = []
        for i in range(rows):
            row = at.at(x, builder.mul(x_row, WORD(i)))
            lines.append(transform(at, [at.load(at.at(row, j * step)) for j in range(rows)]))
        for j, column in enumerate(_columns_of(lines)):
            for i, value in enumerate(transform(at, column)):
                at.store(value, at.at(out, builder.mul(place, WORD(6 * i + j))))

    generated = outlined(name, element, 4, emit)

    def tile(typing_context, x, x_row, out, place):
        return generated

    return _named(tile, name)


@cache
def result_tile(transform, element):
    """tile(m, place, start, out, out_row): the 36 places of a tile to its square of vectors.

    Adds the vector at `start` to each; result (i, j) goes to out + i * out_row + j vectors.
    """
    name = f"winograd_{transform.__name__}_{NAME[element]}_{vector_bytes()}"

    def emit(at, m, place, start, out, out_row):
        builder, step = at.builder, vector_bytes()
        m, out, start = at.pointer(m), at.pointer(out), at.load(at.pointer(start))
        rows = []
        for i in range(6):
            places = [at.at(m, builder.mul(place, WORD(6 * i + j))) for j in range(6)]
            rows.append(transform(at, [at.load(place) for place in places]))
        for j, column in enumerate(_columns_of(rows)):
            for i, value in enumerate(transform(at, column)):
                row = at.at(out, builder.mul(out_row, WORD(i)))
                at.store(at.add(value, start), at.at(row, j * step))

    generated = outlined(name, element, 5, emit)

    def tile(typing_context, m, place, start, out, out_row):
        return generated

    return _named(tile, name)


# Images, channels last --------------------------------------------------------------------------

# Slots that describe images and where their transform goes, counted from a first one: address,
# strides in bytes of image, channel, depth, line and column; height, width, where the first tile's
# first line and column lie; channels; address, row and place strides of the transform.
ADDRESS, IMAGE_N, IMAGE_C, IMAGE_D, IMAGE_H, IMAGE_W = range(6)
HEIGHT, WIDTH, FIRST_H, FIRST_W, CHANNELS = range(6, 11)
TO, TO_ROW, TO_PLACE = range(11, 14)
IMAGE_SLOTS = 14


class Tiling(NamedTuple):
    """How maps are cut into tiles: segments are a few lines of tiles of one image."""

    tiles: int  # in a line
    lines: int  # of tiles, of a map
    segment_lines: int

    @property
    def segments(self):
        """Segments of a map."""
        return -(-self.lines // self.segment_lines)

    @property
    def map_tiles(self):
        return self.tiles * self.lines

    @property
    def segment_tiles(self):
        return self.tiles * self.segment_lines

    def slots(self, first_image, depths):
        """What kernels read: with the number of the first image, and of images in a volume."""
        return self.tiles, self.lines, self.segment_lines, self.segments, first_image, depths


# Slots of a tiling, counted from a first one. Segments count on from the first image.
TILES, TILE_LINES, SEGMENT_LINES, SEGMENTS, FIRST_IMAGE, DEPTHS = range(6)
TILING_SLOTS = 6


def cut(height, width, most_tiles):
    """The tiling of maps of this size; segments have about `most_tiles` tiles, or are whole maps."""
    tiles, lines = -(-width // 4), -(-height // 4)
    segments = -(-lines // max(1, most_tiles // tiles))
    return Tiling(tiles, lines, -(-lines // segments))


@register_jitable
def segment_place(arguments, tiling, segment):
    """(image, its depth, first line of tiles, lines of tiles) of a segment."""
    segments, per = (
        integer(arguments, tiling + SEGMENTS),
        integer(arguments, tiling + SEGMENT_LINES),
    )
    image, line = segment // segments + integer(arguments, tiling + FIRST_IMAGE), segment % segments
    depths, line = integer(arguments, tiling + DEPTHS), line * per
    lines = min(per, integer(arguments, tiling + TILE_LINES) - line)
    return image // depths, image % depths, line, lines


@register_jitable
def first_tile(arguments, tiling, segment):
    """The number of a segment's first tile, counted from the first segment's."""
    segments, lines = integer(arguments, tiling + SEGMENTS), integer(arguments, tiling + TILE_LINES)
    line = segment // segments * lines + segment % segments * integer(
        arguments, tiling + SEGMENT_LINES
    )
    return line * integer(arguments, tiling + TILES)


def strip_bytes(tiling, element):
    """Scratch memory of a segment while it is transformed."""
    pixels = (4 * tiling.segment_lines + 2) * (4 * tiling.tiles + 2)
    return (2 * pixels + 2 * lanes(element)) * vector_bytes()


def row_pitch(channels, element):
    """Elements of a row of a transformed operand: rows should not fall into one set of the cache."""
    side, size = lanes(element), element.bitwidth // 8
    pitch = -(-channels // side) * side
    return pitch + side if gcd(pitch * size, 4096) >= 1024 else pitch


def place_stride(rows, pitch, element):
    """Bytes from one place of a transformed operand to the next."""
    return rows * pitch * (element.bitwidth // 8) + vector_bytes()


def channels_last(element):
    """copy(...): lines of a vector's channels to pixels that are vectors, padded with zeros."""
    size, side, step = element.bitwidth // 8, lanes(element), vector_bytes()
    transpose = transpose_tile(element)

    @register_jitable
    def copy_pixels(to, source, count):
        values, place = span(source, count * side, element), span(to, count * side, element)
        for i in range(count * side):
            place[i] = values[i]

    @register_jitable
    def copy(to, flat, arguments, base, source, channels, lines, columns, first_h):
        """`lines` x `columns` pixels from (first_h, FIRST_W) on; `flat` is scratch memory."""
        height, width = integer(arguments, base + HEIGHT), integer(arguments, base + WIDTH)
        stride_c, stride_h = integer(arguments, base + IMAGE_C), integer(arguments, base + IMAGE_H)
        stride_w, first_w = integer(arguments, base + IMAGE_W), integer(arguments, base + FIRST_W)
        top, bottom = max(0, -first_h), min(lines, height - first_h)
        left, right = max(0, -first_w), min(columns, width - first_w)
        if top >= bottom or left >= right:
            span(to, lines * columns * side, element)[:] = 0
            return
        span(to, top * columns * side, element)[:] = 0
        span(to + bottom * columns * step, (lines - bottom) * columns * side, element)[:] = 0
        source += (first_h + top) * stride_h
        pixels = (bottom - top) * width
        dense = stride_w == size and stride_h == width * size
        if dense and channels == side and pixels >= side:
            for first in range(0, pixels, side):
                first = min(first, pixels - side)
                transpose(source + first * size, stride_c, flat + first * step, step)
        else:
            span(flat, pixels * side, element)[:] = 0
            for c in range(channels):
                for h in range(bottom - top):
                    row = source + c * stride_c + h * stride_h
                    place = span(flat + h * width * step + c * size, width * side, element)
                    for w in range(width):
                        place[w * side] = span(row + w * stride_w, 1, element)[0]
        for h in range(top, bottom):
            row = to + h * columns * step
            span(row, left * side, element)[:] = 0
            span(row + right * step, (columns - right) * side, element)[:] = 0
            place = flat + ((h - top) * width + first_w + left) * step
            copy_pixels(row + left * step, place, right - left)

    return copy


def segment_transformer(transform, rows, element):
    """transform(...): a vector's channels of a segment, to the 36 places of its tiles."""
    size, side, step = element.bitwidth // 8, lanes(element), vector_bytes()
    copy, tile = channels_last(element), places_tile(transform, rows, element)
    margin = rows - 4

    @register_jitable
    def transform_segment(arguments, base, tiling, strip, segment, channel, to):
        """A vector's channels from `channel` on; `to` is where the first segment's tiles go."""
        image, depth, line, lines = segment_place(arguments, tiling, segment)
        tiles, row = integer(arguments, tiling + TILES), integer(arguments, base + TO_ROW)
        source = integer(arguments, base + ADDRESS) + image * integer(arguments, base + IMAGE_N)
        source += depth * integer(arguments, base + IMAGE_D)
        source += channel * integer(arguments, base + IMAGE_C)
        channels = min(side, integer(arguments, base + CHANNELS) - channel)
        height, columns = 4 * lines + margin, 4 * tiles + margin
        copy(
            strip, strip + height * columns * step, arguments, base, source, channels,
            height, columns, 4 * line + integer(arguments, base + FIRST_H),
        )  # fmt: skip
        to += first_tile(arguments, tiling, segment) * row + channel * size
        for y in range(lines):
            for x in range(tiles):
                tile(
                    strip + 4 * (y * columns + x) * step, columns * step,
                    to + (y * tiles + x) * row, integer(arguments, base + TO_PLACE),
                )  # fmt: skip

    return transform_segment


def block_transformer(transform, rows, element):
    """transform(...): all channels of some segments."""
    side, transform_segment = lanes(element), segment_transformer(transform, rows, element)

    @register_jitable
    def transform_block(arguments, base, tiling, strip, first, last, to):
        """`to` is where the tiles of segment `first` go."""
        to -= first_tile(arguments, tiling, first) * integer(arguments, base + TO_ROW)
        for segment in range(first, last):
            for channel in range(0, integer(arguments, base + CHANNELS), side):
                transform_segment(arguments, base, tiling, strip, segment, channel, to)

    return transform_block


def result_writer(element):
    """write(...): a run of pixels, each a vector of channels, to where they belong."""
    size, side, step = element.bitwidth // 8, lanes(element), vector_bytes()
    transpose = transpose_tile(element)

    @register_jitable
    def write(out, stride_c, stride_h, stride_w, pixels, width, channels, values):
        """`pixels` of a map that is `width` wide; `channels` of the vector's."""
        dense = stride_w == size and stride_h == width * size
        if dense and channels == side and pixels >= side:
            for first in range(0, pixels, side):
                first = min(first, pixels - side)
                transpose(values + first * step, step, out + first * size, stride_c)
            return
        for c in range(channels):
            source = span(values + c * size, (pixels - 1) * side + 1, element)
            for h in range(pixels // width):
                to = out + c * stride_c + h * stride_h
                for w in range(width):
                    span(to + w * stride_w, 1, element)[0] = source[(h * width + w) * side]

    return write


def places_multiplier(element):
    """multiply(...): c = a @ b at each of the 36 places, or c + a @ b where `first` is not 0.

    `b` is cut into panels of columns, `b_panel` bytes apart. All strides are in bytes.
    """
    size, side, width = element.bitwidth // 8, lanes(element), tile_columns(element)
    height, depth_block, places = tile_height(), DEPTH, PLACES
    wide = multiply_tile(element, tile_height(), TILE_VECTORS)
    narrow = multiply_tile(element, tile_height(), 1)
    zeros_memory = stack(width * size)

    @register_jitable
    def multiply(
        rows, columns, depth, a, a_row, a_step, a_place, b, b_step, b_panel, b_place,
        c, c_row, c_place, first,
    ):  # fmt: skip
        zeros = zeros_memory()
        span(zeros, width, element)[:] = 0
        for place in range(places):
            for j in range(0, columns, width):
                panel = b + place * b_place + j // width * b_panel
                for k in range(0, depth, depth_block):
                    count, right = min(depth_block, depth - k), panel + k * b_step
                    for i in range(0, rows, height):
                        to = c + place * c_place + i * c_row + j * size
                        start, start_row = to, c_row
                        if first == 0 and k == 0:
                            start, start_row = zeros, 0
                        left, there = a + place * a_place + i * a_row + k * a_step, rows - i
                        if columns - j > side:
                            wide(
                                count, left, a_row, a_step, right, b_step,
                                start, start_row, to, c_row, min(height, there),
                            )  # fmt: skip
                        else:
                            narrow(
                                count, left, a_row, a_step, right, b_step,
                                start, start_row, to, c_row, min(height, there),
                            )  # fmt: skip

    return multiply
