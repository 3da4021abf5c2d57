"""Running sums, products and extrema along a dimension, and differences."""

import math

from .. import devices, dtypes, return_types, shapes
from ..formulas import reduction as formulas
from ..formulas.scan import log_add_exp
from ..op import Spec, primitive, scalar_name, spec_like
from .arithmetic import conj_of
from .autocast import full_precision
from .casting import cast
from .indexing import scatter_op
from .joining import cat
from .output import store
from .reduction import check_ordered, numpy_names, run
from .registry import Sample, function, samples
from .views import slice_gradient, slice_op


def _summed(dtype):
    return dtypes.int64 if dtype.category < dtypes.FLOATING else dtype


def shifted(input, dim, by):
    """`input` moved by one place along `dim`, to the end (by=1) or the beginning (-1), after zeros."""
    if not input.shape:
        return input * 0
    size = input.shape[dim]
    if size == 0:
        return input
    source, target = (0, 1) if by > 0 else (1, 0)
    part = slice_op(input, dim=dim, start=source, end=source + size - 1, step=1)
    return slice_gradient(
        part, input_shape=input.shape, dim=dim, start=target, end=target + size - 1, step=1
    )


# Sums --------------------------------------------------------------------------------------------


@primitive(name="cumsum")
def cumsum_op(input, *, dim, reverse):
    """The sum of the elements up to each one, from the end with `reverse`."""
    return Spec(input.shape, _summed(input.dtype))


@cumsum_op.forward
def _(out, input, *, dim, reverse):
    devices.kernels(out).scan.scan(formulas.add, 0, out, input, dim, reverse)


@cumsum_op.gradient("input")
def _(grad, dim, reverse):
    return cumsum_op(grad, dim=dim, reverse=not reverse)


# Products ----------------------------------------------------------------------------------------


@primitive(name="cumprod")
def cumprod_op(input, *, dim, reverse, exclusive):
    """The product of the elements up to each one, or before it with `exclusive`."""
    return Spec(input.shape, _summed(input.dtype))


@cumprod_op.forward
def _(out, input, *, dim, reverse, exclusive):
    devices.kernels(out).scan.scan(formulas.multiply, 1, out, input, dim, reverse, exclusive)


@cumprod_op.gradient("input")
def _(grad, input, dim, reverse, exclusive):
    # d/dx[k] = (product before k) * s[k], where s[k] = grad[k] + x[k + 1] * s[k + 1]:
    # no division, so zeros need no care, at any order.
    input = conj_of(input)
    back = 1 if reverse else -1
    terms = shifted(grad, dim, back) if exclusive else grad
    s = linear_recurrence(shifted(input, dim, back), terms, dim=dim, reverse=not reverse)
    return s * cumprod_op(input, dim=dim, reverse=reverse, exclusive=True)


@primitive
def linear_recurrence(factors, terms, *, dim, reverse):
    """out[i] = terms[i] + factors[i] * out[i - 1] along `dim`; from the end with `reverse`."""
    return spec_like(terms)


@linear_recurrence.forward
def _(out, factors, terms, *, dim, reverse):
    devices.kernels(out).scan.linear_recurrence(out, factors, terms, dim, reverse)


@linear_recurrence.gradient()
def _(grad, inputs, output, dim, reverse):
    back = 1 if reverse else -1
    factors = shifted(conj_of(inputs[0]), dim, back)
    terms_grad = linear_recurrence(factors, grad, dim=dim, reverse=not reverse)
    return terms_grad * conj_of(shifted(output, dim, -back)), terms_grad


def products_of_others(input, dims):
    """For every element, the product of the others over `dims`: one dimension, or all of them."""
    flat = input.reshape(-1) if len(dims) != 1 else input
    dim = dims[0] if len(dims) == 1 else 0
    flat = conj_of(flat)
    before = cumprod_op(flat, dim=dim, reverse=False, exclusive=True)
    after = cumprod_op(flat, dim=dim, reverse=True, exclusive=True)
    return (before * after).reshape(input.shape)


# Log-sum-exp -------------------------------------------------------------------------------------


@primitive(name="logcumsumexp")
def logcumsumexp_op(input, *, dim):
    """log(cumsum(exp(input))), without overflow."""
    return spec_like(input)


@logcumsumexp_op.forward
def _(out, input, *, dim):
    devices.kernels(out).scan.scan(log_add_exp, -math.inf, out, input, dim)


@logcumsumexp_op.gradient("input")
def _(grad, input, output, dim):
    # sum over i >= k of grad[i] * exp(x[k] - y[i]), where y never decreases:
    # exp(x[k] - y[k]) * s[k], where s[k] = grad[k] + exp(y[k] - y[k + 1]) * s[k + 1].
    nothing = output == -math.inf
    decay = (output - shifted(output, dim, -1)).masked_fill(nothing, -math.inf).exp()
    s = linear_recurrence(decay, grad, dim=dim, reverse=True)
    return s * (input - output).masked_fill(nothing, -math.inf).exp()


# Extrema -----------------------------------------------------------------------------------------


def _declare_extremum(name):
    def infer(input, *, dim):
        return spec_like(input), Spec(input.shape, dtypes.int64)

    infer.__doc__ = "(the extremum up to each element, where it was last met)"
    op = primitive(infer, name=name)

    @op.forward
    def _(outputs, input, *, dim):
        getattr(devices.kernels(input).scan, name)(*outputs, input, dim)

    @op.gradient("input")
    def _(grads, outputs, input_shape, dim):
        if not input_shape:
            return grads[0]
        return scatter_op(None, outputs[1], grads[0], dim=dim, combine="add", size=input_shape)

    return op


cummax_op, cummin_op = _declare_extremum("cummax"), _declare_extremum("cummin")


# Functions ---------------------------------------------------------------------------------------


def _scanned(op, input, dim, dtype, out, **params):
    input = input if dtype is None else cast(input, dtype)
    result = run(op, input, out, dim=shapes.wrap_dim(dim, len(input.shape)), **params)
    return result if dtype is None or out is not None else cast(result, dtype)


@function(inplace=True)
@numpy_names
@full_precision(devices=("cuda",))
def cumsum(input, dim, *, dtype=None, out=None):
    """The sum of the elements up to each one along `dim`; integers add up in int64."""
    return _scanned(cumsum_op, input, dim, dtype, out, reverse=False)


@function(inplace=True)
@numpy_names
@full_precision(devices=("cuda",))
def cumprod(input, dim, *, dtype=None, out=None):
    """The product of the elements up to each one along `dim`."""
    return _scanned(cumprod_op, input, dim, dtype, out, reverse=False, exclusive=False)


@function
def logcumsumexp(input, dim, *, out=None):
    """The logarithm of the sum of the exponentials up to each element along `dim`."""
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"\"logcumsumexp_out_cpu\" not implemented for '{scalar_name(input.dtype)}'"
        )
    return _scanned(logcumsumexp_op, input, dim, None, out)


def _extrema(op, structure, input, dim, out):
    check_ordered(op.name, input)
    dim = shapes.wrap_dim(dim, len(input.shape))
    if out is None:
        return structure(op(input, dim=dim))
    results = op.call((input.detach(),), {"dim": dim})
    return structure(store(result, target) for result, target in zip(results, out))


@function
def cummax(input, dim, *, out=None):
    """(values, indices) of the maximum up to each element along `dim`."""
    return _extrema(cummax_op, return_types.cummax, input, dim, out)


@function
def cummin(input, dim, *, out=None):
    """(values, indices) of the minimum up to each element along `dim`."""
    return _extrema(cummin_op, return_types.cummin, input, dim, out)


@function
def diff(input, n=1, dim=-1, prepend=None, append=None, *, out=None):
    """The n-th differences of neighbours along `dim`."""
    if not input.shape:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    if n == 0:
        return input.clone() if out is None else store(input.detach(), out)
    dim = shapes.wrap_dim(dim, len(input.shape))
    parts = [x for x in (prepend, input, append) if x is not None]
    result = cat(parts, dim) if len(parts) > 1 else input
    for _ in range(min(n, result.shape[dim])):
        size = result.shape[dim]
        after = slice_op(result, dim=dim, start=1, end=size, step=1)
        before = slice_op(result, dim=dim, start=0, end=size - 1, step=1)
        result = after.logical_xor(before) if result.dtype is dtypes.bool_ else after - before
    return result if out is None else store(result, out)


# Samples -----------------------------------------------------------------------------------------


def _along_dims(make):
    yield Sample(make(3, 4, 5), 1)
    yield Sample(make(4, 5), -1)
    yield Sample(make(), 0)
    yield Sample(make(0, 3), 0)
    yield Sample(make(5, 4).detach().transpose(0, 1).requires_grad_(), 0)


for _name in ("cumsum", "logcumsumexp", "cummax", "cummin"):
    samples(_name)(_along_dims)


@samples("cumprod")
def _(make):
    yield from _along_dims(make)
    values = [[1.0, 0.0, 3.0, -1.0], [0.0, 2.0, 0.0, 1.5]]
    yield Sample(make.tensor(values, dtype=dtypes.float64, requires_grad=True), 1)


@samples("prod")
def _(make):
    yield Sample(make(3, 4))
    yield Sample(make())
    yield Sample(make(2, 3, 4), 1, keepdim=True)
    values = [[1.0, 0.0, 3.0], [0.0, 2.0, 0.0]]
    yield Sample(make.tensor(values, dtype=dtypes.float64, requires_grad=True), 1)
    yield Sample(make.tensor(values, dtype=dtypes.float64, requires_grad=True))


@samples("linear_recurrence")
def _(make):
    for reverse in (False, True):
        yield Sample(make(3, 4), make(3, 4), dim=1, reverse=reverse)
        yield Sample(make(3, 4, 2), make(3, 4, 2), dim=1, reverse=reverse)


@samples("diff")
def _(make):
    yield Sample(make(3, 5))
    yield Sample(make(3, 5), 2, 0)
    yield Sample(make(3, 5), 1, -1, make(3, 1), make(3, 2))
