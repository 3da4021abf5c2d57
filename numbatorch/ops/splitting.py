"""A tensor taken apart into views: split, chunk, tensor_split and their kin."""

import operator

from .. import graph
from ..shapes import wrap_dim
from .registry import Sample, also_called, function, method, samples
from .views import (
    sizes_of,
    split_op,
    split_with_sizes_op,
    unbind_op,
    unsafe_split_op,
    unsafe_split_with_sizes_op,
)


def _dim_of(name, input, dim):
    if not input.shape:
        raise RuntimeError(f"{name} expects at least a 1-dimensional tensor")
    return wrap_dim(dim, len(input.shape))


def _in_sizes(op, input, split_sizes, dim):
    dim = _dim_of("split", input, dim)
    sizes = sizes_of((split_sizes,), "split_with_sizes")
    if any(size < 0 for size in sizes):
        raise RuntimeError(
            "split_with_sizes expects split_sizes have only non-negative entries, but got "
            f"split_sizes={list(sizes)}"
        )
    if sum(sizes) != input.shape[dim]:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {input.shape[dim]} (input "
            f"tensor's size at dimension {dim}), but got split_sizes={list(sizes)}"
        )
    return op(input, dim=dim, sizes=sizes)


def _evenly(op, tensor, size, dim):
    size = operator.index(size)
    dim = _dim_of("split", tensor, dim)
    total = tensor.shape[dim]
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    if size == 0 and total:
        raise RuntimeError(
            f"split_size can only be 0 if dimension size is 0, but got dimension size of {total}"
        )
    sizes = [min(size, total - start) for start in range(0, total, max(size, 1))] or [0]
    return op(tensor, dim=dim, sizes=tuple(sizes))


def _into_chunks(evenly_op, sizes_op, input, chunks, dim):
    dim = _dim_of("chunk", input, dim)
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    size = (input.shape[dim] + chunks - 1) // chunks
    if size == 0:
        return sizes_op(input, dim=dim, sizes=(0,) * chunks)
    return _evenly(evenly_op, input, size, dim)


@function
def split_with_sizes(input, split_sizes, dim=0):
    """Views of `input` of the given sizes along `dim`."""
    return _in_sizes(split_with_sizes_op, input, split_sizes, dim)


@function
def unsafe_split_with_sizes(input, split_sizes, dim=0):
    """As `split_with_sizes`, but a write into a part is not seen in the gradient of `input`."""
    return _in_sizes(unsafe_split_with_sizes_op, input, split_sizes, dim)


@function(method=False)
def split(tensor, split_size_or_sections, dim=0):
    """Views of `tensor` of one size (the last may be smaller), or of the sizes of a list, along `dim`."""
    if isinstance(split_size_or_sections, list | tuple):
        return split_with_sizes(tensor, split_size_or_sections, dim)
    return _evenly(split_op, tensor, split_size_or_sections, dim)


@method(name="split")
def _split(self, split_size, dim=0):
    """Views of this tensor of one size (the last may be smaller), or of the sizes of a list."""
    return split(self, split_size, dim)


@function
def unsafe_split(input, split_size, dim=0):
    """As `split`, but a write into a part is not seen in the gradient of `input`."""
    return _evenly(unsafe_split_op, input, split_size, dim)


@function
def chunk(input, chunks, dim=0):
    """At most `chunks` views of `input` of one size (the last may be smaller) along `dim`."""
    return _into_chunks(split_op, split_with_sizes_op, input, chunks, dim)


@function
def unsafe_chunk(input, chunks, dim=0):
    """As `chunk`, but a write into a part is not seen in the gradient of `input`."""
    return _into_chunks(unsafe_split_op, unsafe_split_with_sizes_op, input, chunks, dim)


_SECTIONS = {"sections": "indices_or_sections", "indices": "indices_or_sections"}


@function
@also_called(tensor_indices_or_sections="indices_or_sections", **_SECTIONS)
def tensor_split(input, indices_or_sections, dim=0):
    """Views of `input` along `dim`: a number of nearly equal ones, or cut before the indices given."""
    dim = _dim_of("tensor_split", input, dim)
    size = input.shape[dim]
    if isinstance(indices_or_sections, graph.Value):
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, list | tuple):
        cuts = [slice(0, cut).indices(size)[1] for cut in indices_or_sections]
        bounds = list(zip([0, *cuts], [*cuts, size]))
        return tuple(input.narrow(dim, start, max(end - start, 0)) for start, end in bounds)
    sections = operator.index(indices_or_sections)
    if sections <= 0:
        raise RuntimeError(f"number of sections must be larger than 0, got {sections}")
    least, larger = divmod(size, sections)
    starts = [i * least + min(i, larger) for i in range(sections + 1)]
    return tuple(input.narrow(dim, a, b - a) for a, b in zip(starts, starts[1:]))


def _split_along(name, input, indices_or_sections, rank, dim):
    if len(input.shape) < rank:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {rank} dimension, but got a tensor with "
            f"{len(input.shape)} dimensions!"
        )
    sections = indices_or_sections
    if isinstance(sections, int) and (sections < 1 or input.shape[dim] % sections):
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
            f"{input.shape[dim]} is not divisible by the split_size {sections}!"
        )
    return tensor_split(input, sections, dim)


@function
@also_called(**_SECTIONS)
def hsplit(input, indices_or_sections):
    """Views side by side: along dimension 1, or 0 where there is only one."""
    return _split_along("hsplit", input, indices_or_sections, 1, 0 if len(input.shape) == 1 else 1)


@function
@also_called(**_SECTIONS)
def vsplit(input, indices_or_sections):
    """Views one below the other."""
    return _split_along("vsplit", input, indices_or_sections, 2, 0)


@function
@also_called(**_SECTIONS)
def dsplit(input, indices_or_sections):
    """Views one behind the other, along dimension 2."""
    return _split_along("dsplit", input, indices_or_sections, 3, 2)


@function
def unbind(input, dim=0):
    """The slices of `input` along `dim`, which goes away, as a tuple of views."""
    if not input.shape:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return unbind_op(input, dim=wrap_dim(dim, len(input.shape)))


# Samples ------------------------------------------------------------------------------------------


@samples("split")
def _(make):
    yield Sample(make(5, 2), 2)
    yield Sample(make(2, 5), [1, 4, 0], 1)


@samples("tensor_split")
def _(make):
    yield Sample(make(5, 2), 3)
    yield Sample(make(2, 5), (1, 3), 1)


@samples("chunk")
def _(make):
    yield Sample(make(5, 2), 3)


@samples("unbind")
def _(make):
    yield Sample(make(3, 2))
    yield Sample(make(3, 2), -1)
