"""How often values occur: bincount, histc, histogram."""

import math

from .. import devices, dtypes, graph
from ..shapes import Size
from . import scalars
from .casting import cast
from .copying import fresh_full
from .indexing import index_op, index_put_op
from .masking import nonzero_op
from .output import store
from .registry import function
from .views import reshape


@function
def bincount(input, weights=None, minlength=0):
    """How often each non-negative integer occurs, or the sum of its `weights`."""
    if len(input.shape) != 1 or input.dtype.category > dtypes.INTEGRAL:
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
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
        raise RuntimeError(f"\"histogram_cpu\" not implemented for '{input.dtype}'")
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


def _limits(values, low, high):
    if low == high and graph.numel(values):
        low, high = values.amin().item(), values.amax().item()
    if low == high:
        low, high = low - 1, high + 1
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError("max must be larger than min")
    return low, high
