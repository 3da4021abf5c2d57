"""Comparisons, the larger and the smaller of two, and which numbers are NaN or infinite."""

from ..formulas import comparison as formulas
from .elementwise import COMPLEX, binary, compare, unary
from .selection import where_op

eq = binary("eq", formulas.eq, compare)
ne = binary("ne", formulas.ne, compare, aliases=("not_equal",))
lt = binary("lt", formulas.lt, compare, aliases=("less",), rejects=COMPLEX)
le = binary("le", formulas.le, compare, aliases=("less_equal",), rejects=COMPLEX)
gt = binary("gt", formulas.gt, compare, aliases=("greater",), rejects=COMPLEX)
ge = binary("ge", formulas.ge, compare, aliases=("greater_equal",), rejects=COMPLEX)

isnan = unary("isnan", formulas.isnan, compare, inplace=False)
isinf = unary("isinf", formulas.isinf, compare, inplace=False)
isfinite = unary("isfinite", formulas.isfinite, compare, inplace=False)
isposinf = unary("isposinf", formulas.isposinf, compare, inplace=False, rejects=COMPLEX)
isneginf = unary("isneginf", formulas.isneginf, compare, inplace=False, rejects=COMPLEX)

maximum = binary("maximum", formulas.maximum, inplace=False, rejects=COMPLEX)
minimum = binary("minimum", formulas.minimum, inplace=False, rejects=COMPLEX)
fmax = binary("fmax", formulas.fmax, inplace=False, rejects=COMPLEX)
fmin = binary("fmin", formulas.fmin, inplace=False, rejects=COMPLEX)


def _shared(grad, loses, ties):
    """The gradient of one operand: nothing where it loses, half where both are equal."""
    return where_op(loses, 0, where_op(ties, grad / 2, grad))


@maximum.gradient("input")
def _(grad, input, other):
    return _shared(grad, lt(input, other), eq(input, other))


@maximum.gradient("other")
def _(grad, input, other):
    return _shared(grad, gt(input, other), eq(input, other))


@minimum.gradient("input")
def _(grad, input, other):
    return _shared(grad, gt(input, other), eq(input, other))


@minimum.gradient("other")
def _(grad, input, other):
    return _shared(grad, lt(input, other), eq(input, other))


@fmax.gradient("input")
def _(grad, input, other):
    return where_op(ge(input, other) | isnan(other), grad, 0)


@fmax.gradient("other")
def _(grad, input, other):
    return where_op(ge(input, other) | isnan(other), 0, grad)


@fmin.gradient("input")
def _(grad, input, other):
    return where_op(le(input, other) | isnan(other), grad, 0)


@fmin.gradient("other")
def _(grad, input, other):
    return where_op(le(input, other) | isnan(other), 0, grad)
