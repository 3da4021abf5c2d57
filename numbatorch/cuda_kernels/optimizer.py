"""Optimizer updates: one launch over all elements of a list of parameters.

The kernel gets a table with a row for each parameter: its first chunk of CHUNK elements among all
chunks, how many elements it has, the addresses of the parameter, its gradient and its state, and its
coefficients as the bits of float64. A block takes chunk after chunk and looks up whose it is.
"""

import numpy as np
from numba.extending import register_jitable

from .. import dtypes, shapes
from ..cuda_target import SIMULATED, THREADS, cuda, specialise
from ..formulas import conversion
from .native import from_host, memory, pointer_access

#: Elements that a block moves at a time, all of one parameter.
CHUNK = (2 if SIMULATED else 8) * THREADS


def _nothing(*arguments):
    return ()


def _tuple_of(count, item):
    """A function that gives (item(0, *arguments), ..., item(count - 1, *arguments))."""
    if not count:
        return register_jitable(_nothing)
    before, last = _tuple_of(count - 1, item), count - 1

    @register_jitable
    def items(*arguments):
        return before(*arguments) + (item(last, *arguments),)

    return items


def _loads(count, element, load):
    """A function that reads element i of `count` tensors, as a tuple."""
    read, _ = pointer_access(element)

    @register_jitable
    def item(column, table, row, i, size):
        return load(read(table[row + 2 + column], i, size))

    return _tuple_of(count, item)


def _stores(count, element, store, convert):
    """A function that writes element i of `count` tensors: the parameter, then the state."""
    _, write = pointer_access(element)

    @register_jitable
    def item(place, table, row, i, size, values):
        column = place + (place > 0)  # column 1 is the gradient
        write(table[row + 2 + column], i, size, store(convert(values[place])))
        return 0

    return _tuple_of(count, item)


def _coefficients(count, compute):
    """A function that reads `count` coefficients of a row, the first at `at`, as a tuple."""

    @register_jitable
    def item(place, numbers, at):
        return compute(numbers[at + place])

    return _tuple_of(count, item)


def updater(formula, columns, coefficients, element, compute, load, store, convert):
    """param, *state = formula(param, grad, *state, *coefficients), over a table of parameters."""
    load_all = _loads(columns, element, load)
    store_all = _stores(columns - 1, element, store, convert)
    read_coefficients = _coefficients(coefficients, compute)
    width = 2 + columns + coefficients

    def update_kernel(table, numbers, rows, chunks):
        for chunk in range(cuda.blockIdx.x, chunks, cuda.gridDim.x):
            low, high = 0, rows
            while high - low > 1:
                middle = (low + high) // 2
                if table[middle * width] <= chunk:
                    low = middle
                else:
                    high = middle
            row = low * width
            size = table[row + 1]
            begin = (chunk - table[row]) * CHUNK
            factors = read_coefficients(numbers, row + 2 + columns)
            for i in range(begin + cuda.threadIdx.x, min(begin + CHUNK, size), THREADS):
                values = formula(*load_all(table, row, i, size), *factors)
                store_all(table, row, i, size, values)

    return update_kernel


def update(formula, columns, coefficients):
    """Move every parameter in columns[0] by its gradient in columns[1] and the state in the others.

    All tensors are dense and of one dtype; coefficients[i] are the numbers of parameter i.
    """
    dtype, place = columns[0][0].dtype, columns[0][0].storage.device_index
    rows, chunks = [], 0
    for tensors, factors in zip(zip(*columns), coefficients):
        size = shapes.numel(tensors[0].shape)
        if size:
            addresses = [x.address for x in tensors]
            bits = np.array(factors, np.float64).view(np.int64).tolist()
            rows.append([chunks, size, *addresses, *bits])
            chunks += -(-size // CHUNK)
    if not rows:
        return
    kernel = specialise(
        updater, formula, len(columns), len(coefficients[0]), dtype.numba, dtype.compute,
        conversion.load(dtype), conversion.store(dtype), conversion.cast(dtype),
    )  # fmt: skip
    table = from_host(rows, dtypes.int64, place)
    numbers = table.storage.typed(dtypes.float64.numba)
    kernel(chunks * THREADS, memory(table), numbers, len(rows), chunks)
