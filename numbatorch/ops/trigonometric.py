"""Circular and hyperbolic functions and their inverses."""

import math

from ..formulas import trigonometric as formulas
from .arithmetic import conj_of, mul, neg
from .elementwise import COMPLEX, NOT_REAL, TENSORS, binary, to_float, unary
from .exponential import rsqrt
from .selection import where_op

sin = unary("sin", formulas.sin, to_float)
cos = unary("cos", formulas.cos, to_float)
tan = unary("tan", formulas.tan, to_float, domain=(-1.2, 1.2))
asin = unary("asin", formulas.asin, to_float, domain=(-0.8, 0.8), aliases=("arcsin",))
acos = unary("acos", formulas.acos, to_float, domain=(-0.8, 0.8), aliases=("arccos",))
atan = unary("atan", formulas.atan, to_float, aliases=("arctan",))
sinh = unary("sinh", formulas.sinh, to_float)
cosh = unary("cosh", formulas.cosh, to_float)
asinh = unary("asinh", formulas.asinh, to_float, aliases=("arcsinh",))
acosh = unary("acosh", formulas.acosh, to_float, domain=(1.3, 3.0), aliases=("arccosh",))
atanh = unary("atanh", formulas.atanh, to_float, domain=(-0.8, 0.8), aliases=("arctanh",))
sinc = unary("sinc", formulas.sinc, to_float, domain=(0.3, 2.0))
_not_complex = {"rejects": COMPLEX, "rejection": "{name} is not supported for complex tensors."}
deg2rad = unary("deg2rad", formulas.deg2rad, to_float, **_not_complex)
rad2deg = unary("rad2deg", formulas.rad2deg, to_float, **_not_complex)
atan2 = binary(
    "atan2", formulas.atan2, to_float, domain=(0.3, 2.0), aliases=("arctan2",), rejects=COMPLEX,
    numbers=TENSORS,
)  # fmt: skip
hypot = binary("hypot", formulas.hypot, domain=(0.3, 2.0), rejects=NOT_REAL, numbers=TENSORS)


@sin.gradient("input")
def _(grad, input):
    return mul(grad, conj_of(cos(input)))


@cos.gradient("input")
def _(grad, input):
    return neg(mul(grad, conj_of(sin(input))))


@tan.gradient("input")
def _(grad, output):
    return mul(grad, conj_of(output * output + 1))


@asin.gradient("input")
def _(grad, input):
    return mul(grad, conj_of(rsqrt(1 - input * input)))


@acos.gradient("input")
def _(grad, input):
    return neg(mul(grad, conj_of(rsqrt(1 - input * input))))


@atan.gradient("input")
def _(grad, input):
    return grad / conj_of(input * input + 1)


@sinh.gradient("input")
def _(grad, input):
    return mul(grad, conj_of(cosh(input)))


@cosh.gradient("input")
def _(grad, input):
    return mul(grad, conj_of(sinh(input)))


@asinh.gradient("input")
def _(grad, input):
    return mul(grad, conj_of(rsqrt(input * input + 1)))


@acosh.gradient("input")
def _(grad, input):
    if not input.dtype.is_complex:
        return mul(grad, rsqrt(input * input - 1))
    return mul(grad, conj_of(rsqrt(input - 1) * rsqrt(input + 1)))


@atanh.gradient("input")
def _(grad, input):
    return grad / conj_of(1 - input * input)


@sinc.gradient("input")
def _(grad, input):
    angle = input * math.pi
    slope = (angle * cos(angle) - sin(angle)) / (angle * input)
    return mul(grad, conj_of(where_op(input == 0, 0, slope)))


@deg2rad.gradient("input")
def _(grad):
    return deg2rad(grad)


@rad2deg.gradient("input")
def _(grad):
    return rad2deg(grad)


@atan2.gradient("input")
def _(grad, input, other):
    return grad * (other / (input * input + other * other))


@atan2.gradient("other")
def _(grad, input, other):
    return grad * (neg(input) / (input * input + other * other))


@hypot.gradient("input")
def _(grad, input, output):
    return grad * (input / output)


@hypot.gradient("other")
def _(grad, other, output):
    return grad * (other / output)
