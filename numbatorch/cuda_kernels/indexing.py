"""Reading and writing where index tensors say.

Every indexing op is two steps. `locate` turns index tensors into offsets into memory, and finds out
whether one of them is out of bounds before anything is read or written. `read` and `write` then
go over all elements; an element lies where its position in a view says, plus its offset.
"""

from functools import partial

import numpy as np

from .. import dtypes, shapes
from ..cuda_memory import empty_on
from ..cuda_target import cuda, specialise
from ..formulas import combining, conversion
from .elementwise import geometry
from .native import flat, from_host, judge, memory, offset_of, padded, to_host, zeros

# Offsets ------------------------------------------------------------------------------------------


def offsets(add):
    """offsets = index * stride, or += with `add`; an index out of bounds gives 0 and sets `wrong`."""

    def offsets_kernel(
        out, out_layout, index, index_layout, sizes, count, wrong, size, stride, wrap
    ):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            chosen = index[offset_of(i, sizes, index_layout)]
            if chosen < 0:
                chosen += wrap
            if chosen < 0 or chosen >= size:
                wrong[0] = 1
                chosen = 0
            at = offset_of(i, sizes, out_layout)
            if add:
                out[at] += chosen * stride
            else:
                out[at] = chosen * stride

    return offsets_kernel


def locate(out, indices, sizes, strides, negative=True):
    """out[...] = the sum of indices[k] * strides[k]; indices broadcast to the shape of `out`.

    Negative indices, where allowed, count from the end. Returns None, or the number of the first
    index tensor that holds an index out of bounds; the offsets are then of no use.
    """
    count = shapes.numel(out.shape)
    if count == 0:
        return None
    found = []
    for k, (index, size, stride) in enumerate(zip(indices, sizes, strides)):
        wrong = zeros(1, dtypes.int64, out.storage.device_index)
        places, (out_layout, index_layout) = geometry(out, [index])
        specialise(offsets, k > 0)(
            count, memory(out), out_layout, memory(index), index_layout, places, count,
            flat(wrong), size, stride, size if negative else 0,
        )  # fmt: skip
        judge(wrong, partial(_note_index, k, found))
        if found:
            return k
    return None


def _note_index(k, found, words, is_late):
    """Note the number of an index tensor that is out of bounds, or raise: the op is over."""
    if words[0] and is_late:
        raise IndexError(f"index tensor {k} of a captured graph is out of bounds")
    if words[0]:
        found.append(k)


# Reading ------------------------------------------------------------------------------------------


def reading():
    """out[p] = x[p] moved by offsets[p]."""

    def reading_kernel(out, out_layout, x, x_layout, moved, moved_layout, sizes, count):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            at = offset_of(i, sizes, x_layout) + moved[offset_of(i, sizes, moved_layout)]
            out[offset_of(i, sizes, out_layout)] = x[at]

    return reading_kernel


def read(out, input, offsets):
    """out[p] = input[p] moved by offsets[p]; all have one shape.

    `input` is a view whose stride is 0 along dimensions in which only the offset decides.
    """
    _over_all(specialise(reading), out, input, offsets)


def _over_all(kernel, out, *operands):
    """Launch a kernel with a thread for every position."""
    count = shapes.numel(out.shape)
    if count:
        sizes, layouts = geometry(out, operands)
        arguments = []
        for x, layout in zip((out, *operands), layouts):
            arguments += memory(x), layout
        kernel(count, *arguments, sizes, count)


# Writing ------------------------------------------------------------------------------------------


def assigning():
    """out[p] moved by offsets[p] = x[p]; where places coincide, one of the values."""

    def assigning_kernel(out, out_layout, x, x_layout, moved, moved_layout, sizes, count):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            at = offset_of(i, sizes, out_layout) + moved[offset_of(i, sizes, moved_layout)]
            out[at] = x[offset_of(i, sizes, x_layout)]

    return assigning_kernel


def adding():
    """out[p] moved by offsets[p] += x[p], no summand lost, in any order."""

    def adding_kernel(out, out_layout, x, x_layout, moved, moved_layout, sizes, count):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            at = offset_of(i, sizes, out_layout) + moved[offset_of(i, sizes, moved_layout)]
            cuda.atomic.add(out, at, x[offset_of(i, sizes, x_layout)])

    return adding_kernel


def writing(combine, load, store, convert):
    """out[p] moved by offsets[p] = combine(what is there, x[p]).

    A thread takes one position of the kept dimensions, in which different positions mean different
    places, and goes through the others in order.
    """

    def writing_kernel(
        out, out_layout, x, x_layout, moved, moved_layout, kept_sizes, kept,
        sizes, out_steps, x_steps, moved_steps, count,
    ):  # fmt: skip
        for i in range(cuda.grid(1), kept, cuda.gridsize(1)):
            out_start = offset_of(i, kept_sizes, out_layout)
            x_start = offset_of(i, kept_sizes, x_layout)
            moved_start = offset_of(i, kept_sizes, moved_layout)
            for j in range(count):
                at = out_start + offset_of(j, sizes, out_steps)
                at += moved[moved_start + offset_of(j, sizes, moved_steps)]
                value = load(x[x_start + offset_of(j, sizes, x_steps)])
                out[at] = store(convert(combine(load(out[at]), value)))

    return writing_kernel


#: dtypes that a device adds to memory in one step.
_ATOMIC = (dtypes.float32, dtypes.float64, dtypes.int32, dtypes.int64)


def write(out, source, offsets, combine=combining.assign):
    """out[p] moved by offsets[p] = combine(what is there, source[p]).

    All have one shape (`source` broadcasts to it) and out and source one dtype. `out` is a view
    whose stride is 0 along dimensions in which only the offset decides; its elements do not overlap
    along the others. Where places coincide, `assign` leaves one of the values.
    """
    if combine is combining.assign:
        _over_all(specialise(assigning), out, source, offsets)
    elif combine is combining.add and out.dtype in _ATOMIC:
        _over_all(specialise(adding), out, source, offsets)
    elif 0 not in out.shape:
        sizes, layouts = geometry(out, [source, offsets])
        kept = [d for d, step in enumerate(layouts[0][:-1]) if step]
        _write_in_order(combine, out, source, offsets, sizes, layouts, kept)


def _write_in_order(combine, out, source, offsets, sizes, layouts, kept):
    """Launch `writing` with a thread for every position of the dimensions `kept`."""
    dtype = out.dtype
    kernel = specialise(
        writing, combine, conversion.load(dtype), conversion.store(dtype), conversion.cast(dtype)
    )
    others = [d for d in range(len(sizes)) if d not in kept]
    kept_sizes, kept_steps = _chosen(sizes, layouts, kept)
    other_sizes, other_steps = _chosen(sizes, layouts, others)
    arguments = []
    for x, steps, layout in zip((out, source, offsets), kept_steps, layouts):
        arguments += memory(x), (*steps, layout[-1])
    count = shapes.numel(kept_sizes)
    kernel(
        count, *arguments, kept_sizes, count, other_sizes, *[(*steps, 0) for steps in other_steps],
        shapes.numel(other_sizes),
    )  # fmt: skip


def _chosen(sizes, layouts, dims):
    """(sizes, [strides of each]) of some dimensions, one at least."""
    if not dims:
        return padded((1,), [(0,) for _ in layouts])
    return padded([sizes[d] for d in dims], [[layout[d] for d in dims] for layout in layouts])


def accumulate(part, values):
    """part += values, element by element, where elements of the view `part` may overlap."""
    nowhere = zeros(1, dtypes.int64, part.storage.device_index)
    if part.dtype in _ATOMIC:
        _over_all(specialise(adding), part, values, nowhere)
    elif 0 not in part.shape:
        sizes, layouts = geometry(part, [values, nowhere])
        _write_in_order(combining.add, part, values, nowhere, sizes, layouts, [])


# Positions of nonzero elements --------------------------------------------------------------------

#: Elements that one thread counts.
BLOCK = 128


def counting(load):
    """counts[b] = how many elements of block b are not zero."""

    def counting_kernel(counts, x, total, blocks):
        for b in range(cuda.grid(1), blocks, cuda.gridsize(1)):
            count = 0
            for i in range(b * BLOCK, min((b + 1) * BLOCK, total)):
                if load(x[i]) != 0:
                    count += 1
            counts[b] = count

    return counting_kernel


def collecting(load):
    """out[starts[b] + n] = where the n-th nonzero element of block b lies, in every dimension."""

    def collecting_kernel(out, out_row, out_column, x, starts, total, blocks, sizes):
        for b in range(cuda.grid(1), blocks, cuda.gridsize(1)):
            row = starts[b]
            for i in range(b * BLOCK, min((b + 1) * BLOCK, total)):
                if load(x[i]) != 0:
                    position = i
                    for d in range(len(sizes) - 1, -1, -1):
                        out[row * out_row + d * out_column] = position % sizes[d]
                        position //= sizes[d]
                    row += 1

    return collecting_kernel


def count_nonzero(input):
    """(total, counts): how many elements of the row-major `input` are not zero, for `nonzero`."""
    items = shapes.numel(input.shape)
    blocks = -(-items // BLOCK)
    counts = empty_on(input.storage.device_index, (blocks,), dtypes.int64)
    if blocks:
        kernel = specialise(counting, conversion.load(input.dtype))
        kernel(blocks, flat(counts), flat(input), items, blocks)
    return int(to_host(counts).sum()), counts


def nonzero(out, input, counts):
    """out[n] = the position (one column a dimension) of the n-th nonzero element of `input`."""
    blocks = counts.shape[0]
    if blocks == 0:
        return
    found = to_host(counts)
    starts = from_host(np.cumsum(found) - found, dtypes.int64, input.storage.device_index)
    kernel = specialise(collecting, conversion.load(input.dtype))
    kernel(
        blocks, memory(out)[out.offset :], *out.strides, flat(input), flat(starts),
        shapes.numel(input.shape), blocks, tuple(input.shape),
    )  # fmt: skip


# Triangles ----------------------------------------------------------------------------------------


def triangles(upper):
    """A part of each matrix is copied, the rest is zero."""

    def triangle_kernel(out, out_layout, x, x_layout, sizes, rows, columns, diagonal, count):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            distance = i % columns - i // columns % rows
            at = offset_of(i, sizes, out_layout)
            if (distance >= diagonal) if upper else (distance <= diagonal):
                out[at] = x[offset_of(i, sizes, x_layout)]
            else:
                out[at] = 0

    return triangle_kernel


def triangle(out, input, diagonal, upper):
    """out = the matrices of `input` above (or below) and on a diagonal, zeros elsewhere."""
    count = shapes.numel(out.shape)
    if count:
        sizes, (out_layout, x_layout) = geometry(out, [input])
        specialise(triangles, bool(upper))(
            count, memory(out), out_layout, memory(input), x_layout, sizes, *out.shape[-2:],
            diagonal, count,
        )  # fmt: skip
