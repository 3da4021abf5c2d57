"""Activation functions, and the gradients that they pass on."""

from .typed import formula, like


@formula
def relu(x):
    """max(x, 0)"""
    return x if (x > 0 or x != x) else like(x, 0)


@formula
def relu_gradient(grad, y):
    """The gradient through y = relu(x)"""
    return like(grad, 0) if y <= 0 else grad


@formula
def sigmoid_gradient(grad, y):
    """The gradient through y = sigmoid(x)"""
    return grad * ((like(y, 1) - y) * y)


@formula
def tanh_gradient(grad, y):
    """The gradient through y = tanh(x)"""
    return grad * (like(y, 1) - y * y)
