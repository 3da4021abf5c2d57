"""Reductions over any dimensions, from one description (`formulas.reduction`).

The input is seen as (kept, reduced) dimensions, each collapsed as far as its strides allow. Where
memory runs along a reduced dimension, a work item is one output (`rows`); where it runs along a kept
one, a work item is a tile of neighbouring outputs (`columns`). Both are loops that vectorise. Elements
are combined in blocks, and the blocks' results in a wider type, so that errors of rounding do not
grow with the size. Few outputs of many elements are split in segments, whose results are combined
by a second kernel. Blocks and segments follow from the shape alone: so do the results.
"""

from functools import lru_cache
from typing import NamedTuple

from .. import cpu_target, shapes
from ..array import empty
from ..formulas.reduction import AMAX, LOG_SUM_EXP, MEAN
from ..formulas.working_types import ReductionTypes, computed
from .elementwise import GRAIN, offset_of
from .native import integer, real, scratch, span

#: Elements that are combined in the narrow type, along a row or down a column.
ROW_BLOCK, COLUMN_BLOCK = 512, 64
#: Neighbouring outputs that are computed together.
TILE = 128
#: A dimension shorter than this is not worth a loop along it.
NARROW = 8
#: Elements in a segment, at least, and segments, at most.
SEGMENT, MOST_SEGMENTS = 32768, 64

# Slots of `rows` and `columns`: out, x, operand and partials (addresses, 0 where absent), the number
# of reduced elements, of segments and of elements in one; the ranks of the kept and the reduced
# dimensions; sizes and strides (x) of the reduced ones; sizes and strides (out, x, operand) of the
# kept ones. Two reals: the parameter and the divisor.


def rows(
    map, combine, finish, prepare, load, load_operand, store, convert, has_operand,
    x_type, operand_type, out_type, value_type, number_type, total_type,
    x_bytes, operand_bytes, out_bytes, total_bytes, initial,
):  # fmt: skip
    """A work item is one segment of one output."""

    def row_reduction_kernel(begin, end, arguments):
        out, x, operand = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        partials, reduced = integer(arguments, 3), integer(arguments, 4)
        segments, segment_length = integer(arguments, 5), integer(arguments, 6)
        kept_rank, rank = integer(arguments, 7), integer(arguments, 8)
        kept = 9 + 2 * rank
        width, step = integer(arguments, 8 + rank), integer(arguments, 8 + 2 * rank)
        parameter = real(arguments, kept + 4 * kept_rank)
        divisor = real(arguments, kept + 4 * kept_rank + 1)
        for item in range(begin, end):
            output, segment = item // segments, item % segments
            start = x + x_bytes * offset_of(
                output, arguments, kept, kept + 2 * kept_rank, kept_rank
            )
            s = number_type(parameter)
            if has_operand:
                at = offset_of(output, arguments, kept, kept + 3 * kept_rank, kept_rank)
                s = number_type(
                    load_operand(span(operand + operand_bytes * at, 1, operand_type)[0])
                )
            total = total_type(initial)
            position = segment * segment_length
            stop = min(position + segment_length, reduced)
            while position < stop:
                count = min(width - position % width, stop - position)
                count = min(count, ROW_BLOCK)
                at = start + x_bytes * offset_of(position, arguments, 9, 9 + rank, rank)
                value = value_type(initial)
                if step == 1:
                    xs = span(at, count, x_type)
                    for i in range(count):
                        value = combine(value, value_type(map(prepare(load(xs[i])), s)))
                else:
                    xs = span(at, (count - 1) * step + 1, x_type)
                    for i in range(count):
                        value = combine(value, value_type(map(prepare(load(xs[i * step])), s)))
                total = combine(total, total_type(value))
                position += count
            if partials:
                span(partials + total_bytes * item, 1, total_type)[0] = total
            else:
                at = offset_of(output, arguments, kept, kept + kept_rank, kept_rank)
                result = store(convert(finish(total, divisor, s)))
                span(out + out_bytes * at, 1, out_type)[0] = result

    return row_reduction_kernel


def columns(
    map, combine, finish, prepare, load, load_operand, store, convert, has_operand,
    x_type, operand_type, out_type, value_type, number_type, total_type,
    x_bytes, operand_bytes, out_bytes, total_bytes, initial,
):  # fmt: skip
    """A work item is one segment of a tile of outputs along the last kept dimension."""
    value_scratch, total_scratch = scratch(TILE, value_type), scratch(TILE, total_type)
    number_scratch = scratch(TILE, number_type)

    def column_reduction_kernel(begin, end, arguments):
        out, x, operand = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        partials, reduced = integer(arguments, 3), integer(arguments, 4)
        segments, segment_length = integer(arguments, 5), integer(arguments, 6)
        kept_rank, rank = integer(arguments, 7), integer(arguments, 8)
        kept = 9 + 2 * rank
        width, step = integer(arguments, 8 + rank), integer(arguments, 8 + 2 * rank)
        columns_ = integer(arguments, kept + kept_rank - 1)
        out_step = integer(arguments, kept + 2 * kept_rank - 1)
        x_step = integer(arguments, kept + 3 * kept_rank - 1)
        operand_step = integer(arguments, kept + 4 * kept_rank - 1)
        parameter = real(arguments, kept + 4 * kept_rank)
        divisor = real(arguments, kept + 4 * kept_rank + 1)
        tiles = (columns_ + TILE - 1) // TILE
        values, totals, numbers = value_scratch(), total_scratch(), number_scratch()
        for item in range(begin, end):
            place, segment = item // segments, item % segments
            first = (place % tiles) * TILE
            output = (place // tiles) * columns_ + first
            lanes = min(columns_ - first, TILE)
            start = x + x_bytes * offset_of(
                output, arguments, kept, kept + 2 * kept_rank, kept_rank
            )
            if has_operand:
                at = offset_of(output, arguments, kept, kept + 3 * kept_rank, kept_rank)
                operands = span(
                    operand + operand_bytes * at, (lanes - 1) * operand_step + 1, operand_type
                )
                for j in range(lanes):
                    numbers[j] = number_type(load_operand(operands[j * operand_step]))
            else:
                for j in range(lanes):
                    numbers[j] = number_type(parameter)
            for j in range(lanes):
                totals[j] = total_type(initial)
            position = segment * segment_length
            stop = min(position + segment_length, reduced)
            while position < stop:
                count = min(width - position % width, stop - position)
                count = min(count, COLUMN_BLOCK)
                at = start + x_bytes * offset_of(position, arguments, 9, 9 + rank, rank)
                for j in range(lanes):
                    values[j] = value_type(initial)
                for i in range(count):
                    xs = span(at + i * step * x_bytes, (lanes - 1) * x_step + 1, x_type)
                    if x_step == 1:
                        for j in range(lanes):
                            value = value_type(map(prepare(load(xs[j])), numbers[j]))
                            values[j] = combine(values[j], value)
                    else:
                        for j in range(lanes):
                            value = value_type(map(prepare(load(xs[j * x_step])), numbers[j]))
                            values[j] = combine(values[j], value)
                for j in range(lanes):
                    totals[j] = combine(totals[j], total_type(values[j]))
                position += count
            if partials:
                # of one output side by side, as `rows` leaves them
                results = span(
                    partials + total_bytes * (output * segments + segment),
                    (lanes - 1) * segments + 1,
                    total_type,
                )
                for j in range(lanes):
                    results[j * segments] = totals[j]
            else:
                at = offset_of(output, arguments, kept, kept + kept_rank, kept_rank)
                outs = span(out + out_bytes * at, (lanes - 1) * out_step + 1, out_type)
                for j in range(lanes):
                    outs[j * out_step] = store(convert(finish(totals[j], divisor, numbers[j])))

    return column_reduction_kernel


def segments_together(
    combine, finish, load_operand, store, convert, has_operand,
    operand_type, out_type, number_type, total_type,
    operand_bytes, out_bytes, total_bytes, initial,
):  # fmt: skip
    """A work item is one output, of which the segments' totals are there. Slots as above."""

    def combine_segments_kernel(begin, end, arguments):
        out, operand, partials = integer(arguments, 0), integer(arguments, 2), integer(arguments, 3)
        segments, kept_rank = integer(arguments, 5), integer(arguments, 7)
        kept = 9 + 2 * integer(arguments, 8)
        parameter = real(arguments, kept + 4 * kept_rank)
        divisor = real(arguments, kept + 4 * kept_rank + 1)
        for output in range(begin, end):
            s = number_type(parameter)
            if has_operand:
                at = offset_of(output, arguments, kept, kept + 3 * kept_rank, kept_rank)
                s = number_type(
                    load_operand(span(operand + operand_bytes * at, 1, operand_type)[0])
                )
            totals = span(partials + total_bytes * segments * output, segments, total_type)
            total = total_type(initial)
            for i in range(segments):
                total = combine(total, totals[i])
            at = offset_of(output, arguments, kept, kept + kept_rank, kept_rank)
            span(out + out_bytes * at, 1, out_type)[0] = store(convert(finish(total, divisor, s)))

    return combine_segments_kernel


class _Kernels:
    """The kernels of one reduction between given dtypes."""

    def __init__(self, reduction, *dtypes):
        types = ReductionTypes(reduction, *dtypes)
        self.total = types.total
        x, operand, out, total = types.x, types.operand, types.out, types.total
        key = (
            *types.of_element, *types.of_output, x.numba, operand.numba, out.numba,
            types.value.numba, types.number.numba, total.numba, x.itemsize, operand.itemsize,
            out.itemsize, total.itemsize, types.initial,
        )  # fmt: skip
        self.rows = cpu_target.specialise(rows, *key)
        self.columns = cpu_target.specialise(columns, *key)
        self.segments_together = cpu_target.specialise(
            segments_together, reduction.combine, reduction.finish, *types.of_output,
            operand.numba, out.numba, types.number.numba, total.numba, operand.itemsize,
            out.itemsize, total.itemsize, types.initial,
        )  # fmt: skip


_kernels = {}


# Geometry ---------------------------------------------------------------------------------------


def _segments(reduced, lanes, items):
    """(segments, length): how to split a reduction of `reduced` elements, each of so many lanes."""
    if items >= MOST_SEGMENTS or reduced * lanes < 4 * SEGMENT:
        return 1, reduced
    length = max(SEGMENT // lanes, -(-reduced // MOST_SEGMENTS), COLUMN_BLOCK)
    return -(-reduced // length), length


def _column_axis(kept_sizes, x_steps, run, run_step):
    """The kept dimension to compute along, side by side; None to go along the reduced ones."""
    if run_step == 1 and run >= NARROW:
        return None
    for axis, (size, step) in enumerate(zip(kept_sizes, x_steps)):
        if step == 1 and size >= NARROW:
            return axis
    widest = max(range(len(kept_sizes)), key=kept_sizes.__getitem__)
    return widest if kept_sizes[widest] > 4 * run else None


class Plan(NamedTuple):
    """How to go about one reduction: which kernel, over what, and its geometry slots."""

    in_columns: bool
    outputs: int
    items: int
    grain: int
    reduced: int
    segments: int
    slots: tuple


@lru_cache(maxsize=4096)
def plan(shape, dims, x_strides, out_strides, operand_strides, split=True):
    """The Plan for an input of `shape`; the strides are those of `shapes.reduced_strides`."""
    kept = [d for d in range(len(shape)) if d not in dims]
    sizes, (x_steps,) = _collapsed(shape, dims, x_strides, [x_strides])
    kept_sizes, kept_strides = _collapsed(
        shape, kept, x_strides, [out_strides, x_strides, operand_strides]
    )
    reduced, outputs = shapes.numel(sizes), shapes.numel(kept_sizes)
    axis = _column_axis(kept_sizes, kept_strides[1], sizes[-1], x_steps[-1])
    items, lanes = outputs, 1
    if axis is not None:
        order = [d for d in range(len(kept_sizes)) if d != axis] + [axis]
        kept_sizes = [kept_sizes[d] for d in order]
        kept_strides = [[strides[d] for d in order] for strides in kept_strides]
        width = kept_sizes[-1]
        lanes = min(width, TILE)
        items = outputs // max(width, 1) * -(-width // TILE)
    segments, length = _segments(reduced, lanes, items) if split else (1, reduced)
    slots = (
        reduced, segments, length, len(kept_sizes), len(sizes), *sizes, *x_steps, *kept_sizes,
        *kept_strides[0], *kept_strides[1], *kept_strides[2],
    )  # fmt: skip
    grain = max(1, GRAIN // max(1, length * lanes))
    return Plan(axis is not None, outputs, items * segments, grain, reduced, segments, slots)


def _collapsed(shape, dims, x_strides, operands):
    """Sizes and strides of `dims`, in the order of x's strides: (sizes, [strides of each])."""
    order = sorted(dims, key=lambda d: -x_strides[d])
    strides = [[operand[d] for d in order] for operand in operands]
    return shapes.collapse([shape[d] for d in order], strides)


def reduce(reduction, out, x, dims, operand=None, parameter=0.0, divisor=None):
    """Reduce x over `dims` into `out`, whose shape may keep those dimensions as ones or lack them.

    `operand`, shaped like `out`, holds the number s that belongs to each output; without it,
    `parameter` belongs to all. `divisor` is what `finish` gets, the number of elements by default.
    """
    kernels = _kernels_of(reduction, out, x, operand)
    steps = _steps(out, x, dims, operand)
    if steps.outputs == 0:
        return
    partials = (
        empty((steps.outputs * steps.segments,), kernels.total) if steps.segments > 1 else None
    )
    kernel = kernels.columns if steps.in_columns else kernels.rows
    arguments = (
        out.address, x.address, 0 if operand is None else operand.address,
        0 if partials is None else partials.address, *steps.slots,
    )  # fmt: skip
    reals = (parameter, float(steps.reduced if divisor is None else divisor))
    kernel(steps.items, steps.grain, *arguments, reals=reals)
    if partials is not None:
        grain = max(1, GRAIN // steps.segments)
        kernels.segments_together(steps.outputs, grain, *arguments, reals=reals)


def _kernels_of(reduction, out, x, operand=None):
    key = (reduction, out.dtype, x.dtype, None if operand is None else operand.dtype)
    kernels = _kernels.get(key)
    if kernels is None:
        kernels = _kernels[key] = _Kernels(*key)
    return kernels


def _steps(out, x, dims, operand=None):
    """The Plan of a reduction."""
    rank = len(x.shape)
    out_strides = shapes.reduced_strides(out, rank, dims)
    operand_strides = (
        out_strides if operand is None else shapes.reduced_strides(operand, rank, dims)
    )
    return plan(x.shape, dims, x.strides, out_strides, operand_strides)


def bind(reduction, out, x, dims):
    """reduce for arrays of these Forms, as a function of (out, x); None where it takes two launches."""
    kernels, steps = _kernels_of(reduction, out, x), _steps(out, x, dims)
    if steps.segments > 1:
        return None
    kernel = kernels.columns if steps.in_columns else kernels.rows
    slots = (0, 0, 0, 0, *steps.slots, *cpu_target.real_slots(0.0, float(steps.reduced)))
    return cpu_target.BoundKernel(kernel, steps.items, steps.grain, slots, (0, 1))


def logsumexp(out, x, dims):
    """log(sum(exp(x))) over `dims`, without overflow."""
    maxima = empty(out.shape, x.dtype)
    reduce(AMAX, maxima, x, dims)
    reduce(LOG_SUM_EXP, out, x, dims, maxima)


def spread(reduction, out, x, dims, correction):
    """The VARIANCE or STANDARD_DEVIATION over `dims`: two passes, the means first."""
    means = empty(out.shape, computed(x.dtype))
    reduce(MEAN, means, x, dims)
    count = shapes.numel([x.shape[d] for d in dims])
    reduce(reduction, out, x, dims, means, divisor=max(0, count - correction))
