"""The caching allocator of host memory, compiled: a fresh large block costs page faults.

A block lies behind a header, aligned. Free blocks are kept by size class, as linked lists through
their first words, and handed out again. A capsule owns a block that is in use: when the last
reference to it goes, the block returns to its list or, where enough is kept, to the system.
"""

import contextlib
import ctypes
import sys
from functools import cached_property

from numba import types
from numba.extending import register_jitable

from . import config, cpu_builtins, machine_code
from .cpu_builtins import (
    Py_DecRef,
    Py_IncRef,
    PyBytes_AsString,
    PyCapsule_GetPointer,
    PyCapsule_New,
    PyErr_Occurred,
    PyLong_AsLongLong,
    PyLong_FromLongLong,
    PyMem_RawFree,
    PyObject_CallOneArg,
    PyType_GenericAlloc,
    set_word,
    slot_offset,
    word,
)

ALIGNMENT = HEADER = 64

#: Words before a block: what the C allocator gave, the block's size, the allocator's state.
_RAW, _SIZE, _STATE = -3, -2, -1

#: Words of an allocator's state: numbers of bytes, the count of blocks handed out, then its lists.
_LIMIT, _CACHED, _ALLOCATED, _PEAK, _COUNT, _LISTS = range(6)

#: To 1024 bytes, sizes come in steps of 64; beyond, in eight steps to the next power of two.
_SMALL = 16
_CLASSES = _SMALL + 8 * 38
_LARGEST = 1 << 47

#: Blocks that Linux may back with huge pages.
_HUGE = 1 << 22


@register_jitable
def _size_and_class(nbytes):
    """(size of the block for so many bytes, the number of its class)."""
    size = max((nbytes + 63) & ~63, 64)
    if size <= 1024:
        return size, size // 64 - 1
    power, row = 1024, 0  # the largest power of two below or at the size
    while 2 * power <= size:
        power *= 2
        row += 1
    step = power // 8  # at most an eighth is wasted
    size = (size + step - 1) & -step
    return size, _SMALL + 8 * row + (size - power) // step


@register_jitable
def new_storage(table, requested):
    """A Storage over a block of `requested` bytes, a Python int, or 0 after an exception was set.

    `table` is where the words of `HostAllocator.table` lie.
    """
    kind, state, fresh, destructor = word(table, 0), word(table, 1), word(table, 2), word(table, 3)
    none, zero = word(table, 4), word(table, 5)
    nbytes = PyLong_AsLongLong(requested)
    if nbytes > _LARGEST:
        PyObject_CallOneArg(fresh, requested)  # which raises
    if PyErr_Occurred() != 0:
        return 0
    size, number = _size_and_class(nbytes)
    block = word(state, _LISTS + number)
    if block != 0:
        set_word(state, _LISTS + number, word(block, 0))
        set_word(state, _CACHED, word(state, _CACHED) - size)
    else:
        wanted = PyLong_FromLongLong(size)
        found = PyObject_CallOneArg(fresh, wanted)
        Py_DecRef(wanted)
        if found == 0:
            return 0
        block = PyLong_AsLongLong(found)
        Py_DecRef(found)
    allocated = word(state, _ALLOCATED) + size
    set_word(state, _ALLOCATED, allocated)
    set_word(state, _PEAK, max(allocated, word(state, _PEAK)))
    set_word(state, _COUNT, word(state, _COUNT) + 1)
    storage = PyType_GenericAlloc(kind, 0)
    Py_IncRef(requested)
    Py_IncRef(zero)
    Py_IncRef(none)
    set_word(storage + word(table, 6), 0, PyLong_FromLongLong(block))
    set_word(storage + word(table, 7), 0, requested)
    set_word(storage + word(table, 8), 0, zero)
    set_word(storage + word(table, 9), 0, PyCapsule_New(block, 0, destructor))
    set_word(storage + word(table, 10), 0, none)
    return storage


def _allocate(self, arguments, count):
    """allocate(nbytes): a Storage over a block of at least so many bytes of arbitrary contents."""
    return new_storage(PyBytes_AsString(self), word(arguments, 0))


def _give_back(capsule):
    """The destructor of a capsule that owned a block."""
    block = PyCapsule_GetPointer(capsule, 0)
    size, state = word(block, _SIZE), word(block, _STATE)
    set_word(state, _ALLOCATED, word(state, _ALLOCATED) - size)
    kept = word(state, _CACHED) + size
    if kept > word(state, _LIMIT):
        PyMem_RawFree(word(block, _RAW))
    else:
        number = _size_and_class(size)[1]
        set_word(block, 0, word(state, _LISTS + number))
        set_word(state, _LISTS + number, block)
        set_word(state, _CACHED, kept)


def _release(self, arguments, count):
    """release(): return all free blocks to the system."""
    state = word(PyBytes_AsString(self), 0)
    for number in range(_CLASSES):
        block = word(state, _LISTS + number)
        set_word(state, _LISTS + number, 0)
        while block != 0:
            after = word(block, 0)
            PyMem_RawFree(word(block, _RAW))
            block = after
    set_word(state, _CACHED, 0)
    Py_IncRef(self)
    return self


class HostAllocator:
    """Hands out blocks of host memory as objects of the class `storage`."""

    def __init__(self, storage, limit=config.CACHED_BYTES_LIMIT):
        self._state = (ctypes.c_int64 * (_LISTS + _CLASSES))()
        machine_code.keep_forever(self._state)  # blocks refer to it until the process ends
        self._storage = storage
        self.limit = limit

    @property
    def limit(self):
        """How many bytes of free blocks are kept."""
        return self._state[_LIMIT]

    @limit.setter
    def limit(self, nbytes):
        self._state[_LIMIT] = nbytes

    @property
    def cached_bytes(self):
        """Bytes of free blocks that are kept for the next allocation."""
        return self._state[_CACHED]

    @property
    def allocated_bytes(self):
        """Bytes of blocks in use."""
        return self._state[_ALLOCATED]

    @property
    def peak_bytes(self):
        """The most bytes that were in use at once."""
        return self._state[_PEAK]

    @property
    def allocations(self):
        """How many blocks were handed out."""
        return self._state[_COUNT]

    def reset_peak(self):
        """Begin anew to look for the peak."""
        self._state[_PEAK] = self._state[_ALLOCATED]

    def allocate(self, nbytes):
        """A Storage of at least `nbytes` of arbitrary contents."""
        self.allocate = self.compiled
        return self.allocate(nbytes)

    @cached_property
    def compiled(self):
        """The builtin that does the work of `allocate`."""
        return cpu_builtins.make(_allocate, self.table)

    @cached_property
    def table(self):
        """What `new_storage` must know."""
        fresh = self._fresh = self._fresh_block  # kept, for the builtin knows its address alone
        destructor = cpu_builtins.compile_callback(_give_back, types.void(types.int64))
        cls = self._storage
        slots = ("address", "nbytes", "version", "_block", "_owner")
        return (
            id(cls), ctypes.addressof(self._state), id(fresh), destructor, id(None), id(0),
            *[slot_offset(cls, name) for name in slots],
        )  # fmt: skip

    def empty_cache(self):
        """Return all free blocks to the system."""
        cpu_builtins.make(_release, (ctypes.addressof(self._state),))()

    def _fresh_block(self, size):
        """The address of a new block from the system."""
        raw = _malloc(size + HEADER + ALIGNMENT) if size <= _LARGEST else None
        if raw is None:
            self.empty_cache()
            raw = _malloc(size + HEADER + ALIGNMENT) if size <= _LARGEST else None
        if raw is None:
            raise RuntimeError(
                f"[enforce fail at alloc_cpu] not enough memory: you tried to allocate {size} bytes"
            )
        address = (raw + HEADER + ALIGNMENT - 1) & -ALIGNMENT
        header = (ctypes.c_int64 * 3).from_address(address + 8 * _RAW)
        header[:] = raw, size, ctypes.addressof(self._state)
        if size >= _HUGE:
            _advise_huge_pages(address, size)
        return address


_malloc = ctypes.pythonapi.PyMem_RawMalloc
_malloc.restype, _malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]


def _advise_huge_pages(address, size):
    """Let Linux back a block with huge pages: fewer faults, fewer misses of the translation."""
    if sys.platform == "linux":
        page, advice = 4096, 14  # MADV_HUGEPAGE
        start = (address + page - 1) & -page
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).madvise(
                ctypes.c_void_p(start), ctypes.c_size_t((address + size - start) & -page), advice
            )
