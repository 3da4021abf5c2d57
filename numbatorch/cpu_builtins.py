"""Python builtins that Numba compiles: the few steps that every op call takes.

A builtin is a function (self, arguments, count) over addresses: `arguments` is where `count`
pointers to Python objects lie (METH_FASTCALL), and the result is a new reference, or 0 after an
exception was set. It reaches the objects through CPython's C API alone, and a call of it costs
what a call of `len` costs. Each is compiled, or loaded from the disk cache, at its first use.
"""

import ctypes
import struct
from functools import cache

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.ccallback import CFunc
from numba.extending import intrinsic, register_jitable

from . import machine_code

MOST_SLOTS = 128

_WORD = ir.IntType(64)

# What a builtin is made of ----------------------------------------------------------------------


@intrinsic
def word(typing_context, address, index):
    """The int64 (or pointer) at `address`, `index` words on."""

    def generate(context, builder, signature, values):
        words = builder.inttoptr(values[0], _WORD.as_pointer())
        return builder.load(builder.gep(words, [values[1]]))

    return types.int64(types.int64, types.int64), generate


@intrinsic
def set_word(typing_context, address, index, value):
    """Store an int64 or a float64 at `address`, `index` words on."""

    def generate(context, builder, signature, values):
        words = builder.inttoptr(values[0], values[2].type.as_pointer())
        builder.store(values[2], builder.gep(words, [values[1]]))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, value), generate


@intrinsic
def argument_block(typing_context):
    """The address of MOST_SLOTS words on the stack."""

    def generate(context, builder, signature, values):
        room = cgutils.alloca_once(builder, _WORD, size=MOST_SLOTS)
        return builder.ptrtoint(room, _WORD)

    return types.int64(), generate


@intrinsic
def call_kernel(typing_context, pointer, begin, end, arguments):
    """Call a kernel by its address; kernels neither return a value nor raise."""

    def generate(context, builder, signature, values):
        opaque = ir.IntType(8).as_pointer()
        function_type = ir.FunctionType(
            ir.IntType(32), [opaque.as_pointer(), opaque.as_pointer(), _WORD, _WORD, _WORD]
        )
        function = builder.inttoptr(values[0], function_type.as_pointer())
        result = cgutils.alloca_once(builder, opaque)
        exception = cgutils.alloca_once(builder, opaque)
        builder.call(function, [result, exception, *values[1:]])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.int64), generate


def _c_api(name, result, *arguments):
    return types.ExternalFunction(name, result(*arguments))


_word, _nothing, _int, _double = types.int64, types.void, types.int32, types.float64
PyTuple_GetItem = _c_api("PyTuple_GetItem", _word, _word, _word)
PyTuple_Size = _c_api("PyTuple_Size", _word, _word)
PyTuple_New = _c_api("PyTuple_New", _word, _word)
PyTuple_SetItem = _c_api("PyTuple_SetItem", _int, _word, _word, _word)
PyList_New = _c_api("PyList_New", _word, _word)
PyList_SetItem = _c_api("PyList_SetItem", _int, _word, _word, _word)
PyDict_Next = _c_api("PyDict_Next", _int, _word, _word, _word, _word)
PyBytes_AsString = _c_api("PyBytes_AsString", _word, _word)
PyType_IsSubtype = _c_api("PyType_IsSubtype", _int, _word, _word)
PyType_GenericAlloc = _c_api("PyType_GenericAlloc", _word, _word, _word)
PyObject_GetAttr = _c_api("PyObject_GetAttr", _word, _word, _word)
PyObject_Size = _c_api("PyObject_Size", _word, _word)
PyObject_CallNoArgs = _c_api("PyObject_CallNoArgs", _word, _word)
PyObject_CallOneArg = _c_api("PyObject_CallOneArg", _word, _word, _word)
PyObject_Call = _c_api("PyObject_Call", _word, _word, _word, _word)
PyObject_Vectorcall = _c_api("PyObject_Vectorcall", _word, _word, _word, _word, _word)
PyList_GetItem = _c_api("PyList_GetItem", _word, _word, _word)
PyDict_New = _c_api("PyDict_New", _word)
PyDict_SetItem = _c_api("PyDict_SetItem", _int, _word, _word, _word)
PyBytes_FromStringAndSize = _c_api("PyBytes_FromStringAndSize", _word, _word, _word)
PyIter_Next = _c_api("PyIter_Next", _word, _word)
PyThread_tss_get = _c_api("PyThread_tss_get", _word, _word)
PySequence_GetItem = _c_api("PySequence_GetItem", _word, _word, _word)
PySequence_Size = _c_api("PySequence_Size", _word, _word)
PyLong_AsLongLong = _c_api("PyLong_AsLongLong", _word, _word)
PyFloat_AsDouble = _c_api("PyFloat_AsDouble", _double, _word)
PyLong_FromLongLong = _c_api("PyLong_FromLongLong", _word, _word)
PyErr_Clear = _c_api("PyErr_Clear", _nothing)
PyErr_SetNone = _c_api("PyErr_SetNone", _nothing, _word)
PyErr_Occurred = _c_api("PyErr_Occurred", _word)
PyErr_BadArgument = _c_api("PyErr_BadArgument", _int)
PyEval_SaveThread = _c_api("PyEval_SaveThread", _word)
PyEval_RestoreThread = _c_api("PyEval_RestoreThread", _nothing, _word)
PyCapsule_New = _c_api("PyCapsule_New", _word, _word, _word, _word)
PyCapsule_GetPointer = _c_api("PyCapsule_GetPointer", _word, _word, _word)
PyMem_RawFree = _c_api("PyMem_RawFree", _nothing, _word)
PyErr_CheckSignals = _c_api("PyErr_CheckSignals", _int)
memcpy = _c_api("memcpy", _word, _word, _word, _word)
Py_IncRef = _c_api("Py_IncRef", _nothing, _word)
Py_DecRef = _c_api("Py_DecRef", _nothing, _word)


# The builtins -----------------------------------------------------------------------------------


def _launch(self, arguments, count):
    """launch(pointer, begin, end, integers, reals, release): call a kernel.

    The tuple `integers` and the sequence `reals` fill its argument slots, MOST_SLOTS at most; with
    `release`, other Python threads run meanwhile.
    """
    pointer = PyLong_AsLongLong(word(arguments, 0))
    begin, end = PyLong_AsLongLong(word(arguments, 1)), PyLong_AsLongLong(word(arguments, 2))
    integers, reals = word(arguments, 3), word(arguments, 4)
    release = PyLong_AsLongLong(word(arguments, 5))
    slots, filled = argument_block(), PyTuple_Size(integers)
    others = PySequence_Size(reals)
    if filled + others > MOST_SLOTS:
        PyErr_BadArgument()
        return 0
    for i in range(filled):
        set_word(slots, i, PyLong_AsLongLong(PyTuple_GetItem(integers, i)))
    for i in range(others):
        number = PySequence_GetItem(reals, i)
        set_word(slots, filled + i, PyFloat_AsDouble(number))
        Py_DecRef(number)
    if PyErr_Occurred() != 0:
        return 0
    if release != 0:
        thread = PyEval_SaveThread()
        call_kernel(pointer, begin, end, slots)
        PyEval_RestoreThread(thread)
    else:
        call_kernel(pointer, begin, end, slots)
    Py_IncRef(integers)
    return integers


def _forms(self, arguments, count):
    """forms(inputs): the Forms of a tuple of arrays; None for None, the type of anything else."""
    table = PyBytes_AsString(self)
    array_type, slot, form_of, none = word(table, 0), word(table, 1), word(table, 2), word(table, 3)
    inputs = word(arguments, 0)
    size = PyTuple_Size(inputs)
    result = PyTuple_New(size)
    for i in range(size):
        x = PyTuple_GetItem(inputs, i)
        found = word(x, 1)  # its type
        if PyType_IsSubtype(found, array_type) != 0:
            found = word(x + slot, 0)
            if found == none:
                found = PyObject_CallOneArg(form_of, x)
                if found == 0:
                    Py_DecRef(result)
                    return 0
            else:
                Py_IncRef(found)
        elif x == none:
            found = none
            Py_IncRef(found)
        else:
            Py_IncRef(found)
        PyTuple_SetItem(result, i, found)
    return result


def _edges(self, arguments, count):
    """edges(inputs): where the gradients of a tuple of values go.

    (list of None, (node, output index) or (leaf, 0); which inputs have an edge: bits below a bit
    that is 1, or minus the length of a long list), or None where no value needs a gradient; False
    where a value is a view, whose history may be old.
    """
    table = PyBytes_AsString(self)
    base_slot, node_slot, index_slot = word(table, 0), word(table, 1), word(table, 2)
    requires_slot, yes, no = word(table, 3), word(table, 4), word(table, 5)
    none, zero = word(table, 6), word(table, 7)
    inputs = word(arguments, 0)
    size = PyTuple_Size(inputs)
    needs = 0
    for i in range(size):
        x = PyTuple_GetItem(inputs, i)
        if x == none:
            continue
        if word(x + base_slot, 0) != none:
            Py_IncRef(no)
            return no
        if word(x + requires_slot, 0) == yes or word(x + node_slot, 0) != none:
            needs |= 1 << min(i, 60)
    if needs == 0:
        Py_IncRef(none)
        return none
    edges = PyList_New(size)
    for i in range(size):
        x = PyTuple_GetItem(inputs, i)
        edge = none
        if x != none:
            target, index = word(x + node_slot, 0), word(x + index_slot, 0)
            if target == none and word(x + requires_slot, 0) == yes:
                target, index = x, zero
            if target != none:
                edge = PyTuple_New(2)
                Py_IncRef(target)
                PyTuple_SetItem(edge, 0, target)
                Py_IncRef(index)
                PyTuple_SetItem(edge, 1, index)
        if edge == none:
            Py_IncRef(none)
        PyList_SetItem(edges, i, edge)
    result = PyTuple_New(2)
    needs = needs | 1 << size if size <= 60 else -size
    PyTuple_SetItem(result, 0, edges)
    PyTuple_SetItem(result, 1, PyLong_FromLongLong(needs))
    return result


@register_jitable
def copied(template, begin, end):
    """A new object of the same class, whose slots, so many bytes behind its start, hold the same."""
    result = PyType_GenericAlloc(word(template, 1), 0)
    if result == 0:
        return 0
    for at in range(begin, end, 8):
        value = word(template + at, 0)
        if value != 0:
            Py_IncRef(value)
            set_word(result + at, 0, value)
    return result


def _copy(self, arguments, count):
    """copy(template): a new object of the same class, whose slots hold the same."""
    table = PyBytes_AsString(self)
    return copied(word(arguments, 0), word(table, 0), word(table, 1))


# Making them ------------------------------------------------------------------------------------

_SIGNATURE = types.int64(types.int64, types.int64, types.int64)
_KEYWORD_SIGNATURE = types.int64(types.int64, types.int64, types.int64, types.int64)
_METH_FASTCALL, _METH_KEYWORDS = 0x80, 0x02


class _Method(ctypes.Structure):
    """A PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p), ("function", ctypes.c_void_p), ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )  # fmt: skip


_new_builtin = ctypes.PYFUNCTYPE(
    ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p
)(("PyCFunction_NewEx", ctypes.pythonapi))


@cache
def compile_callback(function, signature=_SIGNATURE):
    """The address of `function` as a C function."""

    def compiled():
        typed = signature.args, signature.return_type
        callback = CFunc(function, typed, {}, {"error_model": "numpy", "nopython": True})
        callback.compile()
        return callback._library, callback.native_name

    return machine_code.address_of(function, "callback", signature, compiled)


@cache
def _method(function, keywords):
    name, doc = function.__name__.strip("_").encode(), (function.__doc__ or "").encode()
    address = compile_callback(function, _KEYWORD_SIGNATURE if keywords else _SIGNATURE)
    flags = _METH_FASTCALL | (_METH_KEYWORDS if keywords else 0)
    return _Method(name, address, flags, doc)


def make(function, table=(), keywords=False):
    """The builtin that runs `function`, whose `self` is a bytes object with the words of `table`.

    With `keywords`, the function has a fourth parameter: the tuple of the keywords, or 0; their
    values lie behind the `count` positional arguments.
    """
    words = struct.pack(f"{len(table)}q", *table)
    return _new_builtin(ctypes.addressof(_method(function, keywords)), words, None)


def prepare(function):
    """Compile, or load, what `make` needs for a function."""
    _method(function, False)


def slot_offset(cls, name):
    """Where the slot `name` lies in objects of a class, in bytes."""
    instance, mark = object.__new__(cls), object()
    setattr(instance, name, mark)
    words = (ctypes.c_int64 * (cls.__basicsize__ // 8)).from_address(id(instance))
    if words[1] != id(cls):
        raise ImportError("objects of this Python build do not begin as those of CPython do")
    return 8 * list(words).index(id(mark))


def slot_range(cls):
    """(begin, end) of the bytes where objects of the class `cls` have their slots."""
    slots = [name for base in cls.__mro__ for name in vars(base).get("__slots__", ())]
    offsets = [slot_offset(cls, name) for name in slots if name != "__weakref__"]
    return min(offsets), max(offsets) + 8


def copier(cls):
    """copy(template) for objects of the class `cls`: all slots, none of a dictionary."""
    return make(_copy, slot_range(cls))


def forms_builtin(cls, slot, form_of):
    """forms(inputs), where arrays are objects of `cls` that keep their Form in a slot.

    form_of(array) finds it where the slot holds None.
    """
    return make(_forms, (id(cls), slot_offset(cls, slot), id(form_of), id(None)))


def edges_builtin(cls):
    """edges(inputs) for objects of the class `cls` of values."""
    names = ("_base", "_node", "_output_index", "_requires_grad")
    slots = [slot_offset(cls, name) for name in names]
    return make(_edges, (*slots, id(True), id(False), id(None), id(0)))


def launch(*arguments):  # noqa: F811
    """Compile the builtin at its first use, then stand aside for it."""
    global launch
    launch = make(_launch)
    return launch(*arguments)
