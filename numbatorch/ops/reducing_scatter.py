"""Scatter that reduces what meets in one place: scatter_reduce, index_reduce."""

from .. import devices, dtypes, graph
from ..op import Spec, primitive
from ..shapes import Size
from . import scalars
from .casting import cast
from .indexing import (
    check_gather,
    check_line,
    check_same_dtype,
    fitted,
    gather_op,
    scatter_op,
    writer,
)  # fmt: skip
from .registry import Sample, samples
from .selection import where_op

#: What a place starts from where its own value does not count.
_NEUTRAL = {"sum": 0, "mean": 0, "prod": 1}


# The product and the extremes are primitives; sum and mean are composed from scatter_add.


@primitive(name="scatter_reduce", inplace_safe=True)
def scatter_reduce_op(input, index, src, *, dim, combine):
    """`input` combined with the values of `src` that `index` sends to each place."""
    return Spec(input.shape, input.dtype)


scatter_reduce_op.forward(scatter_op.compute)


@scatter_reduce_op.gradient()
def _(grad, output, inputs, needs, dim, combine):
    rule = _product_gradients if combine == "multiply" else _extreme_gradients
    return rule(grad, output, *inputs, needs, dim, combine)


def _product_gradients(grad, output, input, index, src, needs, dim, combine):
    """A factor's gradient is the product of the others: the whole by it, unless it is zero."""
    of_input = of_src = None
    if needs[0]:
        zero = input == 0
        others = scatter_reduce_op(where_op(zero, 1, input), index, src, dim=dim, combine=combine)
        of_input = grad * where_op(zero, others, others / where_op(zero, 1, input))
    if needs[2]:
        zero = src == 0
        counts = scatter_op(
            None, index, cast(zero, src.dtype), dim=dim, combine="add", size=input.shape
        )
        single = zero & (gather_op(counts, index, dim=dim) == 1)
        without = where_op(single, 1, src)
        others = scatter_reduce_op(input, index, without, dim=dim, combine=combine)
        at_single = gather_op(grad * others, index, dim=dim)
        elsewhere = gather_op(grad * output, index, dim=dim) / where_op(zero, 1, src)
        of_src = where_op(single, at_single, elsewhere)
    return of_input, None, of_src


def _extreme_gradients(grad, output, input, index, src, needs, dim, combine):
    """Shared evenly among the values that are the extreme."""
    own = cast(input == output, grad.dtype)
    chosen = cast(src == gather_op(output, index, dim=dim), grad.dtype)
    winners = scatter_op(own, index, chosen, dim=dim, combine="add")
    share = grad / where_op(winners == 0, 1, winners)
    return (
        own * share if needs[0] else None,
        None,
        chosen * gather_op(share, index, dim=dim) if needs[2] else None,
    )


_COMBINE = {"prod": "multiply", "amax": "amax", "amin": "amin"}


@writer
def scatter_reduce(run, input, dim, index, src, reduce, *, include_self=True):
    """`input` combined with src[i][j] at [index[i][j]][j] for dim 0, and likewise for others.

    `reduce` is sum, prod, mean, amax or amin; without `include_self` only values of `src` count
    where there are some.
    """
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(
            "reduce argument must be either sum, prod, mean, amax or amin, got " + str(reduce)
        )
    if input.dtype.is_complex and reduce in ("amax", "amin"):
        raise NotImplementedError(
            f"scatter_reduce(): {reduce} is not implemented for {input.dtype}: complex numbers have "
            "no order"
        )
    dim = check_gather("scatter_reduce", input, dim, index, src)
    check_same_dtype("scatter", input, src)
    src = fitted(src, index)
    if not include_self:
        neutral = _neutral(reduce, input)
        input = run(scatter_op, input, index, neutral, dim=dim)
    if reduce not in ("sum", "mean"):
        return run(scatter_reduce_op, input, index, src, dim=dim, combine=_COMBINE[reduce])
    total = run(scatter_op, input, index, src, dim=dim, combine="add")
    if reduce == "sum":
        return total
    return _divided(run, total, _counts(input, index, dim, include_self))


def _neutral(reduce, input):
    value = _NEUTRAL.get(reduce)
    if value is None:
        value = _extreme(input.dtype, lowest=reduce == "amax")
    return scalars.full_scalar(value, input.dtype, devices.of(input))


def _extreme(dtype, lowest):
    if dtype.is_floating_point:
        return float("-inf") if lowest else float("inf")
    if dtype is dtypes.bool_:
        return not lowest
    limits = dtypes.iinfo(dtype)
    return limits.min if lowest else limits.max


def _counts(input, index, dim, include_self):
    """How many values meet in each place, at least 1."""
    place = devices.of(input)
    one = scalars.constant(1, input.dtype, place)
    counts = scatter_op(None, index, one, dim=dim, combine="add", size=input.shape)
    return counts + 1 if include_self else where_op(counts == 0, 1, counts)


def _divided(run, total, counts):
    from .arithmetic import floor_divide, true_divide

    integral = total.dtype.category == dtypes.INTEGRAL
    return run(floor_divide if integral else true_divide, total, counts)


@writer
def index_reduce(run, input, dim, index, source, reduce, *, include_self=True):
    """`input` with source[i] combined into its slice index[i] of dimension `dim`."""
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"reduce argument must be either prod, mean, amax or amin, got {reduce}")
    dim, index = check_line("index_reduce_", input, dim, index)
    shape = [1] * max(len(input.shape), 1)
    shape[dim] = graph.numel(index)
    expected = Size((*input.shape[:dim], *index.shape, *input.shape[dim + 1 :]))
    if not source.shape:
        source = source.reshape(1)
    if source.shape != expected:
        raise RuntimeError(
            f"index_reduce_(): the shape of source, {list(source.shape)}, must be {list(expected)}"
        )
    if not input.shape:
        index, source = index.reshape(()), source.reshape(())
        shape = ()
    wide = index.reshape(shape).expand(source.shape)
    return scatter_reduce.body(run, input, dim, wide, source, reduce, include_self=include_self)


# Samples ------------------------------------------------------------------------------------------


@samples("scatter_reduce")
def _(make):
    for reduce in ("sum", "prod", "mean", "amax", "amin"):
        for include_self in (True, False):
            yield Sample(
                make(4, 3),
                0,
                make.index(5, 3, high=4),
                make(5, 3),
                reduce,
                include_self=include_self,
            )


@samples("index_reduce")
def _(make):
    for reduce in ("prod", "mean", "amax", "amin"):
        yield Sample(make(4, 3), 1, make.tensor([0, 2, 0]), make(4, 3), reduce)
