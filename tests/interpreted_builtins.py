"""The builtins of op calls as plain Python over addresses, with CPython's own C API behind them.

`interpret()` gives each piece that a builtin is made of, the words of memory and the functions of the
C API, what it does in machine code. A builtin made from then on runs its Python function, so each of
its branches is counted, and a breakpoint in it is hit. References are counted as in machine code: a
function that drops one too many crashes here as well.
"""

import ctypes
import gc
import sys

from numba import types

from numbatorch import cpu_builtins
from numbatorch.compiler.interpreter import tables
from numbatorch.op.native_call import keys

# Memory and exceptions --------------------------------------------------------------------------


def _word_at(address, index):
    return ctypes.c_int64.from_address(address + 8 * index)


def word(address, index):
    """The int64 (or pointer) at `address`, `index` words on."""
    return _word_at(address, index).value


def set_word(address, index, value):
    """Store an int64 or a float64 at `address`, `index` words on."""
    kind = ctypes.c_double if isinstance(value, float) else ctypes.c_int64
    kind.from_address(address + 8 * index).value = value


class _Exceptions:
    """The exception that is set: ctypes would raise it, where C code goes on."""

    def __init__(self):
        self.set = None

    def clear(self):
        self.set = None

    def none(self, kind):
        """PyErr_SetNone."""
        self.set = ctypes.cast(kind, ctypes.py_object).value()

    def bad_argument(self):
        self.set = TypeError("bad argument type for built-in operation")
        return 0

    def raise_set(self):
        found, self.set = self.set, None
        raise found if found is not None else SystemError("a builtin failed and set no exception")


_exceptions = _Exceptions()

#: Functions of the C API that must not be called from Python code, and what is done in their place.
_INSTEAD = {
    "PyErr_Occurred": lambda: int(_exceptions.set is not None),
    "PyErr_Clear": _exceptions.clear,
    "PyErr_SetNone": _exceptions.none,
    "PyErr_BadArgument": _exceptions.bad_argument,
    "PyEval_SaveThread": lambda: 1,  # Python code goes on, and needs the lock
    "PyEval_RestoreThread": lambda thread: None,
}

_KINDS = {types.int64: ctypes.c_int64, types.int32: ctypes.c_int32, types.float64: ctypes.c_double}


def _c_function(external):
    """The C function of a declaration, which gives 0 (-1 for a number) where it set an exception."""
    instead = _INSTEAD.get(external.symbol)
    if instead is not None:
        return instead
    result = external.sig.return_type
    kind = ctypes.PYFUNCTYPE(_KINDS.get(result), *[_KINDS[x] for x in external.sig.args])
    function = kind((external.symbol, ctypes.pythonapi))
    failed = -1 if "_As" in external.symbol and "String" not in external.symbol else 0

    def call(*arguments):
        try:
            return function(*arguments)
        except BaseException as error:
            _exceptions.set = error
            return failed

    return call


_functions = {}


def _call_external(self, *arguments):
    found = _functions.get(self.symbol)
    if found is None:
        found = _functions[self.symbol] = _c_function(self)
    return found(*arguments)


class _Wrapping(int):
    """A factor whose products have 64 bits."""

    def __rmul__(self, x):
        return ctypes.c_int64(int(self) * int(x)).value


# Builtins ---------------------------------------------------------------------------------------


class Builtin:
    """cpu_builtins.make, in Python; no function, so that a class does not take it for a method."""

    frames = None  # where argument blocks lie

    def __init__(self, function, table=(), keywords=False):
        self.words = cpu_builtins.struct.pack(f"{len(table)}q", *table)
        self.function, self.keywords = function, keywords
        self.__doc__, self.__name__ = function.__doc__, function.__name__.strip("_")

    def __call__(self, *args, **kwargs):
        values = (*args, *kwargs.values())
        places = (ctypes.c_int64 * max(1, len(values)))(*map(id, values))
        call = [id(self.words), ctypes.addressof(places), len(args)]
        if self.keywords:
            names = tuple(kwargs)
            call.append(id(names) if names else 0)
        elif kwargs:
            raise TypeError(f"{self.__name__}() takes no keyword arguments")
        outer, _exceptions.set = _exceptions.set, None
        collects = gc.isenabled()
        gc.disable()  # what it frees would return to the allocator in the middle of a step
        try:
            with self.frames.one():
                result = self.function(*call)
            if result == 0:
                _exceptions.raise_set()
            assert _exceptions.set is None, "a result and an exception"
        finally:
            _exceptions.set = outer
            if collects:
                gc.enable()
        found = ctypes.cast(result, ctypes.py_object).value
        ctypes.pythonapi.Py_DecRef(ctypes.py_object(found))  # the builtin's own reference
        return found


def interpret(meanings, frames):
    """Let builtins run as Python from now on, and intrinsics by their meanings."""
    meanings["word"], meanings["set_word"] = word, set_word
    meanings["argument_block"] = lambda: frames.room(8 * cpu_builtins.MOST_SLOTS)
    Builtin.frames = frames
    types.ExternalFunction.__call__ = _call_external
    cpu_builtins.make = Builtin
    sys.setswitchinterval(1e6)  # a builtin keeps other threads out
    tables.LIBRARIES |= {"interpreted", __name__}  # the compiler need not look into it
    keys._MULTIPLIER = _Wrapping(keys._MULTIPLIER)
