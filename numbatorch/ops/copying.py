"""Copies: copy_, clone, contiguous, fill_, zero_."""

from .. import devices, dtypes, graph, shapes
from ..graph import modes
from ..op import Spec, copy_values, primitive, repeated
from . import scalars
from .casting import to_device
from .registry import function, method


@primitive(name="copy", node_name="CopyBackwards", inplace_safe=True)
def copy(input, source):
    """The values of `source` in the shape and dtype of `input`, whose own values are dropped."""
    if shapes.broadcast_shapes(input.shape, source.shape) != input.shape:
        raise RuntimeError(
            f"The size of tensor a ({list(input.shape)}) must match the size of tensor b "
            f"({list(source.shape)}) to be copied into it"
        )
    return Spec(input.shape, input.dtype)


@copy.forward
def _(out, input, source):
    copy_values(out, source)


@copy.gradient("input")
def _(grad):
    return zeros_like_meta(graph.metadata_of(grad))


@copy.gradient("source")
def _(grad):
    return grad


@method(name="copy_")
def copy_(self, other, non_blocking=False):
    """Write the values of `other` into this tensor, cast, broadcast and moved to its device."""
    if scalars.is_number(other):
        return copy.inplace(
            self, scalars.constant(other, dtypes.of_scalar(other), devices.of(self))
        )
    if not isinstance(other, graph.Value):
        raise TypeError(f"copy_(): argument 'other' must be Tensor, not {type(other).__name__}")
    if non_blocking and _is_plain_download(self, other):
        self.storage.version += 1
        devices.transfer(self, other, non_blocking=True)
        return self
    into_host = self.storage.device_type == "cpu"
    return copy.inplace(self, to_device(other, devices.of(self), non_blocking and not into_host))


def _is_plain_download(target, source):
    """Whether bytes need only be copied into page-locked memory, without autograd taking notice."""
    return (
        source.storage.device_type == "cuda"
        and devices.is_page_locked(target)
        and (target.shape, target.dtype) == (source.shape, source.dtype)
        and not (modes.grad_enabled and (source.requires_grad or target.requires_grad))
    )


@primitive(name="clone")
def clone_op(input, *, strides):
    """The same values in memory of their own."""
    return Spec(input.shape, input.dtype, strides)


@clone_op.forward
def _(out, input, *, strides):
    copy_values(out, input)


@clone_op.gradient("input")
def _(grad):
    return grad


@function
@repeated
def clone(input, *, memory_format=None):
    """A copy of `input`; dense inputs keep the order of their strides."""
    return clone_op(input, strides=preserved_strides(input, memory_format))


def preserved_strides(input, memory_format=None):
    """The strides that an output like `input` has: dense, dimensions in the same order.

    None for row-major ones: of overlapping inputs, and in any other memory format.
    """
    kept = memory_format in (None, "preserve_format")
    if not kept or not input.strides or shapes.has_overlap(input.shape, input.strides):
        return None
    return shapes.strides_like(input.shape, input.strides)


@function(method=False)
def numel(input):
    """How many elements a tensor has."""
    return shapes.numel(input.shape)


@method
@repeated
def contiguous(self, memory_format=None):
    """This tensor, copied to row-major memory where it is not."""
    return self if self.contiguous_layout else clone_op(self, strides=None)


@method(name="fill_")
def fill_(input, value):
    """Write one number into every element."""
    if isinstance(value, graph.Value):
        if value.shape:
            raise RuntimeError(
                "fill_ only supports 0-dimension value tensor but got tensor with "
                f"{len(value.shape)} dimensions."
            )
        return copy.inplace(input, to_device(value, devices.of(input)))
    if not scalars.is_number(value):
        raise TypeError(f"fill_(): argument 'value' must be Number, not {type(value).__name__}")
    scalars.check_fill(value, input.dtype)
    return copy.inplace(input, scalars.constant(value, input.dtype, devices.of(input)))


@method(name="zero_")
def zero_(input):
    """Write zero into every element."""
    return fill_(input, 0)


def fresh_full(shape, value, dtype, place):
    """A new value filled with one number, without history."""
    if not shape:
        return clone_op(scalars.constant(value, dtype, place), strides=None)
    result = graph.allocate(shapes.Size(shape), dtype, place)
    copy_values(result, scalars.constant(value, dtype, place))
    return result


def zeros_like_meta(meta):
    """Zeros like the value of which a node keeps the Form."""
    return fresh_full(meta.shape, 0, meta.dtype, meta.place)
