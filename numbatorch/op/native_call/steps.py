"""What following a record comes to: a fresh result or a view, a launch, a node."""

from numba.extending import register_jitable

from ... import native_state
from ...cpu_builtins import (
    Py_DecRef,
    Py_IncRef,
    PyEval_RestoreThread,
    PyEval_SaveThread,
    PyIter_Next,
    PyList_New,
    PyList_SetItem,
    PyLong_AsLongLong,
    PyLong_FromLongLong,
    PyObject_Vectorcall,
    PyTuple_New,
    PyTuple_SetItem,
    argument_block,
    call_kernel,
    copied,
    set_word,
    word,
)
from ...host_allocator import new_storage
from . import at, field


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
def input_of(record, arguments, i):
    """Input i of the op of a record."""
    entry = word(record, field.INPUTS) + 8 * field.INPUT_WORDS * (i + 1)
    index = word(entry, 0)
    return word(entry, 1) if index < 0 else word(arguments, index)


@register_jitable
def _needs_gradient(x, shared):
    return (
        word(x + word(shared, at.V_REQUIRES), 0) == word(shared, at.TRUE)
        or word(x + word(shared, at.V_NODE), 0) != word(shared, at.NONE)
    )  # fmt: skip


@register_jitable
def is_usual(record, shared, arguments, recording):
    """Whether no input of a call needs a look from Python."""
    none, in_place = word(shared, at.NONE), word(record, field.KIND) == field.IN_PLACE
    for i in range(word(record, field.INPUT_COUNT)):
        x = input_of(record, arguments, i)
        if x == none:
            continue
        storage = word(x + word(shared, at.V_STORAGE), 0)
        if word(storage, 1) != word(shared, at.STORAGE_TYPE):
            return False
        if word(x + word(shared, at.V_INFERENCE), 0) != word(shared, at.FALSE):
            return False
        base = word(x + word(shared, at.V_BASE), 0)
        if base != none:
            if recording and word(x + word(shared, at.V_RESTRICTION), 0) != none:
                return False
            history = word(x + word(shared, at.V_HISTORY), 0)
            if history != word(base + word(shared, at.V_HISTORY), 0):
                return False
        if in_place:
            target = input_of(record, arguments, 0)
            if x != target and storage == word(target + word(shared, at.V_STORAGE), 0):
                return False
            if recording and ((x == target and base != none) or _needs_gradient(x, shared)):
                return False
    return True


@register_jitable
def _address_of(x, shared, itemsize):
    """Where the first element of a value lies."""
    storage = word(x + word(shared, at.V_STORAGE), 0)
    address = PyLong_AsLongLong(word(storage + word(shared, at.S_ADDRESS), 0))
    return address + itemsize * PyLong_AsLongLong(word(x + word(shared, at.V_OFFSET), 0))


@register_jitable
def launch(record, shared, arguments, result):
    """Launch the kernel of a record."""
    items, grain, pointer = (
        word(record, field.ITEMS),
        word(record, field.GRAIN),
        word(record, field.POINTER),
    )
    if items == 0:
        return
    block = argument_block()
    slots = block + 8  # the parallel launcher has the kernel's address before them
    known = word(record, field.SLOTS)
    for i in range(word(record, field.SLOT_COUNT)):
        set_word(slots, i, word(known, i))
    entry = word(record, field.INPUTS)
    for i in range(word(record, field.INPUT_COUNT) + 1):
        place = word(entry, 3)
        if place >= 0:
            x = result if i == 0 else input_of(record, arguments, i - 1)
            set_word(slots, place, _address_of(x, shared, word(entry, 2)))
        entry += 8 * field.INPUT_WORDS
    state = word(shared, at.STATE)
    threads, launcher = word(state, native_state.THREADS), word(state, native_state.LAUNCHER)
    if threads > 1 and items >= 2 * grain and launcher != 0:
        set_word(block, 0, pointer)
        chunks = min(threads, items // grain)
        thread = PyEval_SaveThread()
        call_kernel(launcher, chunks, items, block)
        PyEval_RestoreThread(thread)
    elif items * 16 > grain:
        thread = PyEval_SaveThread()
        call_kernel(pointer, 0, items, slots)
        PyEval_RestoreThread(thread)
    else:
        call_kernel(pointer, 0, items, slots)


@register_jitable
def call_function(record, arguments, result):
    """Call the Python function of a record that has no kernel: function(result, *inputs)."""
    operands = argument_block()
    set_word(operands, 0, result)
    count = word(record, field.INPUT_COUNT)
    for i in range(count):
        set_word(operands, 1 + i, input_of(record, arguments, i))
    found = PyObject_Vectorcall(word(record, field.FUNCTION), operands, count + 1, 0)
    if found == 0:
        return False
    Py_DecRef(found)
    return True


@register_jitable
def _edge(x, shared):
    """(node, output index) or (leaf, 0), as a new tuple; 0 where x needs no gradient."""
    target, index = word(x + word(shared, at.V_NODE), 0), word(x + word(shared, at.V_INDEX), 0)
    if target == word(shared, at.NONE):
        if word(x + word(shared, at.V_REQUIRES), 0) != word(shared, at.TRUE):
            return 0
        target, index = x, word(shared, at.ZERO)
    edge = PyTuple_New(2)
    Py_IncRef(target)
    PyTuple_SetItem(edge, 0, target)
    Py_IncRef(index)
    PyTuple_SetItem(edge, 1, index)
    return edge


@register_jitable
def needs_of(record, shared, arguments):
    """The bits of the inputs that need a gradient and have a rule."""
    found = 0
    for i in range(word(record, field.INPUT_COUNT)):
        x = input_of(record, arguments, i)
        has_rule = (word(record, field.RULES) >> i) & 1 == 1
        if has_rule and x != word(shared, at.NONE) and _needs_gradient(x, shared):
            found |= 1 << i
    return found


@register_jitable
def record_node(record, shared, arguments, result, needs):
    """Make the node of a call, the history of its result."""
    none, count = word(shared, at.NONE), word(record, field.INPUT_COUNT)
    node = copied(
        word(shared, at.BLANK_NODE), word(shared, at.NODE_BEGIN), word(shared, at.NODE_END)
    )
    _share_slot(node, word(shared, at.N_OP), word(record, field.OP))
    _share_slot(node, word(shared, at.N_PARAMS), word(record, field.PARAMS))
    _share_slot(node, word(shared, at.N_INPUTS), word(record, field.FORMS))
    _share_slot(node, word(shared, at.N_OUTPUTS), word(record, field.OUTPUT_FORMS))
    _set_slot(node, word(shared, at.N_SEQUENCE), PyIter_Next(word(shared, at.SEQUENCE_NUMBERS)))
    edges = PyList_New(count)
    for i in range(count):
        edge = 0
        if (needs >> i) & 1 == 1:
            edge = _edge(input_of(record, arguments, i), shared)
        if edge == 0:
            edge = none
            Py_IncRef(none)
        PyList_SetItem(edges, i, edge)
    _set_slot(node, word(shared, at.N_EDGES), edges)
    kept = word(word(record, field.KEPT), needs)
    if kept >> 1 != 0:
        saved, versions = PyList_New(count), PyList_New(count)
        for i in range(count):
            x = input_of(record, arguments, i)
            version = word(shared, at.ZERO)
            if (kept >> (i + 1)) & 1 == 1 and x != none:
                version = word(
                    word(x + word(shared, at.V_STORAGE), 0) + word(shared, at.S_VERSION), 0
                )
            else:
                x = none
            Py_IncRef(x)
            PyList_SetItem(saved, i, x)
            Py_IncRef(version)
            PyList_SetItem(versions, i, version)
        _set_slot(node, word(shared, at.N_SAVED), saved)
        _set_slot(node, word(shared, at.N_VERSIONS), versions)
    if kept & 1 == 1:
        storage = word(result + word(shared, at.V_STORAGE), 0)
        alias = _looking(record, shared, storage, word(result + word(shared, at.V_OFFSET), 0))
        version = word(storage + word(shared, at.S_VERSION), 0)
        pair, outputs = PyTuple_New(2), PyList_New(1)
        PyTuple_SetItem(pair, 0, alias)
        Py_IncRef(version)
        PyTuple_SetItem(pair, 1, version)
        PyList_SetItem(outputs, 0, pair)
        _set_slot(node, word(shared, at.N_SAVED_OUTPUTS), outputs)
    if word(record, field.FLOATING) != 0:
        _share_slot(result, word(shared, at.V_REQUIRES), word(shared, at.TRUE))
        _set_slot(result, word(shared, at.V_NODE), node)
    else:
        Py_DecRef(node)


@register_jitable
def _looking(record, shared, storage, offset):
    """A new value of the Form of a record's output over `storage`."""
    result = copied(
        word(record, field.TEMPLATE), word(shared, at.VALUE_BEGIN), word(shared, at.VALUE_END)
    )
    _share_slot(result, word(shared, at.V_STORAGE), storage)
    _share_slot(result, word(shared, at.V_OFFSET), offset)
    return result


@register_jitable
def fresh(record, shared):
    """A new value of the Form of a record's output, or 0 after an exception."""
    storage = new_storage(word(shared, at.ALLOCATOR), word(record, field.NBYTES))
    if storage == 0:
        return 0
    result = copied(
        word(record, field.TEMPLATE), word(shared, at.VALUE_BEGIN), word(shared, at.VALUE_END)
    )
    _set_slot(result, word(shared, at.V_STORAGE), storage)
    return result


@register_jitable
def view(record, shared, arguments, recording):
    """A new view of input 0."""
    source = input_of(record, arguments, 0)
    storage = word(source + word(shared, at.V_STORAGE), 0)
    offset = PyLong_AsLongLong(word(source + word(shared, at.V_OFFSET), 0)) + word(
        record, field.OFFSET
    )
    place = PyLong_FromLongLong(offset)
    result = _looking(record, shared, storage, place)
    Py_DecRef(place)
    base = word(source + word(shared, at.V_BASE), 0)
    if base == word(shared, at.NONE):
        base = source
    _share_slot(
        result, word(shared, at.V_UNTRACKED), word(source + word(shared, at.V_UNTRACKED), 0)
    )
    _share_slot(result, word(shared, at.V_BASE), base)
    _share_slot(result, word(shared, at.V_HISTORY), word(base + word(shared, at.V_HISTORY), 0))
    if not recording:
        version = word(storage + word(shared, at.S_VERSION), 0)
        why = PyTuple_New(2)
        Py_IncRef(word(shared, at.UNTRACEABLE))
        PyTuple_SetItem(why, 0, word(shared, at.UNTRACEABLE))
        Py_IncRef(version)
        PyTuple_SetItem(why, 1, version)
        _set_slot(result, word(shared, at.V_RESTRICTION), why)
    return result


@register_jitable
def count_change(target, shared):
    """Note that the memory of a value was written to."""
    if word(target + word(shared, at.V_UNTRACKED), 0) == word(shared, at.FALSE):
        storage = word(target + word(shared, at.V_STORAGE), 0)
        version = PyLong_AsLongLong(word(storage + word(shared, at.S_VERSION), 0))
        _set_slot(storage, word(shared, at.S_VERSION), PyLong_FromLongLong(version + 1))
