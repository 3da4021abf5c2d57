"""What softmax and log_softmax do to the elements of a row: m is its maximum, e = exp(x - m)."""

from . import exponential
from .typed import formula, like


@formula
def inverse(total):
    return like(total, 1) / total


@formula
def softmax(x, m, e, inverse_total):
    return e * inverse_total


@formula
def log_softmax(x, m, e, log_total):
    return (x - m) - log_total


@formula
def softmax_summand(grad, y):
    return grad * y


@formula
def softmax_gradient(grad, y, total):
    return (grad - total) * y


@formula
def log_softmax_summand(grad, y):
    return grad


@formula
def log_softmax_gradient(grad, y, total):
    return grad - exponential.exp(y) * total
