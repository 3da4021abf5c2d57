"""Where tensors lie: a caching allocator of aligned host memory, and Storage on top of it."""

import ctypes

import numpy as np

from . import config

ALIGNMENT = 64


class Allocator:
    """Freed blocks are kept by size and handed out again: a fresh large block costs page faults."""

    def __init__(self, limit=config.CACHED_BYTES_LIMIT):
        self._free = {}
        self.limit = limit
        self.cached_bytes = 0
        self.allocated_bytes = 0
        self.peak_bytes = 0

    def take(self, nbytes):
        """A block (memory, address, size) of at least `nbytes`, its contents arbitrary."""
        size = self._size_class(nbytes)
        blocks = self._free.get(size)
        if blocks:
            block = blocks.pop()
            self.cached_bytes -= size
        else:
            block = self._fresh(size)
        self.allocated_bytes += size
        if self.allocated_bytes > self.peak_bytes:
            self.peak_bytes = self.allocated_bytes
        return block

    def give_back(self, block):
        size = block[2]
        self.allocated_bytes -= size
        if self.cached_bytes + size <= self.limit:
            self.cached_bytes += size
            blocks = self._free.get(size)
            if blocks is None:
                self._free[size] = [block]
            else:
                blocks.append(block)

    def empty_cache(self):
        """Return all freed blocks to the operating system."""
        self._free.clear()
        self.cached_bytes = 0

    @staticmethod
    def _size_class(nbytes):
        size = (nbytes + 63) & ~63 or 64
        if size <= 1024:
            return size
        step = 1 << (size.bit_length() - 4)  # at most an eighth is wasted
        return (size + step - 1) & -step

    @staticmethod
    def _fresh(size):
        try:
            memory = np.empty(size + ALIGNMENT, np.uint8)
        except MemoryError:
            raise RuntimeError(
                f"[enforce fail at alloc_cpu] not enough memory: you tried to allocate {size} bytes"
            ) from None
        address = memory.ctypes.data
        return memory, (address + ALIGNMENT - 1) & -ALIGNMENT, size


allocator = Allocator()


def handle_of(storage):
    """What `tensor.storage()` is in PyTorch: here `tensor.storage` is the memory itself."""
    from .serialization.storages import StorageOfTensor

    return StorageOfTensor(storage)


class Storage:
    """A run of bytes in host memory that tensors look at; views of one tensor share it.

    `version` counts in-place changes, so that autograd notices a saved tensor that was modified.
    """

    __slots__ = ("address", "nbytes", "version", "_block", "_owner", "__weakref__")

    device_type = "cpu"
    device_index = None

    def __init__(self, nbytes):
        self._block = None  # where there is no memory, there is nothing to give back
        self._block = block = allocator.take(nbytes)
        self.address = block[1]
        self.nbytes = nbytes
        self.version = 0
        self._owner = None

    @classmethod
    def borrow(cls, address, nbytes, owner):
        """Memory that belongs to `owner` (a NumPy array, say), which is kept alive."""
        storage = cls.__new__(cls)
        storage._block = None
        storage.address = address
        storage.nbytes = nbytes
        storage.version = 0
        storage._owner = owner
        return storage

    def __del__(self):
        if self._block is not None:
            allocator.give_back(self._block)

    __call__ = handle_of

    @property
    def __array_interface__(self):
        """The bytes; a NumPy array made from them keeps this storage alive."""
        return {
            "version": 3,
            "shape": (self.nbytes,),
            "typestr": "|u1",
            "data": (self.address, False),
        }

    def resize(self, nbytes):
        """Grow or shrink, keeping the bytes that fit; tensors that look at it see the new memory."""
        if self._owner is not None:
            raise RuntimeError("Trying to resize storage that is not resizable")
        block = allocator.take(nbytes)
        ctypes.memmove(block[1], self.address, min(nbytes, self.nbytes))
        allocator.give_back(self._block)
        self._block, self.address, self.nbytes = block, block[1], nbytes
