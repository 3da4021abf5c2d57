"""Activation functions."""

from ..formulas import activations as formulas
from .elementwise import COMPLEX, elementwise, unary

relu = unary("relu", formulas.relu, rejects=COMPLEX)


@elementwise(formulas.relu_gradient, node_name="ThresholdBackwardBackward0")
def relu_gradient(grad_output, output):
    pass


@relu.gradient("input")
def _(grad, output):
    return relu_gradient(grad, output)


@relu_gradient.gradient("grad_output")
def _(grad, output):
    return relu_gradient(grad, output)
