"""The k-th smallest element along a dimension, medians among them, and the most frequent one.

The rows are sorted first. NaN is greater than any number; equal elements are ordered by their
indices.
"""

from .. import dtypes, shapes
from ..array import Array, initialise
from ..cuda_memory import empty_on
from ..cuda_target import cuda, specialise
from ..formulas import conversion
from ..formulas.working_types import as_stored
from . import sorting
from .elementwise import dense
from .native import flat

#: What `select` chooses: the k-th smallest; the median, which is NaN where an element is; the median
#: of what is not NaN.
KTH, MEDIAN, NANMEDIAN = range(3)


def selections(load):
    """A thread takes a row, whose order is known."""

    def select_kernel(values, indices, x, order, rows, size, choice, k):
        for row in range(cuda.grid(1), rows, cuda.gridsize(1)):
            start = row * size
            place = k
            if choice != KTH:
                numbers, first_nan = 0, -1
                for i in range(size):
                    value = load(x[start + i])
                    if value == value:
                        numbers += 1
                    elif first_nan < 0:
                        first_nan = i
                place = (size - 1) // 2 if choice == MEDIAN else max(numbers - 1, 0) // 2
                found = order[start + place]
                if choice == MEDIAN and first_nan >= 0:
                    found = first_nan
            else:
                found = order[start + place]
            indices[row], values[row] = found, x[start + found]

    return select_kernel


def modes(load):
    """A thread takes a row, whose order is known."""

    def mode_kernel(values, indices, x, order, rows, size):
        for row in range(cuda.grid(1), rows, cuda.gridsize(1)):
            start = row * size
            best, most, count = order[start], 0, 0
            for i in range(size):
                place = order[start + i]
                same = False
                if i > 0:
                    same = load(x[start + place]) == load(x[start + order[start + i - 1]])
                count = count + 1 if same else 1
                if count > most:
                    best, most = place, count
            indices[row], values[row] = best, x[start + best]

    return mode_kernel


def _launch(factory, values, indices, x, dim, *flags):
    size = x.shape[dim]
    rows = shapes.numel(x.shape) // size if size else 0
    if rows == 0:
        return
    dims = [d for d in range(len(x.shape)) if d != dim] + [dim]
    moved = initialise(
        Array(), x.storage, x.dtype, tuple(x.shape[d] for d in dims),
        tuple(x.strides[d] for d in dims), x.offset,
    )  # fmt: skip
    x = dense(moved)
    x = initialise(Array(), x.storage, as_stored(x.dtype), (rows, size), (size, 1), x.offset)
    order = empty_on(x.storage.device_index, (rows, size), dtypes.int64)
    sorting.argsort(order, x, False)
    specialise(factory, conversion.load(x.dtype))(
        rows, flat(values, x.dtype.numba), flat(indices), flat(x), flat(order), rows, size, *flags
    )


def select(values, indices, x, dim, choice, k=0):
    """The k-th smallest element (from 0) along `dim`, or a median; the outputs are dense."""
    _launch(selections, values, indices, x, dim, choice, k)


def mode(values, indices, x, dim):
    """The most frequent element along `dim`, the least where there are several; its last index."""
    _launch(modes, values, indices, x, dim)
