"""The only module that imports numba.cuda: kernels, their specialisations, how they are launched.

It serves three targets: a card through the numba-cuda package, a card through Numba's built-in
target, and Numba's simulator (NUMBA_ENABLE_CUDASIM=1), which runs every thread of a kernel as
Python. Kernel modules take the name `cuda` from here, as a module global.
"""

import contextlib
import importlib
import os
import sys
import threading
from functools import cache
from types import FunctionType

import numba
import numpy as np
from numba.np.numpy_support import as_dtype

from . import config
from .kernel_cache import KernelCache

os.environ.setdefault("NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS", "0")
numba.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0

with contextlib.suppress(ImportError):  # without its .pth file, numba-cuda must be asked for
    import _numba_cuda_redirector  # noqa: F401

from numba import cuda as target  # noqa: E402

SIMULATED = bool(numba.config.ENABLE_CUDASIM)

#: Threads of a block. A simulated thread is a thread of the operating system, so there are few.
THREADS = 8 if SIMULATED else 256

#: Side of the square tiles that a block of TILE * TILE threads works on.
TILE = 4 if SIMULATED else 16

#: Blocks of a grid-stride launch for each multiprocessor.
_BLOCKS_PER_MULTIPROCESSOR = 16

#: Most blocks of one launch along x, and along y and z.
MOST_BLOCKS = 2**31 - 1
MOST_BLOCKS_Y = 65535


class _InsideKernel:
    """What kernels see as `cuda` in the simulator: the block that the running thread belongs to."""

    def __getattr__(self, name):
        return getattr(_simulator()._get_kernel_context(), name)

    @property
    def shared(self):
        return _SimulatedShared(_simulator()._get_kernel_context())


class _SimulatedShared:
    """Shared memory: one array for each place in the code and type.

    Numba's own would give one array to all types that one line allocates.
    """

    def __init__(self, context):
        self.arrays = vars(context).setdefault("shared_arrays", {})

    def array(self, shape, dtype):
        frame = sys._getframe(1)
        key = frame.f_code, frame.f_lineno, dtype
        with _allocating:
            if key not in self.arrays:
                self.arrays[key] = np.empty(shape, as_dtype(dtype))
        return self.arrays[key]


_allocating = threading.Lock()


@cache
def _simulator():
    return importlib.import_module("numba.cuda.simulator.kernel")


cuda = _InsideKernel() if SIMULATED else target


# Devices ----------------------------------------------------------------------------------------


def is_available():
    """Whether kernels can run: there is a driver and a card, or the simulator."""
    return SIMULATED or target.is_available()


def device_count():
    """How many devices kernels can run on."""
    return len(target.gpus) if is_available() else 0


@cache
def _most_blocks(index):
    """Blocks of a grid-stride launch on the device `index`."""
    if SIMULATED:
        return 2
    with target.gpus[index]:
        return _BLOCKS_PER_MULTIPROCESSOR * target.get_current_device().MULTIPROCESSOR_COUNT


def current_device():
    """The index of the device that kernels are launched on."""
    return 0 if SIMULATED else target.current_context().device.id


def select_device(index):
    """Launch kernels on the device `index` from now on."""
    target.select_device(index)


def synchronize():
    """Wait until everything that was launched is done."""
    target.synchronize()


def new_event():
    """An event that was recorded just now."""
    event = target.event()
    event.record()
    return event


def device_description(index):
    """(name, compute capability major, minor, bytes of memory, multiprocessors) of a device."""
    if SIMULATED:
        return "CUDA simulator", 0, 0, 2**63 - 1, 1
    with target.gpus[index]:
        device = target.get_current_device()
        name = device.name if isinstance(device.name, str) else device.name.decode()
        capability = device.compute_capability
        return name, *capability, memory_info(index)[1], device.MULTIPROCESSOR_COUNT


# Memory -----------------------------------------------------------------------------------------


class SimulatedMemory:
    """A one-dimensional array for simulated kernels; no access outside it goes unnoticed."""

    __slots__ = ("array",)

    def __init__(self, array):
        self.array = array

    @property
    def dtype(self):
        return self.array.dtype

    @property
    def size(self):
        return self.array.size

    def view(self, dtype):
        itemsize = np.dtype(dtype).itemsize
        whole = self.array.size // itemsize * itemsize
        return SimulatedMemory(self.array[:whole].view(dtype))

    def _check(self, index):
        if not 0 <= index < self.array.size:
            raise IndexError(f"a kernel reaches element {index} of {self.array.size}")

    def __getitem__(self, index):
        if index.__class__ is slice:
            return SimulatedMemory(self.array[index])
        self._check(index)
        return self.array[index]

    def __setitem__(self, index, value):
        self._check(index)
        self.array[index] = value

    def copy_to_device(self, host):
        self.array[...] = host

    def copy_to_host(self, host):
        host[...] = self.array


def allocate(nbytes, index):
    """A device array of `nbytes` bytes; MemoryError where there is no room."""
    if SIMULATED:
        return SimulatedMemory(np.empty(nbytes, np.uint8))
    try:
        with target.gpus[index]:
            return target.device_array(nbytes, np.uint8)
    except target.cudadrv.driver.CudaAPIError as error:
        if "OUT_OF_MEMORY" in str(error):
            raise MemoryError(str(error)) from None
        raise


def address(memory):
    """Where a device array lies."""
    if isinstance(memory, SimulatedMemory):
        return memory.array.ctypes.data
    return memory.device_ctypes_pointer.value or 0


def memory_info(index):
    """(free, total) bytes of the device; unlimited in the simulator."""
    if SIMULATED:
        return 2**63 - 1, 2**63 - 1
    with target.gpus[index]:
        return tuple(target.current_context().get_memory_info())


# Kernels ----------------------------------------------------------------------------------------


class Kernel:
    """One specialisation of a kernel: compiled at its first launch for the types it is given."""

    __slots__ = ("function", "_dispatcher")

    def __init__(self, function):
        self.function = function
        self._dispatcher = None

    def __repr__(self):
        return f"<Kernel {self.function.__qualname__}>"

    def __call__(self, items, *arguments):
        """Launch on a grid for a grid-stride loop over `items`."""
        blocks = min((items + THREADS - 1) // THREADS, _most_blocks(current_device()))
        self.launch(blocks, THREADS, *arguments)

    def launch(self, blocks, threads, *arguments):
        """Launch on a grid of `blocks` blocks (a number or a tuple) of `threads` threads."""
        dispatcher = self._dispatcher
        if dispatcher is None:
            dispatcher = self._dispatcher = target.jit(self.function)
        if SIMULATED:
            with _one_at_a_time:
                dispatcher[blocks, threads](*arguments)
        else:
            dispatcher[blocks, threads](*arguments)


_one_at_a_time = threading.Lock()


@cache
def specialise(factory, *key):
    """The kernel that `factory(*key)` makes; equal keys give the same kernel."""
    if SIMULATED:
        key = tuple(_simulated(part) for part in key)
    return Kernel(factory(*key))


# Formulas in the simulator ----------------------------------------------------------------------


def _simulated(part):
    """A part of a kernel's key; where it is a formula, its compiled form."""
    return _compiled(part) if isinstance(part, FunctionType) else part


_compiling = threading.Lock()


@cache
def _compiled(formula):
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
        kinds = tuple([argument.__class__ for argument in arguments])
        convert = converters.get(kinds)
        if convert is None:
            with _compiling:  # an overload can be called a moment before it can be looked up
                dispatcher(arguments)
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
    return as_dtype(numba_type).type
