"""Compiled kernels as bytes: taken from the disk cache, and made into kernels by another process."""

import pickle
import sys

import numba
from numba.core import registry
from numba.core.caching import CompileResultCacheImpl

from .cpu_target import SIGNATURE
from .kernel_cache import prepare


def machine_code(kernel):
    """The machine code of a CPU kernel; RuntimeError where the disk cache does not hold it."""
    cache = kernel.dispatcher._cache
    try:
        return cache.path(SIGNATURE, registry.cpu_target.target_context).read_bytes()
    except (AttributeError, OSError) as error:
        raise RuntimeError(f"the machine code of {kernel} is not in the kernel cache") from error


class LoadedKernel:
    """A kernel made of machine code that another process compiled."""

    def __init__(self, code):
        context = registry.cpu_target.target_context
        prepare(context, code)
        self._result = CompileResultCacheImpl.rebuild(None, context, pickle.loads(code))
        name = self._result.fndesc.llvm_func_name
        #: The address of the compiled function.
        self.pointer = self._result.library.get_pointer_to_function(name)


def machine():
    """What machine code depends on: versions, and the processor."""
    codegen = registry.cpu_target.target_context.codegen()
    return numba.__version__, tuple(sys.version_info[:2]), *codegen.magic_tuple()
