"""Tensors and the arrays of other libraries over the same memory: DLPack, __array_interface__."""

import warnings

import numpy as np

from . import dtypes
from .creation import finish, from_numpy, tensor
from .ops.registry import function

_CPU_DEVICE = (1, 0)  # DLPack's kDLCPU


def dlpack_device(value):
    """(device type, index) in DLPack's numbers."""
    if value.storage.device_type == "cpu":
        return _CPU_DEVICE
    return 2, value.storage.device_index


def to_dlpack(value, max_version=None, dl_device=None, copy=None):
    """A DLPack capsule of a tensor in host memory; BufferError where it has no such form."""
    if value.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if value.storage.device_type != "cpu":
        raise BufferError(f"Can't export tensors on {value.device}, use tensor.cpu()")
    if value.dtype is dtypes.bfloat16:
        raise BufferError("Can't export tensors of bfloat16, use tensor.float()")
    if dl_device not in (None, _CPU_DEVICE):
        raise BufferError(f"Can't export a tensor on the CPU to the device {dl_device}")
    return value.as_numpy().__dlpack__(max_version=max_version, copy=copy)


class _Exporter:
    """Hands out a capsule that was made before."""

    def __init__(self, capsule):
        self.capsule = capsule

    def __dlpack__(self, **options):
        return self.capsule

    def __dlpack_device__(self):
        return _CPU_DEVICE


@function(method=False)
def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor over the memory of another library's array (or of a capsule)."""
    source = ext_tensor if hasattr(ext_tensor, "__dlpack__") else _Exporter(ext_tensor)
    if source.__dlpack_device__()[0] != _CPU_DEVICE[0]:
        raise BufferError("Only arrays in host memory can be imported")
    found = from_numpy(np.from_dlpack(source))
    return tensor(found, device=device) if copy or device is not None else found


_warned_of_read_only = False


@function(method=False)
def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """A one-dimensional tensor over the bytes of an object with the buffer protocol."""
    try:
        memory_ = memoryview(buffer).cast("B")
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
    length, size = memory_.nbytes, dtype.itemsize
    if length == 0 or count == 0:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length "
            f"({length} bytes) minus 1"
        )
    left = length - offset
    if count > 0 and count * size > left:
        raise ValueError(
            f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must "
            f"not be greater than actual buffer length ({length} bytes)"
        )
    if count < 0 and left % size:
        raise ValueError(
            f"buffer length ({left} bytes) after offset ({offset} bytes) must be a multiple of "
            f"element size ({size})"
        )
    _warn_of_read_only(memory_)
    count = count if count > 0 else left // size
    found = from_numpy(np.frombuffer(memory_, dtype.numpy, count, offset))
    return finish(found, requires_grad)


def _warn_of_read_only(memory_):
    global _warned_of_read_only
    if memory_.readonly and not _warned_of_read_only:
        _warned_of_read_only = True
        warnings.warn(
            "The given buffer is not writable, and PyTorch does not support non-writable tensors. "
            "This means you can write to the underlying (supposedly non-writable) buffer using "
            "the tensor. You may want to copy the buffer to protect its data or make it writable "
            "before converting it to a tensor. This type of warning will be suppressed for the "
            "rest of this program.",
            stacklevel=3,
        )


def array_interface(value):
    """NumPy's description of a tensor's memory; AttributeError where NumPy cannot see it."""
    if value.requires_grad or value.storage.device_type != "cpu" or value.dtype is dtypes.bfloat16:
        raise AttributeError("__array_interface__")
    return value.as_numpy().__array_interface__
