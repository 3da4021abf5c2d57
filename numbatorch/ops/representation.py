"""Numbers by their representation: frexp and nextafter."""

import numpy as np

from .. import dtypes, graph, return_types
from ..formulas import representation as formulas
from .copying import zeros_like_meta
from .elementwise import NOT_REAL, elementwise, no_gradient
from .output import store
from .registry import Sample, function, samples
from .scalars import check_tensor


def _counted(dtype):
    """Computed in the promoted dtype; the result is a count."""
    return dtype, dtypes.int32


@elementwise(
    formulas.mantissa, rejects=NOT_REAL, rejection="torch.frexp() only supports floating-point dtypes",
    node_name="FrexpBackward0", sampled=False,
)  # fmt: skip
def mantissa(input):
    pass


@elementwise(formulas.exponent, _counted, sampled=False)
def exponent(input):
    pass


@mantissa.gradient("input")
def _(grad, input):
    return grad / exponent(input).exp2()


no_gradient(exponent)


@function
def frexp(input, *, out=None):
    """(mantissa, exponent): input = mantissa * 2**exponent, with 1/2 <= |mantissa| < 1."""
    check_tensor("frexp", "input", 1, input)
    parts = mantissa(input), exponent(input)
    if out is not None:
        parts = tuple([store(part, target) for part, target in zip(parts, out)])
    return return_types.frexp(parts)


@elementwise(formulas.next_after, rejects=NOT_REAL, sampled=False, name="nextafter")
def nextafter_op(input, other, *, digits, least, largest):
    pass


@nextafter_op.gradient("input")
def _(grad, input, other):
    return grad * (input != other)


@nextafter_op.gradient("other")
def _(grad):
    return zeros_like_meta(graph.metadata_of(grad))


@function(inplace=True)
def nextafter(input, other, *, out=None):
    """The floating-point number next to `input` in the direction of `other`."""
    check_tensor("nextafter", "input", 1, input)
    check_tensor("nextafter", "other", 2, other)
    dtype = dtypes.result_type([(x.dtype, 2 if x.shape else 1) for x in (input, other)])
    bounds = _bounds(dtype) if dtype.is_floating_point else (0, 0, 0)
    return nextafter_op(input, other, **dict(zip(nextafter_op.param_names, bounds)), out=out)


def _bounds(dtype):
    """(binary digits, exponent of the least positive number, largest number) of a dtype."""
    limits = dtypes.finfo(dtype)
    return dtype.digits, int(np.log2(limits.tiny)) - dtype.digits + 1, limits.max


@samples("frexp")
def _(make):
    yield Sample(make(3, 4, low=0.55, high=0.95)).between(finish=lambda parts: parts[0])
    yield Sample(make(low=2.1, high=3.9)).between(finish=lambda parts: parts[0])


@samples("nextafter")
def _(make):
    yield Sample(make(3, 4), make(4).detach())
