"""Running totals along a dimension, and running extrema with their indices.

A dense tensor is seen as (outer, size, inner), that is outer x inner rows whose elements lie
`inner` apart. Totals are kept in a wider type than the elements.
"""

from .. import shapes
from ..cuda_target import THREADS, cuda, specialise
from ..formulas import conversion
from ..formulas.reduction import AMAX, AMIN
from ..formulas.scan import replaces_maximum, replaces_minimum
from ..formulas.working_types import as_stored, computed, wider
from .elementwise import dense
from .native import flat


def running_totals(combine, initial, prepare, load, store, convert, value_type, total_type):
    """A block takes a row, THREADS elements at a time, whose totals it forms by doubling."""

    def scan_kernel(out, x, rows, size, inner, reverse, exclusive):
        totals = cuda.shared.array(THREADS, total_type)
        thread = cuda.threadIdx.x
        for row in range(cuda.blockIdx.x, rows, cuda.gridDim.x):
            start = row // inner * size * inner + row % inner
            carry = total_type(initial)
            for first in range(0, size, THREADS):
                i = first + thread
                at = start + (size - 1 - i if reverse else i) * inner
                total = total_type(initial)
                if i < size:
                    total = total_type(value_type(prepare(load(x[at]))))
                totals[thread] = total
                cuda.syncthreads()
                step = 1
                while step < THREADS:
                    if thread >= step:
                        total = combine(totals[thread - step], total)
                    cuda.syncthreads()
                    totals[thread] = total
                    cuda.syncthreads()
                    step *= 2
                if i < size:
                    if not exclusive:
                        out[at] = store(convert(combine(carry, total)))
                    elif thread == 0:
                        out[at] = store(convert(carry))
                    else:
                        out[at] = store(convert(combine(carry, totals[thread - 1])))
                carry = combine(carry, totals[THREADS - 1])
                cuda.syncthreads()

    return scan_kernel


def running_extrema(replaces, initial, load, store, value_type):
    """A thread takes a row."""

    def cumulative_extremum_kernel(values, indices, x, rows, size, inner):
        for row in range(cuda.grid(1), rows, cuda.gridsize(1)):
            start = row // inner * size * inner + row % inner
            best, where = value_type(initial), 0
            for i in range(size):
                at = start + i * inner
                value = load(x[at])
                if replaces(value, best):
                    best, where = value, i
                values[at], indices[at] = store(best), where

    return cumulative_extremum_kernel


def recurrences(load, store, value_type, total_type):
    """A thread takes a row."""

    def linear_recurrence_kernel(out, factors, terms, rows, size, inner, reverse):
        for row in range(cuda.grid(1), rows, cuda.gridsize(1)):
            start = row // inner * size * inner + row % inner
            total = total_type(0)
            for i in range(size):
                at = start + (size - 1 - i if reverse else i) * inner
                factor, term = total_type(load(factors[at])), total_type(load(terms[at]))
                if i > 0:
                    term += factor * total
                total = term
                out[at] = store(value_type(total))

    return linear_recurrence_kernel


def _launch(kernel, threads_a_row, dim, *operands, flags=()):
    shape = operands[0].shape
    size, inner = (shape[dim], shapes.numel(shape[dim + 1 :])) if shape else (1, 1)
    count = shapes.numel(shape)
    if count:
        rows = count // size
        arrays = [flat(x) for x in operands]
        kernel(rows * threads_a_row, *arrays, rows, size, inner, *flags)


def scan(combine, initial, out, x, dim, reverse=False, exclusive=False):
    """out[i] = x[0] combined with ... and x[i] along `dim`; `out` is dense.

    `reverse` goes from the end; `exclusive` leaves x[i] itself out.
    """
    value = computed(out.dtype)
    prepare = conversion.identity if computed(x.dtype) is value else conversion.cast(out.dtype)
    kernel = specialise(
        running_totals, combine, initial, prepare, conversion.load(x.dtype),
        conversion.store(out.dtype), conversion.cast(out.dtype), value.numba, wider(value).numba,
    )  # fmt: skip
    _launch(kernel, THREADS, dim, out, dense(x), flags=(bool(reverse), bool(exclusive)))


def _extremum(reduction, replaces, values, indices, x, dim):
    dtype = as_stored(x.dtype)
    value = computed(dtype)
    kernel = specialise(
        running_extrema, replaces, reduction.initial_for(value), conversion.load(dtype),
        conversion.store(dtype), value.numba,
    )  # fmt: skip
    _launch(kernel, 1, dim, values, indices, dense(x))


def cummax(values, indices, x, dim):
    """The maxima so far along `dim` and where they were last met; the outputs are dense."""
    _extremum(AMAX, replaces_maximum, values, indices, x, dim)


def cummin(values, indices, x, dim):
    """The minima so far along `dim` and where they were last met; the outputs are dense."""
    _extremum(AMIN, replaces_minimum, values, indices, x, dim)


def linear_recurrence(out, factors, terms, dim, reverse=False):
    """out[i] = terms[i] + factors[i] * out[i - 1] along `dim`; factors[0] is not used."""
    value = computed(out.dtype)
    kernel = specialise(
        recurrences, conversion.load(out.dtype), conversion.store(out.dtype), value.numba,
        wider(value).numba,
    )  # fmt: skip
    _launch(kernel, 1, dim, out, dense(factors), dense(terms), flags=(bool(reverse),))
