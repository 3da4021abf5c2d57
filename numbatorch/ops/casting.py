"""Casts between dtypes and copies between devices."""

from .. import devices, graph
from ..op import Spec, copy_values, primitive


@primitive(name="cast", node_name="ToCopyBackward0")
def cast_op(input, *, dtype):
    """The same values in another dtype."""
    return Spec(input.shape, dtype)


@cast_op.forward
def _(out, input, *, dtype):
    copy_values(out, input)


@cast_op.gradient("input")
def _(grad):
    return grad  # the engine casts it back


def cast(input, dtype):
    """`input` in `dtype`, itself where it has it already."""
    return input if input.dtype is dtype else cast_op.call((input,), {"dtype": dtype})


@primitive(name="to_device", node_name="ToCopyBackward0")
def _copy_to_device(input, *, place):
    """The same values on another device."""
    return Spec(input.shape, input.dtype)


def _transfer(input, *, place):
    result = graph.allocate(input.shape, input.dtype, place)
    devices.transfer(result, input)
    return result


_copy_to_device.is_dynamic = True
_copy_to_device.compute = _transfer


@_copy_to_device.gradient("input")
def _(grad):
    return grad  # the engine brings it back


def to_device(input, place):
    """`input` on the device `place`, itself where it is there already."""
    return input if devices.of(input) == place else _copy_to_device.call((input,), {"place": place})
