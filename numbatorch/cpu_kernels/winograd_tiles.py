"""Winograd's transforms of 3x3 convolutions with 4x4 tiles, and the images they are applied to.

Vectors run along channels (channels_last.py). Transformed operands are matrices, tiles x channels,
one for each of the 36 places of a tile.
"""

from functools import cache

from numba.extending import intrinsic, register_jitable

from .channels_last import (
    ADDRESS,
    CHANNELS,
    FIRST_H,
    IMAGE_C,
    IMAGE_D,
    IMAGE_N,
    TILES,
    TO_PLACE,
    TO_ROW,
    channels_last,
    first_tile,
    panel_multiplier,
    segment_place,
)
from .gemm import tile_columns
from .native import integer, span
from .vectors import NAME, WORD, lanes, outlined, stack, vector_bytes

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


# Images ----------------------------------------------------------------------------------------


def strip_bytes(tiling, element):
    """Scratch memory of a segment while it is transformed."""
    pixels = (4 * tiling.segment_lines + 2) * (4 * tiling.tiles + 2)
    return (2 * pixels + 2 * lanes(element)) * vector_bytes()


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


def places_multiplier(element):
    """multiply(...): c = a @ b at each of the 36 places, or c + a @ b where `first` is not 0.

    `b` is cut into panels of columns, `b_panel` bytes apart. All strides are in bytes.
    """
    size, width, places = element.bitwidth // 8, tile_columns(element), PLACES
    multiply_panel, zeros_memory = panel_multiplier(element), stack(width * size)

    @register_jitable
    def multiply(
        rows, columns, depth, a, a_row, a_step, a_place, b, b_step, b_panel, b_place,
        c, c_row, c_place, first,
    ):  # fmt: skip
        zeros = zeros_memory()
        span(zeros, width, element)[:] = 0
        for place in range(places):
            for j in range(0, columns, width):
                to = c + place * c_place + j * size
                start, start_row = to, c_row
                if first == 0:
                    start, start_row = zeros, 0
                multiply_panel(
                    rows, columns - j, depth, a + place * a_place, a_row, a_step,
                    b + place * b_place + j // width * b_panel, b_step,
                    start, start_row, to, c_row,
                )  # fmt: skip

    return multiply
