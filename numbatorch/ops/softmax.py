"""softmax and log_softmax, whose gradients are ops with kernels of their own."""

from .. import devices, dtypes, shapes
from ..op import primitive, repeated, same_launches, scalar_name, spec_like
from .autocast import full_precision
from .casting import cast
from .reduction import run, sum_op
from .registry import Sample, function, samples


@primitive(name="softmax")
def softmax_op(input, *, dim):
    """exp(input) / sum(exp(input)) along `dim`."""
    return spec_like(input)


@softmax_op.forward
def _(out, input, *, dim):
    devices.kernels(out).softmax.softmax(out, input, dim)


@softmax_op.gradient("input")
def _(grad, output, dim):
    return softmax_gradient(grad, output, dim=dim)


@primitive
def softmax_gradient(grad, output, *, dim):
    """The gradient of softmax from that of its output."""
    return spec_like(output)


@softmax_gradient.forward
def _(out, grad, output, *, dim):
    devices.kernels(out).softmax.softmax_gradient(out, grad, output, dim)


@softmax_gradient.gradient("grad")
def _(grad, output, dim):
    return softmax_gradient(grad, output, dim=dim)


@softmax_gradient.gradient("output")
def _(grads, inputs, dim):
    (second,), (grad, output) = grads, inputs
    return second * (grad - _sum_along(grad * output, dim)) - grad * _sum_along(
        second * output, dim
    )


@primitive(name="log_softmax")
def log_softmax_op(input, *, dim):
    """input - log(sum(exp(input))) along `dim`."""
    return spec_like(input)


@log_softmax_op.forward
def _(out, input, *, dim):
    devices.kernels(out).softmax.log_softmax(out, input, dim)


@log_softmax_op.gradient("input")
def _(grad, output, dim):
    return log_softmax_gradient(grad, output, dim=dim)


@primitive
def log_softmax_gradient(grad, output, *, dim):
    """The gradient of log_softmax from that of its output."""
    return spec_like(output)


@log_softmax_gradient.forward
def _(out, grad, output, *, dim):
    devices.kernels(out).softmax.log_softmax_gradient(out, grad, output, dim)


@log_softmax_gradient.gradient("grad")
def _(grad, output, dim):
    return grad - _sum_along(grad * output.exp(), dim)


@log_softmax_gradient.gradient("output")
def _(grads, inputs, dim):
    (second,), (grad, output) = grads, inputs
    return -(second * output.exp() * _sum_along(grad, dim))


same_launches(softmax_op, softmax_gradient, log_softmax_op, log_softmax_gradient)


def _sum_along(input, dim):
    return sum_op(input, dims=(dim,) if input.shape else (), keepdim=True)


def _along(op, input, dim, dtype, out):
    input = input if dtype is None else cast(input, dtype)
    dim = shapes.wrap_dim(dim, len(input.shape))
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"\"{op.name}_lastdim_kernel_impl\" not implemented for '{scalar_name(input.dtype)}'"
        )
    return run(op, input, out, dim=dim)


@function
@repeated
@full_precision(devices=("cuda",))
def softmax(input, dim, dtype=None, *, out=None):
    """exp(input) / sum(exp(input)) along `dim`, computed in `dtype`."""
    return _along(softmax_op, input, dim, dtype, out)


@function
@repeated
@full_precision(devices=("cuda",))
def log_softmax(input, dim, dtype=None, *, out=None):
    """The logarithm of softmax along `dim`, computed in `dtype`."""
    return _along(log_softmax_op, input, dim, dtype, out)


for _name in ("softmax", "log_softmax"):

    @samples(_name)
    def _(make):
        for dim in (0, 1, -1):
            yield Sample(make(3, 4, 5), dim)
        yield Sample(make(), 0)
        yield Sample(make(4, 3).detach().transpose(0, 1).requires_grad_(), 1)
        yield Sample(make(2, 3, dtype=dtypes.float64), 1, dtype=dtypes.float64)
