"""Python builtins that Numba compiles: the few steps that every op call takes.

A builtin is a function (self, arguments, count) over addresses: `arguments` is where `count`
pointers to Python objects lie (METH_FASTCALL), and the result is a new reference, or 0 after an
exception was set. It reaches the objects through CPython's C API alone, and a call of it costs
what a call of `len` costs. Each is compiled, or loaded from the disk cache, at its first use.
"""

import ctypes

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.ccallback import CFunc
from numba.extending import intrinsic

from . import config
from .kernel_cache import KernelCache

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
PySequence_GetItem = _c_api("PySequence_GetItem", _word, _word, _word)
PySequence_Size = _c_api("PySequence_Size", _word, _word)
PyLong_AsLongLong = _c_api("PyLong_AsLongLong", _word, _word)
PyFloat_AsDouble = _c_api("PyFloat_AsDouble", _double, _word)
PyLong_FromLongLong = _c_api("PyLong_FromLongLong", _word, _word)
PyErr_Occurred = _c_api("PyErr_Occurred", _word)
PyErr_BadArgument = _c_api("PyErr_BadArgument", _int)
PyEval_SaveThread = _c_api("PyEval_SaveThread", _word)
PyEval_RestoreThread = _c_api("PyEval_RestoreThread", _nothing, _word)
Py_IncRef = _c_api("Py_IncRef", _nothing, _word)
Py_DecRef = _c_api("Py_DecRef", _nothing, _word)


# The builtins -----------------------------------------------------------------------------------


def launch(self, arguments, count):
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


# Making them ------------------------------------------------------------------------------------

_SIGNATURE = (types.int64,) * 3, types.int64
_METH_FASTCALL = 0x80


class _Method(ctypes.Structure):
    """A PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p), ("function", ctypes.c_void_p), ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )  # fmt: skip


_new_builtin = ctypes.PYFUNCTYPE(
    ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p
)(("PyCFunction_NewEx", ctypes.pythonapi))


def compile_callback(function, signature):
    """The address of `function` as a C function; also its owner, which must be kept."""
    callback = CFunc(function, signature, {}, {"error_model": "numpy", "nopython": True})
    if config.CACHE_ENABLED:
        callback._cache = KernelCache(function, "callback")
    callback.compile()
    return callback


_kept = []


def make(function, self=None):
    """The builtin that runs `function`; it gets the address of the object `self`."""
    callback = compile_callback(function, _SIGNATURE)
    name, doc = function.__name__.encode(), (function.__doc__ or "").encode()
    method = _Method(name, callback.address, _METH_FASTCALL, doc)
    _kept.append((callback, method))
    return _new_builtin(ctypes.addressof(method), self, None)


_BUILTINS = {"launch": launch}
del launch


def __getattr__(name):
    """Compile a builtin at its first use; from then on it is an attribute of this module."""
    if name not in _BUILTINS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    builtin = globals()[name] = make(_BUILTINS[name])
    return builtin
