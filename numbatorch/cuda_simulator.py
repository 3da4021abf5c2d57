"""Numba's CUDA simulator (NUMBA_ENABLE_CUDASIM=1), with memory, formulas and threads of our own.

Numba gives the kernel's view of the device (`cuda.grid`, `cuda.atomic` and so on). Here are memory
that notices every access outside it, formulas that follow the rules of compiled code, and threads
that take turns: Numba's run at once and are polled, which takes far longer.
"""

import sys
import threading
from functools import cache
from types import FunctionType

import numba
import numpy as np
from numba.cuda.simulator import kernel as numba_kernel
from numba.cuda.simulator.kernelapi import Dim3, FakeCUDAModule
from numba.np.numpy_support import as_dtype

from . import config
from .kernel_cache import KernelCache

# The device, as a kernel sees it ----------------------------------------------------------------


class _InsideKernel:
    """The name `cuda` in kernels: the module of the launch that is going on."""

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

    def array(self, shape, dtype):
        frame = sys._getframe(1)
        key = frame.f_code, frame.f_lineno, dtype
        if key not in self.arrays:
            self.arrays[key] = np.empty(shape, as_dtype(dtype))
        return self.arrays[key]


# Threads ----------------------------------------------------------------------------------------


class _Turns(threading.Thread):
    """A simulated thread of a block, which runs only while it has the turn."""

    def __init__(self, function, arguments, block_index, thread_index):
        super().__init__(daemon=True)
        self.function, self.arguments = function, arguments
        self.blockIdx, self.threadIdx = Dim3(*block_index), Dim3(*thread_index)
        self.begin, self.end = threading.Semaphore(0), threading.Semaphore(0)
        self.done, self.error = False, None

    def run(self):
        self.begin.acquire()
        try:
            self.function(*self.arguments)
        except BaseException as error:  # noqa: BLE001  raised again by the launch
            self.error = error
        self.done = True
        self.end.release()

    def syncthreads(self):
        """Pass the turn on, until all threads of the block have come here."""
        self.end.release()
        self.begin.acquire()

    def take_turn(self):
        """Go on up to the next barrier, or the end."""
        self.begin.release()
        self.end.acquire()
        if self.error is not None:
            raise self.error


@cache
def has_barrier(function):
    """Whether a kernel, or a function in its closure, waits for the other threads of its block."""
    if "syncthreads" in function.__code__.co_names:
        return True
    contents = [cell.cell_contents for cell in function.__closure__ or ()]
    return any(has_barrier(item) for item in contents if isinstance(item, FunctionType))


def _run_together(function, block_index, block, arguments):
    """Run the threads of a block from barrier to barrier."""
    lanes = [_Turns(function, arguments, block_index, index) for index in np.ndindex(*block)]
    for lane in lanes:
        lane.start()
    while lanes:
        for lane in lanes:
            lane.take_turn()
        lanes = [lane for lane in lanes if not lane.done]


def _run_in_turn(function, block_index, block, arguments):
    """Run the threads of a block one after the other: none of them waits for another."""
    here = threading.current_thread()
    here.blockIdx = Dim3(*block_index)
    for thread_index in np.ndindex(*block):
        here.threadIdx = Dim3(*thread_index)
        function(*arguments)


_one_launch = threading.Lock()


def simulate(function, blocks, threads, arguments):
    """Launch a kernel on a grid of blocks of threads, each a number or a tuple."""
    grid, block = (tuple(n) if isinstance(n, tuple) else (n,) for n in (blocks, threads))
    grid, block = grid + (1,) * (3 - len(grid)), block + (1,) * (3 - len(block))
    run = _run_together if has_barrier(function) else _run_in_turn
    module = FakeCUDAModule(grid, block, 0)
    with _one_launch, numba_kernel._push_kernel_context(module):
        for block_index in np.ndindex(*grid):
            module.shared_arrays = {}
            run(function, block_index, block, arguments)


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
        dispatcher._cache = KernelCache(apply, "simulator")
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
