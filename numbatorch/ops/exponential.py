"""Exponentials, logarithms, roots, and the sigmoids made of them."""

import math

from ..formulas import activations, roots
from ..formulas import exponential as formulas
from .arithmetic import conj_of, mul, neg
from .elementwise import COMPLEX, elementwise, to_float, unary

exp = unary("exp", formulas.exp, to_float)
exp2 = unary("exp2", formulas.exp2, to_float)
expm1 = unary("expm1", formulas.expm1, to_float)
log = unary("log", formulas.log, to_float, domain=(0.3, 3.0))
log2 = unary("log2", formulas.log2, to_float, domain=(0.3, 3.0))
log10 = unary("log10", formulas.log10, to_float, domain=(0.3, 3.0))
log1p = unary("log1p", formulas.log1p, to_float, domain=(-0.6, 3.0))
sqrt = unary("sqrt", roots.sqrt, to_float, domain=(0.3, 3.0))
rsqrt = unary("rsqrt", roots.rsqrt, to_float, domain=(0.3, 3.0))
sigmoid = unary("sigmoid", formulas.sigmoid, to_float)
tanh = unary("tanh", formulas.tanh, to_float)
erf = unary("erf", formulas.erf, to_float, rejects=COMPLEX)


@exp.gradient("input")
def _(grad, output):
    return mul(grad, conj_of(output))


@exp2.gradient("input")
def _(grad, output):
    return mul(grad, conj_of(output * math.log(2.0)))


@expm1.gradient("input")
def _(grad, output):
    return mul(grad, conj_of(output + 1))


@log.gradient("input")
def _(grad, input):
    return grad / conj_of(input)


@log2.gradient("input")
def _(grad, input):
    return grad / conj_of(input * math.log(2.0))


@log10.gradient("input")
def _(grad, input):
    return grad / conj_of(input * math.log(10.0))


@log1p.gradient("input")
def _(grad, input):
    return grad / conj_of(input + 1)


@sqrt.gradient("input")
def _(grad, output):
    return grad / conj_of(2 * output)


@rsqrt.gradient("input")
def _(grad, output):
    return mul(grad, conj_of(output * output * output)) * -0.5


@erf.gradient("input")
def _(grad, input):
    return grad * exp(neg(input * input)) * (2 / math.sqrt(math.pi))


# Sigmoids: their gradients are fused, and have gradients themselves.


@elementwise(activations.sigmoid_gradient)
def sigmoid_gradient(grad_output, output):
    pass


@sigmoid.gradient("input")
def _(grad, output):
    return sigmoid_gradient(grad, conj_of(output))


@sigmoid_gradient.gradient("grad_output")
def _(grad, output):
    return sigmoid_gradient(grad, conj_of(output))


@sigmoid_gradient.gradient("output")
def _(grad, grad_output, output):
    return mul(grad, conj_of(grad_output * (1 - 2 * output)))


@elementwise(activations.tanh_gradient)
def tanh_gradient(grad_output, output):
    pass


@tanh.gradient("input")
def _(grad, output):
    return tanh_gradient(grad, conj_of(output))


@tanh_gradient.gradient("grad_output")
def _(grad, output):
    return tanh_gradient(grad, conj_of(output))


@tanh_gradient.gradient("output")
def _(grad, grad_output, output):
    return mul(grad, conj_of(grad_output * output)) * -2
