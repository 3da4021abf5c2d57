"""The only place that compiles for CUDA: kernels, their specialisations, how they are launched.

It serves three targets: a card through the numba-cuda package, a card through Numba's built-in
target, and Numba's simulator (cuda_simulator.py). No other module imports numba.cuda; kernel modules
take the name `cuda` from here, as a module global.
"""

import contextlib
import ctypes
import os
from functools import cache
from types import FunctionType

import numba
import numpy as np

os.environ.setdefault("NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS", "0")
numba.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0

with contextlib.suppress(ImportError):  # without its .pth file, numba-cuda must be asked for
    import _numba_cuda_redirector  # noqa: F401

from numba import cuda as target  # noqa: E402

SIMULATED = bool(numba.config.ENABLE_CUDASIM)

#: Threads of a block. Simulated threads are slow, so there are few.
THREADS = 4 if SIMULATED else 256

#: Side of the square tiles that a block of TILE * TILE threads works on.
TILE = 4 if SIMULATED else 16

#: Blocks of a grid-stride launch for each multiprocessor.
_BLOCKS_PER_MULTIPROCESSOR = 16

#: Most blocks of one launch along y, and along z.
MOST_BLOCKS_Y = 65535

if SIMULATED:
    from .cuda_simulator import SimulatedMemory, compiled, simulate
    from .cuda_simulator import inside_kernel as cuda
else:
    cuda = target


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


@cache
def resident_threads(index):
    """How many threads the device `index` can hold at a time; PyTorch's draws depend on it."""
    if SIMULATED:
        return 2 * 2048
    with target.gpus[index]:
        device = target.get_current_device()
        return device.MULTIPROCESSOR_COUNT * device.MAX_THREADS_PER_MULTI_PROCESSOR


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


def borrowed(address, nbytes, index):
    """A device array of `nbytes` bytes over memory that others own."""
    if SIMULATED:
        bytes_ = (ctypes.c_uint8 * nbytes).from_address(address) if nbytes else b""
        return SimulatedMemory(np.frombuffer(bytes_, np.uint8))
    described = {"shape": (nbytes,), "typestr": "|u1", "data": (address, False), "version": 2}
    with target.gpus[index]:
        return target.from_cuda_array_interface(described, sync=False)


def address(memory):
    """Where a device array lies."""
    if SIMULATED:
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
        if SIMULATED:
            simulate(self.function, blocks, threads, arguments)
            return
        dispatcher = self._dispatcher
        if dispatcher is None:
            dispatcher = self._dispatcher = target.jit(self.function)
        dispatcher[blocks, threads](*arguments)


# Specialisations ----------------------------------------------------------------------------------


@cache
def specialise(factory, *key):
    """The kernel that `factory(*key)` makes; equal keys give the same kernel."""
    if SIMULATED:
        key = tuple(compiled(part) if isinstance(part, FunctionType) else part for part in key)
    return Kernel(factory(*key))
