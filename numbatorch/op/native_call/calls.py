"""The call itself: find the record and follow it, or leave it to Python."""

from numba.extending import register_jitable

from ... import native_state
from ...cpu_builtins import (
    Py_DecRef,
    Py_IncRef,
    PyBytes_AsString,
    PyBytes_FromStringAndSize,
    PyDict_New,
    PyDict_SetItem,
    PyObject_Call,
    PyThread_tss_get,
    PyTuple_GetItem,
    PyTuple_New,
    PyTuple_SetItem,
    argument_block,
    set_word,
    word,
)
from . import at, field
from .keys import KEY_WORDS, find, hash_of, write_key
from .steps import (
    call_function,
    count_change,
    fresh,
    input_of,
    is_usual,
    launch,
    needs_of,
    record_node,
    view,
)


@register_jitable
def _in_python(table, key, arguments, count, keywords):
    """fallback(key, args, kwargs), where `key` is the address of a key with its hash, or 0."""
    given = PyTuple_New(count)
    for i in range(count):
        Py_IncRef(word(arguments, i))
        PyTuple_SetItem(given, i, word(arguments, i))
    named = PyDict_New()
    if keywords != 0:
        for i in range(word(keywords, 2)):
            PyDict_SetItem(named, PyTuple_GetItem(keywords, i), word(arguments, count + i))
    call = PyTuple_New(3)
    if key != 0:
        PyTuple_SetItem(call, 0, PyBytes_FromStringAndSize(key, 8 * (KEY_WORDS + 1)))
    else:
        none = word(word(table, 0), at.NONE)
        Py_IncRef(none)
        PyTuple_SetItem(call, 0, none)
    PyTuple_SetItem(call, 1, given)
    PyTuple_SetItem(call, 2, named)
    result = PyObject_Call(word(table, 1), call, 0)
    Py_DecRef(call)
    return result


def call(self, arguments, count, keywords):
    """call(*args, **kwargs), as the last time; else fallback(key, args, kwargs)."""
    table = PyBytes_AsString(self)
    shared = word(table, 0)
    modes = PyThread_tss_get(word(shared, at.MODES))
    if (
        modes >= native_state.UNUSUAL
        or word(word(shared, at.STATE), native_state.LISTENING) != 0
        or word(word(shared, at.LISTENERS), 2) != 0
    ):
        return _in_python(table, 0, arguments, count, keywords)
    key = argument_block()
    parts = write_key(key, shared, word(table, 1), arguments, count, keywords)
    if parts == -2:
        return 0
    if parts < 0:
        return _in_python(table, 0, arguments, count, keywords)
    hashed = hash_of(key, parts)
    record = find(word(shared, at.TABLE), key, parts, hashed)
    if record == 0:
        set_word(key, KEY_WORDS, hashed)
        return _in_python(table, key, arguments, count, keywords)
    kind, recording = word(record, field.KIND), modes == 0
    if kind == field.PYTHON or not is_usual(record, shared, arguments, recording):
        return _in_python(table, 0, arguments, count, keywords)
    if kind == field.RETURN:
        result = input_of(record, arguments, 0)
        Py_IncRef(result)
        return result
    if kind == field.VIEW:
        result = view(record, shared, arguments, recording)
    elif kind == field.IN_PLACE:
        result = input_of(record, arguments, 0)
        Py_IncRef(result)
    else:
        result = fresh(record, shared)
        if result == 0:
            return 0
    if kind != field.VIEW:
        if word(record, field.POINTER) != 0:
            launch(record, shared, arguments, result)
        elif word(record, field.FUNCTION) != 0 and not call_function(record, arguments, result):
            Py_DecRef(result)
            return 0
    if kind == field.IN_PLACE:
        count_change(result, shared)
    elif recording and word(record, field.DIFFERENTIABLE) != 0:
        needs = needs_of(record, shared, arguments)
        if needs != 0:
            record_node(record, shared, arguments, result, needs)
    return result
