"""Sorting by keys (`formulas.ordering`), searching, and groups of equal rows.

All arrays are row-major; sorting works on the rows of a (rows, length) array and is stable.
"""

import numpy as np
from numba.extending import register_jitable
from numba.types import int64, uint64

from .. import array, cpu_target, dtypes, shapes
from ..formulas import conversion, ordering
from .native import integer, span

#: Elements that are worth a thread of their own.
GRAIN = 4096
#: Rows up to this length are sorted by insertion, longer ones by the bytes of their keys.
SHORT = 40
#: The most elements that `topk` keeps in order while it reads a row.
FEW = 64


@register_jitable
def _insertion_sort(keys, places, length):
    for i in range(1, length):
        key, place = keys[i], places[i]
        j = i
        while j > 0 and keys[j - 1] > key:
            keys[j], places[j] = keys[j - 1], places[j - 1]
            j -= 1
        keys[j], places[j] = key, place


@register_jitable
def _sort_by_byte(keys, places, keys_out, places_out, length, shift, starts):
    """Stably order by one byte of the keys; False, and nothing done, where all have the same."""
    starts[:] = 0
    for i in range(length):
        starts[(uint64(keys[i]) >> uint64(shift)) & uint64(255)] += 1
    if starts[(uint64(keys[0]) >> uint64(shift)) & uint64(255)] == length:
        return False
    total = 0
    for byte in range(256):
        count = starts[byte]
        starts[byte] = total
        total += count
    for i in range(length):
        byte = (uint64(keys[i]) >> uint64(shift)) & uint64(255)
        target = starts[byte]
        starts[byte] = target + 1
        keys_out[target] = keys[i]
        places_out[target] = places[i]
    return True


def argsort_rows(key, bits, element_bytes, descending):
    """A work item is one row: out = the order in which its elements are sorted."""

    def argsort_kernel(begin, end, arguments):
        out, x, length = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        keys, spare_keys = np.empty(length, bits), np.empty(length, bits)
        spare_places, starts = np.empty(length, int64), np.empty(256, int64)
        for row in range(begin, end):
            xs = span(x + element_bytes * length * row, length, bits)
            places = span(out + 8 * length * row, length, int64)
            for i in range(length):
                keys[i] = bits(~key(xs[i])) if descending else key(xs[i])
                places[i] = i
            if length <= SHORT:
                _insertion_sort(keys, places, length)
                continue
            swapped = False
            for byte in range(element_bytes):
                if swapped:
                    done = _sort_by_byte(
                        spare_keys, spare_places, keys, places, length, 8 * byte, starts
                    )
                else:
                    done = _sort_by_byte(
                        keys, places, spare_keys, spare_places, length, 8 * byte, starts
                    )
                if done:
                    swapped = not swapped
            if swapped:
                for i in range(length):
                    places[i] = spare_places[i]

    return argsort_kernel


def _sorting_kernel(factory, dtype, descending):
    bits = ordering.bits_of(dtype)
    return cpu_target.specialise(
        factory, ordering.key(dtype), bits, dtype.itemsize, bool(descending)
    )


def argsort(out, input, descending):
    """out[row] = the indices that sort input[row]; equal elements keep their order."""
    rows, length = input.shape
    if rows and length:
        kernel = _sorting_kernel(argsort_rows, input.dtype, descending)
        kernel(rows, max(1, GRAIN // length), out.address, input.address, length)


def top_rows(key, bits, element_bytes, largest):
    """A work item is one row: out = where its first `count` elements in order lie."""

    def top_kernel(begin, end, arguments):
        out, x = integer(arguments, 0), integer(arguments, 1)
        length, count = integer(arguments, 2), integer(arguments, 3)
        kept = np.empty(count + 1, bits)
        for row in range(begin, end):
            xs = span(x + element_bytes * length * row, length, bits)
            places = span(out + 8 * count * row, count, int64)
            filled = 0
            for i in range(length):
                own = bits(~key(xs[i])) if largest else key(xs[i])
                if filled == count and own >= kept[count - 1]:
                    continue
                j = min(filled, count - 1)
                while j > 0 and kept[j - 1] > own:
                    kept[j], places[j] = kept[j - 1], places[j - 1]
                    j -= 1
                kept[j], places[j] = own, i
                filled = min(filled + 1, count)

    return top_kernel


def topk(out, input, largest):
    """out[row] = where the first elements of input[row] in (descending) order lie, in that order."""
    (rows, length), count = input.shape, out.shape[1]
    if not rows or not count:
        return
    if count <= FEW:
        kernel = _sorting_kernel(top_rows, input.dtype, largest)
        kernel(rows, max(1, GRAIN // length), out.address, input.address, length, count)
    else:
        order = array.empty(input.shape, dtypes.int64)
        argsort(order, input, largest)
        out.as_numpy()[...] = order.as_numpy()[:, :count]


# Searching ----------------------------------------------------------------------------------------


def search_rows(load, element, element_bytes, out_type, out_bytes, right):
    """A work item is one value: where in its row of boundaries it belongs."""

    def search_kernel(begin, end, arguments):
        out, boundaries, values = (
            integer(arguments, 0), integer(arguments, 1), integer(arguments, 2),
        )  # fmt: skip
        length, per_row, sorter = (
            integer(arguments, 3), integer(arguments, 4), integer(arguments, 5),
        )  # fmt: skip
        outs = span(out + out_bytes * begin, end - begin, out_type)
        sought = span(values + element_bytes * begin, end - begin, element)
        for i in range(end - begin):
            row = (begin + i) // per_row if per_row else 0
            xs = span(boundaries + element_bytes * length * row, length, element)
            order = span(sorter + 8 * length * row, length, int64)
            value = load(sought[i])
            low, high = 0, length
            while low < high:
                middle = (low + high) // 2
                x = load(xs[order[middle]]) if sorter else load(xs[middle])
                goes_left = x > value if right else x >= value
                if goes_left:
                    high = middle
                else:
                    low = middle + 1
            outs[i] = out_type(low)

    return search_kernel


def search(out, boundaries, values, right, sorter=None):
    """out = how many of the boundaries (rows or one row, sorted) lie before each value.

    With `right`, equal boundaries lie before it too. `sorter` holds the order of unsorted rows.
    """
    dtype = values.dtype
    items = shapes.numel(values.shape)
    per_row = values.shape[-1] if len(boundaries.shape) > 1 else 0
    kernel = cpu_target.specialise(
        search_rows, conversion.load(dtype), dtype.numba, dtype.itemsize, out.dtype.numba,
        out.dtype.itemsize, bool(right),
    )  # fmt: skip
    kernel(
        items, GRAIN // 4, out.address, boundaries.address, values.address, boundaries.shape[-1],
        per_row, 0 if sorter is None else sorter.address,
    )  # fmt: skip


# Groups -------------------------------------------------------------------------------------------


def groups_of_rows(load, element, element_bytes):
    """groups[i] = how many rows up to row i differ from the one before them."""

    def groups_kernel(begin, end, arguments):
        groups, x = integer(arguments, 0), integer(arguments, 1)
        rows, width = integer(arguments, 2), integer(arguments, 3)
        numbers = span(groups, rows, int64)
        group = 0
        numbers[0] = 0
        for row in range(1, rows):
            before = span(x + element_bytes * width * (row - 1), width, element)
            here = span(x + element_bytes * width * row, width, element)
            for i in range(width):
                if load(before[i]) != load(here[i]):
                    group += 1
                    break
            numbers[row] = group

    return groups_kernel


def consecutive_groups(groups, input):
    """groups[i] = the number of the run of equal rows that row i is in; returns how many there are."""
    rows, width = input.shape
    if rows == 0:
        return 0
    dtype = input.dtype
    kernel = cpu_target.specialise(
        groups_of_rows, conversion.load(dtype), dtype.numba, dtype.itemsize
    )
    kernel(1, 1, groups.address, input.address, rows, width)
    return int(groups.as_numpy()[-1]) + 1
