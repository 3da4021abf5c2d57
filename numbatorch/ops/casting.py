"""Casts between dtypes and copies between devices."""

from .. import devices, graph, shapes
from ..op import Spec, copy_values, primitive


@primitive(name="cast", node_name="ToCopyBackward0")
def cast_op(input, *, dtype):
    """The same values in another dtype."""
    return Spec(input.shape, dtype, shapes.elementwise_strides(input.shape, (input,)))


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
def _copy_to_device(input, *, place, non_blocking=False):
    """The same values on another device."""
    return Spec(input.shape, input.dtype)


def _transfer(input, *, place, non_blocking=False):
    strides = input.strides if shapes.is_dense(input.shape, input.strides) else None
    if non_blocking and place is devices.CPU:
        result = devices.page_locked(graph.blank(), input.shape, input.dtype, strides)
    else:
        result = graph.allocate(input.shape, input.dtype, place, strides)
    devices.transfer(result, input, non_blocking)
    return result


_copy_to_device.is_dynamic = True
_copy_to_device.compute = _transfer


@_copy_to_device.gradient("input")
def _(grad):
    return grad  # the engine brings it back


def to_device(input, place, non_blocking=False):
    """`input` on the device `place`, itself where it is there already; dense strides are kept.

    Where `non_blocking`, the host does not wait: host memory that is read has to be page-locked (else
    it is copied first), and results in host memory are there after `torch.cuda.synchronize()`.
    """
    if devices.of(input) == place:
        return input
    return _copy_to_device.call((input,), {"place": place, "non_blocking": bool(non_blocking)})
