"""The only place that compiles for CUDA: kernels, their specialisations, how they are launched.

It serves three targets: a card through the numba-cuda package, a card through Numba's built-in
target, and Numba's simulator (cuda_simulator.py). No other module imports numba.cuda; kernel modules
take the name `cuda` from here, as a module global.
"""

import contextlib
import os
from functools import cache, partial
from types import FunctionType

import numba
import numpy as np

from . import config, cuda_streams, recording
from .cuda_driver import AcceleratorError, CardDriver

os.environ.setdefault("NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS", "0")
numba.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0

if not hasattr(np, "row_stack"):  # gone from NumPy 2.5, and numba-cuda asks for it
    np.row_stack = np.vstack

with contextlib.suppress(ImportError):  # without its .pth file, numba-cuda must be asked for
    import _numba_cuda_redirector  # noqa: F401

from numba import cuda as target  # noqa: E402

SIMULATED = bool(numba.config.ENABLE_CUDASIM)

#: Threads of a block. Simulated threads are slow, so there are few.
THREADS = 4 if SIMULATED else 256

#: Threads that run in step and exchange values by shuffles.
WARP = 2 if SIMULATED else 32

#: Blocks of a grid-stride launch for each multiprocessor.
_BLOCKS_PER_MULTIPROCESSOR = 16

#: Most blocks of one launch along y, and along z.
MOST_BLOCKS_Y = 65535

if SIMULATED:
    from .cuda_simulated_driver import SimulatedDriver
    from .cuda_simulator import SimulatedMemory, compiled, simulate
    from .cuda_simulator import inside_kernel as cuda
else:
    cuda = target


# The driver -------------------------------------------------------------------------------------


@cache
def driver():
    """The driver of the cards, or of simulated devices: as many as NUMBATORCH_SIMULATED_DEVICES says."""
    if SIMULATED:
        return SimulatedDriver(int(os.environ.get("NUMBATORCH_SIMULATED_DEVICES", "1")))
    return CardDriver()


def is_available():
    """Whether kernels can run: there is a driver and a card, or the simulator."""
    return SIMULATED or target.is_available()


def device_count():
    """How many devices kernels can run on."""
    return driver().device_count() if is_available() else 0


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


def device_description(index):
    """(name, compute capability major, minor, bytes of memory, multiprocessors) of a device."""
    if SIMULATED:
        return "CUDA simulator", 0, 0, driver().memory_info(index)[1], 1
    with target.gpus[index]:
        device = target.get_current_device()
        name = device.name if isinstance(device.name, str) else device.name.decode()
        total = driver().memory_info(index)[1]
        return name, *device.compute_capability, total, device.MULTIPROCESSOR_COUNT


def array_at(address, nbytes, index):
    """The memory at an address of the device `index` as an array of bytes that kernels take."""
    if SIMULATED:
        return SimulatedMemory(driver().bytes_at(address, nbytes), index)
    described = {"shape": (nbytes,), "typestr": "|u1", "data": (address, False), "version": 2}
    with target.gpus[index]:
        return target.from_cuda_array_interface(described, sync=False)


@cache
def _numba_stream(index, stream):
    """What Numba takes as the stream of a launch."""
    with target.gpus[index]:
        return target.external_stream(stream) if stream else 0


# Kernels ----------------------------------------------------------------------------------------


class Kernel:
    """One specialisation of a kernel: compiled at its first launch for the types it is given."""

    __slots__ = ("function", "_dispatcher", "_launchers")

    def __init__(self, function):
        self.function = function
        self._dispatcher = None
        self._launchers = {}

    def __repr__(self):
        return f"<Kernel {self.function.__qualname__}>"

    def __call__(self, items, *arguments):
        """Launch on a grid for a grid-stride loop over `items`."""
        blocks = min((items + THREADS - 1) // THREADS, _most_blocks(device_of(arguments)))
        self.launch(blocks, THREADS, *arguments)

    def launch(self, blocks, threads, *arguments):
        """Launch on a grid of `blocks` blocks (a number or a tuple) of `threads` threads.

        It goes to the current stream of the device on which the first array lies.
        """
        index = device_of(arguments)
        stream = cuda_streams.current(index)
        if recording.recorder is not None:
            recording.recorder.device_launch(index)
        if SIMULATED:
            work = partial(simulate, self.function, blocks, threads, arguments)
            driver().enqueue(index, stream, work)
        else:
            self._launch(index, stream, blocks, threads, arguments)
        if config.LAUNCH_BLOCKING and cuda_streams.capture_on(index) is None:
            self._wait(index, stream)

    def _launch(self, index, stream, blocks, threads, arguments):
        key = index, stream, blocks, threads
        launcher = self._launchers.get(key)
        if launcher is None:
            if self._dispatcher is None:
                self._dispatcher = target.jit(self.function)
            if len(self._launchers) >= _MOST_LAUNCHERS:
                self._launchers.clear()
            launcher = self._dispatcher[blocks, threads, _numba_stream(index, stream)]
            self._launchers[key] = launcher
        if cuda_streams.any_capture():
            with target.gpus[index], driver().relaxed():  # it may have to load the kernel
                launcher(*arguments)
        else:
            with target.gpus[index]:
                launcher(*arguments)

    def _wait(self, index, stream):
        try:
            driver().wait_for_stream(index, stream)
        except AcceleratorError as error:
            raise AcceleratorError(f"{self.function.__qualname__}: {error}") from None


#: Configured launches that a kernel keeps.
_MOST_LAUNCHERS = 256


def device_of(arguments):
    """The index of the device on which the first array of a launch lies."""
    for argument in arguments:
        if argument.__class__ is tuple:
            if argument and hasattr(argument[0], "device_index"):
                return argument[0].device_index
        else:
            index = getattr(argument, "device_index", None)
            if index is not None:
                return index
    return cuda_streams.current_device()


# Specialisations ----------------------------------------------------------------------------------


@cache
def specialise(factory, *key):
    """The kernel that `factory(*key)` makes; equal keys give the same kernel."""
    if SIMULATED:
        key = tuple(compiled(part) if isinstance(part, FunctionType) else part for part in key)
    return Kernel(factory(*key))
