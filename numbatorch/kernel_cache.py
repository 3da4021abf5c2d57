"""Compiled kernels on disk: one file per kernel, named by everything that its machine code depends on.

Numba's own cache has two gaps that this one closes. It does not see an edit to a formula in another
file, so it serves stale code; and it never hits for a factory that closes over a jitted function.
Here the key holds the text of every package module that the kernel can reach, and what its closure
holds. One file per kernel, written aside and then renamed, makes any number of processes safe.
"""

import hashlib
import linecache
import os
import pickle
import sys
import tempfile
from functools import cache
from types import FunctionType, ModuleType

import llvmlite
import numba
from numba.core.registry import cpu_target

from . import config

PACKAGE = __name__.partition(".")[0]

#: How the names of files in the cache end.
SUFFIX = ".nbo"


def describe(value):
    """A text that is equal in every process for equal closure contents of a kernel."""
    if isinstance(value, FunctionType):
        contents = [describe(cell.cell_contents) for cell in value.__closure__ or ()]
        return f"{value.__module__}.{value.__qualname__}({', '.join(contents)})"
    if hasattr(value, "py_func"):
        return describe(value.py_func)
    if isinstance(value, tuple):
        return f"({', '.join(describe(item) for item in value)})"
    if isinstance(value, numba.types.Type | int | float | bool | str | None):
        return repr(value)
    if hasattr(value, "__name__") and hasattr(
        value, "__module__"
    ):  # an intrinsic, a NumPy scalar type
        return f"{value.__module__}.{value.__name__}"
    raise TypeError(f"a kernel cannot close over a {type(value).__name__}: {value!r}")


@cache
def _module_text(name):
    module = sys.modules[name]
    return "".join(linecache.getlines(module.__file__, vars(module)))


@cache
def _constants(name):
    """The numbers that a module has under names in capitals.

    They may come from a module of numbers alone, to which nothing in the globals leads.
    """
    if name == config.__name__:  # what a user sets changes no machine code
        return ""
    found = vars(sys.modules[name]).items()
    return repr([(key, x) for key, x in found if key.isupper() and type(x) in (int, float)])


@cache
def _reachable_modules(name):
    """The package's modules that module `name` uses, found through its globals, itself included."""
    found, waiting = set(), [name]
    while waiting:
        current = waiting.pop()
        if current not in found and current in sys.modules:
            found.add(current)
            waiting += _used_modules(current)
    return frozenset(found)


@cache
def _used_modules(name):
    """The package's modules that the globals of a module come from."""
    values = vars(sys.modules[name]).values()
    owners = {x.__name__ if isinstance(x, ModuleType) else value_module(x) for x in values}
    return {owner for owner in owners if owner and owner.startswith(PACKAGE + ".")}


def value_module(value):
    """The module that defines `value`, where it is a function, a class or a jitted function."""
    module = getattr(getattr(value, "py_func", value), "__module__", None)
    return module if isinstance(module, str) else None


def _functions_in(function):
    yield function
    for cell in function.__closure__ or ():
        value = getattr(cell.cell_contents, "py_func", cell.cell_contents)
        if isinstance(value, FunctionType):
            yield from _functions_in(value)


def source_digest(function):
    """A digest of the source of every module that `function` can reach."""
    modules = set()
    for member in _functions_in(function):
        modules |= _reachable_modules(member.__module__)
    names = sorted(modules - {__name__})
    text = "".join([_module_text(name) + _constants(name) for name in names])
    return hashlib.sha256(text.encode()).hexdigest()


def path(function, flags, signature):
    """The file that holds a compiled function with this signature."""
    parts = (
        numba.__version__,
        llvmlite.__version__,
        sys.version_info[:2],
        cpu_target.target_context.codegen().magic_tuple(),
        describe(function),
        flags,
        str(signature),
        source_digest(function),
    )
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
    return config.CACHE_DIR / f"{function.__name__}-{digest}{SUFFIX}"


def read(file):
    """What `write` put into a file of the cache; None where there is no such file, or a damaged one."""
    try:
        return pickle.loads(file.read_bytes())
    except Exception:  # noqa: BLE001  a damaged file costs a compilation, never the program
        return None


def write(file, content):
    """Put what can be pickled into a file of the cache, if the disk lets us."""
    try:
        config.CACHE_DIR.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=config.CACHE_DIR, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as out:
                pickle.dump(content, out, protocol=pickle.HIGHEST_PROTOCOL)
            os.replace(temporary, file)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError:  # a read-only or full disk: go on without the cache
        return
