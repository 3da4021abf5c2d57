"""The k-th smallest element along a dimension, medians among them, and the most frequent one.

A dense tensor is seen as (outer, size, inner); a work item is one row of it, of which the indices
are put in order, not the elements. NaN is greater than any number; equal elements are ordered by
their indices.
"""

from functools import cache

from numba import types
from numba.extending import register_jitable

from .. import cpu_target, dtypes, shapes
from ..array import empty
from ..formulas import conversion
from ..formulas.order import comes_before
from ..formulas.working_types import as_stored
from .elementwise import dense
from .native import integer, span

#: What `select` chooses: the k-th smallest; the median, which is NaN where an element is; the median
#: of what is not NaN.
KTH, MEDIAN, NANMEDIAN = range(3)


@register_jitable
def _is_before(order, i, j, xs, inner, load):
    """Whether the element at place i of the order belongs before the one at place j."""
    a, b = load(xs[order[i] * inner]), load(xs[order[j] * inner])
    if comes_before(a, b):
        return True
    return (not comes_before(b, a)) and order[i] < order[j]


@register_jitable
def _swap(order, i, j):
    order[i], order[j] = order[j], order[i]


@register_jitable
def _partition(order, low, high, xs, inner, load):
    """Move what belongs before the pivot, the median of three, before it; where the pivot is then."""
    middle = (low + high) // 2
    if _is_before(order, middle, low, xs, inner, load):
        _swap(order, middle, low)
    if _is_before(order, high, low, xs, inner, load):
        _swap(order, high, low)
    if _is_before(order, high, middle, xs, inner, load):
        _swap(order, high, middle)
    _swap(order, middle, high)
    place = low
    for i in range(low, high):
        if _is_before(order, i, high, xs, inner, load):
            _swap(order, i, place)
            place += 1
    _swap(order, place, high)
    return place


@register_jitable
def _select(order, k, size, xs, inner, load):
    """Put the index of the k-th element (from 0) at place k."""
    low, high = 0, size - 1
    while low < high:
        place = _partition(order, low, high, xs, inner, load)
        if place == k:
            return
        if place < k:
            low = place + 1
        else:
            high = place - 1


@register_jitable
def _sink(order, root, size, xs, inner, load):
    while 2 * root + 1 < size:
        child = 2 * root + 1
        if child + 1 < size and _is_before(order, child, child + 1, xs, inner, load):
            child += 1
        if not _is_before(order, root, child, xs, inner, load):
            return
        _swap(order, root, child)
        root = child


@register_jitable
def _sort(order, size, xs, inner, load):
    """Sort the indices (heapsort)."""
    for root in range(size // 2 - 1, -1, -1):
        _sink(order, root, size, xs, inner, load)
    for last in range(size - 1, 0, -1):
        _swap(order, 0, last)
        _sink(order, 0, last, xs, inner, load)


def selections(load, element, itemsize):
    """Slots: values, indices, x, workspace, size, inner, what to choose, k (from 0)."""

    def select_kernel(begin, end, arguments):
        values, indices, x = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        workspace, size = integer(arguments, 3), integer(arguments, 4)
        inner, choice = integer(arguments, 5), integer(arguments, 6)
        for item in range(begin, end):
            start = x + itemsize * ((item // inner) * size * inner + item % inner)
            xs = span(start, (size - 1) * inner + 1, element)
            order = span(workspace + 8 * item * size, size, types.int64)
            numbers, first_nan = 0, -1
            for i in range(size):
                order[i] = i
                value = load(xs[i * inner])
                if value == value:
                    numbers += 1
                elif first_nan < 0:
                    first_nan = i
            k = integer(arguments, 7)
            if choice != KTH:
                k = (size - 1) // 2 if choice == MEDIAN else max(numbers - 1, 0) // 2
            if choice == MEDIAN and first_nan >= 0:
                found = first_nan
            else:
                _select(order, k, size, xs, inner, load)
                found = order[k]
            span(indices + 8 * item, 1, types.int64)[0] = found
            span(values + itemsize * item, 1, element)[0] = xs[found * inner]

    return select_kernel


def modes(load, element, itemsize):
    """Slots: values, indices, x, workspace, size, inner."""

    def mode_kernel(begin, end, arguments):
        values, indices, x = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        workspace, size, inner = (
            integer(arguments, 3), integer(arguments, 4), integer(arguments, 5),
        )  # fmt: skip
        for item in range(begin, end):
            start = x + itemsize * ((item // inner) * size * inner + item % inner)
            xs = span(start, (size - 1) * inner + 1, element)
            order = span(workspace + 8 * item * size, size, types.int64)
            for i in range(size):
                order[i] = i
            _sort(order, size, xs, inner, load)
            best, most, count = order[0], 0, 0
            for i in range(size):
                here = load(xs[order[i] * inner])
                same = i > 0 and here == load(xs[order[i - 1] * inner])
                count = count + 1 if same else 1
                if count > most:
                    best, most = order[i], count
            span(indices + 8 * item, 1, types.int64)[0] = best
            span(values + itemsize * item, 1, element)[0] = xs[best * inner]

    return mode_kernel


@cache
def _kernel(factory, dtype):
    dtype = as_stored(dtype)
    return cpu_target.specialise(factory, conversion.load(dtype), dtype.numba, dtype.itemsize)


def _launch(factory, values, indices, x, dim, *flags):
    x = dense(x)
    size, inner = x.shape[dim], shapes.numel(x.shape[dim + 1 :])
    rows = shapes.numel(x.shape) // size if size else 0
    if rows == 0:
        return
    workspace = empty((rows * size,), dtypes.int64)
    _kernel(factory, x.dtype)(
        rows, max(1, 2048 // size), values.address, indices.address, x.address, workspace.address,
        size, inner, *flags,
    )  # fmt: skip


def select(values, indices, x, dim, choice, k=0):
    """The k-th smallest element (from 0) along `dim`, or a median; the outputs are dense."""
    _launch(selections, values, indices, x, dim, choice, k)


def mode(values, indices, x, dim):
    """The most frequent element along `dim`, the least where there are several; its last index."""
    _launch(modes, values, indices, x, dim)
