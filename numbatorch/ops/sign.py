"""Signs and magnitudes."""

from ..formulas import sign as formulas
from .arithmetic import mul
from .elementwise import BOOL, COMPLEX, compare, magnitude, no_gradient, unary
from .registry import function

abs = unary("abs", formulas.magnitude, magnitude, aliases=("absolute",), rejects=BOOL)
sign = unary("sign", formulas.sign, rejects=COMPLEX)
sgn_op = unary("sgn", formulas.sgn, publish=False)
signbit = unary("signbit", formulas.signbit, compare, inplace=False, rejects=COMPLEX)

no_gradient(sign)


@function(inplace=True, name="sgn")
def sgn(input, *, out=None):
    """input / |input|, 0 for 0; the sign of a real number."""
    return (sgn_op if input.dtype.is_complex else sign)(input, out=out)


@abs.gradient("input")
def _(grad, input):
    return mul(grad, sgn(input))
