"""Reading and writing where index tensors say.

Every indexing op is two steps. `locate` turns index tensors into offsets into memory, and finds out
whether one of them is out of bounds before anything is read or written. `read` and `write` then
walk over all elements; an element lies where its position in a view says, plus its offset.
"""

import ctypes
import itertools
import threading
from functools import lru_cache

import numpy as np
from numba.extending import register_jitable
from numba.types import int64

from .. import array, cpu_target, dtypes, recording, shapes
from ..formulas import combining, conversion
from .elementwise import GRAIN, offset_of
from .native import integer, span

#: A type of each size, for elements that are only moved.
_MOVED = {
    1: dtypes.uint8.numba, 2: dtypes.int16.numba, 4: dtypes.int32.numba, 8: dtypes.int64.numba,
    16: dtypes.complex128.numba,
}  # fmt: skip


@lru_cache(maxsize=8192)
def _walk(shape, *strides):
    """(items, slots): the elements of a shape; its rank, sizes and all strides, few dimensions."""
    sizes, steps = shapes.collapse(shape, strides)
    return shapes.numel(shape), (len(sizes), *sizes, *itertools.chain(*steps))


def _strides_in(x, shape):
    """The strides that read `x` as if it had `shape`."""
    if x.shape == shape:
        return x.strides
    return shapes.broadcast_strides(x.shape, x.strides, shape)


# Offsets ------------------------------------------------------------------------------------------


def offsets(index_type, index_bytes, add):
    """offsets = index * stride, or += with `add`; an index out of bounds gives 0 and sets `wrong`."""

    def offsets_kernel(begin, end, arguments):
        out, index, wrong = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        size, stride, wrap = integer(arguments, 3), integer(arguments, 4), integer(arguments, 5)
        rank = integer(arguments, 6)
        width = integer(arguments, 6 + rank)
        out_step, index_step = integer(arguments, 6 + 2 * rank), integer(arguments, 6 + 3 * rank)
        position = begin
        outside = False
        while position < end:
            count = min(width - position % width, end - position)
            out_at = out + 8 * offset_of(position, arguments, 7, 7 + rank, rank)
            index_at = index + index_bytes * offset_of(position, arguments, 7, 7 + 2 * rank, rank)
            outs = span(out_at, count * out_step + 1, int64)
            indices = span(index_at, count * index_step + 1, index_type)
            for i in range(count):
                chosen = int64(indices[i * index_step])
                if chosen < 0:
                    chosen += wrap
                if chosen < 0 or chosen >= size:
                    outside = True
                    chosen = 0
                if add:
                    outs[i * out_step] += chosen * stride
                else:
                    outs[i * out_step] = chosen * stride
            position += count
        if outside:
            span(wrong, 1, int64)[0] = 1

    return offsets_kernel


def locate(out, indices, sizes, strides, negative=True):
    """out[...] = the sum of indices[k] * strides[k]; indices broadcast to the shape of `out`.

    Negative indices, where allowed, count from the end. Returns None, or the number of the first
    index tensor that holds an index out of bounds; the offsets are then of no use.
    """
    for k, (index, size, stride) in enumerate(zip(indices, sizes, strides)):
        kernel = cpu_target.specialise(offsets, index.dtype.numba, index.dtype.itemsize, k > 0)
        items, slots = _walk(out.shape, out.strides, _strides_in(index, out.shape))
        kernel(
            items, GRAIN, out.address, index.address, _flag.address, size, stride,
            size if negative else 0, *slots,
        )  # fmt: skip
        if recording.flag_at(_flag.address):
            _flag.number.value = 0
            return k
    return None


class _Flag(threading.local):
    """A number that kernels of a thread set where an index is out of bounds."""

    def __init__(self):
        self.number = ctypes.c_int64(0)
        self.address = ctypes.addressof(self.number)


_flag = _Flag()


# Reading ------------------------------------------------------------------------------------------


def reading(element, element_bytes):
    """out[p] = x[p] moved by offsets[p]."""

    def reading_kernel(begin, end, arguments):
        out, x, offset = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        rank = integer(arguments, 3)
        width = integer(arguments, 3 + rank)
        out_step, x_step = integer(arguments, 3 + 2 * rank), integer(arguments, 3 + 3 * rank)
        offset_step = integer(arguments, 3 + 4 * rank)
        position = begin
        while position < end:
            count = min(width - position % width, end - position)
            out_at = out + element_bytes * offset_of(position, arguments, 4, 4 + rank, rank)
            x_at = x + element_bytes * offset_of(position, arguments, 4, 4 + 2 * rank, rank)
            offset_at = offset + 8 * offset_of(position, arguments, 4, 4 + 3 * rank, rank)
            moved = span(offset_at, count * offset_step + 1, int64)
            outs = span(out_at, count * out_step + 1, element)
            if offset_step == 0:
                x_at += element_bytes * moved[0]
                if out_step == 1 and x_step == 1:
                    outs, xs = span(out_at, count, element), span(x_at, count, element)
                    for i in range(count):
                        outs[i] = xs[i]
                else:
                    xs = span(x_at, count * x_step + 1, element)
                    for i in range(count):
                        outs[i * out_step] = xs[i * x_step]
            else:
                xs = span(x_at, 1, element)
                for i in range(count):
                    outs[i * out_step] = xs[i * x_step + moved[i * offset_step]]
            position += count

    return reading_kernel


def read(out, input, offsets):
    """out[p] = input[p] moved by offsets[p]; all have one shape.

    `input` is a view whose stride is 0 along dimensions in which only the offset decides.
    """
    kernel = cpu_target.specialise(reading, _MOVED[out.dtype.itemsize], out.dtype.itemsize)
    items, slots = _walk(out.shape, out.strides, input.strides, offsets.strides)
    kernel(items, GRAIN, out.address, input.address, offsets.address, *slots)


# Writing ------------------------------------------------------------------------------------------


@register_jitable
def _offset_in_share(position, arguments, strides, rank, split, share):
    """`offset_of` where dimension `split` has the size `share`; the sizes begin in slot 6."""
    offset = 0
    for d in range(rank - 1, -1, -1):
        size = share if d == split else integer(arguments, 6 + d)
        offset += (position % size) * integer(arguments, strides + d)
        position //= size
    return offset


def writing(combine, load, store, convert, element, element_bytes):
    """out[p] moved by offsets[p] = combine(what is there, x[p]).

    Work is split along dimension `split`, in which different positions mean different places: each
    place is written by one thread, in the order of positions.
    """

    def writing_kernel(begin, end, arguments):
        out, x, offset = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        inner, split = integer(arguments, 3), integer(arguments, 4)
        rank = integer(arguments, 5)
        share = end - begin
        width = share if split == rank - 1 else integer(arguments, 5 + rank)
        out_step, x_step = integer(arguments, 5 + 2 * rank), integer(arguments, 5 + 3 * rank)
        offset_step = integer(arguments, 5 + 4 * rank)
        out += element_bytes * begin * integer(arguments, 6 + rank + split)
        x += element_bytes * begin * integer(arguments, 6 + 2 * rank + split)
        offset += 8 * begin * integer(arguments, 6 + 3 * rank + split)
        for position in range(0, inner * share, width):
            out_at = out + element_bytes * _offset_in_share(
                position, arguments, 6 + rank, rank, split, share
            )
            x_at = x + element_bytes * _offset_in_share(
                position, arguments, 6 + 2 * rank, rank, split, share
            )
            offset_at = offset + 8 * _offset_in_share(
                position, arguments, 6 + 3 * rank, rank, split, share
            )
            moved = span(offset_at, width * offset_step + 1, int64)
            if offset_step == 0 and out_step == 1 and x_step == 1:
                outs = span(out_at + element_bytes * moved[0], width, element)
                xs = span(x_at, width, element)
                for i in range(width):
                    outs[i] = store(convert(combine(load(outs[i]), load(xs[i]))))
            else:
                outs = span(out_at, 1, element)
                xs = span(x_at, width * x_step + 1, element)
                for i in range(width):
                    j = i * out_step + moved[i * offset_step]
                    outs[j] = store(convert(combine(load(outs[j]), load(xs[i * x_step]))))

    return writing_kernel


def _writing_kernel(combine, dtype):
    if combine is combining.assign:
        moved, identity = _MOVED[dtype.itemsize], conversion.identity
        return cpu_target.specialise(
            writing, combine, identity, identity, identity, moved, dtype.itemsize
        )
    return cpu_target.specialise(
        writing, combine, conversion.load(dtype), conversion.store(dtype), conversion.cast(dtype),
        dtype.numba, dtype.itemsize,
    )  # fmt: skip


def write(out, source, offsets, combine=combining.assign):
    """out[p] moved by offsets[p] = combine(what is there, source[p]), in the order of positions.

    All have one shape (`source` broadcasts to it) and out and source one dtype. `out` is a view
    whose stride is 0 along dimensions in which only the offset decides; its elements do not overlap
    along the others.
    """
    shape = out.shape
    items, slots, split = _shares(shape, out.strides, _strides_in(source, shape), offsets.strides)
    if items:
        _write(out, source, offsets, combine, items, slots, split)


@lru_cache(maxsize=8192)
def _shares(shape, *strides):
    """`_walk`, and the dimension along which the work is split."""
    items, slots = _walk(shape, *strides)
    rank = slots[0]
    sizes, steps = slots[1 : 1 + rank], slots[1 + rank : 1 + 2 * rank]
    kept = [d for d in range(rank) if steps[d]]
    if kept:
        return items, slots, max(kept, key=sizes.__getitem__)
    return items, _in_one_share(slots), 0


def _in_one_share(slots):
    """The same geometry with a dimension of size 1 in front, so that splitting it does nothing."""
    rank = slots[0]
    parts = [slots[first : first + rank] for first in range(1, 1 + 4 * rank, rank)]
    return (rank + 1, 1, *parts[0], 0, *parts[1], 0, *parts[2], 0, *parts[3])


def _write(out, source, offsets, combine, items, slots, split):
    shares = slots[1 + split]
    inner = items // shares
    _writing_kernel(combine, out.dtype)(
        shares, max(1, GRAIN // inner), out.address, source.address, offsets.address, inner, split,
        *slots,
    )  # fmt: skip


def accumulate(part, values):
    """part += values, element by element, where elements of the view `part` may overlap."""
    nowhere = array.empty((1,), dtypes.int64)
    nowhere.as_numpy()[0] = 0
    shape = part.shape
    items, slots = _walk(
        shape, part.strides, _strides_in(values, shape), _strides_in(nowhere, shape)
    )
    if items:
        _write(part, values, nowhere, combining.add, items, _in_one_share(slots), 0)


# Positions of nonzero elements --------------------------------------------------------------------

#: Elements that are counted together.
BLOCK = 8192


def counting(load, element, element_bytes):
    """counts[b] = how many elements of block b are not zero."""

    def counting_kernel(begin, end, arguments):
        counts, x, total = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        block = integer(arguments, 3)
        for b in range(begin, end):
            size = min(block, total - b * block)
            xs = span(x + element_bytes * block * b, size, element)
            count = 0
            for i in range(size):
                count += load(xs[i]) != 0
            span(counts + 8 * b, 1, int64)[0] = count

    return counting_kernel


def collecting(load, element, element_bytes):
    """out[starts[b] + n] = where the n-th nonzero element of block b lies, in every dimension."""

    def collecting_kernel(begin, end, arguments):
        out, x, starts = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        total, block = integer(arguments, 3), integer(arguments, 4)
        out_row, out_column = integer(arguments, 5), integer(arguments, 6)
        rank = integer(arguments, 7)
        for b in range(begin, end):
            size = min(block, total - b * block)
            xs = span(x + element_bytes * block * b, size, element)
            at = out + 8 * out_row * span(starts + 8 * b, 1, int64)[0]
            for i in range(size):
                if load(xs[i]) != 0:
                    position = b * block + i
                    for d in range(rank - 1, 0, -1):
                        size_d = integer(arguments, 8 + d)
                        span(at + 8 * out_column * d, 1, int64)[0] = position % size_d
                        position //= size_d
                    span(at, 1, int64)[0] = position
                    at += 8 * out_row

    return collecting_kernel


def count_nonzero(input):
    """(total, counts): how many elements of the row-major `input` are not zero, for `nonzero`."""
    items = shapes.numel(input.shape)
    counts = array.empty(((items + BLOCK - 1) // BLOCK,), dtypes.int64)
    dtype = input.dtype
    kernel = cpu_target.specialise(counting, conversion.load(dtype), dtype.numba, dtype.itemsize)
    kernel(counts.shape[0], 2, counts.address, input.address, items, BLOCK)
    return int(counts.as_numpy().sum()), counts


def nonzero(out, input, counts):
    """out[n] = the position (one column a dimension) of the n-th nonzero element of `input`."""
    starts = array.empty(counts.shape, dtypes.int64)
    starts.as_numpy()[...] = np.cumsum(counts.as_numpy()) - counts.as_numpy()
    dtype = input.dtype
    kernel = cpu_target.specialise(collecting, conversion.load(dtype), dtype.numba, dtype.itemsize)
    kernel(
        counts.shape[0], 2, out.address, input.address, starts.address, shapes.numel(input.shape),
        BLOCK, *out.strides, len(input.shape), *input.shape,
    )  # fmt: skip


# Triangles ----------------------------------------------------------------------------------------


def triangle_rows(element, element_bytes, upper):
    """A work item is one row of a matrix: a part of it is copied, the rest is zero."""

    def triangle_kernel(begin, end, arguments):
        out, x = integer(arguments, 0), integer(arguments, 1)
        diagonal, rank = integer(arguments, 2), integer(arguments, 3)
        rows, columns = integer(arguments, 2 + rank), integer(arguments, 3 + rank)
        out_step, x_step = integer(arguments, 3 + 2 * rank), integer(arguments, 3 + 3 * rank)
        for row in range(begin, end):
            border = row % rows + diagonal
            border = border if upper else border + 1
            border = min(max(border, 0), columns)
            first, last = (border, columns) if upper else (0, border)
            at = row * columns
            outs = span(
                out + element_bytes * offset_of(at, arguments, 4, 4 + rank, rank),
                (columns - 1) * out_step + 1,
                element,
            )
            xs = span(
                x + element_bytes * offset_of(at, arguments, 4, 4 + 2 * rank, rank),
                (columns - 1) * x_step + 1,
                element,
            )
            for i in range(first):
                outs[i * out_step] = element(0)
            for i in range(first, last):
                outs[i * out_step] = xs[i * x_step]
            for i in range(last, columns):
                outs[i * out_step] = element(0)

    return triangle_kernel


def triangle(out, input, diagonal, upper):
    """out = the matrices of `input` above (or below) and on a diagonal, zeros elsewhere."""
    items = shapes.numel(out.shape)
    if items:
        columns = out.shape[-1]
        element = _MOVED[out.dtype.itemsize]
        kernel = cpu_target.specialise(triangle_rows, element, out.dtype.itemsize, bool(upper))
        kernel(
            items // columns, max(1, GRAIN // columns), out.address, input.address, diagonal,
            len(out.shape), *out.shape, *out.strides, *input.strides,
        )  # fmt: skip
