"""What a tensor is, as functions."""

from .. import graph, shapes
from .registry import function


@function(method=False)
def is_tensor(obj):
    """Whether `obj` is a tensor."""
    return isinstance(obj, graph.Value)


@function(method=False)
def is_floating_point(input):
    """Whether the elements are real floating-point numbers."""
    return input.dtype.is_floating_point


@function(method=False)
def is_complex(input):
    """Whether the elements are complex numbers."""
    return input.dtype.is_complex


@function(method=False)
def is_signed(input):
    """Whether the elements may be negative."""
    return input.dtype.is_signed


@function
def is_nonzero(input):
    """Whether the only element of a tensor is not zero."""
    count = shapes.numel(input.shape)
    if count != 1:
        raise RuntimeError(
            f"Boolean value of Tensor with {'no values' if count == 0 else 'more than one value'} "
            "is ambiguous"
        )
    return bool(input.item())


@function
def is_same_size(input, other):
    """Whether two tensors have the same shape."""
    return input.shape == other.shape
