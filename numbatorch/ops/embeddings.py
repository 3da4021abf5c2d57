"""Rows of a table looked up by index."""

from .. import devices, dtypes, graph
from ..formulas import combining
from ..op import Spec, copy_values, primitive, repeated
from ..shapes import Size
from . import lookup, scalars
from .copying import fresh_full
from .indexing import index_op, index_put_op
from .registry import Sample, function, samples
from .views import select_op, unsqueeze


@primitive(name="embedding")
def embedding_op(weight, indices, *, padding_idx, scale_grad_by_freq):
    """The rows of `weight` at `indices`."""
    return Spec((*indices.shape, *weight.shape[1:]), weight.dtype)


@embedding_op.forward
def _(out, weight, indices, *, padding_idx, scale_grad_by_freq):
    view, offsets = lookup.find(weight, [indices], (0,), negative=False)
    devices.kernels(out).indexing.read(out, view, offsets)


@embedding_op.gradient("weight")
def _(grad, indices, weight_shape, padding_idx, scale_grad_by_freq):
    if scale_grad_by_freq:
        counts = _frequencies(indices, weight_shape[0], grad.dtype)
        grad = grad / unsqueeze(index_op(counts, indices, dims=(0,)), -1)
    return embedding_gradient(grad, indices, size=weight_shape, padding_idx=padding_idx)


def _frequencies(indices, rows, dtype):
    """How often each row is looked up."""
    one = scalars.constant(1, dtype, devices.of(indices))
    return index_put_op(None, one, indices, dims=(0,), accumulate=True, size=Size((rows,)))


@primitive
def embedding_gradient(grad, indices, *, size, padding_idx):
    """Rows of `grad` added up where they were looked up; the row `padding_idx` gets none."""
    return Spec(size, grad.dtype)


@embedding_gradient.forward
def _(out, grad, indices, *, size, padding_idx):
    zero = scalars.constant(0, out.dtype, devices.of(out))
    copy_values(out, zero)
    view, offsets = lookup.find(out, [indices], (0,), negative=False)
    devices.kernels(out).indexing.write(view, grad, offsets, combining.add)
    if 0 <= padding_idx < size[0]:
        row = select_op.infer(out, dim=0, index=padding_idx)
        copy_values(graph.alias(out, row.shape, row.strides, row.offset), zero)


@embedding_gradient.gradient("grad")
def _(grad, indices, padding_idx):
    if 0 <= padding_idx < grad.shape[0]:
        padding = fresh_full((1,), padding_idx, dtypes.int64, devices.of(grad))
        zero = scalars.full_scalar(0, grad.dtype, devices.of(grad))
        grad = index_put_op(grad, zero, padding, dims=(0,))
    return index_op(grad, indices, dims=(0,))


@function(method=False)
@repeated
def embedding(weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False):
    """The rows of `weight` (rows, features) at `indices`; the row `padding_idx` gets no gradient."""
    if len(weight.shape) != 2:
        raise RuntimeError(f"'weight' must be 2-D, but got the shape {list(weight.shape)}")
    lookup.check_index_dtype("embedding", indices, "indices")
    return embedding_op(
        weight, indices, padding_idx=padding_idx, scale_grad_by_freq=bool(scale_grad_by_freq)
    )


# Samples ------------------------------------------------------------------------------------------


@samples("embedding")
def _(make):
    yield Sample(make(6, 3), make.index(2, 4, high=6))
    yield Sample(make(6, 3), make.tensor([1, 1, 5]), padding_idx=4)
