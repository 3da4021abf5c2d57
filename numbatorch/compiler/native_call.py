"""The builtins of a call: what runs a program, and what must happen around it.

Tables of words, written by `replay.py` and `calling.py`, say what there is to do. Kinds of memory,
results and the like each have a usual case, which a few loads decide; all that is unusual is left to
a Python function whose address lies in the same table.
"""

from numba.extending import register_jitable

from ..cpu_builtins import (
    Py_DecRef,
    Py_IncRef,
    PyBytes_AsString,
    PyErr_Occurred,
    PyErr_SetNone,
    PyEval_RestoreThread,
    PyEval_SaveThread,
    PyLong_AsLongLong,
    PyLong_FromLongLong,
    PyObject_Call,
    PyObject_CallNoArgs,
    PyTuple_New,
    PyTuple_SetItem,
    call_kernel,
    copied,
    set_word,
    word,
)

# Running a program ------------------------------------------------------------------------------

#: Words of the header of a program.
CALLS, CALL_TABLE, PLACES, PLACE_TABLE, SLOTS, BASES, RELEASE, THREADS, LAUNCHER, HEADER = range(10)
#: Columns of the table of calls. The slot before a call's first one holds its pointer.
ITEMS, GRAIN, FIRST, FLAG, CALL_WIDTH = range(5)
#: Columns of the table of places: which slot is the base's address plus so many bytes.
SLOT, BASE, OFFSET, PLACE_WIDTH = range(4)


@register_jitable
def run_program(header):
    """Run all launches; -1, or the number of the one that found bad input."""
    slots, bases = word(header, SLOTS), word(header, BASES)
    row = word(header, PLACE_TABLE)
    for _ in range(word(header, PLACES)):
        set_word(slots, word(row, SLOT), word(bases, word(row, BASE)) + word(row, OFFSET))
        row += 8 * PLACE_WIDTH
    thread = 0
    if word(header, RELEASE) != 0:  # other Python threads run meanwhile
        thread = PyEval_SaveThread()
    threads, launcher = word(header, THREADS), word(header, LAUNCHER)
    row, failed = word(header, CALL_TABLE), -1
    for call in range(word(header, CALLS)):
        items, grain, block = word(row, ITEMS), word(row, GRAIN), slots + 8 * word(row, FIRST)
        if items < 2 * grain or threads == 1:
            call_kernel(word(block, -1), 0, items, block)
        else:
            call_kernel(launcher, min(threads, items // grain), items, block - 8)
        flag = word(row, FLAG)
        if flag >= 0 and word(word(slots, flag), 0) != 0:
            failed = call
            break
        row += 8 * CALL_WIDTH
    if thread != 0:
        PyEval_RestoreThread(thread)
    return failed


def replay(self, arguments, count):
    """replay(header): run a program; -1, or the number of the launch that found bad input."""
    return PyLong_FromLongLong(run_program(PyLong_AsLongLong(word(arguments, 0))))


# A whole call -----------------------------------------------------------------------------------

#: Words that a call works with: where it says that it is under way, the program's header, what runs in place
#: of the program; then for each kind of work how many rows there are, and where.
(
    BUSY, PROGRAM, INSTEAD, ACTIONS, ACTION_TABLE, MEMORIES, MEMORY_TABLE, WRITTEN, WRITTEN_TABLE,
    CLEARED, CLEARED_TABLE, GRADIENTS, GRADIENT_TABLE, RESULTS, RESULT_TABLE, ATTACH, STATE,
) = range(17)  # fmt: skip

#: Columns of the table of memory: its kind, an object or the number of an argument, the Python
#: function for the unusual case, and what to add to an argument's address.
KIND, OBJECT, FIND, SHIFT, MEMORY_WIDTH = range(5)
#: Kinds of memory, and of results.
ARGUMENT, FRESH, GRADIENT, FOUND, HELD = range(5)
#: Columns of the table of results.
TEMPLATE, RESULT_WIDTH = 2, 3

#: Constants of the process, in the builtin's own table: where objects keep what, and some objects.
(
    STATE_AT, SLOT_STORAGE, SLOT_OFFSET, SLOT_DTYPE, SLOT_SHAPE, SLOT_STRIDES, SLOT_GRADIENT,
    FIRST_SLOT, LAST_SLOT, SLOT_ADDRESS, SLOT_VERSION, SLOT_ITEMSIZE, STORAGE_TYPE, FRESH_STORAGE,
    MADE_LEAF, MADE_TENSOR, MADE_STORAGE, MADE_SHAPE, MADE_STRIDES, NONE, BUSY_ERROR, INPUT_ERROR,
    CONSTANTS,
) = range(23)  # fmt: skip


@register_jitable
def references(object):
    """How many references to an object there are."""
    return word(object, 0) & 0xFFFFFFFF


@register_jitable
def with_arguments(function, arguments):
    """function(args, kwargs), or 0 after an exception."""
    pair = PyTuple_New(2)
    for i in range(2):
        Py_IncRef(word(arguments, i))
        PyTuple_SetItem(pair, i, word(arguments, i))
    result = PyObject_Call(function, pair, 0)
    Py_DecRef(pair)
    return result


@register_jitable
def act(function):
    """Call a Python function for its effect; whether it went well."""
    result = PyObject_CallNoArgs(function)
    if result == 0:
        return False
    Py_DecRef(result)
    return True


@register_jitable
def is_alone(table, made):
    """Whether the last gradient of a leaf is still its gradient, and nobody else looks at it."""
    leaf, tensor = word(made + word(table, MADE_LEAF), 0), word(made + word(table, MADE_TENSOR), 0)
    storage = word(made + word(table, MADE_STORAGE), 0)
    return (
        word(leaf + word(table, SLOT_GRADIENT), 0) == tensor
        and references(tensor) == 2
        and references(storage) == 2
        and word(tensor + word(table, SLOT_STORAGE), 0) == storage
        and word(tensor + word(table, SLOT_SHAPE), 0) == word(made + word(table, MADE_SHAPE), 0)
        and word(tensor + word(table, SLOT_STRIDES), 0) == word(made + word(table, MADE_STRIDES), 0)
    )


@register_jitable
def find_memory(table, state, arguments):
    """Fill the bases of the program; whether it went well."""
    row, bases = word(state, MEMORY_TABLE), word(word(state, PROGRAM), BASES)
    for i in range(word(state, MEMORIES)):
        kind, object, find = word(row, KIND), word(row, OBJECT), word(row, FIND)
        found = 0  # the Python number that is the address
        shift = 0
        if kind == ARGUMENT:
            x = word(arguments, 2 + object)
            storage, dtype = (
                word(x + word(table, SLOT_STORAGE), 0),
                word(x + word(table, SLOT_DTYPE), 0),
            )
            if word(storage, 1) == word(table, STORAGE_TYPE):
                found = word(storage + word(table, SLOT_ADDRESS), 0)
                shift = word(row, SHIFT)
                shift += PyLong_AsLongLong(
                    word(x + word(table, SLOT_OFFSET), 0)
                ) * PyLong_AsLongLong(word(dtype + word(table, SLOT_ITEMSIZE), 0))
        elif kind == FRESH:
            if references(word(object + word(table, FRESH_STORAGE), 0)) > 1 and not act(find):
                return False
            storage = word(object + word(table, FRESH_STORAGE), 0)
            found = word(storage + word(table, SLOT_ADDRESS), 0)
        elif kind == GRADIENT:
            if not is_alone(table, object) and not act(find):
                return False
            storage = word(object + word(table, MADE_STORAGE), 0)
            found = word(storage + word(table, SLOT_ADDRESS), 0)
        if found != 0:
            set_word(bases, i, PyLong_AsLongLong(found) + shift)
        else:
            found = with_arguments(find, arguments)
            if found == 0:
                return False
            set_word(bases, i, PyLong_AsLongLong(found))
            Py_DecRef(found)
        row += 8 * MEMORY_WIDTH
    return PyErr_Occurred() == 0


@register_jitable
def all_act(count, functions):
    """Call some Python functions; whether all went well."""
    well = True
    for i in range(count):
        well = well and act(word(functions, i))
    return well


@register_jitable
def note_changes(table, state):
    """Count the versions of memory that was written to, and bring gradients up to date."""
    for i in range(word(state, WRITTEN)):
        at = word(word(state, WRITTEN_TABLE), i) + word(table, SLOT_VERSION)
        before = word(at, 0)
        set_word(at, 0, PyLong_FromLongLong(PyLong_AsLongLong(before) + 1))
        Py_DecRef(before)
    none = word(table, NONE)
    for i in range(word(state, CLEARED)):
        at = word(word(state, CLEARED_TABLE), i) + word(table, SLOT_GRADIENT)
        before = word(at, 0)
        if before != none:
            Py_IncRef(none)
            set_word(at, 0, none)
            Py_DecRef(before)
    row = word(state, GRADIENT_TABLE)
    for _ in range(word(state, GRADIENTS)):
        if word(word(row, 0) + word(table, MADE_TENSOR), 0) == none and not act(word(row, 1)):
            return False
        row += 16
    return True


@register_jitable
def looking_at(table, template, storage):
    """A new tensor like `template`, which has no memory, that looks at `storage`."""
    result = copied(template, word(table, FIRST_SLOT), word(table, LAST_SLOT))
    if result != 0:
        Py_IncRef(storage)
        set_word(result + word(table, SLOT_STORAGE), 0, storage)
    return result


@register_jitable
def results(table, state, arguments):
    """The tuple of tensors that the call hands out."""
    row, count = word(state, RESULT_TABLE), word(state, RESULTS)
    made = PyTuple_New(count)
    for i in range(count):
        kind, object = word(row, KIND), word(row, OBJECT)
        if kind == FRESH:
            storage = word(object + word(table, FRESH_STORAGE), 0)
            found = looking_at(table, word(row, TEMPLATE), storage)
            if found == 0:
                Py_DecRef(made)
                return 0
        elif kind == ARGUMENT:
            found = word(arguments, 2 + object)
            Py_IncRef(found)
        elif kind == FOUND:
            found = with_arguments(object, arguments)
            if found == 0:
                Py_DecRef(made)
                return 0
        else:
            found = object
            Py_IncRef(found)
        PyTuple_SetItem(made, i, found)
        row += 8 * RESULT_WIDTH
    return made


@register_jitable
def run_or_instead(state):
    """Run the program, or what stands in for it while it is timed."""
    if word(state, INSTEAD) == 0:
        return run_program(word(state, PROGRAM))
    number = PyObject_CallNoArgs(word(state, INSTEAD))
    if number == 0:
        return -1
    failed = PyLong_AsLongLong(number)
    Py_DecRef(number)
    return failed


@register_jitable
def attached(state, made, arguments):
    """Give the results a history; whether it went well."""
    attach = word(state, ATTACH)
    if attach == 0:
        return True
    triple = PyTuple_New(3)
    Py_IncRef(made)
    PyTuple_SetItem(triple, 0, made)
    for i in range(2):
        Py_IncRef(word(arguments, i))
        PyTuple_SetItem(triple, 1 + i, word(arguments, i))
    result = PyObject_Call(attach, triple, 0)
    Py_DecRef(triple)
    if result == 0:
        return False
    Py_DecRef(result)
    return True


@register_jitable
def call_alone(table, state, arguments):
    """The call, where no other thread is in it; 0 after an exception."""
    if not find_memory(table, state, arguments):
        return 0
    if not all_act(word(state, ACTIONS), word(state, ACTION_TABLE)):
        return 0
    if run_or_instead(state) >= 0:
        PyErr_SetNone(word(table, INPUT_ERROR))
    if PyErr_Occurred() != 0 or not note_changes(table, state):
        return 0
    made = results(table, state, arguments)
    if made != 0 and not attached(state, made, arguments):
        Py_DecRef(made)
        return 0
    return made


def call(self, arguments, count):
    """call(args, kwargs, *tensors): run a plan; the tuple of the tensors that it hands out."""
    table = PyBytes_AsString(self)
    state = word(table, STATE_AT)
    busy = word(state, BUSY)
    if word(busy, 0) != 0:
        PyErr_SetNone(word(table, BUSY_ERROR))
        return 0
    set_word(busy, 0, 1)
    made = call_alone(table, state, arguments)
    set_word(busy, 0, 0)
    return made
