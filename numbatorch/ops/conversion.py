"""Tensor.to and its short forms: another dtype, another device."""

from .. import devices, dtypes, graph
from ..cuda_memory import is_available as cuda_is_available
from .casting import cast, to_device
from .copying import clone
from .registry import also_called, function, method
from .scalars import is_number


@method
def to(self, *args, **kwargs):
    """This tensor in another dtype, on another device, or like another tensor; itself where it is so.

    `to(dtype)`, `to(device, dtype)`, `to(other)`, with `non_blocking`, `copy` and `memory_format`.
    """
    place, dtype, non_blocking, copy = _target(args, kwargs)
    result = self
    if place is not None:
        result = to_device(result, place, non_blocking)
    if dtype is not None:
        result = cast(result, dtype)
    return clone(result) if copy and result is self else result


def _target(args, kwargs):
    """(device or None, dtype or None, non_blocking, whether to copy) from the arguments of `to`."""
    known = {"device", "dtype", "other", "non_blocking", "copy", "memory_format"}
    for name in kwargs:
        if name not in known:
            raise TypeError(f"to() got an unexpected keyword argument '{name}'")
    place, dtype = kwargs.get("device"), dtypes.of_argument("to", kwargs.get("dtype"))
    rest = list(args)
    if rest and isinstance(rest[0], type):
        rest[0] = dtypes.of_argument("to", rest[0])
    first = rest.pop(0) if rest else kwargs.get("other")
    if isinstance(first, graph.Value):
        place, dtype = devices.of(first), first.dtype
    elif isinstance(first, dtypes.dtype):
        dtype = first
    elif isinstance(first, str | int | devices.device) and not isinstance(first, bool):
        place = first
        if rest and (rest[0] is None or isinstance(rest[0], dtypes.dtype)):
            dtype = rest.pop(0) or dtype
    elif isinstance(first, bool | float | complex):  # a number stands for a tensor of its own
        dtype = {bool: dtypes.bool_, complex: dtypes.complex128}.get(type(first), dtypes.float64)
    elif first is None and rest and isinstance(rest[0], dtypes.dtype):
        dtype = rest.pop(0)
    elif first is not None:
        raise TypeError(
            "to() received an invalid combination of arguments: expected a dtype, a device or a "
            f"Tensor first, but got {first.__class__.__name__}"
        )
    non_blocking = kwargs.get("non_blocking", rest[0] if rest else False)
    copy = kwargs.get("copy", rest[1] if len(rest) > 1 else False)
    return None if place is None else devices.resolve(place), dtype, non_blocking, copy


def _declare_short_form(name, dtype):
    def short_form(self, memory_format=None):
        return cast(self, dtype)

    short_form.__doc__ = f"This tensor in {dtype!r}."
    method(short_form, name=name)


for _name, _dtype in {
    "half": dtypes.float16, "bfloat16": dtypes.bfloat16, "float": dtypes.float32,
    "double": dtypes.float64, "byte": dtypes.uint8, "char": dtypes.int8, "short": dtypes.int16,
    "int": dtypes.int32, "long": dtypes.int64, "bool": dtypes.bool_, "cfloat": dtypes.complex64,
    "cdouble": dtypes.complex128,
}.items():  # fmt: skip
    _declare_short_form(_name, _dtype)


@method
def cpu(self, memory_format=None):
    """This tensor in host memory."""
    return to_device(self, devices.CPU)


@method
def cuda(self, device=None, non_blocking=False, memory_format=None):
    """This tensor on a CUDA device."""
    return to_device(self, devices.resolve("cuda" if device is None else device), non_blocking)


@method
def pin_memory(self, device=None):
    """The values in page-locked memory of the host, which devices read and write by themselves."""
    if self.storage.device_type != "cpu":
        raise RuntimeError(
            f"cannot pin '{graph.type_name(self)}' only dense CPU tensors can be pinned"
        )
    if devices.is_page_locked(self):
        return self
    if not cuda_is_available():
        raise RuntimeError("Cannot access accelerator device when none is available.")
    result = devices.page_locked(graph.blank(), self.shape, self.dtype)
    result.as_numpy()[...] = self.detach().as_numpy()
    return result


@method
def is_pinned(self, device=None):
    """Whether this tensor lies in page-locked memory of the host."""
    return devices.is_page_locked(self)


@method(name="type")
def type_(self, dtype=None, non_blocking=False):
    """The name of this tensor's type, or this tensor in another one: a dtype, a name or a class."""
    if dtype is None:
        return f"torch.{graph.type_name(self)}"
    if isinstance(dtype, dtypes.dtype):
        return cast(self, dtype)
    name = dtype if isinstance(dtype, str) else f"{dtype.__module__}.{dtype.__name__}"
    wanted = name.split(".")[-1]
    if name == "torch.Tensor":
        return cast(self, dtypes.get_default_dtype())
    for key, typed in graph.TYPE_NAMES.items():
        if typed == wanted:
            place = "cuda" if ".cuda." in name else "cpu"
            moved = to_device(self, devices.resolve(place))
            return cast(moved, getattr(dtypes, "bool_" if key == "bool" else key))
    raise ValueError(f"invalid type: '{name}'")


@method
def type_as(self, other):
    """This tensor in the dtype, and on the device, of another."""
    return cast(to_device(self, devices.of(other)), other.dtype)


@function(method=False)
@also_called(scalar="other", scalar1="tensor", scalar2="other")
def result_type(tensor, other):
    """The dtype of an arithmetic operation on two tensors or numbers."""
    return dtypes.result_type([_operand(tensor), _operand(other)])


def _operand(x):
    if isinstance(x, graph.Value):
        return x.dtype, 2 if x.shape else 1
    if is_number(x):
        return dtypes.of_scalar(x), 0
    raise TypeError(f"result_type(): a Tensor or a number is expected, not {x.__class__.__name__}")


@function(method=False)
def can_cast(from_, to):
    """Whether PyTorch casts `from_` to `to` implicitly, in writing a result."""
    return dtypes.can_cast(from_, to)
