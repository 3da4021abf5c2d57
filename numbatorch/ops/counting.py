"""How often values occur: bincount, histc, histogram."""

import math
import operator

from .. import devices, dtypes, graph, return_types
from ..op import scalar_name
from ..shapes import Size
from . import scalars
from .casting import cast
from .copying import fresh_full
from .indexing import index_op, index_put_op
from .masking import nonzero_op
from .output import store
from .registry import function
from .sorting import searchsorted
from .views import reshape


@function
def bincount(input, weights=None, minlength=0):
    """How often each non-negative integer occurs, or the sum of its `weights`."""
    if input.dtype.category > dtypes.INTEGRAL:
        raise NotImplementedError(
            f"\"bincount_cpu\" not implemented for '{scalar_name(input.dtype)}'"
        )
    if len(input.shape) != 1:
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    minlength = operator.index(minlength)
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if weights is not None and weights.shape != input.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    place = devices.of(input)
    if weights is None:
        weights = scalars.constant(1, dtypes.int64, place)
    elif weights.dtype is not dtypes.float32:
        weights = cast(weights, dtypes.float64)
    bins = minlength
    if graph.numel(input):
        if input.dtype.is_signed and int(input.amin()) < 0:
            raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
        bins = max(bins, int(input.amax()) + 1)
    if not graph.numel(input):
        return fresh_full((bins,), 0, dtypes.int64, place)
    weights = weights.detach()
    return index_put_op(None, weights, input, dims=(0,), accumulate=True, size=Size((bins,)))


@function
def histc(input, bins=100, min=0, max=0, *, out=None):
    """How many elements fall into each of `bins` equal intervals from min to max (or of all)."""
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"\"histogram_cpu\" not implemented for '{scalar_name(input.dtype)}'"
        )
    if bins <= 0:
        raise RuntimeError("bins must be > 0")
    values = reshape(input.detach(), (-1,))
    low, high = _limits(values, min, max)
    inside = (values >= low) & (values <= high)
    kept = index_op(values, reshape(nonzero_op(inside), (-1,)), dims=(0,))
    place = cast((kept - low) * bins / (high - low), dtypes.int64).clamp(max=bins - 1)
    one = scalars.constant(1, input.dtype, devices.of(input))
    result = index_put_op(None, one, place, dims=(0,), accumulate=True, size=Size((bins,)))
    return result if out is None else store(result, out)


def _limits(values, low, high, margin=1):
    if low == high and graph.numel(values):
        low, high = values.amin().item(), values.amax().item()
    if low == high:
        low, high = low - margin, high + margin
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError("max must be larger than min")
    return low, high


@function
def histogram(input, bins=100, *, range=None, weight=None, density=False, out=None):
    """(hist, bin_edges): how many elements, or how much weight, each bin holds.

    `bins` is a number of equal bins over `range` (or over all elements), or a tensor of their edges.
    The last bin includes its right edge.
    """
    if not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"\"histogram_cpu\" not implemented for '{scalar_name(input.dtype)}'"
        )
    values = reshape(input.detach(), (-1,))
    edges = _edges(values, bins, range)
    count = edges.shape[0] - 1
    inside = reshape(nonzero_op((values >= edges[0]) & (values <= edges[-1])), (-1,))
    kept = index_op(values, inside, dims=(0,))
    place = (searchsorted(edges, kept, right=True) - 1).clamp(max=count - 1)
    if weight is None:
        weights = scalars.constant(1, input.dtype, devices.of(input))
    elif weight.shape != input.shape:
        raise RuntimeError(
            "torch.histogram(): if weight tensor is provided it should have the same shape as input"
        )
    else:
        weights = index_op(reshape(weight.detach(), (-1,)), inside, dims=(0,))
    hist = index_put_op(None, weights, place, dims=(0,), accumulate=True, size=Size((count,)))
    if density:
        hist = hist / (hist.sum() * (edges[1:] - edges[:-1]))
    results = (hist, edges)
    if out is not None:
        results = [store(result, target) for result, target in zip(results, out)]
    return return_types.histogram(results)


def _edges(values, bins, range):
    from ..creation import linspace

    if isinstance(bins, graph.Value):
        if len(bins.shape) != 1 or not bins.shape[0]:
            raise RuntimeError(
                "torch.histogram(): bins tensor should have one dimension and an element"
            )
        return cast(bins.detach(), values.dtype)
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins}")
    low, high = _limits(values, *(range or (0, 0)), margin=0.5)
    return linspace(low, high, bins + 1, dtype=values.dtype, device=devices.of(values))
