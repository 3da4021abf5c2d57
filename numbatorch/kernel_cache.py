"""Compiled kernels on disk: one file per kernel, named by everything that its machine code depends on.

Numba's own cache has two gaps that this one closes. It does not see an edit to a formula in another
file, so it serves stale code; and it never hits for a factory that closes over a jitted function.
Here the key holds the text of every package module that the kernel can reach, and what its closure
holds. One file per kernel, written aside and then renamed, makes any number of processes safe.
"""

import hashlib
import inspect
import os
import pickle
import sys
import tempfile
from functools import cache
from types import FunctionType, ModuleType

import llvmlite
import numba
from numba.core.caching import CompileResultCacheImpl, _Cache
from numba.core.runtime import rtsys

from . import config

PACKAGE = __name__.partition(".")[0]


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
    return inspect.getsource(sys.modules[name])


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
        if current in found or current not in sys.modules:
            continue
        found.add(current)
        for value in vars(sys.modules[current]).values():
            owner = value.__name__ if isinstance(value, ModuleType) else value_module(value)
            if owner and owner.startswith(PACKAGE + ".") and owner not in found:
                waiting.append(owner)
    return frozenset(found)


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


#: Parts of the names of functions that Numba makes known to the linker as late as it needs them to
#: compile: of BLAS and LAPACK, random numbers, hashes.
_LATE_SYMBOLS = (b"numba_xx", b"numba_ez", b"numba_cg", b"numba_rnd", b"numba_rng", b"HashSecret")


def prepare(target_context, content):
    """Make known to the linker what a compiled kernel may refer to.

    Numba's way, `refresh`, imports all that it can compile, which takes a second.
    """
    if any([symbol in content for symbol in _LATE_SYMBOLS]):
        target_context.refresh()
    else:
        rtsys.initialize(target_context)


class KernelCache(_Cache):
    """The disk cache of one kernel, in the shape that a Numba dispatcher expects."""

    def __init__(self, function, flags):
        self._function = function
        self._flags = flags

    @property
    def cache_path(self):
        return str(config.CACHE_DIR)

    def path(self, signature, target_context):
        """The file of the kernel with this signature."""
        parts = (
            numba.__version__,
            llvmlite.__version__,
            sys.version_info[:2],
            target_context.codegen().magic_tuple(),
            describe(self._function),
            self._flags,
            str(signature),
            source_digest(self._function),
        )
        digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
        return config.CACHE_DIR / f"{self._function.__name__}-{digest}.nbc"

    def load_overload(self, sig, target_context):
        try:
            content = self.path(sig, target_context).read_bytes()
            prepare(target_context, content)
            payload = pickle.loads(content)
            return CompileResultCacheImpl.rebuild(None, target_context, payload)
        except FileNotFoundError:
            return None
        except Exception:  # noqa: BLE001  a damaged file costs a compilation, never the program
            return None

    def save_overload(self, sig, data):
        path = self.path(sig, data.target_context)
        try:
            config.CACHE_DIR.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=config.CACHE_DIR, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    pickle.dump(data._reduce(), file, protocol=pickle.HIGHEST_PROTOCOL)
                os.replace(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise
        except OSError:  # a read-only or full disk: go on without the cache
            return

    def enable(self):
        pass

    def disable(self):
        pass

    def flush(self):
        pass
