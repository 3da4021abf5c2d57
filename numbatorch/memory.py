"""Where tensors lie: Storage, and how much memory there is of it."""

import ctypes

from .host_allocator import HostAllocator


def handle_of(storage):
    """What `tensor.storage()` is in PyTorch: here `tensor.storage` is the memory itself."""
    from .serialization.storages import StorageOfTensor

    return StorageOfTensor(storage)


class Storage:
    """A run of bytes in host memory that tensors look at; views of one tensor share it.

    `version` counts in-place changes, so that autograd notices a saved tensor that was modified.
    `_block` owns the memory; what is borrowed has an `_owner` instead.
    """

    __slots__ = ("address", "nbytes", "version", "_block", "_owner", "__weakref__")

    device_type = "cpu"
    device_index = None

    def __new__(cls, nbytes):
        """Fresh memory of arbitrary contents."""
        return allocator.allocate(nbytes)

    @classmethod
    def borrow(cls, address, nbytes, owner):
        """Memory that belongs to `owner` (a NumPy array, say), which is kept alive."""
        storage = object.__new__(cls)
        storage._block = None
        storage.address = address
        storage.nbytes = nbytes
        storage.version = 0
        storage._owner = owner
        return storage

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
        grown = allocator.allocate(nbytes)
        ctypes.memmove(grown.address, self.address, min(nbytes, self.nbytes))
        self._block, self.address, self.nbytes = grown._block, grown.address, nbytes


allocator = HostAllocator(Storage)


# As torch.cuda reports its memory ---------------------------------------------------------------


def memory_allocated():
    """Bytes of host memory that tensors use."""
    return allocator.allocated_bytes


def max_memory_allocated():
    """The most bytes that tensors used at once, since the last reset."""
    return allocator.peak_bytes


def memory_reserved():
    """Bytes in use, and bytes kept for the next tensors."""
    return allocator.allocated_bytes + allocator.cached_bytes


def reset_peak_memory_stats():
    """Begin anew to look for the peak."""
    allocator.reset_peak()


def memory_stats():
    """What there is to know: bytes in use, at the peak, kept, and the limit of those; allocations."""
    return {
        "allocated_bytes": allocator.allocated_bytes,
        "peak_bytes": allocator.peak_bytes,
        "cached_bytes": allocator.cached_bytes,
        "cached_bytes_limit": allocator.limit,
        "allocations": allocator.allocations,
    }


def set_cached_bytes_limit(nbytes):
    """Keep at most so many bytes of freed memory; NUMBATORCH_CACHED_BYTES sets it from outside."""
    allocator.limit = nbytes
    if allocator.cached_bytes > nbytes:
        empty_cache()


def empty_cache():
    """Return all freed memory to the operating system."""
    allocator.empty_cache()
