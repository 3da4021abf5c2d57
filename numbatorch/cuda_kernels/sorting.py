"""Sorting by keys (`formulas.ordering`), searching, and groups of equal rows.

All arrays are row-major; sorting works on the rows of a (rows, length) array and is stable.
"""

from .. import dtypes, shapes
from ..cuda_memory import CudaStorage, empty_on
from ..cuda_target import cuda, specialise
from ..formulas import conversion, ordering
from ..formulas.reduction import add
from . import scan
from .native import flat, to_host

# Sorting ------------------------------------------------------------------------------------------
# A bitonic network over rows of a power of two of places: each of its steps compares and exchanges
# pairs that are `distance` apart, all pairs at once. Rows are filled up with places beyond their end.


def first_keys(key, bits, descending):
    """The keys of all elements, and their places."""

    def sort_keys_kernel(keys, places, x, length, width, count):
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            row, i = item // width, item % width
            places[item] = i
            if i < length:
                own = key(x[row * length + i])
                keys[item] = bits(~own) if descending else bits(own)
            else:
                keys[item] = bits(0)

    return sort_keys_kernel


def exchanges():
    """One step of the network; `block` is the size of the sequences that it merges."""

    def sort_exchange_kernel(keys, places, length, width, distance, block, pairs):
        for pair in range(cuda.grid(1), pairs, cuda.gridsize(1)):
            low = pair // distance * 2 * distance + pair % distance
            high = low + distance
            a, b = keys[low], keys[high]
            i, j = places[low], places[high]
            if i >= length or j >= length:
                wrong = i > j  # places beyond the end come last
            else:
                wrong = a > b or (a == b and i > j)
            rising = low % width // block % 2 == 0
            if wrong == rising:
                keys[low], keys[high] = b, a
                places[low], places[high] = j, i

    return sort_exchange_kernel


def places_out():
    """out[row] = the first places of the row's order."""

    def sort_places_kernel(out, places, length, width, count):
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            out[item] = places[item // length * width + item % length]

    return sort_places_kernel


def argsort(out, input, descending):
    """out[row] = the indices that sort input[row]; equal elements keep their order."""
    _order(out, input, descending)


def topk(out, input, largest):
    """out[row] = where the first elements of input[row] in (descending) order lie, in that order."""
    _order(out, input, largest)


def _order(out, input, descending):
    """The first places of the order of every row, as many as `out` has."""
    (rows, length), count = input.shape, shapes.numel(out.shape)
    if count == 0:
        return
    width = 1 << (length - 1).bit_length()
    total, index = rows * width, out.storage.device_index
    bits = ordering.bits_of(input.dtype)
    key_memory = CudaStorage(total * input.dtype.itemsize, index)
    place_memory = CudaStorage(total * 8, index)
    keys, places = key_memory.typed(bits), place_memory.typed(dtypes.int64.numba)
    specialise(first_keys, ordering.key(input.dtype), bits, bool(descending))(
        total, keys, places, flat(input, bits), length, width, total
    )
    block = 2
    while block <= width:
        distance = block // 2
        while distance > 0:
            specialise(exchanges)(
                total // 2, keys, places, length, width, distance, block, total // 2
            )
            distance //= 2
        block *= 2
    specialise(places_out)(count, flat(out), places, out.shape[1], width, count)


# Searching ----------------------------------------------------------------------------------------


def search_rows(load, right, has_sorter):
    """A thread takes one value: where in its row of boundaries it belongs."""

    def search_kernel(out, boundaries, values, sorter, length, per_row, count):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            start = i // per_row * length if per_row else 0
            value = load(values[i])
            low, high = 0, length
            while low < high:
                middle = (low + high) // 2
                place = start + middle
                if has_sorter:
                    place = start + sorter[place]
                x = load(boundaries[place])
                goes_left = x > value if right else x >= value
                if goes_left:
                    high = middle
                else:
                    low = middle + 1
            out[i] = low

    return search_kernel


def search(out, boundaries, values, right, sorter=None):
    """out = how many of the boundaries (rows or one row, sorted) lie before each value.

    With `right`, equal boundaries lie before it too. `sorter` holds the order of unsorted rows.
    """
    count = shapes.numel(values.shape)
    if count:
        per_row = values.shape[-1] if len(boundaries.shape) > 1 else 0
        kernel = specialise(
            search_rows, conversion.load(values.dtype), bool(right), sorter is not None
        )
        kernel(
            count, flat(out), flat(boundaries), flat(values),
            flat(out if sorter is None else sorter), boundaries.shape[-1], per_row, count,
        )  # fmt: skip


# Groups -------------------------------------------------------------------------------------------


def changes(load):
    """changed[i] = whether row i differs from the one before it."""

    def changed_rows_kernel(changed, x, rows, width):
        for row in range(cuda.grid(1), rows, cuda.gridsize(1)):
            changed[row] = 0
            if row > 0:
                for i in range(width):
                    if load(x[(row - 1) * width + i]) != load(x[row * width + i]):
                        changed[row] = 1

    return changed_rows_kernel


def consecutive_groups(groups, input):
    """groups[i] = the number of the run of equal rows that row i is in; returns how many there are."""
    rows, width = input.shape
    if rows == 0:
        return 0
    changed = empty_on(groups.storage.device_index, groups.shape, dtypes.int64)
    specialise(changes, conversion.load(input.dtype))(rows, flat(changed), flat(input), rows, width)
    scan.scan(add, 0, groups, changed, 0)
    return int(to_host(groups)[-1]) + 1
