"""Positions where elements are not zero, and what masks choose."""

from .. import devices, dtypes, graph, shapes
from ..op import dynamic
from .indexing import index_op, index_put_op
from .output import store
from .registry import Sample, function, samples
from .views import reshape, slice_op


@dynamic(name="nonzero")
def nonzero_op(input):
    """The positions of the nonzero elements, one row each."""
    kernels = devices.kernels(input).indexing
    input = input.contiguous()
    total, counts = kernels.count_nonzero(input)
    rank = len(input.shape)
    out = graph.allocate((total, rank), dtypes.int64, devices.of(input), (1, max(total, 1)))
    if total and rank:
        kernels.nonzero(out, input, counts)
    return out


@function
def nonzero(input, *, out=None, as_tuple=False):
    """The positions of the nonzero elements: (count, rank), or a tuple of one tensor a dimension."""
    if not as_tuple:
        found = nonzero_op(input)
        return found if out is None else store(found, out)
    if not input.shape:
        input = reshape(input, (1,))
    return nonzero_op(input).unbind(1)


@function
def argwhere(input):
    """The positions of the nonzero elements, one row each."""
    return nonzero_op(input)


def _broadcast_with_mask(name, input, mask):
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError(f"{name}: expected BoolTensor for mask, but got {mask.dtype}")
    shape = shapes.broadcast_shapes(input.shape, mask.shape)
    return input.expand(shape), mask.expand(shape)


@function
def masked_select(input, mask, *, out=None):
    """The elements of `input` where `mask` is true, in one row; both broadcast."""
    reads = input, mask
    input, mask = _broadcast_with_mask("masked_select", input, mask)
    positions = nonzero_op(reshape(mask, (-1,)))
    result = index_op(reshape(input, (-1,)), reshape(positions, (-1,)), dims=(0,))
    return result if out is None else store(result, out, reads)


@function(inplace=True)
def masked_scatter(input, mask, source):
    """`input` with the elements of `source`, in order, where `mask` is true."""
    if input.dtype is not source.dtype:
        raise RuntimeError(
            "masked_scatter_: expected self and source to have same dtypes but got "
            f"{input.dtype} and {source.dtype}"
        )
    input, mask = _broadcast_with_mask("masked_scatter_", input, mask)
    positions = reshape(nonzero_op(reshape(mask, (-1,))), (-1,))
    count = positions.shape[0]
    if count > graph.numel(source):
        raise RuntimeError(
            "Number of elements of source < number of ones in mask: "
            f"{graph.numel(source)} < {count}"
        )
    chosen = slice_op(reshape(source, (-1,)), dim=0, start=0, end=count, step=1)
    flat = index_put_op(reshape(input, (-1,)), chosen, positions, dims=(0,))
    return reshape(flat, input.shape)


# Samples ------------------------------------------------------------------------------------------


@samples("masked_select")
def _(make):
    yield Sample(make(3, 4), make(3, 4, dtype=dtypes.bool_))
    yield Sample(make(3, 4), make(4, dtype=dtypes.bool_))


@samples("masked_scatter")
def _(make):
    yield Sample(make(3, 4), make(3, 4, dtype=dtypes.bool_), make(12))
