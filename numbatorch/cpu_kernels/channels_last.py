"""Images with channels last, a few lines at a time, and matrix products of what is made from them.

Vectors run along channels: some lines of an image are copied to where a pixel's channels lie next
to each other, padded with zeros. So small maps do as well as large ones, and any step from one
pixel to the next costs the same.
"""

from math import gcd
from typing import NamedTuple

from numba.extending import register_jitable

from .convolution_geometry import five
from .gemm import DEPTH, TILE_VECTORS, tile_height
from .native import integer, span
from .product_tiles import multiply_tile
from .vector_copies import transpose_tile, vector_copy
from .vectors import lanes, vector_bytes

# Slots that describe images, counted from a first one: address, strides in bytes of image, channel,
# depth, line and column; height, width, the line and column that the first result reads first;
# channels; then the address and the row and place strides of what is made from them.
ADDRESS, IMAGE_N, IMAGE_C, IMAGE_D, IMAGE_H, IMAGE_W = range(6)
HEIGHT, WIDTH, FIRST_H, FIRST_W, CHANNELS = range(6, 11)
TO, TO_ROW, TO_PLACE = range(11, 14)
IMAGE_SLOTS = 14


def source_slots(array, first_channel, channels, axes, to, row, place):
    """What describes images of `array` and where their transform goes, as slots."""
    (_, _, _, height, width), strides = five(array)
    address = array.address + first_channel * strides[1]
    first_h, first_w = (axis.first for axis in axes[1:])
    return address, *strides, height, width, first_h, first_w, channels, to, row, place


class Tiling(NamedTuple):
    """How maps are cut into tiles of results: segments are a few lines of tiles of one image."""

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


def cut(height, width, side, most_tiles):
    """The tiling of maps of this size, tiles of `side`, about `most_tiles` of them in a segment."""
    tiles, lines = -(-width // side), -(-height // side)
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


def row_pitch(channels, element):
    """Elements of a row of a transformed operand: rows should not fall into one set of the cache."""
    side, size = lanes(element), element.bitwidth // 8
    pitch = -(-channels // side) * side
    return pitch + side if gcd(pitch * size, 4096) >= 1024 else pitch


def channels_last(element):
    """copy(...): lines of a vector's channels to pixels that are vectors, padded with zeros."""
    size, side, step = element.bitwidth // 8, lanes(element), vector_bytes()
    transpose, copy_pixels = transpose_tile(element), vector_copy(element)

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
            copy_pixels(right - left, place, step, row + left * step, step)

    return copy


def result_writer(element):
    """write(...): a run of pixels, each a vector of channels, to where they belong.

    `pitch` is the stride in bytes from one pixel's vector to the next.
    """
    size, side = element.bitwidth // 8, lanes(element)
    transpose = transpose_tile(element)

    @register_jitable
    def write(out, stride_c, stride_h, stride_w, pixels, width, channels, values, pitch):
        """`pixels` of a map that is `width` wide; `channels` of the vector's."""
        dense = stride_w == size and stride_h == width * size
        if dense and channels == side and pixels >= side:
            for first in range(0, pixels, side):
                first = min(first, pixels - side)
                transpose(values + first * pitch, pitch, out + first * size, stride_c)
            return
        for c in range(channels):
            hop = pitch // size
            source = span(values + c * size, (pixels - 1) * hop + 1, element)
            for h in range(pixels // width):
                to = out + c * stride_c + h * stride_h
                for w in range(width):
                    span(to + w * stride_w, 1, element)[0] = source[(h * width + w) * hop]

    return write


def panel_multiplier(element):
    """multiply(...): c = start + a @ b, for a panel of columns; all strides are in bytes."""
    height, depth_block, side = tile_height(), DEPTH, lanes(element)
    wide = multiply_tile(element, tile_height(), TILE_VECTORS)
    narrow = multiply_tile(element, tile_height(), 1)

    @register_jitable
    def multiply(rows, columns, depth, a, a_row, a_step, b, b_step, start, start_row, c, c_row):
        for k in range(0, depth, depth_block):
            count, right = min(depth_block, depth - k), b + k * b_step
            if k > 0:
                start, start_row = c, c_row
            for i in range(0, rows, height):
                left, here, to = a + i * a_row + k * a_step, start + i * start_row, c + i * c_row
                if columns > side:
                    wide(
                        count, left, a_row, a_step, right, b_step, here, start_row, to, c_row,
                        min(height, rows - i),
                    )  # fmt: skip
                else:
                    narrow(
                        count, left, a_row, a_step, right, b_step, here, start_row, to, c_row,
                        min(height, rows - i),
                    )  # fmt: skip

    return multiply
