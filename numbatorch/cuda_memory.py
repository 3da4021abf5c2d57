"""Memory on CUDA devices: a caching allocator for each device, Storage on top of it, and copies."""

import ctypes
import importlib
from functools import cache

import numba
import numpy as np
from numba.np.numpy_support import as_dtype

from . import memory, shapes
from .array import Array, empty, initialise
from .formulas import conversion

# Devices ----------------------------------------------------------------------------------------


class OutOfMemoryError(RuntimeError):
    """A device has no room for an allocation (`torch.cuda.OutOfMemoryError`)."""


@cache
def _driver_installed():
    try:
        ctypes.CDLL("nvcuda.dll" if hasattr(ctypes, "WinDLL") else "libcuda.so.1")
    except OSError:
        return False
    return True


@cache
def is_available():
    """Whether tensors can lie on a CUDA device; numba.cuda is imported only where there is a driver."""
    return (bool(numba.config.ENABLE_CUDASIM) or _driver_installed()) and _target().is_available()


@cache
def _target():
    return importlib.import_module(".cuda_target", __package__)


def target():
    """The module `cuda_target`; RuntimeError where there is no CUDA device."""
    if not is_available():
        raise RuntimeError(
            "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and "
            "installed a driver from http://www.nvidia.com/Download/index.aspx"
        )
    return _target()


def device_count():
    """How many CUDA devices there are."""
    return _target().device_count() if is_available() else 0


def resolve_index(index):
    """The index of a device, where None means the current one; RuntimeError where it is missing."""
    current = target()
    if index is None:
        return current.current_device()
    if index >= current.device_count():
        raise RuntimeError(
            "CUDA error: invalid device ordinal: there is no device "
            f"cuda:{index}, the count of devices is {current.device_count()}"
        )
    return index


# Allocation -------------------------------------------------------------------------------------


class DeviceAllocator:
    """Keeps the freed blocks of one device, by size, for the next allocation."""

    def __init__(self, index):
        self.index = index
        self._free = {}
        self.cached_bytes = 0
        self.allocated_bytes = 0
        self.peak_bytes = 0
        self.peak_reserved_bytes = 0
        self.allocations = 0

    @property
    def reserved_bytes(self):
        """What the device has given to this process, in use or kept."""
        return self.allocated_bytes + self.cached_bytes

    def take(self, nbytes):
        """A block (memory, address, size, views) of at least `nbytes`, its contents arbitrary."""
        size = self._size_class(nbytes)
        blocks = self._free.get(size)
        if blocks:
            block = blocks.pop()
            self.cached_bytes -= size
        else:
            block = self._fresh(size)
        self.allocations += 1
        self.allocated_bytes += size
        self.peak_bytes = max(self.peak_bytes, self.allocated_bytes)
        self.peak_reserved_bytes = max(self.peak_reserved_bytes, self.reserved_bytes)
        return block

    def give_back(self, block):
        size = block[2]
        self.allocated_bytes -= size
        self.cached_bytes += size
        self._free.setdefault(size, []).append(block)

    def empty_cache(self):
        """Return all freed blocks to the device."""
        self._free.clear()
        self.cached_bytes = 0

    def _size_class(self, nbytes):
        if target().SIMULATED:
            return nbytes  # exact, so that the simulator notices every access outside
        size = (nbytes + 63) & ~63 or 64
        if size <= 1024:
            return size
        step = 1 << (size.bit_length() - 4)  # at most an eighth is wasted
        return (size + step - 1) & -step

    def _fresh(self, size):
        try:
            found = target().allocate(size, self.index)
        except MemoryError:
            self.empty_cache()
            try:
                found = target().allocate(size, self.index)
            except MemoryError:
                raise self._out_of_memory(size) from None
        return found, target().address(found), size, {}

    def _out_of_memory(self, size):
        free, total = target().memory_info(self.index)
        return OutOfMemoryError(
            f"CUDA out of memory. Tried to allocate {_readable(size)}. GPU {self.index} has a "
            f"total capacity of {_readable(total)} of which {_readable(free)} is free. Of the "
            f"allocated memory {_readable(self.allocated_bytes)} is in use by tensors."
        )


def _readable(nbytes):
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if nbytes >= size:
            return f"{nbytes / size:.2f} {unit}"
    return f"{nbytes} bytes"


@cache
def allocator(index):
    """The allocator of the device `index`."""
    return DeviceAllocator(index)


class CudaStorage:
    """A run of bytes on a CUDA device that tensors look at: `memory.Storage` over there."""

    __slots__ = (
        "device_index", "nbytes", "version", "_allocator", "_block", "_owner", "__weakref__",
    )  # fmt: skip

    device_type = "cuda"

    def __init__(self, nbytes, index):
        self._block = None
        self._allocator = allocator(index)
        self._block = self._allocator.take(nbytes)
        self._owner = None
        self.device_index = index
        self.nbytes = nbytes
        self.version = 0

    @classmethod
    def borrow(cls, address, nbytes, index, owner):
        """Memory of the device `index` that belongs to `owner`, which is kept alive."""
        storage = object.__new__(cls)
        storage._block = target().borrowed(address, nbytes, index), address, nbytes, {}
        storage._allocator, storage._owner = None, owner
        storage.device_index, storage.nbytes, storage.version = index, nbytes, 0
        return storage

    def __del__(self):
        if self._block is not None and self._allocator is not None:
            self._allocator.give_back(self._block)

    __call__ = memory.handle_of

    @property
    def address(self):
        """Where the bytes lie on the device."""
        return self._block[1]

    def typed(self, element):
        """All of the memory as a device array of elements of a Numba type."""
        views = self._block[3]
        view = views.get(element)
        if view is None:
            view = views[element] = self._block[0].view(as_dtype(element))
        return view

    def copy_from_host(self, host, offset=0):
        """Write `host`, a uint8 NumPy array, from byte `offset` on."""
        if host.size:
            self._block[0][offset : offset + host.size].copy_to_device(host)

    def copy_to_host(self, host, offset=0):
        """Read into `host`, a uint8 NumPy array, from byte `offset` on."""
        if host.size:
            self._block[0][offset : offset + host.size].copy_to_host(host)

    def resize(self, nbytes):
        """Grow or shrink, keeping the bytes that fit."""
        if self._owner is not None:
            raise RuntimeError("Trying to resize storage that is not resizable")
        kept = np.empty(min(nbytes, self.nbytes), np.uint8)
        self.copy_to_host(kept)
        block = self._allocator.take(nbytes)
        self._allocator.give_back(self._block)
        self._block, self.nbytes = block, nbytes
        self.copy_from_host(kept)


# Copies -----------------------------------------------------------------------------------------


def empty_on(index, shape, dtype):
    """A dense Array of arbitrary contents on the device `index`."""
    storage = CudaStorage(shapes.numel(shape) * dtype.itemsize, index)
    return initialise(Array(), storage, dtype, shape, shapes.contiguous_strides(shape))


def transfer(target, source):
    """Copy the values of `source` into `target`: same shape and dtype, another device."""
    to_device = target.storage.device_type == "cuda"
    from_device = source.storage.device_type == "cuda"
    if to_device and from_device:
        host = empty(source.shape, source.dtype)
        _download(host, source)
        _upload(target, host)
    elif to_device:
        _upload(target, source)
    else:
        _download(target, source)


def _upload(target, source):
    dense = np.ascontiguousarray(source.as_numpy())
    host = dense.reshape(-1).view(np.uint8)
    if target.contiguous_layout:
        target.storage.copy_from_host(host, target.offset * target.dtype.itemsize)
        return
    staged = empty_on(target.storage.device_index, target.shape, target.dtype)
    staged.storage.copy_from_host(host)
    _copy_on_device(target, staged)


def _download(target, source):
    if not source.contiguous_layout:
        dense = empty_on(source.storage.device_index, source.shape, source.dtype)
        _copy_on_device(dense, source)
        source = dense
    host = np.empty(shapes.numel(source.shape) * source.dtype.itemsize, np.uint8)
    source.storage.copy_to_host(host, source.offset * source.dtype.itemsize)
    target.as_numpy()[...] = host.view(target.dtype.numpy).reshape(target.shape)


def _copy_on_device(target, source):
    kernels = importlib.import_module(".cuda_kernels.elementwise", __package__)
    kernels.apply(conversion.identity, target, source)
