"""Medians, the k-th smallest, the most frequent element, and quantiles."""

import math

from .. import devices, dtypes, graph, return_types, shapes
from ..op import Spec, primitive
from .arg_reduction import declare_selection, select
from .autocast import full_precision
from .checks import any_set
from .indexing import gather_op
from .output import store
from .reduction import check_ordered, numpy_names
from .registry import FUNCTIONS, Sample, function, samples


def _selection(choice):
    """Launch the selection of `choice`, a name in the kernels' module."""

    def compute(values, indices, input, dim, k=1):
        kernels = devices.kernels(input).order_statistics
        kernels.select(values, indices, input, dim, getattr(kernels, choice), k - 1)

    return compute


def _most_frequent(values, indices, input, dim):
    devices.kernels(input).order_statistics.mode(values, indices, input, dim)


kthvalue_op = declare_selection("kthvalue", _selection("KTH"))
median_op = declare_selection("median", _selection("MEDIAN"))
nanmedian_op = declare_selection("nanmedian", _selection("NANMEDIAN"))
mode_op = declare_selection("mode", _most_frequent)


def _check_not_bool(name, input):
    if input.dtype is dtypes.bool_:
        raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'")


@function
@numpy_names
def kthvalue(input, k, dim=-1, keepdim=False, *, out=None):
    """(values, indices) of the k-th smallest element (from 1) along `dim`."""
    _check_not_bool("kthvalue_cpu", input)
    wrapped = shapes.wrap_dim(dim, len(input.shape))
    size = input.shape[wrapped] if input.shape else 1
    if size and not 1 <= k <= size:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {wrapped}")
    return select(kthvalue_op, return_types.kthvalue, input, dim, keepdim, out, k=k)


def _of_all(op):
    """The op that gives the median of a vector, of those along a dimension without the index."""

    def infer(input):
        return Spec((), input.dtype)

    whole = primitive(infer, name=f"{op.name}_of_all", node_name=op.node_name)

    @whole.forward
    def _(out, input):
        index = graph.allocate(out.shape, dtypes.int64, devices.of(out))
        op.compute((out, index), input, dim=0, keepdim=False)

    @whole.gradient("input")
    def _(grad, input, output):
        """In equal shares to the elements that are equal to it."""
        chosen = (input == output) | ((input != input) & (output != output))
        return grad * chosen / chosen.sum()

    return whole


_WHOLE = {op: _of_all(op) for op in (median_op, nanmedian_op)}


def _median(op, structure, input, dim, keepdim, out):
    _check_not_bool("median_out", input)
    if dim is not None:
        return select(op, structure, input, dim, keepdim, out)
    check_ordered(op.name, input)
    if graph.numel(input) == 0:
        nothing = math.nan if input.dtype.is_floating_point else dtypes.iinfo(input.dtype).min
        result = FUNCTIONS["full_like"](input.sum(dtype=input.dtype), nothing)
    else:
        result = _WHOLE[op](input.reshape(-1))
    return result if out is None else store(result, out)


@function
@numpy_names
def median(input, dim=None, keepdim=False, *, out=None):
    """The lower median of all elements, or (values, indices) along `dim`; NaN where there is one."""
    return _median(median_op, return_types.median, input, dim, keepdim, out)


@function
@numpy_names
def nanmedian(input, dim=None, keepdim=False, *, out=None):
    """The lower median of what is not NaN."""
    return _median(nanmedian_op, return_types.nanmedian, input, dim, keepdim, out)


@function
@numpy_names
def mode(input, dim=-1, keepdim=False, *, out=None):
    """(values, indices) of the most frequent element along `dim`."""
    return select(mode_op, return_types.mode, input, dim, keepdim, out)


# Quantiles ---------------------------------------------------------------------------------------

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


@function
@numpy_names
@full_precision
def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
    """The q-quantiles along `dim`, between the sorted elements; several q make a first dimension."""
    return _quantile("quantile", input, q, dim, keepdim, interpolation, out)


@function
@numpy_names
@full_precision
def nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
    """The q-quantiles of what is not NaN."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, out)


def _quantile(name, input, q, dim, keepdim, interpolation, out):
    q = _check_quantile(name, input, q, interpolation)
    rank = len(input.shape)
    flat = dim is None or rank == 0
    rows, along = (input.reshape(-1), 0) if flat else (input, shapes.wrap_dim(dim, rank))
    ordered = rows.transpose(along, -1).sort(dim=-1).values
    result = _between_ranks(name, ordered, q.reshape(-1), interpolation)
    result = result.transpose(along, -1).unsqueeze(0).transpose(0, along + 1)
    reduced = shapes.reduced_shape(input.shape, shapes.wrap_dims(dim, rank), keepdim)
    result = result.reshape((*q.shape, *reduced))
    return result if out is None else store(result, out)


def _between_ranks(name, ordered, q, interpolation):
    """Quantiles of sorted rows (..., n): (..., number of q)."""
    missing = (ordered != ordered).sum(-1, keepdim=True)
    last = ordered.shape[-1] - 1
    if name == "nanquantile":
        ranks = q * (last - missing).clamp(min=0).type_as(q)
    else:
        ranks = (q * last).masked_fill(missing > 0, last)  # a NaN, which lies at the end
    lower = ranks.long()
    fraction = ranks - lower
    dim = len(ordered.shape) - 1
    if interpolation == "nearest":  # ties to even
        up = (fraction > 0.5) | ((fraction == 0.5) & ((lower & 1) == 1))
        return gather_op(ordered, lower + up, dim=dim)
    upper = lower + (fraction > 0)
    if interpolation == "higher":
        return gather_op(ordered, upper, dim=dim)
    below = gather_op(ordered, lower, dim=dim)
    if interpolation == "lower":
        return below
    weight = fraction * 0 + 0.5 if interpolation == "midpoint" else fraction
    return below.lerp(gather_op(ordered, upper, dim=dim), weight)


def _check_quantile(name, input, q, interpolation):
    """q as a tensor; errors where the arguments do not fit."""
    if input.dtype not in (dtypes.float32, dtypes.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if graph.numel(input) == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {interpolation}"
        )
    if not isinstance(q, graph.Value):
        if not 0 <= q <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q:g}")
        return FUNCTIONS["full_like"](input.detach().reshape(-1)[0], q)
    if len(q.shape) > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if q.dtype is not input.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if any_set(~((q >= 0) & (q <= 1))):
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    return q


# Samples -----------------------------------------------------------------------------------------

for _name in ("median", "nanmedian"):

    @samples(_name)
    def _(make):
        yield Sample(make(3, 5))
        yield Sample(make(), 0)
        yield Sample(make(2, 6, 4), 1, keepdim=True)


@samples("mode")
def _(make):
    yield Sample(make(3, 5))
    yield Sample(make(2, 6, 4), 1, keepdim=True)


@samples("kthvalue")
def _(make):
    yield Sample(make(3, 5), 2)
    yield Sample(make(2, 6, 4), 3, 1, keepdim=True)


for _name in ("quantile", "nanquantile"):

    @samples(_name)
    def _(make):
        q = make.tensor([0.1, 0.5, 0.9], dtype=dtypes.float64)
        yield Sample(make(3, 5), 0.3)
        yield Sample(make(3, 5), q)
        for interpolation in _INTERPOLATIONS:
            yield Sample(make(2, 6, 4), q, 1, interpolation=interpolation)
            yield Sample(make(2, 6, 4), 0.4, -1, keepdim=True, interpolation=interpolation)
