"""DLPack capsules made and read here: for memory on CUDA and for bfloat16, which NumPy cannot carry.

The structures are those of dlpack.h, version 0; every library that reads DLPack still takes them.
"""

import ctypes
import weakref
from ctypes import pythonapi

from . import dtypes

CPU, CUDA = 1, 2


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_index", ctypes.c_int32),
        ("dimensions", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class _Managed(ctypes.Structure):
    _fields_ = [("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


_Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

_NAME, _TAKEN = b"dltensor", b"used_dltensor"

_new = pythonapi.PyCapsule_New
_new.restype, _new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_pointer_of_dying = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", pythonapi)
)
_is_valid_dying = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_IsValid", pythonapi)
)
_is_valid = pythonapi.PyCapsule_IsValid
_is_valid.argtypes = [ctypes.py_object, ctypes.c_char_p]
_pointer = pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
_rename = pythonapi.PyCapsule_SetName
_rename.argtypes = [ctypes.py_object, ctypes.c_char_p]

# Types --------------------------------------------------------------------------------------------

_SIGNED, _UNSIGNED, _FLOAT, _BFLOAT, _COMPLEX, _BOOL = 0, 1, 2, 4, 5, 6


def _code(dtype):
    if dtype.is_complex:
        return _COMPLEX
    if dtype is dtypes.bfloat16:
        return _BFLOAT
    if dtype.is_floating_point:
        return _FLOAT
    if dtype is dtypes.bool_:
        return _BOOL
    return _SIGNED if dtype.is_signed else _UNSIGNED


_DTYPES = {(_code(dtype), 8 * dtype.itemsize): dtype for dtype in dtypes.ALL}

# Making -------------------------------------------------------------------------------------------

#: Address of a managed tensor -> what it needs alive until its taker calls the deleter.
_exported = {}


@_Deleter
def _forget(address):
    _exported.pop(address, None)


@_Deleter
def _discard(capsule):
    """The capsule dies; where nobody took the tensor, nobody else will."""
    if _is_valid_dying(capsule, _NAME):
        _forget(_pointer_of_dying(capsule, _NAME))


def make(value):
    """A capsule of a tensor, which it keeps alive."""
    rank = len(value.shape)
    shape, strides = (ctypes.c_int64 * rank)(*value.shape), (ctypes.c_int64 * rank)(*value.strides)
    storage, dtype = value.storage, value.dtype
    on_cuda = storage.device_type == "cuda"
    tensor = _Tensor(
        storage.address, CUDA if on_cuda else CPU, storage.device_index or 0, rank, _code(dtype),
        8 * dtype.itemsize, 1, shape, strides, value.offset * dtype.itemsize,
    )  # fmt: skip
    managed = _Managed(tensor, None, ctypes.cast(_forget, ctypes.c_void_p))
    address = ctypes.addressof(managed)
    _exported[address] = managed, shape, strides, storage
    return _new(address, _NAME, ctypes.cast(_discard, ctypes.c_void_p))


# Reading ------------------------------------------------------------------------------------------


class Owner:
    """Keeps a taken tensor alive, and tells its maker when nobody needs it any more."""

    def __init__(self, address, deleter):
        if deleter:
            weakref.finalize(self, _Deleter(deleter), address).atexit = False


def take(capsule):
    """(device type, device index, address, dtype, shape, strides, owner) of a capsule's tensor."""
    if not _is_valid(capsule, _NAME):
        raise RuntimeError(
            "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed "
            "only once, so you might have already constructed a tensor from it once."
        )
    address = _pointer(capsule, _NAME)
    managed = _Managed.from_address(address)
    tensor = managed.tensor
    dtype = _DTYPES.get((tensor.code, tensor.bits)) if tensor.lanes == 1 else None
    if dtype is None:
        raise BufferError(f"Unsupported DLPack type: code {tensor.code}, {tensor.bits} bits")
    shape = tuple(tensor.shape[: tensor.dimensions])
    if tensor.strides:
        strides = tuple(tensor.strides[: tensor.dimensions])
    else:
        strides = None
    _rename(capsule, _TAKEN)
    place = tensor.device_type, tensor.device_index
    owner = Owner(address, managed.deleter)
    return *place, (tensor.data or 0) + tensor.byte_offset, dtype, shape, strides, owner
