"""Fast convolution in float32 and float64: register tiles that read the image in place.

A block of output lines needs a few input rows. They are copied once, padded with zeros, into a
scratch image whose rows are `pitch` apart (a stride splits the image into phases, so that what one
tap reads is contiguous). Then output pixel q, counted with the scratch's pitch, reads tap k of all
channels at `offset[k] + q`: a matrix product weight @ image with no matrix of patches. The few
columns between two lines are computed and thrown away.

The input gradient is the same with the roles of the channels swapped: each phase of the input is a
stride-1 correlation of grad_output with the taps that reach it.
"""

from numba.extending import register_jitable

from .gemm import TILE_VECTORS, tile_columns, tile_height
from .native import integer, span
from .product_tiles import gather_tile, lanewise_dot_tile, vector_totals
from .vector_copies import padded_copy
from .vectors import lanes, stack, vector_bytes

# Slots: first what filling the scratch image reads, then the rest. Strides are in bytes.
SOURCE, SCRATCH, SCRATCH_STRIDE, PITCH, SCRATCH_LINES = range(5)
PLANES, PLANE_STEP, PHASES_H, PHASES_W = range(5, 9)  # a plane for each tap of the depth
SOURCE_D, SOURCE_H, SOURCE_W = range(9, 12)  # sizes
STEP_D, STEP_H, STEP_W, FIRST_D, FIRST_H, FIRST_W = range(12, 18)
SOURCE_N, SOURCE_G, STRIDE_C, STRIDE_D, STRIDE_H, STRIDE_W = range(18, 24)
WORKERS, TASKS, GROUPS, CHANNELS, LINES, BLOCKS, OUT_D, OUT_H, OUT_W = range(24, 33)
TABLE, ROWS = 33, 34
IMAGE_SLOTS = 35
# Slots of the correlation alone.
OUT, WEIGHT, BIAS, DEPTH = range(35, 39)
OUT_N, OUT_G, OUT_C, OUT_STRIDE_D, OUT_STRIDE_H, OUT_STRIDE_W = range(39, 45)
WEIGHT_G, WEIGHT_ROW, BIAS_STRIDE = range(45, 48)
# Slots of the weight gradient alone.
GRAD, PARTIAL, PARTS, IMAGES, CHANNEL_BLOCKS, TAPS = range(35, 41)
GRAD_N, GRAD_G, GRAD_C, GRAD_D, GRAD_H, GRAD_W = range(41, 47)
PARTIAL_STRIDE, GRAD_SCRATCH, SUM_SCRATCH, ALL_CHANNELS = range(47, 51)


def image_filler(element):
    """fill(...) copies the rows that a block of lines reads into scratch, padded with zeros.

    Up to a vector beyond the last row is zeroed too.
    """
    size, copy = element.bitwidth // 8, padded_copy(element)

    @register_jitable
    def fill_row(place, source, stride, pitch, first, step, limit):
        """place[i] = source[first + i * step], zero outside [0, limit)."""
        row = span(place, pitch, element)
        low = min(max(0, -(first // step)), pitch)
        high = max(low, min(pitch, -((first - limit) // step)))
        begin = source + (first + low * step) * stride
        for i in range(low):
            row[i] = 0
        if step == 1 and stride == size and low < pitch:
            copy(high - low, pitch - low, begin, place + low * size)
            return
        row[high:] = 0
        if low < high:
            inner = span(place + low * size, high - low, element)
            hop = step * stride // size
            values = span(begin, (high - low - 1) * hop + 1, element)
            for i in range(high - low):
                inner[i] = values[i * hop]

    @register_jitable
    def fill(scratch, source, arguments, channels, depth_position, line):
        pitch, lines = integer(arguments, PITCH), integer(arguments, SCRATCH_LINES)
        depth, height = integer(arguments, SOURCE_D), integer(arguments, SOURCE_H)
        width, step_w = integer(arguments, SOURCE_W), integer(arguments, STEP_W)
        stride_w = integer(arguments, STRIDE_W)
        step_h = integer(arguments, STEP_H)
        first_d = depth_position * integer(arguments, STEP_D) + integer(arguments, FIRST_D)
        first_h = line * step_h + integer(arguments, FIRST_H)
        first_w = integer(arguments, FIRST_W)
        place = scratch
        for c in range(channels):
            for plane in range(integer(arguments, PLANES)):
                d = first_d + plane * integer(arguments, PLANE_STEP)
                for a in range(integer(arguments, PHASES_H)):
                    for b in range(integer(arguments, PHASES_W)):
                        for i in range(lines):
                            h = first_h + a + i * step_h
                            if d < 0 or d >= depth or h < 0 or h >= height:
                                span(place, pitch, element)[:] = 0
                            else:
                                row = source + c * integer(arguments, STRIDE_C)
                                row += d * integer(arguments, STRIDE_D)
                                row += h * integer(arguments, STRIDE_H)
                                fill_row(place, row, stride_w, pitch, first_w + b, step_w, width)
                            place += pitch * size

    return fill


def correlation(element):
    """out = bias + weight @ image, block of lines by block of lines; an item is a worker's share."""
    size = element.bitwidth // 8
    side, width = lanes(element), tile_columns(element)
    tile_rows = tile_height()
    fill = image_filler(element)
    corner_memory = stack(tile_height() * width * size)
    wide = gather_tile(element, tile_height(), TILE_VECTORS)
    narrow = gather_tile(element, tile_height(), 1)
    wide_row = gather_tile(element, 1, TILE_VECTORS)
    short_rows = 3 * tile_rows // 4
    short = gather_tile(element, short_rows, TILE_VECTORS)

    @register_jitable
    def store_lines(out, arguments, corner, count, columns, position, pitch):
        """Write the columns of a tile that are pixels of the output."""
        out_width = integer(arguments, OUT_W)
        stride_c, stride_h = integer(arguments, OUT_C), integer(arguments, OUT_STRIDE_H)
        hop = integer(arguments, OUT_STRIDE_W) // size
        line, first = position // pitch, position % pitch
        done = 0
        while done < columns:
            pixels = min(out_width - first, columns - done)
            for r in range(count):
                if pixels > 0:
                    values = span(corner + (r * width + done) * size, pixels, element)
                    place = out + r * stride_c + line * stride_h + first * hop * size
                    if hop == 1:
                        row = span(place, pixels, element)
                        for i in range(pixels):
                            row[i] = values[i]
                    else:
                        row = span(place, (pixels - 1) * hop + 1, element)
                        for i in range(pixels):
                            row[i * hop] = values[i]
            done += pitch - first
            line += 1
            first = 0

    @register_jitable
    def correlate(out, image, weight, bias, arguments, lines):
        """All rows (output channels) of one block of lines."""
        rows, depth, table = (
            integer(arguments, ROWS),
            integer(arguments, DEPTH),
            integer(arguments, TABLE),
        )
        pitch, out_width = integer(arguments, PITCH), integer(arguments, OUT_W)
        stride_c, stride_h = integer(arguments, OUT_C), integer(arguments, OUT_STRIDE_H)
        weight_row, bias_stride = integer(arguments, WEIGHT_ROW), integer(arguments, BIAS_STRIDE)
        corner = corner_memory()
        square = span(corner, tile_rows * width, element)
        dense = (
            pitch == out_width
            and stride_h == out_width * size
            and integer(arguments, OUT_STRIDE_W) == size
        )
        pixels = (lines - 1) * pitch + out_width
        for q in range(0, pixels, width):
            columns = min(width, pixels - q)
            whole = dense and columns == width
            for i in range(0, rows, tile_rows):
                count = min(tile_rows, rows - i)
                for r in range(count):
                    value = element(0)
                    if bias != 0:
                        value = span(bias + (i + r) * bias_stride, 1, element)[0]
                    for j in range(width):
                        square[r * width + j] = value
                place, place_row = corner, width * size
                if whole:
                    place, place_row = out + i * stride_c + q * size, stride_c
                if depth > 0:
                    a, b = weight + i * weight_row, image + q * size
                    if rows == 1:
                        wide_row(
                            depth, a, 0, b, table, corner, 0, place, 0, 1
                        )  # fmt: skip
                    elif columns <= side:
                        narrow(
                            depth, a, weight_row, b, table,
                            corner, width * size, place, place_row, count,
                        )  # fmt: skip
                    elif count <= short_rows:
                        short(
                            depth, a, weight_row, b, table,
                            corner, width * size, place, place_row, count,
                        )  # fmt: skip
                    else:
                        wide(
                            depth, a, weight_row, b, table,
                            corner, width * size, place, place_row, count,
                        )  # fmt: skip
                if depth == 0 or not whole:
                    store_lines(out + i * stride_c, arguments, corner, count, columns, q, pitch)

    def correlation_kernel(begin, end, arguments):
        workers, tasks = integer(arguments, WORKERS), integer(arguments, TASKS)
        groups, lines, blocks = (
            integer(arguments, GROUPS),
            integer(arguments, LINES),
            integer(arguments, BLOCKS),
        )
        out_depth, out_height = integer(arguments, OUT_D), integer(arguments, OUT_H)
        for worker in range(begin, end):
            scratch = integer(arguments, SCRATCH) + worker * integer(arguments, SCRATCH_STRIDE)
            for task in range(tasks * worker // workers, tasks * (worker + 1) // workers):
                line = task % blocks * lines
                d = task // blocks % out_depth
                group = task // (blocks * out_depth) % groups
                n = task // (blocks * out_depth * groups)
                source = integer(arguments, SOURCE)
                source += n * integer(arguments, SOURCE_N) + group * integer(arguments, SOURCE_G)
                fill(scratch, source, arguments, integer(arguments, CHANNELS), d, line)
                out = integer(arguments, OUT) + n * integer(arguments, OUT_N)
                out += group * integer(arguments, OUT_G) + d * integer(arguments, OUT_STRIDE_D)
                out += line * integer(arguments, OUT_STRIDE_H)
                weight = integer(arguments, WEIGHT) + group * integer(arguments, WEIGHT_G)
                bias = integer(arguments, BIAS)
                if bias != 0:
                    bias += group * integer(arguments, ROWS) * integer(arguments, BIAS_STRIDE)
                correlate(out, scratch, weight, bias, arguments, min(lines, out_height - line))

    return correlation_kernel


def _dot_tiles():
    """(rows, taps) of a tile of the weight gradient, and taps where there are two rows at most."""
    return (4, 5, 9) if vector_bytes() == 64 else (3, 4, 6)  # as many as there are registers


def weight_gradient_sums(element):
    """Partial sums of grad_output times image, over a part of the batch and a block of channels.

    A task keeps a vector of sums for each output, channel and tap, whose lanes it adds up at its end.
    """
    size, side, step = element.bitwidth // 8, lanes(element), vector_bytes()
    fill, copy = image_filler(element), padded_copy(element)
    totals = vector_totals(element)
    rows_of_tile, taps_of_tile, taps_of_few = _dot_tiles()
    tile, few = (
        lanewise_dot_tile(element, rows_of_tile, taps_of_tile),
        lanewise_dot_tile(element, 2, taps_of_few),
    )

    @register_jitable
    def fill_gradient(place, grad, arguments, lines, vectors):
        """The block's lines of grad_output with the scratch image's pitch, zeros between them."""
        pitch, width = integer(arguments, PITCH), integer(arguments, OUT_W)
        hop = integer(arguments, GRAD_W) // size
        for r in range(integer(arguments, ROWS)):  # ascending: a line's end reaches into the next
            row = place + r * vectors * step
            for line in range(lines):
                to, total = row + line * pitch * size, pitch
                if line + 1 == lines:
                    total = vectors * side - line * pitch
                begin = grad + r * integer(arguments, GRAD_C) + line * integer(arguments, GRAD_H)
                if hop == 1:
                    copy(width, total, begin, to)
                else:
                    values = span(begin, (width - 1) * hop + 1, element)
                    pixels = span(to, total, element)
                    for i in range(width):
                        pixels[i] = values[i * hop]
                    pixels[width:] = 0

    @register_jitable
    def add_block(sums, scratch, grads, arguments, channels, vectors):
        rows, taps = integer(arguments, ROWS), integer(arguments, TAPS)
        table, columns = integer(arguments, TABLE), channels * taps
        for i in range(0, rows, rows_of_tile):
            left, to, count = grads + i * vectors * step, sums + i * columns * step, rows - i
            if count <= 2:
                for j in range(0, columns, taps_of_few):
                    few(
                        vectors, left, vectors * step, scratch, table + 8 * j, to + j * step,
                        columns * step, count, min(taps_of_few, columns - j),
                    )  # fmt: skip
            else:
                for j in range(0, columns, taps_of_tile):
                    tile(
                        vectors, left, vectors * step, scratch, table + 8 * j, to + j * step,
                        columns * step, min(rows_of_tile, count), min(taps_of_tile, columns - j),
                    )  # fmt: skip

    def weight_gradient_kernel(begin, end, arguments):
        workers, tasks = integer(arguments, WORKERS), integer(arguments, TASKS)
        rows, taps = integer(arguments, ROWS), integer(arguments, TAPS)
        block, blocks = integer(arguments, CHANNELS), integer(arguments, CHANNEL_BLOCKS)
        channels, parts = integer(arguments, ALL_CHANNELS), integer(arguments, PARTS)
        groups, images = integer(arguments, GROUPS), integer(arguments, IMAGES)
        scratch_bytes = integer(arguments, SCRATCH_STRIDE)
        for worker in range(begin, end):
            scratch = integer(arguments, SCRATCH) + worker * scratch_bytes
            span(scratch, scratch_bytes // size, element)[:] = 0  # no stray NaN beyond the image
            grads = scratch + integer(arguments, GRAD_SCRATCH)
            sums = scratch + integer(arguments, SUM_SCRATCH)
            for task in range(tasks * worker // workers, tasks * (worker + 1) // workers):
                first = task % blocks * block
                count = min(block, channels - first)
                group, part = task // blocks % groups, task // (blocks * groups)
                span(sums, rows * count * taps * side, element)[:] = 0
                for n in range(images * part // parts, images * (part + 1) // parts):
                    source = integer(arguments, SOURCE) + n * integer(arguments, SOURCE_N)
                    source += group * integer(arguments, SOURCE_G)
                    source += first * integer(arguments, STRIDE_C)
                    grad = integer(arguments, GRAD) + n * integer(arguments, GRAD_N)
                    grad += group * integer(arguments, GRAD_G)
                    for d in range(integer(arguments, OUT_D)):
                        for line in range(0, integer(arguments, OUT_H), integer(arguments, LINES)):
                            lines = min(integer(arguments, LINES), integer(arguments, OUT_H) - line)
                            pixels = (lines - 1) * integer(arguments, PITCH)
                            vectors = (pixels + integer(arguments, OUT_W) + side - 1) // side
                            fill(scratch, source, arguments, count, d, line)
                            grad_lines = grad + d * integer(arguments, GRAD_D)
                            grad_lines += line * integer(arguments, GRAD_H)
                            fill_gradient(grads, grad_lines, arguments, lines, vectors)
                            add_block(sums, scratch, grads, arguments, count, vectors)
                out = integer(arguments, PARTIAL) + part * integer(arguments, PARTIAL_STRIDE)
                out += (group * rows * channels + first) * taps * size
                for r in range(rows):
                    totals(
                        count * taps,
                        sums + r * count * taps * step,
                        out + r * channels * taps * size,
                    )

    return weight_gradient_kernel


def zero_filler(element):
    """out = zeros; an item is an element."""
    size = element.bitwidth // 8

    def fill_zeros_kernel(begin, end, arguments):
        span(integer(arguments, 0) + begin * size, end - begin, element)[:] = 0

    return fill_zeros_kernel


def part_summer(element):
    """out = the sum of the parts, in their order; an item is an element."""
    size = element.bitwidth // 8

    def sum_parts_kernel(begin, end, arguments):
        count = end - begin
        total = span(integer(arguments, 0) + begin * size, count, element)
        first = integer(arguments, 1) + begin * size
        stride = integer(arguments, 3)
        for part in range(integer(arguments, 2)):
            values = span(first + part * stride, count, element)
            if part == 0:
                for i in range(count):
                    total[i] = values[i]
            else:
                for i in range(count):
                    total[i] += values[i]

    return sum_parts_kernel
