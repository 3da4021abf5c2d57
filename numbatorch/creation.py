"""Tensors made from numbers, sequences, arrays and sizes."""

import functools
import math
import numbers
import operator

import numpy as np

from . import array, devices, dtypes, graph, shapes
from .cuda_memory import CudaStorage, resolve_index
from .op import copy_values, repeated, scalar_name
from .ops import scalars
from .ops.casting import cast, to_device
from .ops.copying import fresh_full, preserved_strides
from .ops.output import store
from .ops.registry import function, method
from .ops.views import sizes_of


def given(sizes, size):
    """The sizes of a call, given one by one, as a sequence or under the name `size`."""
    if size is not None and not sizes:
        return (size,)
    if not sizes:
        raise TypeError('missing 1 required positional argument: "size"')
    return sizes


def shape_of(sizes):
    """The shape of a new tensor, from sizes given one by one or as a sequence."""
    shape = shapes.Size(sizes_of(sizes, "size"))
    for size in shape:
        if size < 0:
            raise RuntimeError(
                f"Trying to create tensor with negative dimension {size}: {list(shape)}"
            )
    return shape


def finish(value, requires_grad):
    """A new tensor on its way out: it requires gradients if asked."""
    if requires_grad:
        check_can_require_grad(value.dtype)
        value._requires_grad = True
    return value


def check_can_require_grad(dtype):
    """RuntimeError where tensors of `dtype` cannot have gradients."""
    if not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")


# From sizes ---------------------------------------------------------------------------------------


@function(method=False)
@repeated(makes_memory=True)
def empty(
    *sizes, size=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
    pin_memory=False, memory_format=None,
):  # fmt: skip
    """Uninitialised elements."""
    shape = shape_of(given(sizes, size))
    if out is not None:
        return store(_empty(shape, out.dtype, devices.of(out)), out)
    return finish(_empty(shape, dtype, device), requires_grad)


def _empty(shape, dtype, place):
    return graph.allocate(shape, dtype or dtypes.get_default_dtype(), devices.resolve(place))


@function(method=False)
def full(
    size, fill_value, *, out=None, dtype=None, layout=None, device=None, requires_grad=False,
    pin_memory=False,
):  # fmt: skip
    """`fill_value` in every element; its type decides the dtype where none is given."""
    if isinstance(fill_value, graph.Value):
        fill_value = fill_value.item()
    return _full((size,), fill_value, out, dtype, device, requires_grad)


def _full(size, value, out, dtype, place, requires_grad):
    shape = shape_of(size)
    if out is not None:
        return store(fresh_full(shape, value, out.dtype, devices.of(out)), out)
    dtype = dtypes.of_scalar(value) if dtype is None else dtype
    scalars.check_fill(value, dtype)
    return finish(fresh_full(shape, value, dtype, devices.resolve(place)), requires_grad)


@function(method=False)
def zeros(
    *sizes,
    size=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """Zeros."""
    return _full(
        given(sizes, size), 0, out, dtype or dtypes.get_default_dtype(), device, requires_grad
    )


@function(method=False)
def ones(
    *sizes,
    size=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """Ones."""
    return _full(
        given(sizes, size), 1, out, dtype or dtypes.get_default_dtype(), device, requires_grad
    )


def _like(input, place):
    return devices.of(input) if place is None else place


def memory_like(input, dtype, place, memory_format):
    """A fresh value in the form of `input`: dense, with its dimensions in the same order."""
    strides = preserved_strides(input, memory_format)
    place = devices.resolve(_like(input, place))
    return graph.allocate(input.shape, dtype or input.dtype, place, strides)


@function(method=False)
def empty_like(
    input, *, dtype=None, layout=None, device=None, pin_memory=None, requires_grad=False,
    memory_format=None,
):  # fmt: skip
    """Uninitialised elements in the form of `input`."""
    return finish(memory_like(input, dtype, device, memory_format), requires_grad)


@function(method=False)
def zeros_like(
    input, *, dtype=None, layout=None, device=None, pin_memory=None, requires_grad=False,
    memory_format=None,
):  # fmt: skip
    """Zeros in the form of `input`."""
    return full_like(
        input, 0, dtype=dtype, device=device, requires_grad=requires_grad,
        memory_format=memory_format,
    )  # fmt: skip


@function(method=False)
def ones_like(
    input, *, dtype=None, layout=None, device=None, pin_memory=None, requires_grad=False,
    memory_format=None,
):  # fmt: skip
    """Ones in the form of `input`."""
    return full_like(
        input, 1, dtype=dtype, device=device, requires_grad=requires_grad,
        memory_format=memory_format,
    )  # fmt: skip


@function(method=False)
def full_like(
    input, fill_value, *, dtype=None, layout=None, device=None, pin_memory=None, requires_grad=False,
    memory_format=None,
):  # fmt: skip
    """`fill_value` in the form of `input`."""
    result = memory_like(input, dtype, device, memory_format)
    if isinstance(fill_value, graph.Value):
        fill_value = fill_value.item()
    scalars.check_fill(fill_value, result.dtype)
    copy_values(result, scalars.constant(fill_value, result.dtype, devices.of(result)))
    return finish(result, requires_grad)


@method
def new_empty(
    self,
    *sizes,
    size=None,
    dtype=None,
    device=None,
    requires_grad=False,
    layout=None,
    pin_memory=False,
):
    """Uninitialised elements of this tensor's dtype and device."""
    value = _empty(shape_of(given(sizes, size)), dtype or self.dtype, _like(self, device))
    return finish(value, requires_grad)


@method
def new_zeros(
    self,
    *sizes,
    size=None,
    dtype=None,
    device=None,
    requires_grad=False,
    layout=None,
    pin_memory=False,
):
    """Zeros of this tensor's dtype and device."""
    return _full(
        given(sizes, size), 0, None, dtype or self.dtype, _like(self, device), requires_grad
    )


@method
def new_ones(
    self,
    *sizes,
    size=None,
    dtype=None,
    device=None,
    requires_grad=False,
    layout=None,
    pin_memory=False,
):
    """Ones of this tensor's dtype and device."""
    return _full(
        given(sizes, size), 1, None, dtype or self.dtype, _like(self, device), requires_grad
    )


@method
def new_full(
    self, size, fill_value, *, dtype=None, device=None, requires_grad=False, layout=None,
    pin_memory=False,
):  # fmt: skip
    """`fill_value` of this tensor's dtype and device."""
    return _full((size,), fill_value, None, dtype or self.dtype, _like(self, device), requires_grad)


@method
def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False):
    """A tensor from data, of this tensor's dtype and device."""
    return tensor(
        data, dtype=dtype or self.dtype, device=_like(self, device), requires_grad=requires_grad
    )


# From data ------------------------------------------------------------------------------------------


def from_array(ndarray, dtype=None, place=devices.CPU):
    """A tensor with memory of its own from a NumPy array."""
    dtype = dtypes.from_numpy(ndarray.dtype) if dtype is None else dtype
    host = graph.allocate(shapes.Size(ndarray.shape), dtype)
    host.as_numpy()[...] = ndarray
    return to_device(host, place)


def _to_numpy(data, dtype):
    """(array, dtype) of nested sequences of numbers and tensors; `dtype` is the one asked for."""
    if isinstance(data, np.ndarray | np.generic):
        data = np.asarray(data)
        array.check_strides(data)
        return data, dtypes.from_numpy(data.dtype)
    if isinstance(data, numbers.Number):
        return _without_large_integers(np.asarray(data), dtype), dtypes.of_scalar(data)
    kinds = set()
    try:
        found = np.asarray(_plain(data, data, kinds))
    except ValueError as error:
        raise ValueError(f"expected sequences of equal lengths: {error}") from None
    brought = [kind for kind in kinds if isinstance(kind, dtypes.dtype)]
    if not brought:
        found = _without_large_integers(found, dtype)
    if found.dtype == object or found.dtype.kind in "USM":
        raise _not_a_number(data)
    if brought:
        numbers_ = [
            dtypes.of_scalar(kind()) for kind in kinds if kind in (bool, int, float, complex)
        ]
        return found, functools.reduce(dtypes.promote_types, brought + numbers_)
    if found.size == 0:
        return found, dtypes.get_default_dtype()
    of_numbers = {"f": dtypes.get_default_dtype(), "c": dtypes.get_default_dtype().to_complex()}
    return found, of_numbers.get(found.dtype.kind) or dtypes.from_numpy(found.dtype)


def _without_large_integers(found, dtype):
    """An array in which NumPy has ints beyond int64, as uint64 or objects, as float or complex.

    ValueError where neither `dtype` nor another number asks for such.
    """
    kinds = {type(x) for x in found.flat} if found.dtype == object else set()
    if dtype is dtypes.uint64 and found.dtype == np.uint64:
        return found
    if found.dtype != np.uint64 and not (kinds and kinds <= {bool, int, float, complex}):
        return found
    if dtype is dtypes.bool_:
        return found != 0
    if (
        dtype is None
        and kinds.isdisjoint({float, complex})
        or (dtype is not None and dtype.category < dtypes.FLOATING)
    ):
        raise ValueError("Overflow when unpacking long long")
    return found.astype(complex if complex in kinds else float)


def _plain(data, whole, kinds):
    """Nested lists with tensors turned into arrays; `whole` is what they are part of.

    `kinds` gets the dtypes of tensors and arrays in it, and the types of numbers.
    """
    if isinstance(data, list | tuple):
        return [_plain(item, whole, kinds) for item in data]
    if isinstance(data, graph.Value):
        kinds.add(data.dtype)
        return _as_number(data)
    if isinstance(data, np.ndarray | np.generic) and data.dtype.kind not in "OUSM":
        kinds.add(dtypes.from_numpy(data.dtype))
        return data
    if isinstance(data, str | bytes | dict | set) or data is None:
        raise _not_a_number(whole)
    if hasattr(data, "__len__") and hasattr(data, "__getitem__") and not hasattr(data, "__array__"):
        return [_plain(data[i], whole, kinds) for i in range(len(data))]
    kinds.add(type(data))
    return data


def _as_number(value):
    """A tensor of one element, in whatever shape, as the number that it stands for in a sequence."""
    if graph.numel(value) == 1:
        return to_device(value, devices.CPU).as_numpy().reshape(())
    if value.dtype.category <= dtypes.INTEGRAL:
        raise TypeError("only integer tensors of a single element can be converted to an index")
    raise ValueError("only one element tensors can be converted to Python scalars")


def _not_a_number(data):
    first = not isinstance(data, list | tuple)
    while isinstance(data, list | tuple) and data:
        wrong = [x for x in data if not isinstance(x, numbers.Number)]
        first, data = bool(wrong) and wrong[0] is not data[0], (wrong or data)[0]
    if isinstance(data, str):
        if not first:
            return ValueError("too many dimensions 'str'")
        return TypeError(f"new(): invalid data type '{type(data).__name__}'")
    if data is None:
        return RuntimeError("Could not infer dtype of NoneType")
    return RuntimeError(f"Could not infer dtype of {type(data).__name__}")


@function(method=False)
def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A leaf tensor that copies `data` (numbers, sequences, arrays)."""
    place = _resolve(device)
    if not isinstance(data, graph.Value) and _lies_on_cuda(data):
        data = _over_cuda_array(data)
    if isinstance(data, graph.Value):
        value = to_device(
            cast(data.detach(), dtype or data.dtype), place if device else _place(data)
        )
        result = graph.allocate(value.shape, value.dtype, _place(value))
        copy_values(result, value)
        return finish(result, requires_grad)
    found, inferred = _to_numpy(data, dtype)
    if dtype is not None and found.size and not isinstance(data, np.ndarray | np.generic):
        _check_range(found, dtype)
    return finish(
        from_array(_cast_array(found, dtype or inferred), dtype or inferred, place), requires_grad
    )


def _resolve(place):
    return devices.resolve(place)


def _place(value):
    return devices.of(value)


def _cast_array(found, dtype):
    if found.dtype.kind == "c" and not dtype.is_complex:
        return found != 0 if dtype is dtypes.bool_ else found.real
    return found


def _check_range(found, dtype):
    """TypeError or RuntimeError where Python numbers can't be elements of `dtype`."""
    if found.dtype.kind == "c" and dtype.category == dtypes.INTEGRAL:
        raise TypeError("'complex' object cannot be interpreted as an integer")
    if found.dtype.kind == "c" and dtype.is_floating_point:
        raise TypeError("must be real number, not complex")
    if found.dtype.kind in "iuf" and dtype.category == dtypes.INTEGRAL:
        for extreme in (found.min(), found.max()):
            scalars.check_fits(extreme, dtype)


@function(method=False)
def as_tensor(data, dtype=None, device=None):
    """`data` as a tensor, sharing memory where dtype and device allow it."""
    place = None if device is None else _resolve(device)
    if isinstance(data, graph.Value):
        value = data if place is None else to_device(data, place)
        return value if dtype is None else cast(value, dtype)
    if isinstance(data, np.ndarray) or _lies_on_cuda(data):
        value = from_numpy(data) if isinstance(data, np.ndarray) else _over_cuda_array(data)
        value = value if dtype is None else cast(value, dtype)
        return value if place is None else to_device(value, place)
    return tensor(data, dtype=dtype, device=device)


function(as_tensor, name="asarray", method=False)


@function(method=False)
def from_numpy(ndarray):
    """A tensor that shares the memory of a NumPy array."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    return array.initialise(graph.blank(), *array.over_numpy(ndarray))


def over_cuda_memory(index, address, dtype, shape, strides, owner):
    """A tensor over memory of the device `index` that belongs to `owner`."""

    def borrow(nbytes):
        return CudaStorage.borrow(address, nbytes, index, owner)

    return array.initialise(graph.blank(), *array.over_memory(borrow, dtype, shape, strides))


def _lies_on_cuda(data):
    """Whether `data` is an array of another library on a CUDA device."""
    return hasattr(data, "__cuda_array_interface__")


def _over_cuda_array(data):
    """A tensor over the memory of an array with `__cuda_array_interface__`, on the current device."""
    interface = data.__cuda_array_interface__
    dtype = dtypes.from_numpy(np.dtype(interface["typestr"]))
    strides = interface.get("strides")
    if strides is not None:
        if any(step % dtype.itemsize for step in strides):
            raise ValueError("given array strides not a multiple of the element byte size")
        strides = tuple([step // dtype.itemsize for step in strides])
    address, shape = interface["data"][0], tuple(interface["shape"])
    return over_cuda_memory(resolve_index(None), address, dtype, shape, strides, data)


# Sequences ------------------------------------------------------------------------------------------


@function(method=False)
def scalar_tensor(
    s, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """A tensor of no dimensions, of the default dtype where none is given."""
    return _full(((),), s, None, dtype or dtypes.get_default_dtype(), device, requires_grad)


@function(method=False)
def empty_strided(
    size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """Uninitialised elements with these strides."""
    shape, strides = shape_of(size), tuple(stride)
    if len(shape) != len(strides):
        raise RuntimeError(
            f"dimensionality of sizes ({len(shape)}) must match dimensionality of strides "
            f"({len(strides)})"
        )
    if any(step < 0 for step in strides):
        raise RuntimeError("empty_strided: strides must not be negative")
    reach = sum((n - 1) * step for n, step in zip(shape, strides)) + 1 if 0 not in shape else 0
    whole = _empty(shapes.Size((reach,)), dtype, device)
    return finish(graph.alias(whole, shape, strides), requires_grad)


@function(method=False)
def empty_permuted(
    size, physical_layout, *, dtype=None, layout=None, device=None, requires_grad=False,
    pin_memory=False,
):  # fmt: skip
    """Uninitialised elements whose dimensions lie in memory in the order `physical_layout`."""
    shape = shape_of(size)
    if sorted(physical_layout) != list(range(len(shape))):
        raise RuntimeError(
            f"empty_permuted: physical_layout {tuple(physical_layout)} is no permutation of the "
            f"{len(shape)} dimensions"
        )
    dense = shapes.contiguous_strides(tuple([shape[d] for d in physical_layout]))
    strides = [0] * len(shape)
    for d, step in zip(physical_layout, dense):
        strides[d] = step
    return empty_strided(shape, strides, dtype=dtype, device=device, requires_grad=requires_grad)


@function(method=False, name="range")
def range_(
    start=0, end=None, step=1, *, out=None, dtype=None, layout=None, device=None,
    requires_grad=False,
):  # fmt: skip
    """start, start + step, ..., up to and including `end` (deprecated; use `arange`)."""
    if end is None:
        start, end = 0, start
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    count = int((end - start) / step) + 1
    values = start + step * np.arange(count)
    dtype = dtype or dtypes.get_default_dtype()
    found = from_array(values.astype(dtype.numpy), dtype, devices.resolve(device))
    return store(found, out) if out is not None else finish(found, requires_grad)


@function(method=False)
def from_file(
    filename,
    shared=None,
    size=0,
    *,
    dtype=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    layout=None,
):
    """The first `size` elements of a file, mapped: with `shared`, writes go into the file."""
    dtype = dtype or dtypes.get_default_dtype()
    if shared:
        with open(filename, "ab") as file:
            file.truncate(max(file.tell(), size * dtype.itemsize))
    mapped = np.memmap(filename, dtype.numpy, "r+" if shared else "c", shape=(size,))
    return finish(from_numpy(mapped), requires_grad)


@function(method=False)
def arange(
    start=None, end=None, step=1, *, out=None, dtype=None, layout=None, device=None, requires_grad=False,
    pin_memory=False,
):  # fmt: skip
    """start, start + step, ... up to but without `end`."""
    if start is None or end is None:
        start, end = 0, start if end is None else end
        if end is None:
            raise TypeError('arange() missing 1 required positional arguments: "end"')
    numbers_ = [x.item() if isinstance(x, graph.Value) else x for x in (start, end, step)]
    if not all(map(math.isfinite, numbers_[:2])):
        raise RuntimeError(f"unsupported range: {numbers_[0]} -> {numbers_[1]}")
    if numbers_[2] == 0:
        raise RuntimeError("step must be nonzero")
    if (numbers_[1] - numbers_[0]) * numbers_[2] < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if out is not None:
        dtype = out.dtype
    if dtype is None:
        whole = all(isinstance(x, int | np.integer) for x in numbers_)
        dtype = dtypes.int64 if whole else dtypes.get_default_dtype()
    return _from_values(_arange(*numbers_, dtype), dtype, device, out, requires_grad)


def _arange(start, end, step, dtype):
    """The numbers of a range. Those of integers begin at whole numbers and go on in whole steps;
    how many there are, only int64 tells from these: the others from the numbers as they were given.
    """
    if dtype is dtypes.bool_ or dtype.is_complex or dtype.is_storage_only:
        name = scalar_name(dtype)
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{name}'")
    if dtype.is_floating_point:
        return start + step * np.arange(math.ceil((end - start) / step), dtype=np.float64)
    count = math.ceil((float(end) - float(start)) / float(step))
    start, end, step = int(start), int(end), int(step)
    if dtype is dtypes.int64:
        for number in (start, end, step):
            scalars.check_word(number)
            if not -(1 << 63) <= number < 1 << 63:
                raise RuntimeError("value cannot be converted to type int64_t without overflow")
        if step == 0:
            raise ValueError("step must be nonzero")
        count = -((start - end) // step)
    return start + step * np.arange(count, dtype=np.int64)


def _from_values(values, dtype, place, out, requires_grad):
    """A tensor of computed values; written into `out` where that is given."""
    if out is not None:
        return store(from_array(values, out.dtype, devices.of(out)), out)
    dtype = dtype or dtypes.get_default_dtype()
    return finish(from_array(values, dtype, devices.resolve(place)), requires_grad)


@function(method=False)
def linspace(
    start, end, steps, *, out=None, dtype=None, layout=None, device=None, requires_grad=False,
    pin_memory=False,
):  # fmt: skip
    """`steps` evenly spaced numbers from start to end, both included."""
    dtype = _spaced_dtype("linspace", start, end, dtype if out is None else out.dtype)
    return _from_values(
        _spaced("linspace", start, end, steps, dtype), dtype, device, out, requires_grad
    )


def _spaced_dtype(name, start, end, dtype):
    """The dtype of numbers from start to end: complex where one of them is."""
    if not any(isinstance(x, complex) for x in (start, end)):
        return dtype or dtypes.get_default_dtype()
    inferred = dtypes.get_default_dtype().to_complex()
    if dtype is not None and not dtype.is_complex:
        raise RuntimeError(
            f"torch.{name}(): inferred dtype {inferred} can't be safely cast to passed dtype {dtype}"
        )
    return dtype or inferred


def _count(name, argument, value):
    try:
        return operator.index(value)
    except TypeError:
        kind = type(value).__name__
        raise TypeError(f"{name}(): argument '{argument}' must be int, not {kind}") from None


def _spaced(name, start, end, steps, dtype):
    """Evenly spaced numbers, counted from the nearer end, as PyTorch does it."""
    steps = _count(name, "steps", steps)
    start, end = (x.item() if isinstance(x, graph.Value) else x for x in (start, end))
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    work = np.float32 if dtype is dtypes.float32 else np.float64
    if dtype.is_complex:
        work = np.complex128
    if steps == 1:
        return np.array([start], work)
    step = work((work(end) - work(start)) / work(max(steps - 1, 1)))
    index = np.arange(steps)
    rising = work(start) + step * index.astype(work)
    falling = work(end) - step * (steps - index - 1).astype(work)
    return np.where(index < steps // 2, rising, falling).astype(work)


@function(method=False)
def logspace(
    start, end, steps, base=10.0, *, out=None, dtype=None, layout=None, device=None,
    requires_grad=False, pin_memory=False,
):  # fmt: skip
    """base ** linspace(start, end, steps)."""
    dtype = _spaced_dtype("logspace", start, end, dtype if out is None else out.dtype)
    exponents = dtypes.complex128 if dtype.is_complex else dtypes.float64
    values = np.power(np.float64(base), _spaced("logspace", start, end, steps, exponents))
    return _from_values(values, dtype, device, out, requires_grad)


@function(method=False)
def eye(
    n, m=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False,
    pin_memory=False,
):  # fmt: skip
    """Ones on the diagonal, zeros elsewhere."""
    m = n if m is None else m
    if n < 0 or m < 0:
        raise RuntimeError(f"n and m must be greater or equal to 0, got {n} and {m}")
    values = np.eye(n, m)
    return _from_values(values, dtype, device, out, requires_grad)
