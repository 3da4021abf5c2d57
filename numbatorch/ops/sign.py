"""Signs and magnitudes."""

from ..formulas import sign as formulas
from . import scalars
from .arithmetic import conj_of, mul
from .casting import cast
from .elementwise import (
    BOOL,
    COMPLEX,
    TENSOR_FIRST,
    TENSORS,
    compare,
    elementwise,
    magnitude,
    no_gradient,
    not_differentiable,
    to_float,
    unary,
)
from .registry import function
from .selection import where_op

abs = unary("abs", formulas.magnitude, magnitude, aliases=("absolute",), rejects=BOOL)
sign = unary("sign", formulas.sign, rejects=COMPLEX)
sgn_op = unary("sgn", formulas.sgn, publish=False)
signbit = unary("signbit", formulas.signbit, compare, inplace=False, rejects=COMPLEX)

no_gradient(sign)


@function(inplace=True, name="sgn")
def sgn(input, *, out=None):
    """input / |input|, 0 for 0; the sign of a real number."""
    return (sgn_op if input.dtype.is_complex else sign)(input, out=out)


@sgn_op.gradient("input")
def _(grad, input, output):
    along = mul(real_part_of(grad, output), output)
    size = abs(input)
    return where_op(size == 0, 0, (grad - along) / size)


def real_part_of(x, y):
    """The real part of x times the conjugate of y, as a complex number."""
    product = mul(x, conj_of(y))
    return (product + conj_of(product)) / 2


@abs.gradient("input")
def _(grad, input):
    return mul(grad, sgn(input))


@elementwise(
    formulas.copysign, to_float, publish=True, rejects=COMPLEX, domain=(0.5, 2.0),
    numbers=TENSOR_FIRST,
)  # fmt: skip
def copysign(input, other):
    pass


@copysign.gradient("input")
def _(grad, input, output):
    return where_op(input == 0, 0, grad * output / input)


@copysign.gradient("other")
def _(grad):
    return None


@elementwise(
    formulas.heaviside, publish=True, rejects=COMPLEX, numbers=TENSORS, sampled=False,
    rejection="heaviside is not yet implemented for complex tensors.",
    mixed="heaviside is not yet implemented for tensors with different dtypes.",
)  # fmt: skip
def heaviside(input, values):
    pass


not_differentiable(heaviside)


@function(inplace=True)
def ldexp(input, other, *, out=None):
    """input * 2**other"""
    dtype = to_float(scalars.promoted(mul, (input, other))[1])[0]
    return mul(input, 2.0 ** cast(other, dtype), out=out)
