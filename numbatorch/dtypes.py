"""Element types and PyTorch's promotion rules.

A dtype has a storage form (what lies in memory) and a compute form (what kernels calculate in).
They differ for float16 and bfloat16, which lie in memory as 16 bits and are computed in float32.
"""

import ml_dtypes
import numpy as np
from numba import types

from . import changes, native_state


class dtype:
    """An element type, as `torch.dtype`. The instances in this module are the only ones."""

    __slots__ = (
        "name", "numpy", "numba", "compute", "itemsize", "category", "rank",
        "is_floating_point", "is_complex", "is_signed", "is_half", "is_storage_only", "index",
    )  # fmt: skip

    def __init__(self, index, name, numpy_type, storage, compute, category, rank):
        self.index = index  # its place in ALL
        self.name = name
        self.numpy = np.dtype(numpy_type)
        self.numba = storage
        self.compute = compute
        self.itemsize = self.numpy.itemsize
        self.category = category
        self.rank = rank
        self.is_floating_point = category == FLOATING
        self.is_complex = category == COMPLEX
        self.is_signed = name != "bool" and not name.startswith("uint")
        self.is_storage_only = name in ("uint16", "uint32", "uint64")
        self.is_half = name in ("float16", "bfloat16")

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return "bool_" if self.name == "bool" else self.name  # a global of this module

    @property
    def digits(self):
        """How many binary digits a number of a floating-point dtype holds."""
        return {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}[self.name]

    @property
    def count_of_integers(self):
        """How many integers `random_()` draws from: those from 0 on that the dtype holds exactly."""
        if self.is_floating_point:
            return (1 << self.digits) + 1
        return 2 if self.category == BOOLEAN else int(np.iinfo(self.numpy).max) + 1

    def rounded(self, number):
        """`number` as an element of a floating-point dtype holds it."""
        single = np.float32(number) if self.is_half else number
        return float(np.asarray(single).astype(self.numpy))

    def to_complex(self):
        if self.is_storage_only:
            raise RuntimeError(f"Unknown Complex ScalarType for {self.name}")
        return _COMPLEX_OF.get(self.name, complex64)

    def to_real(self):
        return _REAL_OF.get(self.name, self)


BOOLEAN, INTEGRAL, FLOATING, COMPLEX = range(4)


uint8 = dtype(0, "uint8", np.uint8, types.uint8, types.uint8, INTEGRAL, 1)
int8 = dtype(1, "int8", np.int8, types.int8, types.int8, INTEGRAL, 1)
int16 = dtype(2, "int16", np.int16, types.int16, types.int16, INTEGRAL, 2)
int32 = dtype(3, "int32", np.int32, types.int32, types.int32, INTEGRAL, 3)
int64 = dtype(4, "int64", np.int64, types.int64, types.int64, INTEGRAL, 4)
float16 = dtype(5, "float16", np.float16, types.uint16, types.float32, FLOATING, 1)
float32 = dtype(6, "float32", np.float32, types.float32, types.float32, FLOATING, 2)
float64 = dtype(7, "float64", np.float64, types.float64, types.float64, FLOATING, 3)
complex64 = dtype(8, "complex64", np.complex64, types.complex64, types.complex64, COMPLEX, 2)
complex128 = dtype(9, "complex128", np.complex128, types.complex128, types.complex128, COMPLEX, 3)
bool_ = dtype(10, "bool", np.bool_, types.uint8, types.boolean, BOOLEAN, 0)
bfloat16 = dtype(11, "bfloat16", ml_dtypes.bfloat16, types.uint16, types.float32, FLOATING, 1)
# As in PyTorch, little more can be done with these than to keep and to convert them.
uint16 = dtype(12, "uint16", np.uint16, types.uint16, types.uint16, INTEGRAL, 2)
uint32 = dtype(13, "uint32", np.uint32, types.uint32, types.uint32, INTEGRAL, 3)
uint64 = dtype(14, "uint64", np.uint64, types.uint64, types.uint64, INTEGRAL, 4)

ALL = (
    uint8, int8, int16, int32, int64, float16, float32, float64, complex64, complex128, bool_,
    bfloat16, uint16, uint32, uint64,
)  # fmt: skip

#: PyTorch's other names for them.
ALIASES = {
    "half": float16, "float": float32, "double": float64, "cfloat": complex64,
    "cdouble": complex128, "short": int16, "int": int32, "long": int64,
}  # fmt: skip

_COMPLEX_OF = {"float64": complex128, "complex64": complex64, "complex128": complex128}
_REAL_OF = {"complex64": float32, "complex128": float64}
_FROM_NUMPY = {d.numpy: d for d in ALL}

_default = float32


def get_default_dtype():
    """The dtype of floating-point tensors made from Python numbers."""
    return _default


def set_default_dtype(d, /):
    """Set the dtype of floating-point tensors made from Python numbers."""
    global _default
    if not (isinstance(d, dtype) and d.is_floating_point):
        raise TypeError("only floating-point types are supported as the default type")
    _default = d
    native_state.defaults_changed()
    changes.note()


def from_numpy(numpy_dtype):
    """The dtype of a NumPy array's elements; a TypeError names those that have none."""
    try:
        return _FROM_NUMPY[np.dtype(numpy_dtype)]
    except KeyError:
        raise TypeError(
            f"can't convert np.ndarray of type {numpy_dtype}. The only supported types are: "
            "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, "
            "uint64, uint32, uint16, uint8, and bool."
        ) from None


def of_scalar(value):
    """The dtype that a Python number has on its own: bool, int64, the default, or its complex."""
    if isinstance(value, bool | np.bool_):
        return bool_
    if isinstance(value, int | np.integer):
        return int64
    if isinstance(value, float | np.floating):
        return _default
    if isinstance(value, complex | np.complexfloating):
        return _default.to_complex()
    raise TypeError(f"a number is expected, but got {type(value).__name__}")


def of_argument(function, argument):
    """The dtype meant by the argument `dtype` of a function: a dtype, a Python type, or None."""
    if argument is None or argument.__class__ is dtype:
        return argument
    found = _OF_TYPES.get(argument) if isinstance(argument, type) else None
    if found is None:
        kind = getattr(argument, "__name__", None) or type(argument).__name__
        raise TypeError(f"{function}(): argument 'dtype' must be torch.dtype, not {kind}")
    return found


_OF_TYPES = {bool: bool_, int: int64, float: float64, complex: complex128}


def _promote(a, b):
    if a is b:
        return a
    if a.category < b.category:
        a, b = b, a
    if (a.is_storage_only or b.is_storage_only) and a.category != FLOATING:
        return None
    if a.category == COMPLEX:
        return complex128 if complex128 in (a, b) or b is float64 else complex64
    if a.category != b.category:
        return a
    if a.is_half and b.is_half:
        return float32
    if uint8 in (a, b) and a.rank == b.rank:
        return int16
    return a if a.rank > b.rank else b


_PROMOTION = {(a, b): _promote(a, b) for a in ALL for b in ALL}


def promote_types(type1, type2):
    """The smallest dtype that both can be cast to without changing kind (`torch.promote_types`)."""
    found = _PROMOTION[type1, type2]
    if found is None:
        raise RuntimeError(
            "Promotion for uint16, uint32, uint64 types is not supported, attempted to promote "
            f"{type1.name} and {type2.name}"
        )
    return found


def result_type(operands):
    """The dtype of an operation on `operands`, each a pair (dtype, priority).

    Priority 2 is a tensor with dimensions, 1 a 0-d tensor, 0 a Python number: a lower one decides
    the dtype only where its category (bool, integral, floating, complex) is higher.
    """
    per_priority = [None, None, None]
    for operand, priority in operands:
        known = per_priority[priority]
        per_priority[priority] = operand if known is None else promote_types(known, operand)
    result = None
    for candidate in reversed(per_priority):
        result = candidate if result is None else _yield_to(result, candidate)
    return result


def _yield_to(result, candidate):
    if candidate is None or candidate.category <= result.category:
        return result
    if candidate.category == COMPLEX and result.category == FLOATING:
        return result.to_complex() if result is not float16 else complex64
    return candidate


def can_cast(from_, to):
    """Whether PyTorch lets a result of dtype `from_` be written into a tensor of dtype `to`."""
    if from_.is_complex and not to.is_complex:
        return False
    if from_.is_floating_point and to.category < FLOATING:
        return False
    return not (from_.category > BOOLEAN and to.category == BOOLEAN)


class finfo:
    """Limits of a floating-point dtype (`torch.finfo`)."""

    def __init__(self, type=None):
        type = _default if type is None else type
        if not (type.is_floating_point or type.is_complex):
            raise TypeError(
                f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle {type!r}"
            )
        limits = ml_dtypes.finfo(type.to_real().numpy)
        self.dtype = type.to_real().name
        self.bits = limits.bits
        self.eps, self.max, self.min = float(limits.eps), float(limits.max), float(limits.min)
        self.tiny = self.smallest_normal = float(limits.smallest_normal)
        self.resolution = 10.0**-limits.precision

    def __repr__(self):
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


class iinfo:
    """Limits of an integral dtype (`torch.iinfo`)."""

    def __init__(self, type):
        if type.category != INTEGRAL:
            raise TypeError(
                f"torch.iinfo() requires an integer input type. Use torch.finfo to handle {type!r}"
            )
        limits = np.iinfo(type.numpy)
        self.dtype = type.name
        self.bits, self.max, self.min = limits.bits, int(limits.max), int(limits.min)

    def __repr__(self):
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
