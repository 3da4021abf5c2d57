"""Convolutions as products of matrices that exist nowhere: patches are gathered as tiles are read.

| | rows | columns | summed over |
| --- | --- | --- | --- |
| forward | output channels | images and places of the output | input channels and taps |
| gradient of the input | input channels | images and places of the input | output channels and taps |
| gradient of the weight | output channels | input channels and taps | images and places of the output |

Each group is a product of its own. Of the gradient of the weight, whose result is small and whose sum
is long, blocks take segments of the sum, and a second kernel adds those up.
"""

from numba import types

from ..cuda_memory import empty_on
from ..cuda_target import SIMULATED, cuda, resident_threads, specialise
from ..dtypes import float32
from ..formulas import conversion
from ..formulas.typed import formula
from ..shapes import numel
from .native import divide, flat, memory
from .product_tiles import (
    DEPTH,
    SIDE,
    elements_per_thread,
    per_thread,
    place_of,
    share,
    tile_loop,
    tiles,
)

#: Rows and columns of a group's product that are worth tiles.
FEWEST_LINES = 2 if SIMULATED else 8

#: Steps of a segment of a sum, at least.
SEGMENT = 2 * DEPTH if SIMULATED else 64 * DEPTH

# Operands -----------------------------------------------------------------------------------------
# A matrix is a tensor whose lines are one of its dimensions and whose steps are all others: an outer
# one and three inner ones. It is (start, stride from group to group, of lines, of the outer dimension,
# and of the inner ones, the sizes of the inner ones).


@formula
def unravel(number, depth, height, width):
    """(outer, d, h, w) of element `number` of inner dimensions of these sizes."""
    number, w = divide(number, width)
    number, h = divide(number, height)
    outer, d = divide(number, depth)
    return outer, d, h, w


@formula
def step_of_matrix(matrix, step):
    """How far step `step` of a line lies from the first."""
    outer, d, h, w = unravel(step, matrix[7], matrix[8], matrix[9])
    return outer * matrix[3] + d * matrix[4] + h * matrix[5] + w * matrix[6]


def matrix_reader(load, compute, micro):
    """fetch (see tile_loop) of a matrix; neighbouring threads read neighbouring steps."""
    count = per_thread(micro)

    @formula
    def fetch(kept, x, place, own, step):
        matrix, start, first_line, lines, end = place
        line, own_step, more_lines, _ = own
        line, step = first_line + line, step + own_step
        at = start + line * matrix[2] + step_of_matrix(matrix, step)
        for n in range(count):
            value = compute(0)
            if line < lines and step < end:
                value = load(x[at])
            kept[n] = value
            line += more_lines
            at += more_lines * matrix[2]

    return fetch


# Patches are (start, stride from group to group, of images, of channels, and of the spatial dimensions,
# their sizes, taps, sizes of the windows' grid, strides, paddings and dilations). An element is found by
# a place, which says where a window begins, and a tap, which says how far in it the element lies: both
# are (offset, d, h, w).


@formula
def place_in_input(patches, number):
    """Where the window `number` of all images begins in the input."""
    image, d, h, w = unravel(number, patches[13], patches[14], patches[15])
    return (
        image * patches[2],
        d * patches[16] - patches[19],
        h * patches[17] - patches[20],
        w * patches[18] - patches[21],
    )


@formula
def tap_in_input(patches, number):
    """How far in a window the tap `number` of all channels lies."""
    channel, d, h, w = unravel(number, patches[10], patches[11], patches[12])
    return channel * patches[3], d * patches[22], h * patches[23], w * patches[24]


@formula
def reach_input(patches, place, tap):
    """Where the tap of a window lies, -1 in the padding."""
    d, h, w = place[1] + tap[1], place[2] + tap[2], place[3] + tap[3]
    if d < 0 or d >= patches[7] or h < 0 or h >= patches[8] or w < 0 or w >= patches[9]:
        return -1
    return place[0] + tap[0] + d * patches[4] + h * patches[5] + w * patches[6]


# For the gradient of the input, patches are those of the output's gradient: the windows that an
# element of the input is in.


@formula
def place_in_output(patches, number):
    """The element `number` of all images of the input."""
    image, d, h, w = unravel(number, patches[13], patches[14], patches[15])
    return image * patches[2], d + patches[19], h + patches[20], w + patches[21]


@formula
def reach_output(patches, place, tap):
    """Where the window lies in which the element `place` is the tap; -1 where there is none."""
    d, h, w = place[1] - tap[1], place[2] - tap[2], place[3] - tap[3]
    if d < 0 or h < 0 or w < 0:
        return -1
    d, rest_d = divide(d, patches[16])
    h, rest_h = divide(h, patches[17])
    w, rest_w = divide(w, patches[18])
    if rest_d + rest_h + rest_w > 0 or d >= patches[7] or h >= patches[8] or w >= patches[9]:
        return -1
    return place[0] + tap[0] + d * patches[4] + h * patches[5] + w * patches[6]


def patch_reader(load, compute, micro, find_place, find_tap, reach):
    """fetch of patches whose lines are places and whose steps are taps.

    Neighbouring threads read neighbouring places; a thread keeps to one, `kept_place`.
    """
    count = per_thread(micro)

    @formula
    def fetch(kept, x, place, own, step):
        patches, start, kept_place, has_place, end = place
        step += own[1]
        for n in range(count):
            value = compute(0)
            if has_place and step < end:
                at = reach(patches, kept_place, find_tap(patches, step))
                if at >= 0:
                    value = load(x[start + at])
            kept[n] = value
            step += own[3]

    return fetch


def turned_patch_reader(load, compute, micro):
    """fetch of patches of the input whose lines are taps and whose steps are places; neighbouring
    threads read neighbouring places."""
    count = per_thread(micro)

    @formula
    def fetch(kept, x, place, own, step):
        patches, start, taps, first_line, lines, end = place
        line, own_step, more_lines, _ = own
        line, step = first_line + line, step + own_step
        window = place_in_input(patches, step)
        for n in range(count):
            value = compute(0)
            if line < lines and step < end:
                tap = taps[n, 0], taps[n, 1], taps[n, 2], taps[n, 3]
                at = reach_input(patches, window, tap)
                if at >= 0:
                    value = load(x[start + at])
            kept[n] = value
            line += more_lines

    return fetch


# Kernels ------------------------------------------------------------------------------------------
# A block computes a tile of one group, and of one segment of the sum.


@formula
def tile_of_block(rows, columns, segments, side):
    """(group, segment, first row, first column) of the block."""
    rest, across = divide(cuda.blockIdx.x, (columns + side - 1) // side)
    rest, down = divide(rest, (rows + side - 1) // side)
    group, segment = divide(rest, segments)
    return group, segment, down * side, across * side


def over_places(load, store, convert, compute, has_bias, micro, find_place, reach):
    """The forward pass, and the gradient of the input: a tile of channels by places."""
    fetch_a = matrix_reader(load, compute, micro)
    fetch_b = patch_reader(load, compute, micro, find_place, tap_in_input, reach)
    multiply, find_element = tile_loop(compute, micro, fetch_a, fetch_b), place_of(micro, compute)
    along_depth, across_lines = share(True, micro), share(False, micro)
    side = SIDE * micro

    def convolution_tiles_kernel(
        out, result, a, matrix, b, patches, bias, bias_start, bias_step, rows, columns, depth
    ):
        totals = cuda.local.array((micro, micro), compute)
        group, _, first_row, first_column = tile_of_block(rows, columns, 1, side)
        a_own, b_own = along_depth(), across_lines()
        a_place = matrix, matrix[0] + group * matrix[1], first_row, rows, depth
        column = first_column + b_own[0]
        b_place = (
            patches, patches[0] + group * patches[1], find_place(patches, column),
            column < columns, depth,
        )  # fmt: skip
        multiply(totals, a, a_place, a_own, b, b_place, b_own, 0, depth)
        start = result[0] + group * result[1]
        for n in range(micro):
            column = first_column + find_element(n)[1]
            at = start + step_of_matrix(result, column)
            for m in range(micro):
                row = first_row + find_element(m)[0]
                if row < rows and column < columns:
                    total = totals[m, n]
                    if has_bias:
                        total += load(bias[bias_start + (group * rows + row) * bias_step])
                    out[at + row * result[2]] = store(convert(total))

    return convolution_tiles_kernel


def over_taps(load, compute, micro):
    """The gradient of the weight: a tile of output channels by taps, summed over a segment of places.

    Segments lie one after the other in `partials`, each (output channels, taps).
    """
    fetch_a = matrix_reader(load, compute, micro)
    fetch_b = turned_patch_reader(load, compute, micro)
    multiply, find_element = tile_loop(compute, micro, fetch_a, fetch_b), place_of(micro, compute)
    along_depth, side, count = share(True, micro), SIDE * micro, per_thread(micro)

    def convolution_weight_tiles_kernel(
        partials, a, matrix, b, patches, rows, columns, depth, groups, segments, segment_depth
    ):
        totals = cuda.local.array((micro, micro), compute)
        taps = cuda.local.array((count, 4), types.int64)
        group, segment, first_row, first_column = tile_of_block(rows, columns, segments, side)
        own = along_depth()
        for n in range(count):
            tap = tap_in_input(patches, first_column + own[0] + n * own[2])
            taps[n, 0], taps[n, 1], taps[n, 2], taps[n, 3] = tap
        first = segment * segment_depth
        end = min(first + segment_depth, depth)
        a_place = matrix, matrix[0] + group * matrix[1], first_row, rows, end
        start = patches[0] + group * patches[1]
        b_place = patches, start, taps, first_column, columns, end
        multiply(totals, a, a_place, own, b, b_place, own, first, end)
        first_row += (segment * groups + group) * rows
        last_row = (segment * groups + group) * rows + rows
        for m in range(micro):
            row = first_row + find_element(m)[0]
            for n in range(micro):
                column = first_column + find_element(n)[1]
                if row < last_row and column < columns:
                    partials[row * columns + column] = totals[m, n]

    return convolution_weight_tiles_kernel


def adding(store, convert, compute):
    """The sum of the segments, in the layout of the weight."""

    def add_segments_kernel(out, result, partials, segments, columns, count):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            total = compute(0)
            for segment in range(segments):
                total += partials[segment * count + i]
            row, column = divide(i, columns)
            at = result[0] + row * result[2] + step_of_matrix(result, column)
            out[at] = store(convert(total))

    return add_segments_kernel


# Host functions -----------------------------------------------------------------------------------


def is_worth_tiles(rows, columns):
    """Whether a group's product is large enough; if not, a thread goes over one element's sum."""
    return min(rows, columns) >= FEWEST_LINES


def _matrix(layout, group_step, line, outer, sizes):
    """A tensor as a matrix (see above): `line` and `outer` say which dimension is what."""
    return (layout[5], group_step, layout[line], layout[outer], *layout[2:5], *sizes)


def _launch_over_places(
    place, reach, out, result, a, matrix, b, patches, bias, rows, columns, depth, groups
):
    dtype, index = out.dtype, out.storage.device_index
    micro = elements_per_thread(dtype.compute, rows, columns, groups, index)
    kernel = specialise(
        over_places, conversion.load(dtype), conversion.store(dtype), conversion.cast(dtype),
        dtype.compute, bias is not None, micro, place, reach,
    )  # fmt: skip
    added = out if bias is None else bias
    kernel.launch(
        tiles(rows, columns, micro) * groups, SIDE * SIDE, memory(out), result, memory(a), matrix,
        memory(b), patches, memory(added), added.offset, added.strides[0], rows, columns, depth,
    )  # fmt: skip


def forward(out, x, weight, bias, geometry):
    """out = the convolution of `x` with `weight`, plus `bias` (or None) a channel."""
    g = geometry
    result = _matrix(g.out_layout, g.outs * g.out_layout[1], 1, 0, g.out_size)
    matrix = _matrix(g.weight_layout, g.outs * g.weight_layout[0], 0, 1, g.taps)
    _launch_over_places(
        place_in_input, reach_input, out, result, weight, matrix, x, _patches_of_input(g), bias,
        g.outs, g.places, g.taps_of_input, g.groups,
    )  # fmt: skip


def input_gradient(x, out, weight, geometry):
    """x = the gradient of the input, from that of the output, `out`."""
    g = geometry
    result = _matrix(g.x_layout, g.channels * g.x_layout[1], 1, 0, g.size)
    matrix = _matrix(g.weight_layout, g.outs * g.weight_layout[0], 1, 0, g.taps)
    strides = g.out_layout
    patches = (
        strides[5], g.outs * strides[1], *strides[:5], *g.out_size, *g.taps, *g.size, *g.stride,
        *g.padding, *g.dilation,
    )  # fmt: skip
    _launch_over_places(
        place_in_output, reach_output, x, result, weight, matrix, out, patches, None, g.channels,
        g.images * numel(g.size), g.outs * numel(g.taps), g.groups,
    )  # fmt: skip


def _patches_of_input(geometry):
    g, strides = geometry, geometry.x_layout
    return (
        strides[5], g.channels * strides[1], *strides[:5], *g.size, *g.taps, *g.out_size, *g.stride,
        *g.padding, *g.dilation,
    )  # fmt: skip


def weight_gradient(weight, x, out, geometry):
    """weight = the gradient of the weight, from the input and the gradient of the output, `out`."""
    g, dtype, index = geometry, weight.dtype, weight.storage.device_index
    compute, rows, columns, depth = dtype.compute, g.outs, g.taps_of_input, g.places
    micro = elements_per_thread(compute, rows, columns, g.groups, index)
    blocks = tiles(rows, columns, micro) * g.groups
    wanted = resident_threads(index) // (SIDE * SIDE) // blocks
    segments = max(1, min(wanted, depth // SEGMENT))
    length = -(-depth // segments)
    count = g.groups * rows * columns
    partials = empty_on(
        index, (segments * count,), dtype if dtype.compute == dtype.numba else float32
    )
    matrix = _matrix(g.out_layout, g.outs * g.out_layout[1], 1, 0, g.out_size)
    kernel = specialise(over_taps, conversion.load(dtype), compute, micro)
    kernel.launch(
        blocks * segments, SIDE * SIDE, flat(partials), memory(out), matrix, memory(x),
        _patches_of_input(g), rows, columns, depth, g.groups, segments, length,
    )  # fmt: skip
    result = _matrix(g.weight_layout, 0, 0, 1, g.taps)
    add = specialise(adding, conversion.store(dtype), conversion.cast(dtype), compute)
    add(count, memory(weight), result, flat(partials), segments, columns, count)
