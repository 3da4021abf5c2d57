"""Elementwise work over operands with gaps or broadcast dimensions.

A block at a time is gathered into dense scratch memory, and a dense kernel runs over that: so each
formula is compiled once, and runs vectorised over any layout.
"""

from numba import types
from numba.extending import register_jitable

from .. import shapes
from ..cpu_builtins import call_kernel
from .native import integer, read, stack, write

BLOCK = 512
_MOST_OPERANDS = 4
_MOST_PARAMETERS = 3
_WIDEST = 16  # bytes of an element
_BUFFERS = _MOST_OPERANDS * BLOCK * _WIDEST
_SLOTS = 8 * (_MOST_OPERANDS + _MOST_PARAMETERS)

#: How an operand lies in memory: without gaps, as one element repeated, or in any other way.
DENSE, CONSTANT, STRIDED = range(3)


def layout(sizes, strides):
    """DENSE, CONSTANT or STRIDED."""
    if shapes.is_contiguous(sizes, strides):
        return DENSE
    return STRIDED if any(strides) else CONSTANT


@register_jitable
def offset_of(position, arguments, sizes, strides, rank):
    """The offset of element `position` (a multiple of the last size) of a tensor.

    `sizes` and `strides` are the slots where the tensor's sizes and strides begin.
    """
    offset = 0
    for d in range(rank - 1, -1, -1):
        size = integer(arguments, sizes + d)
        offset += (position % size) * integer(arguments, strides + d)
        position //= size
    return offset


@register_jitable
def _copy_rows(dense, x, into_dense, element, position, count, arguments, sizes, strides, rank):
    """Copy `count` elements of an operand, from `position` on, into dense memory or back."""
    width, step = integer(arguments, sizes + rank - 1), integer(arguments, strides + rank - 1)
    rows, row_step = 1, 0
    if rank > 1:
        rows, row_step = (
            integer(arguments, sizes + rank - 2),
            integer(arguments, strides + rank - 2),
        )
    column = position % width
    row = position // width % rows
    at = offset_of(position, arguments, sizes, strides, rank) - column * step
    done = 0
    while done < count:
        run = min(width - column, count - done)
        first = at + column * step
        if into_dense:
            for i in range(run):
                write(dense, done + i, read(x, first + i * step, element))
        else:
            for i in range(run):
                write(x, first + i * step, read(dense, done + i, element))
        done += run
        column = 0
        row += 1
        at += row_step
        if row == rows and done < count:
            row = 0
            at = offset_of(position + done, arguments, sizes, strides, rank)


@register_jitable
def copy_rows(dense, x, into_dense, itemsize, position, count, arguments, sizes, strides, rank):
    """As _copy_rows, for elements of any type of `itemsize` bytes."""
    place = (position, count, arguments, sizes, strides, rank)
    if itemsize == 4:
        _copy_rows(dense, x, into_dense, types.int32, *place)
    elif itemsize == 8:
        _copy_rows(dense, x, into_dense, types.int64, *place)
    elif itemsize == 2:
        _copy_rows(dense, x, into_dense, types.int16, *place)
    elif itemsize == 1:
        _copy_rows(dense, x, into_dense, types.int8, *place)
    else:
        _copy_rows(dense, x, into_dense, types.complex128, *place)


def strided():
    """Run a dense kernel over operands of any layout.

    Slots: the dense kernel's pointer, the number of operands n, of their common dimensions and of
    parameters; n item sizes; n layouts; the sizes; the strides of each operand; n addresses; the
    parameters.
    """

    def strided_kernel(begin, end, arguments):
        dense_kernel, operands = integer(arguments, 0), integer(arguments, 1)
        rank, parameters = integer(arguments, 2), integer(arguments, 3)
        layouts = 4 + operands
        sizes = layouts + operands
        strides = sizes + rank
        addresses = strides + operands * rank

        buffers, slots = stack(_BUFFERS), stack(_SLOTS)
        for k in range(operands + parameters):
            write(slots, k, integer(arguments, addresses + k))

        for position in range(begin, end, BLOCK):
            count = min(BLOCK, end - position)
            for k in range(operands):
                address, itemsize = integer(arguments, addresses + k), integer(arguments, 4 + k)
                layout = integer(arguments, layouts + k)
                if layout == DENSE:
                    write(slots, k, address + itemsize * position)
                    continue
                buffer = buffers + k * BLOCK * _WIDEST
                write(slots, k, buffer)
                if k > 0 and (layout == STRIDED or position == begin):
                    copy_rows(
                        buffer, address, True, itemsize, position, count,
                        arguments, sizes, strides + k * rank, rank,
                    )  # fmt: skip
            call_kernel(dense_kernel, 0, count, slots)
            if integer(arguments, layouts) == STRIDED:
                copy_rows(
                    buffers, integer(arguments, addresses), False, integer(arguments, 4),
                    position, count, arguments, sizes, strides, rank,
                )  # fmt: skip

    return strided_kernel
