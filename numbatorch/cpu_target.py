"""The only place that compiles for the CPU: kernels, their specialisations, and how they are launched.

Every native kernel has one signature, `kernel(begin, end, arguments)`: it does the items
[begin, end) of its work range and reads what it needs from `arguments`, the address of a block of
8-byte slots. One signature means that any kernel can be split over threads by one launcher that is
compiled once, and that a recorded list of calls can be replayed from native code.
"""

import ctypes
import itertools
import os
import secrets
import struct
import threading
import warnings
from functools import cache

import numba
from llvmlite import ir
from numba import types
from numba.core.bytecode import FunctionIdentity
from numba.core.errors import NumbaWarning
from numba.extending import intrinsic

from . import config, recording
from .kernel_cache import KernelCache

SIGNATURE = types.void(types.int64, types.int64, types.int64)

#: LLVM may fuse a multiply and an add; it may not assume that there are no NaNs or infinities.
DEFAULT_FLAGS = frozenset({"contract"})

_MOST_SLOTS = 128


def _number_functions():
    """Start Numba's numbers of functions at a random one.

    They alone tell the symbols of two kernels from one factory apart, also where two processes
    compiled them and a third one loads both from the disk cache.
    """
    FunctionIdentity._unique_ids = itertools.count(secrets.randbits(60))


_number_functions()


class _ArgumentBlock(threading.local):
    """Where a thread puts the arguments of the kernel that it is about to call."""

    def __init__(self):
        self.bytes = bytearray(8 * _MOST_SLOTS)
        view = memoryview(self.bytes)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(view))


_block = _ArgumentBlock()


@cache
def _packer(integers, reals):
    return struct.Struct(f"{integers}q{reals}d").pack_into


class Kernel:
    """One specialisation of a kernel: compiled at its first call, or loaded from the disk cache."""

    __slots__ = ("function", "flags", "_dispatcher", "_call", "_pointer")

    def __init__(self, function, flags):
        self.function = function
        self.flags = flags
        self._dispatcher = None
        self._call = self._compile_and_call
        self._pointer = None

    def __repr__(self):
        return f"<Kernel {self.function.__qualname__}>"

    def __call__(self, items, grain, *integers, reals=()):
        """Do `items` work items, at least `grain` of them a thread; the rest fills the slots.

        `real(arguments, i)` in the kernel counts on after the integers.
        """
        block = _block
        _packer(len(integers), len(reals))(block.bytes, 0, *integers, *reals)
        if items < 2 * grain or _threads == 1:
            self._call(0, items, block.address)
        else:
            chunks = min(_threads, items // grain)
            _launch_parallel(self.pointer, items, chunks, block.address)
        if recording.recorder is not None:
            recording.recorder.launch(self, items, grain, integers, reals)

    def _compile_and_call(self, begin, end, arguments):
        self._call = self.dispatcher
        self._call(begin, end, arguments)

    @property
    def dispatcher(self):
        """The compiled Numba function, for callers that are themselves compiled."""
        if self._dispatcher is None:
            self._dispatcher = _compile(self.function, SIGNATURE, fastmath=set(self.flags))
        return self._dispatcher

    @property
    def pointer(self):
        """The address of the compiled function, in Numba's calling convention."""
        if self._pointer is None:
            result = self.dispatcher.overloads[SIGNATURE.args]
            self._pointer = result.library.get_pointer_to_function(result.fndesc.llvm_func_name)
        return self._pointer


def _compile(function, signature, **options):
    dispatcher = numba.njit(function, error_model="numpy", nogil=True, **options)
    if config.CACHE_ENABLED:
        flags = sorted((key, sorted(v) if isinstance(v, set) else v) for key, v in options.items())
        dispatcher._cache = KernelCache(function, repr(flags))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumbaWarning)
        dispatcher.compile(signature)
    dispatcher.disable_compile()
    return dispatcher


@cache
def specialise(factory, *key, flags=DEFAULT_FLAGS):
    """The kernel that `factory(*key)` makes; equal keys give the same kernel."""
    return Kernel(factory(*key), flags)


# Threads ----------------------------------------------------------------------------------------


@intrinsic
def call_kernel(typing_context, pointer, begin, end, arguments):
    """Call a kernel by its address; kernels neither return a value nor raise."""

    def generate(context, builder, signature, values):
        word = ir.IntType(64)
        opaque = ir.IntType(8).as_pointer()
        function_type = ir.FunctionType(
            ir.IntType(32), [opaque.as_pointer(), opaque.as_pointer(), word, word, word]
        )
        function = builder.inttoptr(values[0], function_type.as_pointer())
        result = builder.alloca(opaque)
        exception = builder.alloca(opaque)
        builder.call(function, [result, exception, *values[1:]])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.int64), generate


def _launch_in_chunks(pointer, items, chunks, arguments):
    size = (items + chunks - 1) // chunks
    size = (size + 15) // 16 * 16 if size >= 64 else size
    for chunk in numba.prange(chunks):
        begin = min(chunk * size, items)
        end = min(begin + size, items)
        if begin < end:
            call_kernel(pointer, begin, end, arguments)


def _launch_parallel(pointer, items, chunks, arguments):
    """Compile the parallel launcher at its first use, then stand aside for it."""
    global _launch_parallel
    _launch_parallel = _compile(_launch_in_chunks, types.void(*[types.int64] * 4), parallel=True)
    set_num_threads(_threads)
    _launch_parallel(pointer, items, chunks, arguments)


_threads = config.initial_thread_count()


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
    numba.set_num_threads(_threads)


def _start_child():
    global _threads
    _threads = 1  # the OpenMP pool does not survive a fork
    _number_functions()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_child)
