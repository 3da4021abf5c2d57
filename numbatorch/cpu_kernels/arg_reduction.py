"""The greatest or least element along a dimension, with its index: the first where there are several.

A NaN counts as greater and as less than any number. The geometry is that of `reduction`.
"""

from numba import types

from .. import cpu_target, shapes
from ..formulas import conversion
from ..formulas.reduction import AMAX, AMIN, beats_as_maximum, beats_as_minimum
from ..formulas.working_types import as_stored, computed
from . import reduction
from .native import integer, scratch, span
from .reduction import ROW_BLOCK, TILE
from .strided import offset_of

index_type = types.int64

# Slots: values (an address, 0 where unwanted), x, indices, nothing, and what `reduction.plan` gives.


def rows(combine, beats, load, store, x_type, value_type, x_bytes, initial):
    """A work item is one output. First the best block is found, then the best element in it."""

    def arg_row_kernel(begin, end, arguments):
        values, x, indices = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        reduced, kept_rank, rank = (
            integer(arguments, 4), integer(arguments, 7), integer(arguments, 8),
        )  # fmt: skip
        kept = 9 + 2 * rank
        step = integer(arguments, 8 + 2 * rank)
        for output in range(begin, end):
            start = x + x_bytes * offset_of(
                output, arguments, kept, kept + 2 * kept_rank, kept_rank
            )
            best, best_block = value_type(initial), 0
            for block in range(0, reduced, ROW_BLOCK):
                count = min(ROW_BLOCK, reduced - block)
                xs = span(start + x_bytes * step * block, (count - 1) * step + 1, x_type)
                value = value_type(initial)
                if step == 1:
                    for i in range(count):
                        value = combine(value, load(xs[i]))
                else:
                    for i in range(count):
                        value = combine(value, load(xs[i * step]))
                if beats(value, best):
                    best, best_block = value, block
            count = min(ROW_BLOCK, reduced - best_block)
            xs = span(start + x_bytes * step * best_block, (count - 1) * step + 1, x_type)
            index = 0
            while index < count - 1:
                value = load(xs[index * step])
                if value == best or value != value:
                    break
                index += 1
            at = offset_of(output, arguments, kept, kept + kept_rank, kept_rank)
            span(indices + 8 * at, 1, index_type)[0] = best_block + index
            if values:
                span(values + x_bytes * at, 1, x_type)[0] = xs[index * step]

    return arg_row_kernel


def columns(combine, beats, load, store, x_type, value_type, x_bytes, initial):
    """A work item is a tile of outputs along the last kept dimension."""
    best_scratch, index_scratch = scratch(TILE, value_type), scratch(TILE, index_type)

    def arg_column_kernel(begin, end, arguments):
        values, x, indices = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        reduced, kept_rank, rank = (
            integer(arguments, 4), integer(arguments, 7), integer(arguments, 8),
        )  # fmt: skip
        kept = 9 + 2 * rank
        step = integer(arguments, 8 + 2 * rank)
        width = integer(arguments, kept + kept_rank - 1)
        out_step = integer(arguments, kept + 2 * kept_rank - 1)
        x_step = integer(arguments, kept + 3 * kept_rank - 1)
        tiles = (width + TILE - 1) // TILE
        best, best_index = best_scratch(), index_scratch()
        for item in range(begin, end):
            first = (item % tiles) * TILE
            output = (item // tiles) * width + first
            lanes = min(width - first, TILE)
            start = x + x_bytes * offset_of(
                output, arguments, kept, kept + 2 * kept_rank, kept_rank
            )
            xs = span(start, (lanes - 1) * x_step + 1, x_type)
            for j in range(lanes):
                best[j], best_index[j] = load(xs[j * x_step]), 0
            for i in range(1, reduced):
                xs = span(start + i * step * x_bytes, (lanes - 1) * x_step + 1, x_type)
                for j in range(lanes):
                    value = load(xs[j * x_step])
                    better = beats(value, best[j])
                    best[j] = value if better else best[j]
                    best_index[j] = i if better else best_index[j]
            at = offset_of(output, arguments, kept, kept + kept_rank, kept_rank)
            outs = span(indices + 8 * at, (lanes - 1) * out_step + 1, index_type)
            for j in range(lanes):
                outs[j * out_step] = best_index[j]
            if values:
                results = span(values + x_bytes * at, (lanes - 1) * out_step + 1, x_type)
                for j in range(lanes):
                    results[j * out_step] = store(best[j])

    return arg_column_kernel


def _specialise(reduction_, beats, dtype):
    value = computed(dtype)
    stored = as_stored(dtype)
    key = (
        reduction_.combine, beats, conversion.load(stored), conversion.store(stored), stored.numba,
        value.numba, stored.itemsize, reduction_.initial_for(value),
    )  # fmt: skip
    return (
        cpu_target.specialise(rows, *key),
        cpu_target.specialise(columns, *key),
    )


_kernels = {}


def _reduce(reduction_, beats, values, indices, x, dim):
    key = (reduction_.name, x.dtype)
    kernels = _kernels.get(key)
    if kernels is None:
        kernels = _kernels[key] = _specialise(reduction_, beats, x.dtype)
    rank = len(x.shape)
    strides = shapes.reduced_strides(indices, rank, (dim,))
    plan = reduction.plan(x.shape, (dim,), x.strides, strides, strides, split=False)
    if plan.outputs == 0:
        return
    address = 0 if values is None else values.address
    kernel = kernels[1 if plan.in_columns else 0]
    kernel(plan.items, plan.grain, address, x.address, indices.address, 0, *plan.slots)


def argmax(values, indices, x, dim):
    """The maxima along `dim` and where they are; `values` may be None, else laid out as `indices`."""
    _reduce(AMAX, beats_as_maximum, values, indices, x, dim)


def argmin(values, indices, x, dim):
    """The minima along `dim` and where they are; `values` may be None, else laid out as `indices`."""
    _reduce(AMIN, beats_as_minimum, values, indices, x, dim)
