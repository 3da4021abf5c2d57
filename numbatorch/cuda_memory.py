"""Memory on CUDA devices: a caching allocator for each device, Storage on top of it, and copies."""

import contextlib
import ctypes
import importlib
import sys
import warnings
from functools import cache

import numba
import numpy as np
from numba.np.numpy_support import as_dtype

from . import cuda_streams, memory, shapes
from .array import Array, initialise
from .cuda_allocator import Block, DeviceAllocator, PinnedAllocator, PinnedBlock
from .formulas import conversion
from .shapes import Size

# Devices ----------------------------------------------------------------------------------------


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
        return cuda_streams.current_device()
    if index >= current.device_count():
        raise RuntimeError(
            "CUDA error: invalid device ordinal: there is no device "
            f"cuda:{index}, the count of devices is {current.device_count()}"
        )
    return index


@cache
def allocator(index):
    """The allocator of the device `index`."""
    return DeviceAllocator(index, target().driver(), exact=target().SIMULATED)


@cache
def _pinned_allocator():
    return PinnedAllocator(target().driver())


def pinned(nbytes, index):
    """A PinnedBlock of at least `nbytes`."""
    return _pinned_allocator().take(nbytes, index)


# Storage ----------------------------------------------------------------------------------------


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
        storage._block = _block_of_others(address, nbytes, index)
        storage._allocator, storage._owner = None, owner
        storage.device_index, storage.nbytes, storage.version = index, nbytes, 0
        return storage

    def __del__(self):
        if self._block is None or self._allocator is None or sys.is_finalizing():
            return  # at the end of Python the modules of the allocator may be gone
        self._allocator.give_back(self._block)

    __call__ = memory.handle_of

    @property
    def address(self):
        """Where the bytes lie on the device."""
        return self._block.address

    def typed(self, element):
        """All of the memory as a device array of elements of a Numba type."""
        block = self._block
        view = block.views.get(element)
        if view is None:
            whole = target().array_at(block.address, block.size, block.index)
            view = block.views[element] = whole.view(as_dtype(element))
            view.device_index = block.index
        return view

    def record_stream(self, stream):
        """Say that work on another stream uses this memory, which is kept until that is done."""
        if stream != self._block.stream:
            self._block.users.add(stream)

    def copy_from_host(self, host, offset=0):
        """Write `host`, a uint8 NumPy array, from byte `offset` on, on the current stream.

        What is captured is read again at each replay: from a copy that lives as long as the graph.
        """
        capture = cuda_streams.capture_on(self.device_index)
        if capture is not None:
            pinned_ = pinned(host.size, self.device_index)
            ctypes.memmove(pinned_.address, host.ctypes.data, host.size)
            capture.kept.append(pinned_)
            self.upload(pinned_.address, host.size, offset)
        elif host.size:
            self.upload(host.ctypes.data, host.size, offset)

    def copy_to_host(self, host, offset=0):
        """Read into `host`, a uint8 NumPy array, from byte `offset` on, and wait until it is there."""
        if host.size:
            note_synchronization()
            self.download(host.ctypes.data, host.size, offset)
            index = self.device_index
            target().driver().wait_for_stream(index, cuda_streams.current(index))

    def upload(self, host_address, nbytes, offset=0):
        """Queue a copy from host memory."""
        index = self.device_index
        target().driver().upload(
            index, self.address + offset, host_address, nbytes, cuda_streams.current(index)
        )

    def download(self, host_address, nbytes, offset=0):
        """Queue a copy to host memory."""
        index = self.device_index
        target().driver().download(
            index, host_address, self.address + offset, nbytes, cuda_streams.current(index)
        )

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


def _block_of_others(address, nbytes, index):
    return Block(address, nbytes, index, cuda_streams.current(index), None)


def wait_for_work(array):
    """Let the host wait for all that is queued for the device that an Array lies on."""
    target().driver().synchronize(array.storage.device_index)


_streams_apart = {}


@contextlib.contextmanager
def apart(index):
    """Context manager: no capture notes what is done inside, and it is done when this ends."""
    stream = _streams_apart.get(index)
    if stream is None:
        stream = _streams_apart[index] = _driver().new_stream(index, 0)
    before = cuda_streams.current(index)
    cuda_streams.select(index, stream, counted=False)
    try:
        yield
        with _driver().relaxed():
            _driver().wait_for_stream(index, stream)
    finally:
        cuda_streams.select(index, before, counted=False)


def finish_work():
    """Wait for the devices that `apart` was used on; not while a graph is captured."""
    if not cuda_streams.any_capture():
        for index in _streams_apart:
            _driver().synchronize(index)


def join_streams():
    """Let the current stream of every device wait for those that were ever used beside it."""
    for index, streams in cuda_streams.used.items():
        current = cuda_streams.current(index)
        for stream in {0, *streams} - {current}:
            _order(index, stream, index, current)


# Page-locked host memory ------------------------------------------------------------------------


def pinned_storage(nbytes):
    """Storage in page-locked memory of the host."""
    block = pinned(nbytes, cuda_streams.current_device())
    return memory.Storage.borrow(block.address, nbytes, block)


def is_pinned(storage):
    """Whether host memory is page-locked, by us."""
    return isinstance(storage._owner, PinnedBlock)


# What makes the host wait -----------------------------------------------------------------------

#: 0, 1 or 2: an operation that lets the host wait passes, warns, raises.
sync_debug_mode = 0


def note_synchronization():
    """Warn, or raise RuntimeError, where `torch.cuda.set_sync_debug_mode` asks for it."""
    if sync_debug_mode == 1:
        warnings.warn("called a synchronizing CUDA operation", stacklevel=3)
    elif sync_debug_mode == 2:
        raise RuntimeError("called a synchronizing CUDA operation")


# Copies -----------------------------------------------------------------------------------------


def empty_on(index, shape, dtype):
    """A dense Array of arbitrary contents on the device `index`."""
    storage = CudaStorage(shapes.numel(shape) * dtype.itemsize, index)
    return initialise(Array(), storage, dtype, shape, shapes.contiguous_strides(shape))


def transfer(target, source, non_blocking=False):
    """Copy the values of `source` into `target`: same shape and dtype, another device.

    The host waits, but for `non_blocking` copies from and to page-locked memory.
    """
    if target.strides == source.strides:  # dense in another order of dimensions: all the same
        target, source = _in_memory_order(target), _in_memory_order(source)
    to_device = target.storage.device_type == "cuda"
    from_device = source.storage.device_type == "cuda"
    if to_device and from_device:
        _copy_between_devices(target, source)
    elif to_device:
        _upload(target, source, non_blocking)
    else:
        _download(target, source, non_blocking)


def _in_memory_order(x):
    """The same elements, with the dimensions in the order in which they lie in memory."""
    shape, (strides,) = shapes.in_memory_order(x.shape, [x.strides])
    return initialise(Array(), x.storage, x.dtype, Size(shape), strides, x.offset)


def _nbytes(x):
    return shapes.numel(x.shape) * x.dtype.itemsize


def _start(x):
    """Where an Array begins, in bytes of its storage."""
    return x.offset * x.dtype.itemsize


def _upload(target, source, non_blocking):
    index, nbytes = target.storage.device_index, _nbytes(target)
    if nbytes == 0:
        return
    staged = target if target.contiguous_layout else empty_on(index, target.shape, target.dtype)
    if non_blocking and source.contiguous_layout and is_pinned(source.storage):
        staged.storage.upload(source.address, nbytes, _start(staged))
        source.storage._owner.used_on(index, cuda_streams.current(index))
    else:
        dense = np.ascontiguousarray(source.as_numpy())
        staged.storage.copy_from_host(dense.reshape(-1).view(np.uint8), _start(staged))
        if not non_blocking and cuda_streams.capture_on(index) is None:
            _wait(index)
    if staged is not target:
        _copy_on_device(target, staged)


def _wait(index):
    note_synchronization()
    target().driver().wait_for_stream(index, cuda_streams.current(index))


def _download(target, source, non_blocking):
    index, nbytes = source.storage.device_index, _nbytes(source)
    if nbytes == 0:
        return
    source = _dense(source)
    if target.contiguous_layout and is_pinned(target.storage):
        source.storage.download(target.address, nbytes, _start(source))
        target.storage._owner.used_on(index, cuda_streams.current(index))
        if not non_blocking:
            _wait(index)
        return
    host = np.empty(nbytes, np.uint8)
    source.storage.copy_to_host(host, _start(source))
    target.as_numpy()[...] = host.view(target.dtype.numpy).reshape(target.shape)


def _copy_between_devices(target, source):
    """On the source's stream, behind what the target's has to do; the target's stream waits."""
    from_, to = source.storage.device_index, target.storage.device_index
    source = _dense(source)
    staged = target if target.contiguous_layout else empty_on(to, target.shape, target.dtype)
    streams = cuda_streams.current(from_), cuda_streams.current(to)
    _order(to, streams[1], from_, streams[0])
    _driver().copy_to_peer(
        to, staged.storage.address + _start(staged), from_,
        source.storage.address + _start(source), _nbytes(source), streams[0],
    )  # fmt: skip
    _order(from_, streams[0], to, streams[1])
    if staged is not target:
        _copy_on_device(target, staged)


def _driver():
    return target().driver()


def _order(first_index, first, index, stream):
    """Let a stream wait for what another one, of whichever device, has to do now."""
    event = _driver().new_event(first_index, False)
    _driver().record(first_index, event, first)
    _driver().let_wait(index, stream, event)
    _driver().destroy_event(first_index, event)


def _dense(source):
    if source.contiguous_layout:
        return source
    dense = empty_on(source.storage.device_index, source.shape, source.dtype)
    _copy_on_device(dense, source)
    return dense


def _copy_on_device(target, source):
    kernels = importlib.import_module(".cuda_kernels.elementwise", __package__)
    kernels.apply(conversion.identity, target, source)
