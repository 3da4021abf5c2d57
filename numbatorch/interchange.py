"""Tensors and the arrays of other libraries over the same memory.

DLPack, NumPy's `__array_interface__`, and `__cuda_array_interface__` for arrays on a CUDA device.
"""

import warnings

import numpy as np

from . import array, cuda_memory, dlpack_capsules, dtypes, graph, memory
from .creation import finish, from_numpy, over_cuda_memory, tensor
from .ops import registry
from .ops.registry import function

_CPU_DEVICE = (1, 0)  # DLPack's kDLCPU


def dlpack_device(value):
    """(device type, index) in DLPack's numbers."""
    if value.storage.device_type == "cpu":
        return _CPU_DEVICE
    return 2, value.storage.device_index


def to_dlpack(value, max_version=None, dl_device=None, copy=None):
    """A DLPack capsule of a tensor; BufferError where it has no such form."""
    if value.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if dl_device not in (None, dlpack_device(value)):
        raise BufferError(f"Can't export a tensor on {value.device} to the device {dl_device}")
    on_cuda = value.storage.device_type == "cuda"
    if on_cuda or value.dtype is dtypes.bfloat16:
        if on_cuda:
            cuda_memory.wait_for_work(value)  # the taker may use another stream
        return dlpack_capsules.make(registry.FUNCTIONS["clone"](value) if copy else value)
    return value.as_numpy().__dlpack__(max_version=max_version, copy=copy)


@function(method=False)
def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor over the memory of another library's array (or of a capsule)."""
    capsule = ext_tensor.__dlpack__() if hasattr(ext_tensor, "__dlpack__") else ext_tensor
    kind, index, *layout = dlpack_capsules.take(capsule)
    if kind == dlpack_capsules.CUDA:
        found = over_cuda_memory(index, *layout)
    elif kind == dlpack_capsules.CPU:
        found = _over_host(*layout)
    else:
        raise BufferError(f"Arrays on a device of DLPack's type {kind} cannot be imported")
    return tensor(found, device=device) if copy or device is not None else found


def _over_host(address, dtype, shape, strides, owner):
    """A tensor over memory that belongs to `owner`."""

    def borrow(nbytes):
        return memory.Storage.borrow(address, nbytes, owner)

    return array.initialise(graph.blank(), *array.over_memory(borrow, dtype, shape, strides))


# Arrays on a CUDA device --------------------------------------------------------------------------


def cuda_array_interface(value):
    """The description of a tensor on a CUDA device; AttributeError where there is none."""
    if value.storage.device_type != "cuda":
        raise AttributeError(
            f"Can't get __cuda_array_interface__ on non-CUDA tensor type: {value.type()} "
            "If CUDA data is required use tensor.cuda() to copy tensor to device memory."
        )
    if value.requires_grad:
        raise RuntimeError(
            "Can't get __cuda_array_interface__ on Variable that requires grad. "
            "If gradients aren't required, use var.detach() to get Variable that doesn't require grad."
        )
    if value.dtype is dtypes.bfloat16:
        raise AttributeError("__cuda_array_interface__ has no type for bfloat16")
    itemsize = value.dtype.itemsize
    dense = value.contiguous_layout
    return {
        "typestr": value.dtype.numpy.str,
        "shape": tuple(value.shape),
        "strides": None if dense else tuple([step * itemsize for step in value.strides]),
        "data": (value.data_ptr() if value.numel() else 0, False),
        "version": 2,
    }


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
