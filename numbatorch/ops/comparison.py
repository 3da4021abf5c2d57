"""Comparisons, the larger and the smaller of two, and which numbers are NaN or infinite."""

from ..formulas import comparison as formulas
from .elementwise import COMPLEX, TENSOR_FIRST, TENSORS, Comparison, binary, compare, unary
from .selection import where_op


def _comparison(name, formula, alias=(), rejects=COMPLEX):
    return binary(
        name, formula, compare, kind=Comparison, aliases=alias, rejects=rejects,
        numbers=TENSOR_FIRST,
    )  # fmt: skip


eq = _comparison("eq", formulas.eq, rejects=())
ne = _comparison("ne", formulas.ne, ("not_equal",), rejects=())
lt = _comparison("lt", formulas.lt, ("less",))
le = _comparison("le", formulas.le, ("less_equal",))
gt = _comparison("gt", formulas.gt, ("greater",))
ge = _comparison("ge", formulas.ge, ("greater_equal",))

isnan = unary("isnan", formulas.isnan, compare, inplace=False)
isinf = unary("isinf", formulas.isinf, compare, inplace=False)
isfinite = unary("isfinite", formulas.isfinite, compare, inplace=False)

_not_complex = {
    "inplace": False,
    "rejects": COMPLEX,
    "rejection": "{name} does not support complex inputs.",
}
isposinf = unary("isposinf", formulas.isposinf, compare, **_not_complex)
isneginf = unary("isneginf", formulas.isneginf, compare, **_not_complex)

_not_complex = {
    "inplace": False,
    "rejects": COMPLEX,
    "rejection": "{name} not implemented for complex tensors.",
    "numbers": TENSORS,
}
maximum = binary("maximum", formulas.maximum, **_not_complex)
minimum = binary("minimum", formulas.minimum, **_not_complex)
fmax = binary("fmax", formulas.fmax, **_not_complex)
fmin = binary("fmin", formulas.fmin, **_not_complex)


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
