"""Products with matrices that are packed once and used many times: recurrent weights, keys, values.

A packed matrix is its panels one after the other, each all of the matrix's rows deep (gemm.py).
"""

from numba.extending import register_jitable

from .. import cpu_target
from ..array import empty
from .gemm import block_multiplier, panel_packer, tile_columns, tile_height
from .native import integer

#: Elements that are worth a thread of their own to pack.
GRAIN = 65536


def pack(element):
    """An item is a panel of one of the matrices, which are `outer` x `heads` in number.

    Slots: panels, matrices; strides in bytes of a step in depth, of a column, of `outer` and of
    `heads`; then heads, depth, columns.
    """
    pack_panel, width, size = panel_packer(element), tile_columns(element), element.bitwidth // 8

    def pack_kernel(begin, end, arguments):
        panels, matrices = integer(arguments, 0), integer(arguments, 1)
        step, column = integer(arguments, 2), integer(arguments, 3)
        heads, depth, columns = (
            integer(arguments, 6), integer(arguments, 7), integer(arguments, 8),
        )  # fmt: skip
        count = (columns + width - 1) // width
        for item in range(begin, end):
            matrix, first = item // count, item % count * width
            place = matrices + matrix // heads * integer(arguments, 4)
            place += matrix % heads * integer(arguments, 5) + first * column
            pack_panel(
                panels + item * width * depth * size, place, step, column, depth,
                min(width, columns - first),
            )  # fmt: skip

    return pack_kernel


def panels_bytes(depth, columns, dtype):
    """The size of a packed matrix."""
    width = tile_columns(dtype.numba)
    return -(-columns // width) * width * depth * dtype.itemsize


def packed(matrices):
    """The panels of a matrix (depth, columns), or of all (outer, heads, depth, columns).

    An Array of any strides; the panels of one matrix after those of another.
    """
    dtype, itemsize = matrices.dtype, matrices.dtype.itemsize
    *batch, depth, columns = matrices.shape
    *batch_strides, step, column = (stride * itemsize for stride in matrices.strides)
    outer, heads = batch or (1, 1)
    count = outer * heads * -(-columns // tile_columns(dtype.numba))
    panels = empty((outer * heads * panels_bytes(depth, columns, dtype) // itemsize,), dtype)
    kernel = cpu_target.specialise(pack, dtype.numba)
    kernel(
        count, GRAIN // max(tile_columns(dtype.numba) * depth, 1) + 1, panels.address,
        matrices.address, step, column, *(batch_strides or (0, 0)), heads, depth, columns,
    )  # fmt: skip
    return panels


def part_multiplier(element):
    """multiply(...): c = start + a @ b, for some rows of a and `depth` rows of a packed matrix b.

    `panels` is where the first of these rows lies in b's first panel, `panel_depth` how many rows b
    has in all. `start` of 0 means zeros; c and start are dense along columns; strides in bytes.
    """
    multiply_block, tile = block_multiplier(element), tile_height()
    width, size = tile_columns(element), element.bitwidth // 8

    @register_jitable
    def multiply(
        rows, columns, depth, a, a_row, a_step, panels, panel_depth, start, start_row, c, c_row
    ):
        for j in range(0, columns, width):
            here = start
            if start != 0:
                here += j * size
            multiply_block(
                rows, min(width, columns - j), depth, a, tile * a_row, a_row, a_step,
                panels + j * panel_depth * size, here, start_row, size, c + j * size, c_row, size,
            )  # fmt: skip

    return multiply


def row_multiplier(element):
    """multiply(...): c = start + a @ b, for some rows of a dense `a` and all of a packed matrix b."""
    multiply_part, size = part_multiplier(element), element.bitwidth // 8

    @register_jitable
    def multiply(rows, columns, depth, a, a_row, panels, start, start_row, c, c_row):
        multiply_part(
            rows, columns, depth, a, a_row, size, panels, depth, start, start_row, c, c_row
        )

    return multiply
