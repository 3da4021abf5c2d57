"""The key of a call, and the search for its record."""

from numba.extending import register_jitable

from ... import native_state
from ...cpu_builtins import (
    Py_DecRef,
    PyErr_Clear,
    PyErr_Occurred,
    PyList_GetItem,
    PyLong_AsLongLong,
    PyObject_CallOneArg,
    PyTuple_GetItem,
    PyType_IsSubtype,
    set_word,
    word,
)
from . import at

#: Words of a key: who is called, the number of the defaults, the tags of what follows, 4 bits each.
_MOST_PARTS = 15
KEY_WORDS = 3 + _MOST_PARTS

TENSOR, INTEGER, REAL, OBJECT, SEQUENCE, KEYWORD = range(1, 7)

#: The table: for each entry the address of the record, the hash and the key.
ENTRIES, PROBES = 4096, 4
_ENTRY_BYTES = 8 * (2 + KEY_WORDS)
_MULTIPLIER = 0x1E3779B97F4A7C15


@register_jitable
def _add(key, count, tag, value):
    """Put another part into a key; the number of parts, or -1 where there are too many."""
    if count >= _MOST_PARTS:
        return -1
    set_word(key, 3 + count, value)
    set_word(key, 2, word(key, 2) | (tag << (4 * count)))
    return count + 1


@register_jitable
def _add_integer(key, count, x):
    """A Python int, where it has at most 64 bits."""
    value = PyLong_AsLongLong(x)
    if value == -1 and PyErr_Occurred() != 0:
        PyErr_Clear()
        return -1
    return _add(key, count, INTEGER, value)


@register_jitable
def _add_sequence(key, count, shared, x, size, is_list):
    """A tuple or list of ints."""
    count = _add(key, count, SEQUENCE, size)
    for i in range(size):
        item = PyList_GetItem(x, i) if is_list else PyTuple_GetItem(x, i)
        if count < 0 or word(item, 1) != word(shared, at.INT_TYPE):
            return -1
        count = _add_integer(key, count, item)
    return count


@register_jitable
def _add_argument(key, count, shared, x):
    """The parts that stand for an argument; -1 where there are none, or -2 after an exception."""
    kind = word(x, 1)
    if kind == word(shared, at.TENSOR_TYPE) or (
        kind != word(shared, at.INT_TYPE)
        and kind != word(shared, at.FLOAT_TYPE)
        and PyType_IsSubtype(kind, word(shared, at.VALUE_TYPE)) != 0
    ):
        form = word(x + word(shared, at.V_FORM), 0)
        if form == word(shared, at.NONE):
            form = PyObject_CallOneArg(word(shared, at.FORM_OF), x)
            if form == 0:
                return -2
            Py_DecRef(form)  # x keeps it
        return _add(key, count, TENSOR, form)
    if kind == word(shared, at.INT_TYPE):
        return _add_integer(key, count, x)
    if kind == word(shared, at.FLOAT_TYPE):
        return _add(key, count, REAL, word(x, 2))
    if (
        x == word(shared, at.NONE)
        or x == word(shared, at.TRUE)
        or x == word(shared, at.FALSE)
        or kind == word(shared, at.DTYPE_TYPE)
        or kind == word(shared, at.STR_TYPE)
    ):
        return _add(key, count, OBJECT, x)
    if kind == word(shared, at.TUPLE_TYPE) or kind == word(shared, at.SIZE_TYPE):
        return _add_sequence(key, count, shared, x, word(x, 2), False)
    if kind == word(shared, at.LIST_TYPE):
        return _add_sequence(key, count, shared, x, word(x, 2), True)
    return -1


@register_jitable
def write_key(key, shared, owner, arguments, count, keywords):
    """Write the key of a call; the number of its parts, -1 where it has none, -2 after an exception."""
    set_word(key, 0, owner)
    set_word(key, 1, word(word(shared, at.STATE), native_state.DEFAULTS))
    set_word(key, 2, 0)
    parts = 0
    for i in range(count):
        parts = _add_argument(key, parts, shared, word(arguments, i))
        if parts < 0:
            return parts
    if keywords != 0:
        for i in range(word(keywords, 2)):
            parts = _add(key, parts, KEYWORD, PyTuple_GetItem(keywords, i))
            if parts < 0:
                return parts
            parts = _add_argument(key, parts, shared, word(arguments, count + i))
            if parts < 0:
                return parts
    for i in range(3 + parts, KEY_WORDS):
        set_word(key, i, 0)
    return parts


@register_jitable
def hash_of(key, parts):
    value = 0
    for i in range(3 + parts):
        value = (value ^ word(key, i)) * _MULTIPLIER
        value ^= value >> 29
    return value


@register_jitable
def find(table, key, parts, hashed):
    """The address of a key's record, or 0."""
    for probe in range(PROBES):
        entry = table + ((hashed + probe) & (ENTRIES - 1)) * _ENTRY_BYTES
        if word(entry, 0) == 0:
            return 0
        if word(entry, 1) == hashed:
            same = True
            for i in range(3 + parts):
                if word(entry, 2 + i) != word(key, i):
                    same = False
                    break
            if same:
                return word(entry, 0)
    return 0
