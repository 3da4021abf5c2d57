"""Numba's CUDA simulator (NUMBA_ENABLE_CUDASIM=1), with memory, formulas and threads of our own.

Numba gives the kernel's view of the device (`cuda.grid`, `cuda.atomic` and so on). Here are memory
that notices every access outside it and formulas that follow the rules of compiled code; the threads
of a block are in cuda_simulated_threads.py.
"""

import sys
import threading
from functools import cache

import numba
import numpy as np
from numba.core.caching import CompileResultCacheImpl, NullCache
from numba.core.runtime import rtsys
from numba.cuda.simulator import kernel as numba_kernel
from numba.cuda.simulator.kernelapi import Dim3, FakeCUDAModule
from numba.np.numpy_support import as_dtype

from . import config, kernel_cache
from .cuda_simulated_threads import (
    has_barrier,
    run_in_turn,
    run_together,
    shfl_xor_sync,
    syncthreads,
)

# The device, as a kernel sees it ----------------------------------------------------------------


class _InsideKernel:
    """The name `cuda` in kernels: the module of the launch that is going on."""

    syncthreads = staticmethod(syncthreads)
    shfl_xor_sync = staticmethod(shfl_xor_sync)

    def __getattr__(self, name):
        return getattr(numba_kernel._get_kernel_context(), name)

    @property
    def shared(self):
        return _Shared(numba_kernel._get_kernel_context())


inside_kernel = _InsideKernel()


class _Shared:
    """Shared memory: one array of a block for each place in the code and type.

    Numba's own would give one array to all types that one line allocates.
    """

    def __init__(self, module):
        self.arrays = module.shared_arrays

    def array(self, shape, dtype, alignment=None):
        frame = sys._getframe(1)
        key = frame.f_code, frame.f_lineno, dtype
        if key not in self.arrays:
            self.arrays[key] = np.empty(shape, as_dtype(dtype))
        return self.arrays[key]


# A launch ---------------------------------------------------------------------------------------

_one_launch = threading.Lock()


def simulate(function, blocks, threads, arguments):
    """Launch a kernel on a grid of blocks of threads, each a number or a tuple."""
    grid, block = (tuple(n) if isinstance(n, tuple) else (n,) for n in (blocks, threads))
    grid, block = grid + (1,) * (3 - len(grid)), block + (1,) * (3 - len(block))
    run = run_together if has_barrier(function) else run_in_turn
    module = FakeCUDAModule(grid, block, 0)
    with _one_launch, numba_kernel._push_kernel_context(module):
        for block_index in np.ndindex(*grid):
            module.shared_arrays = {}
            run(function, Dim3(*block_index), block, arguments)


# Memory -----------------------------------------------------------------------------------------


class SimulatedMemory:
    """A one-dimensional array for simulated kernels; no access outside it goes unnoticed."""

    __slots__ = ("array", "device_index")

    def __init__(self, array, index=0):
        self.array, self.device_index = array, index

    @property
    def dtype(self):
        return self.array.dtype

    @property
    def size(self):
        return self.array.size

    def view(self, dtype):
        itemsize = np.dtype(dtype).itemsize
        whole = self.array.size // itemsize * itemsize
        return SimulatedMemory(self.array[:whole].view(dtype), self.device_index)

    def _check(self, index):
        if not 0 <= index < self.array.size:
            raise IndexError(f"a kernel reaches element {index} of {self.array.size}")

    def __getitem__(self, index):
        if index.__class__ is slice:
            return SimulatedMemory(self.array[index], self.device_index)
        self._check(index)
        return self.array[index]

    def __setitem__(self, index, value):
        self._check(index)
        self.array[index] = value


# Formulas ---------------------------------------------------------------------------------------


class _FormulaCache(NullCache):
    """The disk cache of one formula, in the shape that a Numba dispatcher expects."""

    def __init__(self, function):
        self._function = function

    def _path(self, signature):
        return kernel_cache.path(self._function, "simulator", signature)

    def load_overload(self, sig, target_context):
        content = kernel_cache.read(self._path(sig))
        if content is None:
            return None
        rtsys.initialize(target_context)
        return CompileResultCacheImpl.rebuild(None, target_context, content)

    def save_overload(self, sig, data):
        kernel_cache.write(self._path(sig), data._reduce())


@cache
def compiled(formula):
    """`formula` compiled for the CPU, with results in the types that Numba gives them.

    A simulated kernel computes in Python; its formulas follow the rules of compiled code all the
    same: no exception from an overflow, float32 stays float32.
    """

    def apply(arguments):
        return formula(*arguments)

    dispatcher = numba.njit(apply, error_model="numpy")
    if config.CACHE_ENABLED:
        dispatcher._cache = _FormulaCache(apply)
    converters = {}

    def call(*arguments):
        arguments = tuple([a.array if type(a) is SimulatedMemory else a for a in arguments])
        kinds = tuple([getattr(argument, "dtype", argument.__class__) for argument in arguments])
        convert = converters.get(kinds)
        if convert is None:
            dispatcher.compile((numba.typeof(arguments),))  # not called: it may work in place
            overload = dispatcher.overloads[(numba.typeof(arguments),)]
            convert = converters[kinds] = _converter(overload.signature.return_type)
        return convert(dispatcher(arguments))

    call.__name__ = formula.__name__
    return call


def _converter(numba_type):
    if isinstance(numba_type, numba.types.BaseTuple):
        converters = [_converter(member) for member in numba_type]
        return lambda values: tuple(c(value) for c, value in zip(converters, values))
    if numba_type == numba.types.boolean:
        return bool
    if numba_type == numba.types.none:
        return lambda value: None
    return as_dtype(numba_type).type
