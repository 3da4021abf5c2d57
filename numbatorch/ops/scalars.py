"""Python numbers and 0-d tensors among the operands of an op."""

import numbers

import numpy as np

from .. import devices, dtypes, graph
from ..shapes import Size

_SCALAR_SHAPE = Size(())
_REAL = (dtypes.INTEGRAL, dtypes.FLOATING)
_constants = {}
_MOST_CONSTANTS = 4096


def is_number(value):
    """Whether `value` is a Python or NumPy number (bool included)."""
    return isinstance(value, numbers.Number | np.generic)


def check_tensor(function, argument, position, value):
    """TypeError where an argument of a function is no tensor."""
    if not isinstance(value, graph.Value):
        raise TypeError(
            f"{function}(): argument '{argument}' (position {position}) must be Tensor, not "
            f"{type(value).__name__}"
        )


def full_scalar(value, dtype, place=devices.CPU):
    """A fresh 0-d value holding the number `value`; RuntimeError where it does not fit."""
    check_fits(value, dtype)
    if isinstance(value, complex) and not dtype.is_complex:
        value = bool(value) if dtype is dtypes.bool_ else value.real
    host = np.asarray(value).astype(dtype.numpy)
    result = graph.allocate(_SCALAR_SHAPE, dtype, place)
    if place.type == "cpu":
        result.as_numpy()[...] = host
    else:
        result.storage.copy_from_host(host.reshape(1).view(np.uint8))
    return result


def check_fits(value, dtype):
    """RuntimeError where a number can't be converted to `dtype` without overflow."""
    check_word(value)
    if dtype.category == dtypes.INTEGRAL and not isinstance(value, bool | np.bool_):
        if isinstance(value, float | np.floating) and not np.isfinite(value):
            raise RuntimeError(f"value cannot be converted to type {dtype.name} without overflow")
        limits = np.iinfo(dtype.numpy)
        if dtype is dtypes.uint64 and isinstance(value, int | np.integer) and value < 0:
            raise OverflowError("can't convert negative int to unsigned")
        low = limits.min if dtype.is_signed else -limits.max - 1
        if not low <= value.real <= limits.max:
            raise RuntimeError(f"value cannot be converted to type {dtype.name} without overflow")
    if isinstance(value, complex) and dtype.category in _REAL and value.imag != 0:
        raise RuntimeError(f"value cannot be converted to type {dtype.name} without overflow")


def check_word(value):
    """OverflowError where an int has more than 64 bits."""
    if isinstance(value, int):
        if value >= 1 << 64:
            raise OverflowError("int too big to convert")
        if value < -(1 << 63):
            raise OverflowError("can't convert negative int to unsigned")


def check_fill(value, dtype):
    """As `check_fits`, and RuntimeError where a finite number would become infinite."""
    check_fits(value, dtype)
    if dtype.category >= dtypes.FLOATING and dtype.itemsize < 8 * (1 + dtype.is_complex):
        largest = dtypes.finfo(dtype).max
        if largest < abs(value) < float("inf"):
            raise RuntimeError(f"value cannot be converted to type {dtype.name} without overflow")


def constant(value, dtype, place=devices.CPU):
    """A shared 0-d value holding `value`; never to be written to or handed to a user."""
    if value != value:
        return full_scalar(value, dtype, place)
    # Numbers that are equal may differ in type or, where they are zero, in sign.
    key = value.__class__, value or str(value), dtype, None if place is devices.CPU else str(place)
    known = _constants.get(key)
    if known is None:
        if len(_constants) >= _MOST_CONSTANTS:
            devices.finish_work()  # which may still read them
            _constants.clear()
        with devices.lasting(place):
            known = _constants[key] = full_scalar(value, dtype, place)
        known._inference = False  # also where this is the first call that needs it
    if place is not devices.CPU:
        devices.keep_for_capture(known)
    return known


def promoted(op, inputs, place=None, wrap=True):
    """(inputs as values on one device, their promoted dtype), where some are numbers.

    A 0-d tensor on the CPU may stand beside tensors on another device. Where all are numbers,
    `place` says where. A number too large for an integral dtype wraps around, or else raises; in
    a comparison it makes the dtype int64.
    """
    if place is None and not any([isinstance(x, graph.Value) for x in inputs]):
        raise _wrong_type(op, inputs, inputs[0])
    operands, scalars = [], []
    for x in inputs:
        if isinstance(x, graph.Value):
            operands.append((x.dtype, 2 if x.shape else 1))
            if place is None or (place.type == "cpu" and x.shape):
                place = devices.of(x)
        elif is_number(x) and len(operands) not in op.tensors_only:
            operands.append((dtypes.of_scalar(x), 0))
            scalars.append(x)
        else:
            raise _wrong_type(op, inputs, x)
    dtype = dtypes.result_type(operands)
    if op.compares and not all([_fits(x, dtype) for x in scalars]):
        dtype = dtypes.int64
    computed = op.rule(dtype)[0] if scalars else dtype
    values = []
    for x in inputs:
        if isinstance(x, graph.Value):
            values.append(_moved_scalar(op, x, place))
        else:
            values.append(constant(_wrapped(x, computed) if wrap else x, computed, place))
    return values, dtype


def _fits(number, dtype):
    """Whether an int is in the range of an integral `dtype`; True of all other pairs."""
    if dtype.category != dtypes.INTEGRAL or not isinstance(number, int | np.integer):
        return True
    limits = np.iinfo(dtype.numpy)
    return limits.min <= number <= limits.max


def _wrapped(number, dtype):
    """An int as it is in the memory of an integral `dtype`: the lowest bits of it."""
    if _fits(number, dtype):
        return number
    check_word(number)
    return int(np.array(int(number) & (1 << 64) - 1, np.uint64).astype(dtype.numpy))


def _moved_scalar(op, x, place):
    here = devices.of(x)
    if here == place:
        return x
    if not x.shape and here.type == "cpu":
        from .casting import to_device

        return to_device(x, place)
    raise RuntimeError(
        "Expected all tensors to be on the same device, but found at least two devices, "
        f"{here} and {place}! (in {op.name})"
    )


def _wrong_type(op, inputs, x):
    position = next(i for i, candidate in enumerate(inputs) if candidate is x)
    name = op.input_names[position] if position < len(op.input_names) else f"argument {position}"
    return TypeError(
        f"{op.name}(): argument '{name}' (position {position + 1}) must be Tensor, not "
        f"{type(x).__name__}"
    )
