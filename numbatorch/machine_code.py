"""Machine code of compiled functions: a symbol and an object file, which no compiler is needed to load.

Numba keeps types, annotations and intermediate code along with it, which takes ten times as long to
read; only code that is compiled later and calls the function would need them.
"""

import ctypes
import sys
from functools import cache
from typing import NamedTuple

import numba
from llvmlite.binding import ObjectFileRef
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys

from . import callbacks, config, kernel_cache


class MachineCode(NamedTuple):
    """An object file, and the name of the function in it that is called."""

    symbol: str
    object_file: bytes


def address_of(function, flags, signature, compiled):
    """The address of a function's machine code, which stays valid until the process ends.

    It is taken from the disk cache, where compiled(), (Numba's library, the symbol), is kept if it
    is not there yet. `flags` tell apart what else the compiled code depends on.
    """
    with callbacks.unwatched(), global_compiler_lock:
        file = kernel_cache.path(function, flags, signature) if config.CACHE_ENABLED else None
        code = kept(file) if file else None
        if code is not None:
            return loaded(code)
        library, symbol = compiled()
        address = library.get_pointer_to_function(symbol)
        _engine()
        if file:
            kernel_cache.write(file, MachineCode(symbol, library._get_compiled_object()))
        return address


def kept(file):
    """The MachineCode in a file of the disk cache; None where it holds none."""
    code = kernel_cache.read(file)
    return code if isinstance(code, MachineCode) else None


def loaded(code):
    """The address of the function in MachineCode."""
    _prepare(cpu_target.target_context, code.object_file)
    _engine().add_object_file(ObjectFileRef.from_data(code.object_file))
    _engine().finalize_object()
    return _engine().get_function_address(code.symbol)


@cache
def _engine():
    """What owns all machine code."""
    engine = cpu_target.target_context.codegen()._engine._ee
    keep_forever(engine)
    return engine


def keep_forever(value):
    """Never free `value`: compiled code may refer to it until the process has ended."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))


#: Parts of the names of functions that Numba makes known to the linker as late as it needs them to
#: compile: of BLAS and LAPACK, random numbers, hashes.
_LATE_SYMBOLS = (b"numba_xx", b"numba_ez", b"numba_cg", b"numba_rnd", b"numba_rng", b"HashSecret")


def _prepare(context, object_file):
    """Make known to the linker what a compiled function may refer to.

    Numba's way, `refresh`, imports all that it can compile, which takes a second.
    """
    if any([symbol in object_file for symbol in _LATE_SYMBOLS]):
        context.refresh()
    else:
        rtsys.initialize(context)


def machine():
    """What machine code depends on: versions, and the processor."""
    codegen = cpu_target.target_context.codegen()
    return numba.__version__, tuple(sys.version_info[:2]), *codegen.magic_tuple()
