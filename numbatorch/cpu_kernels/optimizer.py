"""Optimizer updates: one launch over all elements of a list of parameters.

The kernel gets a table with a row for each parameter: where its elements begin among all elements,
the addresses of the parameter, its gradient and its state, and its coefficients.
"""

import ctypes
import struct
from functools import cache

import numpy as np
from numba.extending import register_jitable

from .. import cpu_target, recording, shapes
from ..formulas import conversion
from .native import integer, read, real, write

#: Elements that are worth a thread of their own.
GRAIN = 16384


def _addresses(count):
    """A function that reads `count` addresses of a row, from slot 1 on, as a tuple."""
    if count == 0:

        @register_jitable
        def nothing(row):
            return ()

        return nothing
    before = _addresses(count - 1)

    @register_jitable
    def addresses(row):
        return before(row) + (integer(row, count),)

    return addresses


def _coefficients(count, first, compute):
    """A function that reads `count` coefficients of a row, from slot `first` on, as a tuple."""
    if count == 0:

        @register_jitable
        def nothing(row):
            return ()

        return nothing
    before, last = _coefficients(count - 1, first, compute), first + count - 1

    @register_jitable
    def coefficients(row):
        return before(row) + (compute(real(row, last)),)

    return coefficients


def _elements(count, element, load):
    """A function that reads element i of `count` tensors, as a tuple."""
    if count == 0:

        @register_jitable
        def nothing(addresses, i):
            return ()

        return nothing
    before, last = _elements(count - 1, element, load), count - 1

    @register_jitable
    def elements(addresses, i):
        return before(addresses, i) + (load(read(addresses[last], i, element)),)

    return elements


def _store(count, store, convert):
    """A function that writes what a formula gave: the parameter, then the state."""
    if count == 0:

        @register_jitable
        def nothing(addresses, i, values):
            pass

        return nothing
    before, last = _store(count - 1, store, convert), count - 1
    column = 0 if last == 0 else last + 1  # column 1 is the gradient

    @register_jitable
    def store_values(addresses, i, values):
        before(addresses, i, values)
        write(addresses[column], i, store(convert(values[last])))

    return store_values


def updater(formula, columns, coefficients, element, compute, load, store, convert):
    """param, *state = formula(param, grad, *state, *coefficients), over a table of parameters."""
    read_addresses = _addresses(columns)
    read_coefficients = _coefficients(coefficients, 1 + columns, compute)
    read_elements = _elements(columns, element, load)
    store_values = _store(columns - 1, store, convert)
    width = 8 * (1 + columns + coefficients)

    def update_kernel(begin, end, arguments):
        row, rows = integer(arguments, 0), integer(arguments, 1)
        for _ in range(rows):
            first, after = integer(row, 0), integer(row + width, 0)
            if first < end and after > begin:
                addresses = read_addresses(row)
                factors = read_coefficients(row)
                for i in range(max(begin, first) - first, min(end, after) - first):
                    values = read_elements(addresses, i)
                    store_values(addresses, i, formula(*values, *factors))
            row += width

    return update_kernel


def update(formula, columns, coefficients):
    """Move every parameter in columns[0] by its gradient in columns[1] and the state in the others.

    All tensors are dense and of one dtype; coefficients[i] are the numbers of parameter i.
    """
    rows, numbers = len(columns[0]), len(coefficients[0])
    kernel = _kernel(formula, len(columns), numbers, columns[0][0].dtype)
    words, elements = [], 0
    for tensors, factors in zip(zip(*columns), coefficients):
        words += (elements, *[x.address for x in tensors], *factors)
        elements += shapes.numel(tensors[0].shape)
    width = 1 + len(columns) + numbers
    words += (elements, *[0] * (width - 1))
    new_table, pack = _table(rows, width, numbers)
    table = new_table()
    pack(table, 0, *words)
    if recording.recorder is not None:
        recording.recorder.table(np.ctypeslib.as_array(table).reshape(-1, width), len(columns))
    kernel(elements, GRAIN, ctypes.addressof(table), rows)


@cache
def _kernel(formula, columns, coefficients, dtype):
    return cpu_target.specialise(
        updater, formula, columns, coefficients, dtype.numba, dtype.compute,
        conversion.load(dtype), conversion.store(dtype), conversion.cast(dtype),
    )  # fmt: skip


@cache
def _table(rows, width, numbers):
    """(a class, pack_into): a table of rows whose last words are real numbers, and one of integers."""
    layout = f"{width - numbers}q{numbers}d" * rows + f"{width}q"
    return ctypes.c_int64 * ((rows + 1) * width), struct.Struct(layout).pack_into
