"""Reductions."""

from .. import devices, shapes
from ..formulas.reduction import SUM
from ..op import Spec, primitive


@primitive(name="sum")
def sum_op(input, *, dims, keepdim):
    """The sum over `dims`, in the dtype of the input."""
    return Spec(shapes.reduced_shape(input.shape, dims, keepdim), input.dtype)


@sum_op.forward
def _(out, input, *, dims, keepdim):
    devices.kernels(out).reduction.reduce(SUM, out, input, dims)


@sum_op.gradient("input")
def _(grad, input_shape, dims, keepdim):
    if not keepdim:
        kept = [1 if d in dims else n for d, n in enumerate(input_shape)]
        grad = grad.reshape(kept)
    return grad.expand(input_shape)


def sum_to_size(input, shape):
    """`input` summed over the dimensions along which `shape` broadcasts to its shape."""
    extra = len(input.shape) - len(shape)
    dims = tuple(
        d
        for d, size in enumerate(input.shape)
        if d < extra or (size != 1 and shape[d - extra] == 1)
    )
    total = sum_op(input, dims=dims, keepdim=False)
    return total if total.shape == shape else total.reshape(shape)
