"""Reductions to one number per output: sums, products, extrema, truth, norms, variances."""

import functools
import math
import warnings

from .. import devices, dtypes, shapes
from ..formulas import reduction as formulas
from ..op import Spec, primitive, repeated, same_launches, scalar_name
from .arithmetic import true_divide
from .autocast import full_precision
from .casting import cast
from .output import write_out
from .registry import FUNCTIONS, Sample, function, method, samples

# What is common to all ---------------------------------------------------------------------------


def numpy_names(reduce):
    """Decorator: also take NumPy's names, `axis` for `dim` and `keepdims` for `keepdim`."""

    @functools.wraps(reduce)
    def renamed(*args, **kwargs):
        if "axis" in kwargs:
            kwargs["dim"] = kwargs.pop("axis")
        if "keepdims" in kwargs:
            kwargs["keepdim"] = kwargs.pop("keepdims")
        return reduce(*args, **kwargs)

    return renamed


def run(op, input, out, **params):
    """The op's result, written into `out` where there is one."""
    return op(input, **params) if out is None else write_out(op, out, (input,), params)


def over(input, dims, keepdim):
    """The parameters of an op that reduces `input` over `dims` (a dim, dims, or None for all)."""
    return {"dims": shapes.wrap_dims(dims, len(input.shape)), "keepdim": keepdim}


def count_of(shape, dims):
    """How many elements go into one output."""
    return math.prod([shape[d] for d in dims])


def kept(reduced, dims, keepdim, rank):
    """A reduced value with the reduced dimensions put back as ones."""
    if keepdim or not dims:
        return reduced
    sizes = iter(reduced.shape)
    return reduced.reshape([1 if d in dims else next(sizes) for d in range(rank)])


def check_not_empty(name, input, dims):
    """IndexError where a dimension has nothing to choose from."""
    for d in dims:
        if input.shape and input.shape[d] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")


def check_any_element(name, input, error=RuntimeError):
    """An error where there is nothing at all to choose from."""
    if 0 in input.shape:
        raise error(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
            "reduction dim with the 'dim' argument."
        )


def floating(input):
    """`input`, an integral one in the default dtype."""
    if input.dtype.category < dtypes.FLOATING:
        return cast(input, dtypes.get_default_dtype())
    return input


def require_floating(name, input):
    """RuntimeError where `input` is neither floating-point nor complex."""
    if input.dtype.category < dtypes.FLOATING:
        raise RuntimeError(
            f"{name}(): could not infer output dtype. Input dtype must be either a floating point "
            f"or complex dtype. Got: {scalar_name(input.dtype)}"
        )


def _same(dtype):
    return dtype


def _summed(dtype):
    return dtypes.int64 if dtype.category < dtypes.FLOATING else dtype


def _truth(dtype):
    return dtypes.uint8 if dtype is dtypes.uint8 else dtypes.bool_


def _counted(dtype):
    return dtypes.int64


def _real(dtype):
    return dtype.to_real()


def name_by_dims(name):
    """PyTorch's name of a node: 0 at its end for a reduction to one number, 1 over some dims."""

    def name_of(node):
        whole = len(node.params["dims"]) == len(node.input_metas[0].shape)
        return f"{name}Backward{0 if whole else 1}"

    return name_of


def _declare(name, reduction, doc, result=_same, **attributes):
    """An op that one reduction kernel computes."""

    def infer(input, *, dims, keepdim):
        return Spec(shapes.reduced_shape(input.shape, dims, keepdim), result(input.dtype))

    infer.__doc__ = doc
    op = primitive(infer, name=name, **attributes)

    @op.forward
    def _(out, input, *, dims, keepdim):
        devices.kernels(out).reduction.reduce(reduction, out, input, dims)

    def bind(out, inputs, params):
        form = devices.form_of(inputs[0])
        return devices.kernels(inputs[0]).reduction.bind(reduction, out, form, params["dims"])

    op.bind = bind
    same_launches(op)
    return op


sum_op = _declare(
    "sum", formulas.SUM, "The sum over `dims`; integers add up in int64.", _summed,
    node_name=name_by_dims("Sum"),
)  # fmt: skip
mean_op = _declare("mean", formulas.MEAN, "The mean over `dims`.", node_name=name_by_dims("Mean"))
nansum_op = _declare("nansum", formulas.NANSUM, "The sum of what is not NaN.", _summed)
prod_op = _declare(
    "prod", formulas.PROD, "The product over `dims`.", _summed, node_name=name_by_dims("Prod")
)
amax_op = _declare("amax", formulas.AMAX, "The maximum over `dims`; NaN where there is one.")
amin_op = _declare("amin", formulas.AMIN, "The minimum over `dims`; NaN where there is one.")
max_all_op = _declare(
    "max_all", formulas.AMAX, "The maximum of all elements.", node_name="MaxBackward1"
)
min_all_op = _declare(
    "min_all", formulas.AMIN, "The minimum of all elements.", node_name="MinBackward1"
)
any_op = _declare("any", formulas.ANY, "Whether an element is not zero.", _truth)
all_op = _declare("all", formulas.ALL, "Whether no element is zero.", _truth)
count_nonzero_op = _declare(
    "count_nonzero", formulas.COUNT_NONZERO, "How many elements are not zero.", _counted
)


# Sums --------------------------------------------------------------------------------------------


@sum_op.gradient("input")
def _(grad, input_shape, dims, keepdim):
    return kept(grad, dims, keepdim, len(input_shape)).expand(input_shape)


@mean_op.gradient("input")
def _(grad, input_shape, dims, keepdim):
    share = grad / count_of(input_shape, dims)
    return kept(share, dims, keepdim, len(input_shape)).expand(input_shape)


@nansum_op.gradient("input")
def _(grad, input, dims, keepdim):
    return kept(grad, dims, keepdim, len(input.shape)) * (input == input)


@prod_op.gradient("input")
def _(grad, input, dims, keepdim):
    from .scan import products_of_others

    grad = kept(grad, dims, keepdim, len(input.shape))
    return grad * products_of_others(input, dims)


@repeated
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


def _in_dtype(input, dtype):
    """`input` cast to `dtype`, where one is asked for."""
    return input if dtype is None else cast(input, dtype)


def _returned_in(result, dtype):
    """A sum, brought back to the dtype that was asked for."""
    return result if dtype is None else cast(result, dtype)


@function
@repeated
@numpy_names
@full_precision(devices=("cuda",))
def sum(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The sum over `dim` (all dimensions by default); bools and integers add up in int64."""
    input = _in_dtype(input, dtype)
    return _returned_in(run(sum_op, input, out, **over(input, dim, keepdim)), dtype)


@function
@repeated
@numpy_names
def nansum(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The sum over `dim` where NaN counts as zero."""
    input = _in_dtype(input, dtype)
    if input.dtype.is_complex:
        raise RuntimeError("nansum does not support complex inputs")
    op = nansum_op if input.dtype.is_floating_point else sum_op
    return _returned_in(run(op, input, out, **over(input, dim, keepdim)), dtype)


@function
@repeated
@numpy_names
def mean(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The mean over `dim` (all dimensions by default) of floating-point or complex numbers."""
    input = _in_dtype(input, dtype)
    require_floating("mean", input)
    return run(mean_op, input, out, **over(input, dim, keepdim))


@function
@numpy_names
def nanmean(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The mean over `dim` of what is not NaN."""
    require_floating("nanmean", _in_dtype(input, dtype))
    total = nansum(input, dim, keepdim, dtype=dtype)
    return true_divide(total, sum(input == input, dim, keepdim), out=out)


@function
@repeated
@numpy_names
@full_precision
def prod(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The product over one dimension, or of all elements."""
    input = _in_dtype(input, dtype)
    if isinstance(dim, tuple | list):
        raise TypeError(f"prod(): argument 'dim' must be int, not {type(dim).__name__}")
    return _returned_in(run(prod_op, input, out, **over(input, dim, keepdim)), dtype)


@function
@numpy_names
def count_nonzero(input, dim=None):
    """How many elements along `dim` are not zero."""
    return count_nonzero_op(input, **over(input, dim, False))


@function
@repeated
@numpy_names
def any(input, dim=None, keepdim=False, *, out=None):
    """Whether an element along `dim` is not zero."""
    return run(any_op, input, out, **over(input, dim, keepdim))


@function
@repeated
@numpy_names
def all(input, dim=None, keepdim=False, *, out=None):
    """Whether no element along `dim` is zero."""
    return run(all_op, input, out, **over(input, dim, keepdim))


# Extrema -----------------------------------------------------------------------------------------


for _op in (amax_op, amin_op, max_all_op, min_all_op):

    @_op.gradient("input")
    def _(grad, input, output, dims, keepdim):
        return shared_by_extrema(grad, input, output, dims, keepdim)


def shared_by_extrema(grad, input, output, dims, keepdim):
    """The gradient of an extremum, in equal shares to the elements that are equal to it."""
    rank = len(input.shape)
    chosen = input == kept(output, dims, keepdim, rank)
    return kept(grad, dims, keepdim, rank) * chosen / sum_op(chosen, dims=dims, keepdim=True)


def check_ordered(name, input):
    """NotImplementedError where the numbers have no order."""
    if input.dtype.is_complex:
        raise NotImplementedError(f"\"{name}\" not implemented for '{scalar_name(input.dtype)}'")


def _extremum(op, input, dim, keepdim, out):
    params = over(input, dim, keepdim)
    check_ordered(op.name, input)
    if dim in (None, ()):
        check_any_element(op.name, input)
    check_not_empty(op.name, input, params["dims"])
    return run(op, input, out, **params)


@function
@repeated
@numpy_names
def amax(input, dim=(), keepdim=False, *, out=None):
    """The maximum over `dim`; tied elements share its gradient."""
    return _extremum(amax_op, input, dim, keepdim, out)


@function
@repeated
@numpy_names
def amin(input, dim=(), keepdim=False, *, out=None):
    """The minimum over `dim`; tied elements share its gradient."""
    return _extremum(amin_op, input, dim, keepdim, out)


# Norms -------------------------------------------------------------------------------------------

_NORMS = {
    0: formulas.NORM_0,
    1: formulas.NORM_1,
    2: formulas.NORM_2,
    math.inf: formulas.NORM_INFINITY,
    -math.inf: formulas.NORM_MINUS_INFINITY,
}


@primitive(name="vector_norm", node_name="LinalgVectorNormBackward0")
def norm_op(input, *, p, dims, keepdim):
    """The p-norm over `dims`: (sum |x|**p)**(1/p), its limits for p = 0 and infinity."""
    return Spec(shapes.reduced_shape(input.shape, dims, keepdim), input.dtype.to_real())


@norm_op.forward
def _(out, input, *, p, dims, keepdim):
    reduction = _NORMS.get(p, formulas.NORM_P)
    devices.kernels(out).reduction.reduce(reduction, out, input, dims, parameter=float(p))


@norm_op.gradient("input")
def _(grad, input, output, p, dims, keepdim):
    if p == 0:
        return (input * 0).detach()
    rank = len(input.shape)
    grad, norm = kept(grad, dims, keepdim, rank), kept(output, dims, keepdim, rank)
    if p == 1:
        return grad * input.sgn()
    if p == 2:
        return input * (grad / norm).masked_fill(norm == 0, 0)
    size = input.abs()
    if abs(p) == math.inf:
        chosen = size == norm
        return input.sgn() * (grad * chosen / sum_op(chosen, dims=dims, keepdim=True))
    if p < 1:
        slope = input.sgn() * size.pow(p - 1).masked_fill(size == 0, 0)
    elif p < 2:
        slope = input.sgn() * size.pow(p - 1)
    else:
        slope = input * size.pow(p - 2)
    return slope * (grad / norm.pow(p - 1)).masked_fill(norm == 0, 0)


@full_precision(devices=("cuda",))
def vector_norm(input, p=2, dim=None, keepdim=False, *, dtype=None, out=None):
    """The p-norm of the elements along `dim`, in `dtype`."""
    input = _in_dtype(input, dtype)
    if input.dtype.category < dtypes.FLOATING:
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{scalar_name(input.dtype)}"
        )
    params = over(input, dim, keepdim)
    if (p < 0 or p == math.inf) and 0 in [input.shape[d] for d in params["dims"]]:
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {p} norm on an empty dimension because the "
            "operation does not have an identity"
        )
    return run(norm_op, input, out, p=p, **params)


@function(method=False)
@repeated
@numpy_names
@full_precision(devices=("cuda",))
def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """The p-norm over `dim`, of the flattened input by default; "fro" is the 2-norm.

    "nuc" is the sum of the singular values of matrices.
    """
    if p == "nuc":
        dim = tuple(range(len(input.shape))) if dim is None else dim
        return FUNCTIONS["linalg_matrix_norm"](input, p, dim, keepdim, dtype=dtype, out=out)
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"only valid values for p are 'fro' and 'nuc', but got {p!r}")
    return vector_norm(input, 2 if p in ("fro", None) else p, dim, keepdim, dtype=dtype, out=out)


@method(name="norm")
@numpy_names
def _norm_method(self, p="fro", dim=None, keepdim=False, dtype=None):
    """The p-norm over `dim`, of all elements by default; "fro" is the 2-norm."""
    return norm(self, p, dim, keepdim, dtype=dtype)


@function
@full_precision(devices=("cuda",))
def dist(input, other, p=2):
    """The p-norm of the difference."""
    return vector_norm(input - other, p)


# Variance ----------------------------------------------------------------------------------------


def _declare_spread(name, reduction, doc):
    def infer(input, *, dims, correction, keepdim):
        return Spec(shapes.reduced_shape(input.shape, dims, keepdim), input.dtype)

    infer.__doc__ = doc
    op = primitive(infer, name=name)

    @op.forward
    def _(out, input, *, dims, correction, keepdim):
        devices.kernels(out).reduction.spread(reduction, out, input, dims, correction)

    return op


var_op = _declare_spread("var", formulas.VARIANCE, "The variance over `dims`.")
std_op = _declare_spread("std", formulas.STANDARD_DEVIATION, "The standard deviation over `dims`.")


def degrees_of_freedom(shape, dims, correction):
    """What the squared deviations are divided by."""
    return max(0, count_of(shape, dims) - correction)


def _deviation(input, dims):
    return input - mean_op(input, dims=dims, keepdim=True)


@var_op.gradient("input")
def _(grad, input, dims, correction, keepdim):
    freedom = degrees_of_freedom(input.shape, dims, correction)
    scale = 2.0 / freedom if freedom else math.inf
    return kept(grad, dims, keepdim, len(input.shape)) * scale * _deviation(input, dims)


@std_op.gradient("input")
def _(grad, input, output, dims, correction, keepdim):
    freedom = degrees_of_freedom(input.shape, dims, correction)
    scale = 1.0 / freedom if freedom else math.inf
    share = (grad * scale / output).masked_fill(output == 0, 0)
    return kept(share, dims, keepdim, len(input.shape)) * _deviation(input, dims)


def _spread(op, input, dim, unbiased, correction, keepdim, out=None):
    """The arguments of var and std are var(input, unbiased) and var(input, dim, correction=)."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        raise TypeError(f"{op.name}() received both 'unbiased' and 'correction'")
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    if input.dtype.category < dtypes.FLOATING:
        raise RuntimeError(
            "std and var only support floating point and complex dtypes, but got "
            f"{scalar_name(input.dtype)}"
        )
    params = over(input, dim, keepdim)
    if count_of(input.shape, params["dims"]) - correction <= 0:
        warnings.warn(
            f"{op.name}(): degrees of freedom is <= 0. Correction should be strictly less than the "
            "reduction factor (input numel divided by output numel).",
            stacklevel=4,
        )
    if input.dtype.is_complex:
        return _complex_spread(op, input, correction, params, out)
    return run(op, input, out, correction=correction, **params)


def _complex_spread(op, input, correction, params, out):
    variance = var_op(input.real, correction=correction, **params) + var_op(
        input.imag, correction=correction, **params
    )
    result = variance if op is var_op else variance.sqrt()
    return result if out is None else out.copy_(result)


@function
@numpy_names
def var(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None):
    """The variance over `dim`: squared deviations divided by their number less `correction` (1)."""
    return _spread(var_op, input, dim, unbiased, correction, keepdim, out)


@function
@numpy_names
def std(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None):
    """The standard deviation over `dim`: the root of :func:`var`."""
    return _spread(std_op, input, dim, unbiased, correction, keepdim, out)


@function(method=False)
@numpy_names
def var_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """(variance, mean) over `dim`."""
    return _with_mean(var_op, input, dim, unbiased, correction, keepdim)


@function(method=False)
@numpy_names
def std_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """(standard deviation, mean) over `dim`."""
    return _with_mean(std_op, input, dim, unbiased, correction, keepdim)


def _with_mean(op, input, dim, unbiased, correction, keepdim):
    spread = _spread(op, input, dim, unbiased, correction, keepdim)
    dim = None if isinstance(dim, bool) else dim
    return spread, mean(input, dim, keepdim)


# logsumexp ---------------------------------------------------------------------------------------


@primitive(name="logsumexp")
def logsumexp_op(input, *, dims, keepdim):
    """log(sum(exp(input))) over `dims`, without overflow."""
    return Spec(shapes.reduced_shape(input.shape, dims, keepdim), input.dtype)


@logsumexp_op.forward
def _(out, input, *, dims, keepdim):
    devices.kernels(out).reduction.logsumexp(out, input, dims)


@logsumexp_op.gradient("input")
def _(grad, input, output, dims, keepdim):
    rank = len(input.shape)
    return kept(grad, dims, keepdim, rank) * (input - kept(output, dims, keepdim, rank)).exp()


@function
@numpy_names
@full_precision(devices=("cuda",))
def logsumexp(input, dim, keepdim=False, *, out=None):
    """log(sum(exp(input))) over `dim`, without overflow."""
    input = floating(input)
    if input.dtype.is_complex:
        raise RuntimeError("logsumexp(): Expected floating point type for the input, got complex")
    return run(logsumexp_op, input, out, **over(input, dim, keepdim))


# Samples -----------------------------------------------------------------------------------------


def _over_dims(make):
    """All, one, several and negative dims, kept or not; 0-d, and a reduction of nothing."""
    yield Sample(make(3, 4))
    yield Sample(make())
    yield Sample(make(2, 3, 4), 1)
    yield Sample(make(2, 3, 4), -1, keepdim=True)
    yield Sample(make(2, 3, 4).detach().transpose(0, 2).requires_grad_(), 0)


def _over_several(make):
    yield from _over_dims(make)
    yield Sample(make(2, 3, 4), (0, 2))
    yield Sample(make(2, 3, 4), (0, -1), keepdim=True)


for _name in ("sum", "mean", "nansum", "nanmean"):

    @samples(_name)
    def _(make):
        yield from _over_several(make)
        yield Sample(make(0, 3), 1)


for _name in ("amax", "amin"):
    samples(_name)(_over_several)


for _name in ("var", "std"):

    @samples(_name)
    def _(make):
        yield Sample(make(3, 4))
        yield Sample(make(2, 3, 4), 1)
        yield Sample(make(2, 3, 4), (0, 2), correction=0, keepdim=True)
        yield Sample(make(2, 3, 4), -1, unbiased=False)


for _name in ("var_mean", "std_mean"):

    @samples(_name)
    def _(make):
        yield Sample(make(2, 3, 4), 1)
        yield Sample(make(2, 3, 4), (0, 2), correction=0, keepdim=True)


@samples("logsumexp")
def _(make):
    yield Sample(make(3, 4), 0)
    yield Sample(make(2, 3, 4), (0, 2), keepdim=True)
    yield Sample(make(), 0)


@samples("norm")
def _(make):
    for p in ("fro", 0, 1, 2, 3, 1.5, math.inf, -math.inf, -1):
        yield Sample(make(3, 4, low=0.3, high=2), p)
        yield Sample(make(2, 3, 4, low=-2, high=-0.3), p, 1, keepdim=True)
    yield Sample(make(3, 4), 2, (0, 1))


@samples("dist")
def _(make):
    yield Sample(make(3, 4), make(3, 4))
    yield Sample(make(3, 4), make(4), 1)
