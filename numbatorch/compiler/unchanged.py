"""Whether Python objects hold what they held: a builtin that compares by identity.

Objects that are the same have the same value, and that is the usual case from step to step. Where
one is another, a Python function is asked, which compares values.
"""

import numpy as np
from numba.extending import register_jitable

from .. import cpu_builtins
from ..cpu_builtins import (
    Py_DecRef,
    Py_IncRef,
    PyBytes_AsString,
    PyDict_Next,
    PyErr_Clear,
    PyList_GetItem,
    PyObject_CallNoArgs,
    PyObject_GetAttr,
    PyObject_Size,
    PyTuple_GetItem,
    PyTuple_Size,
    word,
)

#: Words of the state: rows (-1 before the first `renew`), where they are, whom to ask otherwise, room for a walk over a mapping.
_ROWS, _TABLE, _ASK, _POSITION, _KEY, _VALUE, _STATE = range(7)
#: Columns of the table.
_KIND, _OBJECT, _NAME, _EXPECTED, _WIDTH = range(5)
_ATTRIBUTE, _VALUES, _GRADIENT, _ITEMS = range(4)

#: Where tensors keep what a gradient is compared by: the builtin's table begins with the state.
_SLOTS = ("_grad", "dtype", "strides", "_node")
_STATE_AT, _YES, _NONE, _GRADIENT_AT, _DTYPE_AT, _STRIDES_AT, _NODE_AT = range(7)


@register_jitable
def _has_attribute(row):
    found = PyObject_GetAttr(word(row, _OBJECT), word(row, _NAME))
    if found == 0:
        PyErr_Clear()
        return False
    Py_DecRef(found)
    return found == word(row, _EXPECTED)


@register_jitable
def _has_values(row, state):
    mapping, expected = word(row, _OBJECT), word(row, _EXPECTED)
    count = PyTuple_Size(expected)
    if PyObject_Size(mapping) != count:
        return False
    cpu_builtins.set_word(state, _POSITION, 0)
    same = True
    for i in range(count):
        PyDict_Next(mapping, state + 8 * _POSITION, state + 8 * _KEY, state + 8 * _VALUE)
        same = same and word(state, _VALUE) == PyTuple_GetItem(expected, i)
    return same


@register_jitable
def _has_items(row):
    found, expected = word(row, _OBJECT), word(row, _EXPECTED)
    count = PyTuple_Size(expected)
    if PyObject_Size(found) != count:
        return False
    same = True
    for i in range(count):
        same = same and PyList_GetItem(found, i) == PyTuple_GetItem(expected, i)
    return same


@register_jitable
def _has_gradient(row, table):
    gradient, none = word(word(row, _OBJECT) + word(table, _GRADIENT_AT), 0), word(table, _NONE)
    if gradient == none or word(row, _EXPECTED) == none:
        return gradient == word(row, _EXPECTED)
    return (
        word(gradient + word(table, _STRIDES_AT), 0) == word(row, _EXPECTED)
        and word(gradient + word(table, _DTYPE_AT), 0) == word(row, _NAME)
        and word(gradient + word(table, _NODE_AT), 0) == none
    )


def _unchanged(self, arguments, count):
    """unchanged(): True, or what the Python function for the unusual case says."""
    table = PyBytes_AsString(self)
    state, yes = word(table, _STATE_AT), word(table, _YES)
    row, same = word(state, _TABLE), word(state, _ROWS) >= 0
    for _ in range(word(state, _ROWS)):
        kind = word(row, _KIND)
        if kind == _ATTRIBUTE:
            same = same and _has_attribute(row)
        elif kind == _VALUES:
            same = same and _has_values(row, state)
        elif kind == _ITEMS:
            same = same and _has_items(row)
        else:
            same = same and _has_gradient(row, table)
        row += 8 * _WIDTH
    if same:
        Py_IncRef(yes)
        return yes
    return PyObject_CallNoArgs(word(state, _ASK))


class Unchanged:
    """Collects conditions; `check()` is True where all hold, else what `ask()` gives.

    Before the first `renew` it always asks.
    """

    def __init__(self, ask, tensor_type):
        self.ask = ask
        self._slots = [cpu_builtins.slot_offset(tensor_type, name) for name in _SLOTS]
        self._rows = []

    def attribute(self, object, name, expected):
        """object.name is `expected`."""
        self._rows.append((_ATTRIBUTE, object, name, expected))

    def items(self, container):
        """The items of a list are what they are now, or at the last `renew`."""
        self._rows.append((_ITEMS, container, None, None))

    def values(self, mapping):
        """The values of a dictionary are what they are now, or at the last `renew`."""
        self._rows.append((_VALUES, mapping, None, None))

    def gradient(self, leaf):
        """The form of a leaf's gradient, which is None or has no history, is what it is now, or at
        the last `renew`."""
        self._rows.append((_GRADIENT, leaf, None, None))

    def renew(self):
        """Take what there is now for what is to be compared with."""
        self._expected = []
        for i, (kind, object, name, expected) in enumerate(self._rows):
            if kind == _VALUES:
                expected = tuple(object.values())
            elif kind == _ITEMS:
                expected = tuple(object)
            elif kind == _GRADIENT and object._grad is not None:
                name, expected = object._grad.dtype, object._grad.strides
            self._expected.append(expected)
            self._table[i] = kind, id(object), id(name), id(expected)
        self._state[_ROWS] = len(self._rows)

    def finish(self):
        """Make `check`."""
        self._table = np.zeros((len(self._rows), _WIDTH), np.int64)
        self._state = np.zeros(_STATE, np.int64)
        self._state[:_POSITION] = -1, self._table.ctypes.data, id(self.ask)
        table = (self._state.ctypes.data, id(True), id(None), *self._slots)
        self.check = cpu_builtins.make(_unchanged, table)
