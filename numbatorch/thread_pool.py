"""Threads that share the chunks of a kernel: whoever is free takes the next one.

The thread that launches a kernel takes chunks like the others, until none is left, and waits only
for those that others have begun. So a thread that gets no core in time, on a busy machine, costs
nothing: its chunks are done by the rest. A worker without work looks out for some for about a
millisecond, so that launches which follow each other closely find it awake, and then sleeps.

The pool is a block of memory at a fixed address, with a cache line for each thing that changes.
"""

import _thread
import ctypes
import threading

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable

from . import cpu_builtins, machine_code
from .cpu_builtins import call_kernel, set_word, word

#: Workers that there can be.
MOST_WORKERS = 255

#: How often a thread looks for work, or for the end of work, before it sleeps: about a millisecond,
#: since to wake it takes a tenth of one.
LOOKS = 20_000

# Words of the pool. The ticket holds the number of the launch, how many chunks it has (16 bits) and
# how many are taken (16 bits): who raises the last by one has taken a chunk of just this launch.
_TICKET, _DONE, _BUSY, _WAITING = 0, 8, 16, 24
_KERNEL, _ITEMS, _ARGUMENTS, _CALLER_LOCK, _WORKERS, _PATIENCE = 32, 33, 34, 35, 36, 37
_FIRST_WORKER, _WORKER_WORDS = 40, 8
# Words of a worker: whether it sleeps, and the lock that wakes it.
_ASLEEP, _LOCK = 0, 1

_WORD = ir.IntType(64)
_SYMBOL = "numbatorch_thread_pool"

PyThread_acquire_lock = types.ExternalFunction(
    "PyThread_acquire_lock", types.int32(types.int64, types.int32)
)
PyThread_release_lock = types.ExternalFunction("PyThread_release_lock", types.void(types.int64))


def _atomic(generate_value):
    """An intrinsic on the word at an address: generate_value(builder, pointer, *others)."""

    def generate(context, builder, signature, values):
        pointer = builder.inttoptr(values[0], _WORD.as_pointer())
        return generate_value(context, builder, pointer, *values[1:])

    return generate


@intrinsic
def load(typing_context, address):
    """The word at `address`, in one order with all other atomic steps."""

    def value(context, builder, pointer):
        return builder.load_atomic(pointer, "seq_cst", 8)

    return types.int64(types.int64), _atomic(value)


@intrinsic
def store(typing_context, address, new):
    """Store a word, in one order with all other atomic steps."""

    def value(context, builder, pointer, new):
        builder.store_atomic(new, pointer, "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), _atomic(value)


@intrinsic
def add(typing_context, address, amount):
    """Add to the word at `address`; what it was before."""

    def value(context, builder, pointer, amount):
        return builder.atomic_rmw("add", pointer, amount, "seq_cst")

    return types.int64(types.int64, types.int64), _atomic(value)


@intrinsic
def replace(typing_context, address, expected, new):
    """Put `new` in place of `expected`; whether that was there."""

    def value(context, builder, pointer, expected, new):
        found = builder.cmpxchg(pointer, expected, new, "seq_cst", "seq_cst")
        return builder.extract_value(found, 1)

    return types.boolean(types.int64, types.int64, types.int64), _atomic(value)


#: How a core is told that it waits: LLVM intrinsic, and its argument where it has one.
_PAUSES = {
    "x86_64": ("llvm.x86.sse2.pause", ()),
    "aarch64": ("llvm.aarch64.hint", (1,)),
    "arm64": ("llvm.aarch64.hint", (1,)),
}


@intrinsic
def pause(typing_context):
    """Let a core rest for a moment between two looks at memory."""
    machine = llvm.get_default_triple().partition("-")[0]

    def generate(context, builder, signature, values):
        if machine in _PAUSES:
            name, arguments = _PAUSES[machine]
            numbers = [ir.Constant(ir.IntType(32), number) for number in arguments]
            kind = ir.FunctionType(ir.VoidType(), [number.type for number in numbers])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, name), numbers)
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def pool_address(typing_context):
    """The address of this process's pool."""

    def generate(context, builder, signature, values):
        module = builder.module
        known = module.globals.get(_SYMBOL) or ir.GlobalVariable(module, _WORD, _SYMBOL)
        return builder.ptrtoint(known, _WORD)

    return types.int64(), generate


# What threads do ------------------------------------------------------------------------------


@register_jitable
def _has_chunks(ticket):
    return (ticket & 0xFFFF) < ((ticket >> 16) & 0xFFFF)


@register_jitable
def _run_chunk(chunk, chunks, kernel, items, arguments):
    size = (items + chunks - 1) // chunks
    if size >= 64:
        size = (size + 15) // 16 * 16
    begin, end = min(chunk * size, items), min(chunk * size + size, items)
    if begin < end:
        call_kernel(kernel, begin, end, arguments)


@register_jitable
def _take_chunks(pool):
    """Do chunks of the launch that is under way until all are taken."""
    while True:
        ticket = load(pool + 8 * _TICKET)
        if not _has_chunks(ticket):
            return
        kernel, items, arguments = word(pool, _KERNEL), word(pool, _ITEMS), word(pool, _ARGUMENTS)
        if replace(pool + 8 * _TICKET, ticket, ticket + 1):
            chunks = (ticket >> 16) & 0xFFFF
            _run_chunk(ticket & 0xFFFF, chunks, kernel, items, arguments)
            if add(pool + 8 * _DONE, 1) + 1 == chunks and replace(pool + 8 * _WAITING, 1, 0):
                PyThread_release_lock(word(pool, _CALLER_LOCK))


def _work(pool, index):
    """What a worker does, for ever."""
    me = pool + 8 * (_FIRST_WORKER + _WORKER_WORDS * index)
    while True:
        _take_chunks(pool)
        looks, patience = 0, word(pool, _PATIENCE)
        while looks < patience and not _has_chunks(load(pool + 8 * _TICKET)):
            looks += 1
            pause()
        if looks >= patience:
            store(me + 8 * _ASLEEP, 1)
            is_needed = _has_chunks(load(pool + 8 * _TICKET))
            if not is_needed or not replace(me + 8 * _ASLEEP, 1, 0):
                PyThread_acquire_lock(word(me, _LOCK), 1)


@register_jitable
def _wait(pool, chunks):
    """Wait for the chunks that others have taken."""
    looks = 0
    while load(pool + 8 * _DONE) < chunks:
        looks += 1
        pause()
        if looks > word(pool, _PATIENCE):
            store(pool + 8 * _WAITING, 1)
            is_done = load(pool + 8 * _DONE) == chunks
            if not is_done or not replace(pool + 8 * _WAITING, 1, 0):
                PyThread_acquire_lock(word(pool, _CALLER_LOCK), 1)


def launch_in_chunks():
    """The kernel that runs another one over `items` work items in `chunks` chunks.

    Slots: the other's pointer, then what its own slots hold. While the pool serves one thread,
    another that launches does all the work itself.
    """

    def parallel_kernel(chunks, items, arguments):
        pool = pool_address()
        kernel = word(arguments, 0)
        if chunks < 2 or not replace(pool + 8 * _BUSY, 0, 1):
            call_kernel(kernel, 0, items, arguments + 8)
            return
        set_word(pool, _KERNEL, kernel)
        set_word(pool, _ITEMS, items)
        set_word(pool, _ARGUMENTS, arguments + 8)
        store(pool + 8 * _DONE, 0)
        number = (load(pool + 8 * _TICKET) >> 32) + 1
        store(pool + 8 * _TICKET, (number << 32) | (chunks << 16))
        for i in range(min(chunks - 1, word(pool, _WORKERS))):
            worker = pool + 8 * (_FIRST_WORKER + _WORKER_WORDS * i)
            if replace(worker + 8 * _ASLEEP, 1, 0):
                PyThread_release_lock(word(worker, _LOCK))
        _take_chunks(pool)
        _wait(pool, chunks)
        store(pool + 8 * _BUSY, 0)

    return parallel_kernel


# The pool of this process ----------------------------------------------------------------------

_words = (ctypes.c_int64 * (_FIRST_WORKER + _WORKER_WORDS * (MOST_WORKERS + 1)))()
_address = (ctypes.addressof(_words) + 63) & ~63
_pool = (ctypes.c_int64 * (_FIRST_WORKER + _WORKER_WORDS * MOST_WORKERS)).from_address(_address)
machine_code.keep_forever(_words)
llvm.add_symbol(_SYMBOL, _address)

_starting = threading.Lock()
_new_lock = ctypes.pythonapi.PyThread_allocate_lock
_new_lock.restype = ctypes.c_void_p


def _locked():
    """A lock that is taken: who takes it again sleeps until another thread releases it."""
    lock = _new_lock()
    ctypes.pythonapi.PyThread_acquire_lock(ctypes.c_void_p(lock), 1)
    return lock


def start(workers):
    """See to it that there are so many workers."""
    with _starting:
        if not _pool[_CALLER_LOCK]:
            _pool[_CALLER_LOCK], _pool[_PATIENCE] = _locked(), LOOKS
        while _pool[_WORKERS] < min(workers, MOST_WORKERS):
            index = _pool[_WORKERS]
            _pool[_FIRST_WORKER + _WORKER_WORDS * index + _LOCK] = _locked()
            signature = types.void(types.int64, types.int64)
            address = cpu_builtins.compile_callback(_work, signature)
            work = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)(address)
            _thread.start_new_thread(work, (_address, index))
            _pool[_WORKERS] = index + 1


def forget():
    """Begin anew in a forked process, which has none of the workers."""
    global _starting
    _starting = threading.Lock()
    ctypes.memset(_address, 0, ctypes.sizeof(_pool))
