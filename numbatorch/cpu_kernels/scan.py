"""Running totals along a dimension, and running extrema with their indices.

A dense tensor is seen as (outer, size, inner). A work item is a tile of columns; where inner is 1, a
row. Totals are kept in a wider type than the elements.
"""

from functools import cache

from numba import types

from .. import cpu_target, shapes
from ..formulas import conversion
from ..formulas.reduction import AMAX, AMIN
from ..formulas.scan import replaces_maximum, replaces_minimum
from ..formulas.working_types import as_stored, computed, wider
from .elementwise import GRAIN, dense
from .native import integer, scratch, span

#: Neighbouring columns that are computed together.
TILE = 64


def running_totals(
    combine, initial, prepare, load, store, convert,
    x_type, out_type, value_type, total_type, x_bytes, out_bytes,
):  # fmt: skip
    """Slots: out, x, size, inner, whether from the end, whether without the element itself."""
    total_scratch = scratch(TILE, total_type)

    def scan_kernel(begin, end, arguments):
        out, x = integer(arguments, 0), integer(arguments, 1)
        size, inner = integer(arguments, 2), integer(arguments, 3)
        reverse, exclusive = integer(arguments, 4), integer(arguments, 5)
        if inner == 1:
            for row in range(begin, end):
                xs = span(x + row * size * x_bytes, size, x_type)
                outs = span(out + row * size * out_bytes, size, out_type)
                total = total_type(initial)
                i, step = (size - 1, -1) if reverse else (0, 1)
                for _ in range(size):
                    before = total
                    total = combine(total, total_type(value_type(prepare(load(xs[i])))))
                    outs[i] = store(convert(before if exclusive else total))
                    i += step
            return
        tiles = (inner + TILE - 1) // TILE
        totals = total_scratch()
        for item in range(begin, end):
            first = (item % tiles) * TILE
            lanes = min(TILE, inner - first)
            start = (item // tiles) * size * inner + first
            for j in range(lanes):
                totals[j] = total_type(initial)
            for i in range(size):
                at = start + (size - 1 - i if reverse else i) * inner
                xs = span(x + at * x_bytes, lanes, x_type)
                outs = span(out + at * out_bytes, lanes, out_type)
                for j in range(lanes):
                    before = totals[j]
                    value = total_type(value_type(prepare(load(xs[j]))))
                    totals[j] = combine(before, value)
                    outs[j] = store(convert(before if exclusive else totals[j]))

    return scan_kernel


def running_extrema(replaces, initial, load, store, x_type, value_type, x_bytes):
    """Slots: values, indices, x, size, inner."""
    best_scratch, index_scratch = scratch(TILE, value_type), scratch(TILE, types.int64)

    def cumulative_extremum_kernel(begin, end, arguments):
        values, indices, x = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        size, inner = integer(arguments, 3), integer(arguments, 4)
        tiles = (inner + TILE - 1) // TILE
        best, where = best_scratch(), index_scratch()
        for item in range(begin, end):
            first = (item % tiles) * TILE
            lanes = min(TILE, inner - first)
            start = (item // tiles) * size * inner + first
            for j in range(lanes):
                best[j], where[j] = value_type(initial), 0
            for i in range(size):
                at = start + i * inner
                xs = span(x + at * x_bytes, lanes, x_type)
                outs = span(values + at * x_bytes, lanes, x_type)
                places = span(indices + at * 8, lanes, types.int64)
                for j in range(lanes):
                    value = load(xs[j])
                    replaced = replaces(value, best[j])
                    best[j] = value if replaced else best[j]
                    where[j] = i if replaced else where[j]
                    outs[j], places[j] = store(best[j]), where[j]

    return cumulative_extremum_kernel


def recurrences(load, store, element, value_type, total_type, itemsize):
    """Slots: out, factors, terms, size, inner, whether from the end."""
    total_scratch = scratch(TILE, total_type)

    def linear_recurrence_kernel(begin, end, arguments):
        out, factors, terms = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        size, inner, reverse = (
            integer(arguments, 3), integer(arguments, 4), integer(arguments, 5),
        )  # fmt: skip
        if inner == 1:
            for row in range(begin, end):
                a = span(factors + row * size * itemsize, size, element)
                b = span(terms + row * size * itemsize, size, element)
                outs = span(out + row * size * itemsize, size, element)
                total = total_type(0)
                i, step = (size - 1, -1) if reverse else (0, 1)
                for place in range(size):
                    term = total_type(load(b[i]))
                    total = term + (total_type(load(a[i])) * total if place else total_type(0))
                    outs[i] = store(value_type(total))
                    i += step
            return
        tiles = (inner + TILE - 1) // TILE
        totals = total_scratch()
        for item in range(begin, end):
            first = (item % tiles) * TILE
            lanes = min(TILE, inner - first)
            start = (item // tiles) * size * inner + first
            for j in range(lanes):
                totals[j] = total_type(0)
            for i in range(size):
                at = (start + (size - 1 - i if reverse else i) * inner) * itemsize
                a, b = span(factors + at, lanes, element), span(terms + at, lanes, element)
                outs = span(out + at, lanes, element)
                for j in range(lanes):
                    factor, term = total_type(load(a[j])), total_type(load(b[j]))
                    totals[j] = term + (factor * totals[j] if i else total_type(0))
                    outs[j] = store(value_type(totals[j]))

    return linear_recurrence_kernel


@cache
def _scan_kernel(combine, initial, out, x):
    value = computed(out)
    prepare = conversion.identity if computed(x) is value else conversion.cast(out)
    key = (
        combine, initial, prepare, conversion.load(x), conversion.store(out), conversion.cast(out),
        x.numba, out.numba, value.numba, wider(value).numba, x.itemsize, out.itemsize,
    )  # fmt: skip
    return cpu_target.specialise(running_totals, *key)


@cache
def _extremum_kernel(reduction, replaces, dtype):
    dtype, value = as_stored(dtype), computed(dtype)
    key = (
        replaces, reduction.initial_for(value), conversion.load(dtype), conversion.store(dtype),
        dtype.numba, value.numba, dtype.itemsize,
    )  # fmt: skip
    return cpu_target.specialise(running_extrema, *key)


@cache
def _recurrence_kernel(dtype):
    value = computed(dtype)
    access = conversion.load(dtype), conversion.store(dtype)
    number_types = dtype.numba, value.numba, wider(value).numba
    return cpu_target.specialise(recurrences, *access, *number_types, dtype.itemsize)


def _launch(kernel, shape, dim, *addresses, flags=()):
    size, inner = (shape[dim], shapes.numel(shape[dim + 1 :])) if shape else (1, 1)
    count = shapes.numel(shape)
    if count == 0:
        return
    items = count // (size * inner) * -(-inner // TILE)
    grain = max(1, GRAIN // (size * min(inner, TILE)))
    kernel(items, grain, *addresses, size, inner, *flags)


def scan(combine, initial, out, x, dim, reverse=False, exclusive=False):
    """out[i] = x[0] combined with ... and x[i] along `dim`; `out` is dense.

    `reverse` goes from the end; `exclusive` leaves x[i] itself out.
    """
    x = dense(x)
    kernel = _scan_kernel(combine, initial, out.dtype, x.dtype)
    flags = int(reverse), int(exclusive)
    _launch(kernel, x.shape, dim, out.address, x.address, flags=flags)


def cummax(values, indices, x, dim):
    """The maxima so far along `dim` and where they were last met; the outputs are dense."""
    x = dense(x)
    kernel = _extremum_kernel(AMAX, replaces_maximum, x.dtype)
    _launch(kernel, x.shape, dim, values.address, indices.address, x.address)


def cummin(values, indices, x, dim):
    """The minima so far along `dim` and where they were last met; the outputs are dense."""
    x = dense(x)
    kernel = _extremum_kernel(AMIN, replaces_minimum, x.dtype)
    _launch(kernel, x.shape, dim, values.address, indices.address, x.address)


def linear_recurrence(out, factors, terms, dim, reverse=False):
    """out[i] = terms[i] + factors[i] * out[i - 1] along `dim`; factors[0] is not used."""
    factors, terms = dense(factors), dense(terms)
    kernel = _recurrence_kernel(out.dtype)
    addresses = out.address, factors.address, terms.address
    _launch(kernel, out.shape, dim, *addresses, flags=(int(reverse),))
