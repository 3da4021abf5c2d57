"""Op calls that came before, run in compiled code: one builtin finds the record of a call and follows it.

What a call does follows from its key: who is called, the Forms of the tensors, and the numbers,
dtypes, flags and words beside them. The first call with a key goes through Python, which leaves a
Record of what it did in a table. The next one allocates the result, launches the kernel and makes
the node without leaving compiled code. Whatever is unusual (a listener, a mode other than
recording or not, a view whose base was written to) goes through Python as before.
"""

import ctypes
import struct
from functools import cache

from numba.extending import register_jitable

from .. import cpu_builtins, cpu_target, devices, dtypes, graph, native_state, shapes
from ..cpu_builtins import (
    Py_DecRef,
    Py_IncRef,
    PyBytes_AsString,
    PyBytes_FromStringAndSize,
    PyDict_New,
    PyDict_SetItem,
    PyErr_Clear,
    PyErr_Occurred,
    PyIter_Next,
    PyList_GetItem,
    PyList_New,
    PyList_SetItem,
    PyLong_AsLongLong,
    PyLong_FromLongLong,
    PyObject_Call,
    PyObject_CallOneArg,
    PyObject_Vectorcall,
    PyThread_tss_get,
    PyTuple_GetItem,
    PyTuple_New,
    PyTuple_SetItem,
    PyType_IsSubtype,
    argument_block,
    call_kernel,
    copied,
    set_word,
    slot_offset,
    slot_range,
    word,
)
from ..host_allocator import new_storage
from ..memory import Storage
from ..memory import allocator as host_memory

# What a Record says -----------------------------------------------------------------------------

#: What a call comes to: an op with one output, a view, an op in place, an argument as it is, or
#: (nothing that could be recorded) the Python function.
COMPUTE, VIEW, IN_PLACE, RETURN, PYTHON = range(1, 6)

(
    _KIND, _OP, _PARAMS, _FORMS, _OUTPUT_FORMS, _TEMPLATE, _NBYTES, _FLOATING,
    _POINTER, _ITEMS, _GRAIN, _SLOTS, _SLOT_COUNT, _FUNCTION,
    _INPUTS, _INPUT_COUNT, _DIFFERENTIABLE, _RULES, _KEPT, _OFFSET,
) = range(20)  # fmt: skip

#: Of every input four words: which argument it is (or -1), else the constant, the bytes of an
#: element, and the slot for its address (or -1). Before them, the same of the output.
_INPUT_WORDS = 4

#: Inputs that a recorded call may have.
MOST_INPUTS = 6

# Keys -------------------------------------------------------------------------------------------

#: Words of a key: who is called, the number of the defaults, the tags of what follows, 4 bits each.
_MOST_PARTS = 15
_KEY_WORDS = 3 + _MOST_PARTS

_TENSOR, _INTEGER, _REAL, _OBJECT, _SEQUENCE, _KEYWORD = range(1, 7)

#: The table: for each entry the address of the record, the hash and the key.
_ENTRIES, _PROBES = 4096, 4
_ENTRY_BYTES = 8 * (2 + _KEY_WORDS)
_MOST_RECORDS = 512  # of one function
_MULTIPLIER = 0x1E3779B97F4A7C15

# The words that every builtin reads: types and singletons, then where objects have their slots.
(
    _TENSOR_TYPE, _VALUE_TYPE, _STORAGE_TYPE, _NONE, _TRUE, _FALSE, _INT_TYPE, _FLOAT_TYPE,
    _TUPLE_TYPE, _SIZE_TYPE, _LIST_TYPE, _STR_TYPE, _DTYPE_TYPE, _FORM_OF, _LISTENERS, _STATE,
    _MODES, _ALLOCATOR, _TABLE, _BLANK_NODE, _SEQUENCE_NUMBERS, _NODE_BEGIN, _NODE_END,
    _VALUE_BEGIN, _VALUE_END, _ZERO, _UNTRACEABLE,
    _V_STORAGE, _V_OFFSET, _V_FORM, _V_REQUIRES, _V_NODE, _V_INDEX, _V_BASE, _V_HISTORY,
    _V_RESTRICTION, _V_UNTRACKED, _V_INFERENCE, _S_ADDRESS, _S_VERSION,
    _N_OP, _N_PARAMS, _N_EDGES, _N_INPUTS, _N_OUTPUTS, _N_SAVED, _N_VERSIONS, _N_SAVED_OUTPUTS,
    _N_SEQUENCE,
) = range(49)  # fmt: skip


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
    return _add(key, count, _INTEGER, value)


@register_jitable
def _add_sequence(key, count, shared, x, size, is_list):
    """A tuple or list of ints."""
    count = _add(key, count, _SEQUENCE, size)
    for i in range(size):
        item = PyList_GetItem(x, i) if is_list else PyTuple_GetItem(x, i)
        if count < 0 or word(item, 1) != word(shared, _INT_TYPE):
            return -1
        count = _add_integer(key, count, item)
    return count


@register_jitable
def _add_argument(key, count, shared, x):
    """The parts that stand for an argument; -1 where there are none, or -2 after an exception."""
    kind = word(x, 1)
    if kind == word(shared, _TENSOR_TYPE) or (
        kind != word(shared, _INT_TYPE)
        and kind != word(shared, _FLOAT_TYPE)
        and PyType_IsSubtype(kind, word(shared, _VALUE_TYPE)) != 0
    ):
        form = word(x + word(shared, _V_FORM), 0)
        if form == word(shared, _NONE):
            form = PyObject_CallOneArg(word(shared, _FORM_OF), x)
            if form == 0:
                return -2
            Py_DecRef(form)  # x keeps it
        return _add(key, count, _TENSOR, form)
    if kind == word(shared, _INT_TYPE):
        return _add_integer(key, count, x)
    if kind == word(shared, _FLOAT_TYPE):
        return _add(key, count, _REAL, word(x, 2))
    if (
        x == word(shared, _NONE)
        or x == word(shared, _TRUE)
        or x == word(shared, _FALSE)
        or kind == word(shared, _DTYPE_TYPE)
        or kind == word(shared, _STR_TYPE)
    ):
        return _add(key, count, _OBJECT, x)
    if kind == word(shared, _TUPLE_TYPE) or kind == word(shared, _SIZE_TYPE):
        return _add_sequence(key, count, shared, x, word(x, 2), False)
    if kind == word(shared, _LIST_TYPE):
        return _add_sequence(key, count, shared, x, word(x, 2), True)
    return -1


@register_jitable
def _write_key(key, shared, owner, arguments, count, keywords):
    """Write the key of a call; the number of its parts, -1 where it has none, -2 after an exception."""
    set_word(key, 0, owner)
    set_word(key, 1, word(word(shared, _STATE), native_state.DEFAULTS))
    set_word(key, 2, 0)
    parts = 0
    for i in range(count):
        parts = _add_argument(key, parts, shared, word(arguments, i))
        if parts < 0:
            return parts
    if keywords != 0:
        for i in range(word(keywords, 2)):
            parts = _add(key, parts, _KEYWORD, PyTuple_GetItem(keywords, i))
            if parts < 0:
                return parts
            parts = _add_argument(key, parts, shared, word(arguments, count + i))
            if parts < 0:
                return parts
    for i in range(3 + parts, _KEY_WORDS):
        set_word(key, i, 0)
    return parts


@register_jitable
def _hash(key, parts):
    value = 0
    for i in range(3 + parts):
        value = (value ^ word(key, i)) * _MULTIPLIER
        value ^= value >> 29
    return value


@register_jitable
def _find(table, key, parts, hashed):
    """The address of a key's record, or 0."""
    for probe in range(_PROBES):
        entry = table + ((hashed + probe) & (_ENTRIES - 1)) * _ENTRY_BYTES
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


# Following a record -----------------------------------------------------------------------------


@register_jitable
def _set_slot(value, offset, new):
    """Put `new` (a reference of its own) into a slot of an object, in place of what is there."""
    old = word(value + offset, 0)
    set_word(value + offset, 0, new)
    if old != 0:
        Py_DecRef(old)


@register_jitable
def _share_slot(value, offset, new):
    """As _set_slot, with a reference that belongs to somebody else."""
    Py_IncRef(new)
    _set_slot(value, offset, new)


@register_jitable
def _input(record, arguments, i):
    """Input i of the op of a record."""
    entry = word(record, _INPUTS) + 8 * _INPUT_WORDS * (i + 1)
    index = word(entry, 0)
    return word(entry, 1) if index < 0 else word(arguments, index)


@register_jitable
def _needs_gradient(x, shared):
    return (
        word(x + word(shared, _V_REQUIRES), 0) == word(shared, _TRUE)
        or word(x + word(shared, _V_NODE), 0) != word(shared, _NONE)
    )  # fmt: skip


@register_jitable
def _is_usual(record, shared, arguments, recording):
    """Whether no input of a call needs a look from Python."""
    none, in_place = word(shared, _NONE), word(record, _KIND) == IN_PLACE
    for i in range(word(record, _INPUT_COUNT)):
        x = _input(record, arguments, i)
        if x == none:
            continue
        storage = word(x + word(shared, _V_STORAGE), 0)
        if word(storage, 1) != word(shared, _STORAGE_TYPE):
            return False
        if word(x + word(shared, _V_INFERENCE), 0) != word(shared, _FALSE):
            return False
        base = word(x + word(shared, _V_BASE), 0)
        if base != none:
            if recording and word(x + word(shared, _V_RESTRICTION), 0) != none:
                return False
            history = word(x + word(shared, _V_HISTORY), 0)
            if history != word(base + word(shared, _V_HISTORY), 0):
                return False
        if in_place:
            target = _input(record, arguments, 0)
            if x != target and storage == word(target + word(shared, _V_STORAGE), 0):
                return False
            if recording and ((x == target and base != none) or _needs_gradient(x, shared)):
                return False
    return True


@register_jitable
def _address_of(x, shared, itemsize):
    """Where the first element of a value lies."""
    storage = word(x + word(shared, _V_STORAGE), 0)
    address = PyLong_AsLongLong(word(storage + word(shared, _S_ADDRESS), 0))
    return address + itemsize * PyLong_AsLongLong(word(x + word(shared, _V_OFFSET), 0))


@register_jitable
def _launch(record, shared, arguments, result):
    """Launch the kernel of a record."""
    items, grain, pointer = word(record, _ITEMS), word(record, _GRAIN), word(record, _POINTER)
    if items == 0:
        return
    block = argument_block()
    slots = block + 8  # the parallel launcher has the kernel's address before them
    known = word(record, _SLOTS)
    for i in range(word(record, _SLOT_COUNT)):
        set_word(slots, i, word(known, i))
    entry = word(record, _INPUTS)
    for i in range(word(record, _INPUT_COUNT) + 1):
        place = word(entry, 3)
        if place >= 0:
            x = result if i == 0 else _input(record, arguments, i - 1)
            set_word(slots, place, _address_of(x, shared, word(entry, 2)))
        entry += 8 * _INPUT_WORDS
    state = word(shared, _STATE)
    threads, launcher = word(state, native_state.THREADS), word(state, native_state.LAUNCHER)
    if threads > 1 and items >= 2 * grain and launcher != 0:
        set_word(block, 0, pointer)
        chunks = min(threads, items // grain)
        thread = cpu_builtins.PyEval_SaveThread()
        call_kernel(launcher, chunks, items, block)
        cpu_builtins.PyEval_RestoreThread(thread)
    elif items * 16 > grain:
        thread = cpu_builtins.PyEval_SaveThread()
        call_kernel(pointer, 0, items, slots)
        cpu_builtins.PyEval_RestoreThread(thread)
    else:
        call_kernel(pointer, 0, items, slots)


@register_jitable
def _call_function(record, arguments, result):
    """Call the Python function of a record that has no kernel: function(result, *inputs)."""
    operands = argument_block()
    set_word(operands, 0, result)
    count = word(record, _INPUT_COUNT)
    for i in range(count):
        set_word(operands, 1 + i, _input(record, arguments, i))
    found = PyObject_Vectorcall(word(record, _FUNCTION), operands, count + 1, 0)
    if found == 0:
        return False
    Py_DecRef(found)
    return True


@register_jitable
def _edge(x, shared):
    """(node, output index) or (leaf, 0), as a new tuple; 0 where x needs no gradient."""
    target, index = word(x + word(shared, _V_NODE), 0), word(x + word(shared, _V_INDEX), 0)
    if target == word(shared, _NONE):
        if word(x + word(shared, _V_REQUIRES), 0) != word(shared, _TRUE):
            return 0
        target, index = x, word(shared, _ZERO)
    edge = PyTuple_New(2)
    Py_IncRef(target)
    PyTuple_SetItem(edge, 0, target)
    Py_IncRef(index)
    PyTuple_SetItem(edge, 1, index)
    return edge


@register_jitable
def _needs(record, shared, arguments):
    """The bits of the inputs that need a gradient and have a rule."""
    found = 0
    for i in range(word(record, _INPUT_COUNT)):
        x = _input(record, arguments, i)
        has_rule = (word(record, _RULES) >> i) & 1 == 1
        if has_rule and x != word(shared, _NONE) and _needs_gradient(x, shared):
            found |= 1 << i
    return found


@register_jitable
def _record_node(record, shared, arguments, result, needs):
    """Make the node of a call, the history of its result."""
    none, count = word(shared, _NONE), word(record, _INPUT_COUNT)
    node = copied(word(shared, _BLANK_NODE), word(shared, _NODE_BEGIN), word(shared, _NODE_END))
    _share_slot(node, word(shared, _N_OP), word(record, _OP))
    _share_slot(node, word(shared, _N_PARAMS), word(record, _PARAMS))
    _share_slot(node, word(shared, _N_INPUTS), word(record, _FORMS))
    _share_slot(node, word(shared, _N_OUTPUTS), word(record, _OUTPUT_FORMS))
    _set_slot(node, word(shared, _N_SEQUENCE), PyIter_Next(word(shared, _SEQUENCE_NUMBERS)))
    edges = PyList_New(count)
    for i in range(count):
        edge = 0
        if (needs >> i) & 1 == 1:
            edge = _edge(_input(record, arguments, i), shared)
        if edge == 0:
            edge = none
            Py_IncRef(none)
        PyList_SetItem(edges, i, edge)
    _set_slot(node, word(shared, _N_EDGES), edges)
    kept = word(word(record, _KEPT), needs)
    if kept >> 1 != 0:
        saved, versions = PyList_New(count), PyList_New(count)
        for i in range(count):
            x = _input(record, arguments, i)
            version = word(shared, _ZERO)
            if (kept >> (i + 1)) & 1 == 1 and x != none:
                version = word(word(x + word(shared, _V_STORAGE), 0) + word(shared, _S_VERSION), 0)
            else:
                x = none
            Py_IncRef(x)
            PyList_SetItem(saved, i, x)
            Py_IncRef(version)
            PyList_SetItem(versions, i, version)
        _set_slot(node, word(shared, _N_SAVED), saved)
        _set_slot(node, word(shared, _N_VERSIONS), versions)
    if kept & 1 == 1:
        storage = word(result + word(shared, _V_STORAGE), 0)
        alias = _looking(record, shared, storage, word(result + word(shared, _V_OFFSET), 0))
        version = word(storage + word(shared, _S_VERSION), 0)
        pair, outputs = PyTuple_New(2), PyList_New(1)
        PyTuple_SetItem(pair, 0, alias)
        Py_IncRef(version)
        PyTuple_SetItem(pair, 1, version)
        PyList_SetItem(outputs, 0, pair)
        _set_slot(node, word(shared, _N_SAVED_OUTPUTS), outputs)
    if word(record, _FLOATING) != 0:
        _share_slot(result, word(shared, _V_REQUIRES), word(shared, _TRUE))
        _set_slot(result, word(shared, _V_NODE), node)
    else:
        Py_DecRef(node)


@register_jitable
def _looking(record, shared, storage, offset):
    """A new value of the Form of a record's output over `storage`."""
    result = copied(word(record, _TEMPLATE), word(shared, _VALUE_BEGIN), word(shared, _VALUE_END))
    _share_slot(result, word(shared, _V_STORAGE), storage)
    _share_slot(result, word(shared, _V_OFFSET), offset)
    return result


@register_jitable
def _fresh(record, shared):
    """A new value of the Form of a record's output, or 0 after an exception."""
    storage = new_storage(word(shared, _ALLOCATOR), word(record, _NBYTES))
    if storage == 0:
        return 0
    result = copied(word(record, _TEMPLATE), word(shared, _VALUE_BEGIN), word(shared, _VALUE_END))
    _set_slot(result, word(shared, _V_STORAGE), storage)
    return result


@register_jitable
def _view(record, shared, arguments, recording):
    """A new view of input 0."""
    source = _input(record, arguments, 0)
    storage = word(source + word(shared, _V_STORAGE), 0)
    offset = PyLong_AsLongLong(word(source + word(shared, _V_OFFSET), 0)) + word(record, _OFFSET)
    place = PyLong_FromLongLong(offset)
    result = _looking(record, shared, storage, place)
    Py_DecRef(place)
    base = word(source + word(shared, _V_BASE), 0)
    if base == word(shared, _NONE):
        base = source
    _share_slot(result, word(shared, _V_UNTRACKED), word(source + word(shared, _V_UNTRACKED), 0))
    _share_slot(result, word(shared, _V_BASE), base)
    _share_slot(result, word(shared, _V_HISTORY), word(base + word(shared, _V_HISTORY), 0))
    if not recording:
        version = word(storage + word(shared, _S_VERSION), 0)
        why = PyTuple_New(2)
        Py_IncRef(word(shared, _UNTRACEABLE))
        PyTuple_SetItem(why, 0, word(shared, _UNTRACEABLE))
        Py_IncRef(version)
        PyTuple_SetItem(why, 1, version)
        _set_slot(result, word(shared, _V_RESTRICTION), why)
    return result


@register_jitable
def _count_change(target, shared):
    """Note that the memory of a value was written to."""
    if word(target + word(shared, _V_UNTRACKED), 0) == word(shared, _FALSE):
        storage = word(target + word(shared, _V_STORAGE), 0)
        version = PyLong_AsLongLong(word(storage + word(shared, _S_VERSION), 0))
        _set_slot(storage, word(shared, _S_VERSION), PyLong_FromLongLong(version + 1))


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
        PyTuple_SetItem(call, 0, PyBytes_FromStringAndSize(key, 8 * (_KEY_WORDS + 1)))
    else:
        none = word(word(table, 0), _NONE)
        Py_IncRef(none)
        PyTuple_SetItem(call, 0, none)
    PyTuple_SetItem(call, 1, given)
    PyTuple_SetItem(call, 2, named)
    result = PyObject_Call(word(table, 1), call, 0)
    Py_DecRef(call)
    return result


def _call(self, arguments, count, keywords):
    """call(*args, **kwargs), as the last time; else fallback(key, args, kwargs)."""
    table = PyBytes_AsString(self)
    shared = word(table, 0)
    modes = PyThread_tss_get(word(shared, _MODES))
    if (
        modes >= native_state.UNUSUAL
        or word(word(shared, _STATE), native_state.LISTENING) != 0
        or word(word(shared, _LISTENERS), 2) != 0
    ):
        return _in_python(table, 0, arguments, count, keywords)
    key = argument_block()
    parts = _write_key(key, shared, word(table, 1), arguments, count, keywords)
    if parts == -2:
        return 0
    if parts < 0:
        return _in_python(table, 0, arguments, count, keywords)
    hashed = _hash(key, parts)
    record = _find(word(shared, _TABLE), key, parts, hashed)
    if record == 0:
        set_word(key, _KEY_WORDS, hashed)
        return _in_python(table, key, arguments, count, keywords)
    kind, recording = word(record, _KIND), modes == 0
    if kind == PYTHON or not _is_usual(record, shared, arguments, recording):
        return _in_python(table, 0, arguments, count, keywords)
    if kind == RETURN:
        result = _input(record, arguments, 0)
        Py_IncRef(result)
        return result
    if kind == VIEW:
        result = _view(record, shared, arguments, recording)
    elif kind == IN_PLACE:
        result = _input(record, arguments, 0)
        Py_IncRef(result)
    else:
        result = _fresh(record, shared)
        if result == 0:
            return 0
    if kind != VIEW:
        if word(record, _POINTER) != 0:
            _launch(record, shared, arguments, result)
        elif word(record, _FUNCTION) != 0 and not _call_function(record, arguments, result):
            Py_DecRef(result)
            return 0
    if kind == IN_PLACE:
        _count_change(result, shared)
    elif recording and word(record, _DIFFERENTIABLE) != 0:
        needs = _needs(record, shared, arguments)
        if needs != 0:
            _record_node(record, shared, arguments, result, needs)
    return result


# The table --------------------------------------------------------------------------------------


class Record:
    """What a call comes to, as words, and the objects that they point to."""

    def __init__(self, kind, *, held=(), **words):
        self._held = list(held)
        self._words = (ctypes.c_int64 * 20)()
        self._words[_KIND] = kind
        for name, value in words.items():
            self._words[_FIELDS[name]] = self._word(value)

    def _word(self, value):
        if value.__class__ is int:
            return value
        self._held.append(value)
        return ctypes.addressof(value) if isinstance(value, ctypes.Array) else id(value)

    @property
    def address(self):
        return ctypes.addressof(self._words)


_FIELDS = {
    "op": _OP, "params": _PARAMS, "forms": _FORMS, "output_forms": _OUTPUT_FORMS,
    "template": _TEMPLATE, "nbytes": _NBYTES, "floating": _FLOATING, "pointer": _POINTER,
    "items": _ITEMS, "grain": _GRAIN, "slots": _SLOTS, "slot_count": _SLOT_COUNT,
    "function": _FUNCTION, "inputs": _INPUTS, "input_count": _INPUT_COUNT,
    "differentiable": _DIFFERENTIABLE, "rules": _RULES, "kept": _KEPT, "offset": _OFFSET,
}  # fmt: skip


def _words(values):
    return (ctypes.c_int64 * max(1, len(values)))(*values)


class _Table:
    """The records of calls by their keys."""

    def __init__(self):
        self._entries = (ctypes.c_int64 * (_ENTRIES * (2 + _KEY_WORDS)))()
        cpu_builtins.keep_forever(self._entries)
        self._kept = {}
        self._counts = {}  # records of each function called

    @property
    def address(self):
        return ctypes.addressof(self._entries)

    def takes(self, key):
        """Whether another record for the function called is worth its while.

        One whose calls are ever new (a number that changes, a loop over indices) has had enough.
        """
        return self._counts.get(key[:8], 0) < _MOST_RECORDS

    def add(self, key, record, held=()):
        """Find `record` by `key` (the bytes that a builtin gave) from now on; keep `held` alive."""
        self._counts[key[:8]] = self._counts.get(key[:8], 0) + 1
        *words, hashed = struct.unpack(f"{_KEY_WORDS + 1}q", key)
        places = [(hashed + probe) % _ENTRIES for probe in range(_PROBES)]
        free = [place for place in places if place not in self._kept]
        place = free[0] if free else places[(hashed >> 32) % _PROBES]
        start = place * (2 + _KEY_WORDS)
        self._entries[start] = 0  # nobody finds half an entry
        self._entries[start + 1 : start + 2 + _KEY_WORDS] = [hashed, *words]
        self._entries[start] = record.address
        self._kept[place] = record, held


table = _Table()
_in_python_always = Record(PYTHON)


def refuse(key, args):
    """Call the Python function of `key` right away from now on."""
    table.add(key, _in_python_always, _without_memory(args))


def _has_twins(args):
    """Whether a tensor is two of the arguments: which of them becomes what input is not to be told."""
    values = [id(x) for x in args if isinstance(x, graph.Value)]
    return len(values) > len(set(values))


def _without_memory(args):
    """What keys refer to by address, of the arguments of a call."""
    return [devices.form_of(x) if isinstance(x, graph.Value) else x for x in args]


def keep(
    key, op, plan, args, inputs, params, constants=(), in_place=False, in_order=False
):  # fmt: skip
    """Let the next call of `key` do what this one did: one call of `op` on `inputs` by `plan`.

    Each input is one of the arguments `args` of the call, or is in `constants`: nobody will change
    its values. With `in_order`, input i is argument i or made of it. Where that cannot be recorded,
    the key is refused.
    """
    if not table.takes(key):
        return
    held = _without_memory(args)
    if in_order:
        sources = [_source_in_order(x, i, args, constants) for i, x in enumerate(inputs)]
    elif _has_twins(args):
        return
    else:
        sources = [_source(x, args, constants) for x in inputs]
    outputs = plan.outputs
    one = outputs.__class__ is devices.Form or op.is_view and hasattr(outputs, "offset")
    on_host = all([form is None or form.place is devices.CPU for form in plan.forms])
    plain = all(map(is_plain, params.values()))
    if not plain or None in sources or not one or not on_host or len(inputs) > MOST_INPUTS:
        refuse(key, args)
        return
    common = {
        "op": op, "params": params, "forms": plan.forms, "input_count": len(inputs),
        "differentiable": int(op.differentiable), **_gradient_words(op, len(inputs)),
    }  # fmt: skip
    if op.is_view:
        form = outputs.form
        inputs_words = [0] * _INPUT_WORDS + [*sources[0], 0, -1]
        common |= {"offset": outputs.offset - inputs[0].offset}
        kind = VIEW
    else:
        form, kind = outputs, IN_PLACE if in_place else COMPUTE
        if form.place is not devices.CPU or in_place and form.has_overlap:
            refuse(key, args)
            return
        kernel_words, places = _kernel_words(op, plan, params, len(inputs))
        common |= kernel_words
        inputs_words = [0, 0, form.dtype.itemsize, places[0]]
        for source, of_input, place in zip(sources, plan.forms, places[1:]):
            itemsize = 0 if of_input is None else of_input.dtype.itemsize
            inputs_words += [*source, itemsize, place if of_input is not None else -1]
    common |= {
        "inputs": _words(inputs_words), "template": graph.template_of(form),
        "nbytes": id(form.nbytes), "output_forms": (form,),
        "floating": int(form.dtype.category >= dtypes.FLOATING),
    }  # fmt: skip
    table.add(key, Record(kind, **common), (held, form, constants))


def keep_empty(key, form, args):
    """Let the next call of `key` give memory of arbitrary contents."""
    record = Record(
        COMPUTE, template=graph.template_of(form), nbytes=id(form.nbytes),
        inputs=_words([0, 0, 0, -1]),
    )  # fmt: skip
    table.add(key, record, (args, form))


def keep_return(key, args, result):
    """Let the next call of `key` return the argument that this one did."""
    if _has_twins(args):
        return
    inputs = [0] * _INPUT_WORDS + [*_source(result, args, ()), 0, -1]
    held = _without_memory(args)
    table.add(key, Record(RETURN, inputs=_words(inputs), input_count=1), held)


def _gradient_words(op, count):
    """Which inputs have a rule, and what to keep for each set of inputs that need a gradient."""
    if not op.differentiable:
        return {}
    known = op.native_gradients.get(count)
    if known is None:
        everything = (1 << count) - 1
        rules = everything if op.joint else sum([1 << i for i in op.rules]) & everything
        kept = [_kept_bits(op, needs & rules, count) for needs in range(1 << count)]
        known = op.native_gradients[count] = {"rules": rules, "kept": _words(kept)}
    return known


def _kept_bits(op, needs, count):
    """Bit 0: keep the output; bit i + 1: keep input i."""
    if needs == 0:
        return 0
    flags, keeps_output = op.save_plan([needs >> i & 1 or None for i in range(count)])
    return int(keeps_output) + sum([2 << i for i, flag in enumerate(flags or ()) if flag])


def _kernel_words(op, plan, params, count):
    """(words, the slots for the addresses of the output and the inputs, -1 for none)."""
    bound = plan.kernel
    if bound.__class__ is cpu_target.BoundKernel and len(bound.slots) < cpu_builtins.MOST_SLOTS:
        words = {
            "pointer": bound.kernel.pointer if bound.items else 0, "items": bound.items,
            "grain": bound.grain, "slots": _words(bound.slots), "slot_count": len(bound.slots),
        }  # fmt: skip
        return words, [*bound.places, *[-1] * (count + 1 - len(bound.places))]

    def compute(out, *inputs):
        op.compute(out, *inputs, **params)

    return {"function": compute}, [-1] * (count + 1)


_PLAIN = frozenset(
    {int, float, complex, bool, str, type(None), dtypes.dtype, shapes.Size, devices.device}
)


def is_plain(value):
    """Whether a parameter may be kept with what a call does: it refers to no memory."""
    if value.__class__ is tuple:
        return all(map(is_plain, value))
    return value.__class__ in _PLAIN


def _source(x, args, constants):
    """(index among the arguments, or -1; the address of a constant), or None."""
    for i, candidate in enumerate(args):
        if candidate is x:
            return i, 0
    if x is None or any([x is constant for constant in constants]):
        return -1, id(x)
    return None


def _source_in_order(x, i, args, constants):
    """The same, where only argument i may be what `x` comes from."""
    if i < len(args) and args[i] is x:
        return i, 0
    if x is None or any([x is constant for constant in constants]):
        return -1, id(x)
    return None


# The builtins -----------------------------------------------------------------------------------


@cache
def _shared():
    """The address of the words that all builtins read."""
    value, node, kind = graph.Value, graph.Node, graph.tensor_type
    of_value = ("storage", "offset", "form", "_requires_grad", "_node", "_output_index", "_base",
                "_history", "_restriction", "_untracked", "_inference")  # fmt: skip
    of_node = ("op", "params", "edges", "input_metas", "output_metas", "saved", "versions",
               "saved_outputs", "sequence")  # fmt: skip
    words = _words([
        id(kind), id(value), id(Storage), id(None), id(True), id(False), id(int), id(float),
        id(tuple), id(shapes.Size), id(list), id(str), id(dtypes.dtype), id(devices.form_of),
        id(graph.listeners), native_state.address, ctypes.addressof(native_state.thread_key),
        _words_of(host_memory.table), table.address, id(graph.blank_node),
        id(graph.Node.sequence_numbers), *slot_range(node), *slot_range(kind), id(0),
        id(graph.restricted_views.NO_GRAD), *[slot_offset(value, name) for name in of_value],
        slot_offset(Storage, "address"), slot_offset(Storage, "version"),
        *[slot_offset(node, name) for name in of_node],
    ])  # fmt: skip
    cpu_builtins.keep_forever(words)
    return ctypes.addressof(words)


def _words_of(values):
    words = _words(values)
    cpu_builtins.keep_forever(words)
    return ctypes.addressof(words)


def builtin(fallback):
    """call(*args, **kwargs), which does what such a call did before.

    What is new, or unusual, goes to fallback(key, args, kwargs); it may `keep` for a key that is
    not None what the call came to.
    """
    cpu_builtins.keep_forever(fallback)
    return cpu_builtins.make(_call, (_shared(), id(fallback)), keywords=True)
