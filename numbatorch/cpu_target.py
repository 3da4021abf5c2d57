"""The only place that compiles for the CPU: kernels, their specialisations, and how they are launched.

Every native kernel has one signature, `kernel(begin, end, arguments)`: it does the items
[begin, end) of its work range and reads what it needs from `arguments`, the address of a block of
8-byte slots. One signature means that any kernel can be split over threads by one launcher that is
compiled once, and that a recorded list of calls can be replayed from native code.
"""

import itertools
import os
import secrets
import struct
import warnings
from functools import cache, partial

import numba
from numba import types
from numba.core.bytecode import FunctionIdentity
from numba.core.errors import NumbaWarning

from . import (
    changes,
    config,
    cpu_builtins,
    kernel_cache,
    machine_code,
    native_state,
    recording,
    thread_pool,
)

SIGNATURE = types.void(types.int64, types.int64, types.int64)

#: The addresses of kernels that were handed out.
pointers = set()

#: LLVM may fuse a multiply and an add; it may not assume that there are no NaNs or infinities.
DEFAULT_FLAGS = frozenset({"contract"})


def _number_functions():
    """Start Numba's numbers of functions at a random one.

    They alone tell the symbols of two kernels from one factory apart, also where two processes
    compiled them and a third one loads both from the disk cache.
    """
    FunctionIdentity._unique_ids = itertools.count(secrets.randbits(60))


_number_functions()


class Kernel:
    """One specialisation of a kernel: compiled at its first call, or loaded from the disk cache."""

    __slots__ = ("function", "flags", "_pointer")

    def __init__(self, function, flags):
        self.function = function
        self.flags = flags
        self._pointer = None

    def __repr__(self):
        return f"<Kernel {self.function.__qualname__}>"

    def __call__(self, items, grain, *integers, reals=()):
        """Do `items` work items, at least `grain` of them a thread; the rest fills the slots.

        `real(arguments, i)` in the kernel counts on after the integers.
        """
        pointer = self._pointer or self.pointer
        if recording.recorder is not None:
            recording.recorder.launch(self, items, grain, integers, reals)
        if _threads == 1 or items < 2 * grain:
            cpu_builtins.launch(pointer, 0, items, integers, reals, items * 16 > grain)
        else:
            chunks, launcher = min(_threads, items // grain), parallel_launcher().pointer
            cpu_builtins.launch(launcher, chunks, items, (pointer, *integers), reals, 1)

    @property
    def is_compiled(self):
        """Whether it has been compiled, or loaded, in this process."""
        return self._pointer is not None

    @property
    def pointer(self):
        """The address of the compiled function, in Numba's calling convention."""
        if self._pointer is None:
            compiled = partial(_compiled, self.function, self.flags)
            key = self.function, self._cache_flags, SIGNATURE
            self._pointer = machine_code.address_of(*key, compiled)
            pointers.add(self._pointer)
        return self._pointer

    @property
    def machine_code(self):
        """Its MachineCode, or None where that is not in the disk cache."""
        self.pointer  # noqa: B018  is compiled when it is asked for
        file = kernel_cache.path(self.function, self._cache_flags, SIGNATURE)
        return machine_code.kept(file)

    @property
    def _cache_flags(self):
        return repr([("fastmath", sorted(self.flags))])


class BoundKernel:
    """A launch of which all is known but where its arrays lie.

    Calling it with CPU arrays puts the address of array i in slot `places[i]` of `slots`; an array
    that the kernel does not look at has no place (-1).
    """

    __slots__ = ("kernel", "items", "grain", "slots", "places")

    def __init__(self, kernel, items, grain, slots, places):
        self.kernel = kernel
        self.items = items
        self.grain = grain
        self.slots = tuple(slots)
        self.places = places

    def __call__(self, *arrays):
        if self.items:
            slots = list(self.slots)
            for place, x in zip(self.places, arrays):
                if place >= 0:
                    slots[place] = x.address
            self.kernel(self.items, self.grain, *slots)


def real_slots(*reals):
    """Real numbers as they lie in argument slots: the bits of float64s as integers."""
    return struct.unpack(f"{len(reals)}q", struct.pack(f"{len(reals)}d", *reals))


def _compiled(function, flags):
    """(Numba's library, the symbol) of a kernel, without the wrapper that Python would call."""
    dispatcher = numba.njit(
        function, error_model="numpy", nogil=True, fastmath=set(flags), no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumbaWarning)
        dispatcher.compile(SIGNATURE)
    result = dispatcher.overloads[SIGNATURE.args]
    return result.library, result.fndesc.llvm_func_name


@cache
def contracted(formula):
    """A formula that keeps DEFAULT_FLAGS within itself, in a kernel that has no flags."""

    def with_flags(*values):
        return formula(*values)

    options = {"error_model": "numpy", "forceinline": True}
    return numba.njit(with_flags, fastmath=set(DEFAULT_FLAGS), **options)


@cache
def specialise(factory, *key, flags=DEFAULT_FLAGS):
    """The kernel that `factory(*key)` makes; equal keys give the same kernel."""
    return Kernel(factory(*key), flags)


# Threads ----------------------------------------------------------------------------------------


@cache
def parallel_launcher():
    """The kernel that splits the items of another one over threads, compiled."""
    launcher = Kernel(thread_pool.launch_in_chunks(), frozenset())
    thread_pool.start(_threads - 1)
    native_state.words[native_state.LAUNCHER] = launcher.pointer
    return launcher


_threads = native_state.words[native_state.THREADS] = config.initial_thread_count()


def get_num_threads():
    """Threads that a parallel kernel uses."""
    return _threads


def set_num_threads(count):
    """Set the threads that a parallel kernel uses; results do not depend on it."""
    global _threads
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"set_num_threads expects an int, but got {type(count).__name__}")
    if count <= 0:
        raise RuntimeError("set_num_threads expects a positive integer")
    _threads = min(count, numba.config.NUMBA_NUM_THREADS)
    native_state.words[native_state.THREADS] = _threads
    native_state.defaults_changed()  # launches are split otherwise
    if native_state.words[native_state.LAUNCHER]:
        thread_pool.start(_threads - 1)
    changes.note()


def _start_child():
    global _threads
    changes.note()
    thread_pool.forget()
    _threads = native_state.words[native_state.THREADS] = 1  # the parent has one for each core
    _number_functions()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_child)
