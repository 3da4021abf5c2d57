"""Tensors in one flat vector and back (`torch._utils`)."""

from .ops.registry import FUNCTIONS


def _flatten_dense_tensors(tensors):
    """The elements of several tensors in one vector."""
    return FUNCTIONS["cat"]([x.contiguous().view(-1) for x in tensors])


def _unflatten_dense_tensors(flat, tensors):
    """The parts of a vector in the shapes of the tensors."""
    parts = flat.split([x.numel() for x in tensors])
    return tuple(part.view_as(x) for part, x in zip(parts, tensors))
