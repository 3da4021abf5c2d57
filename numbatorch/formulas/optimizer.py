"""How optimizers move one number: from a parameter, its gradient and its state to the new ones.

Numbers that are the same for a whole parameter (the learning rate, bias corrections) come last and
are computed on the host in float64.
"""

from .roots import sqrt
from .typed import formula


@formula
def decayed(grad, param, weight_decay):
    """The gradient with that of a penalty weight_decay / 2 * param**2 added, if there is one."""
    return grad + weight_decay * param if weight_decay != 0 else grad


@formula
def sgd(param, grad, lr, weight_decay):
    """Gradient descent."""
    return (param - lr * decayed(grad, param, weight_decay),)


@formula
def sgd_momentum(param, grad, buffer, lr, weight_decay, kept, added, lookahead):
    """Gradient descent along buffer = kept * buffer + added * grad.

    With a lookahead (Nesterov), the step is along grad + lookahead * buffer instead.
    """
    grad = decayed(grad, param, weight_decay)
    buffer = kept * buffer + added * grad if kept != 0 else added * grad
    step = grad + lookahead * buffer if lookahead > 0 else buffer
    return param - lr * step, buffer


@formula
def adam(
    param, grad, mean, square, step_size, root_correction, mean_weight, kept, square_weight, eps,
    weight_decay, shrink,
):  # fmt: skip
    """Adam; `shrink` is what a decoupled weight decay multiplies the parameter by."""
    grad = decayed(grad, param, weight_decay)
    param = param * shrink
    mean = mean + mean_weight * (grad - mean)
    square = kept * square + square_weight * grad * grad
    return param - step_size * mean / (sqrt(square) / root_correction + eps), mean, square


@formula
def adam_amsgrad(
    param, grad, mean, square, largest, step_size, root_correction, mean_weight, kept,
    square_weight, eps, weight_decay, shrink,
):  # fmt: skip
    """Adam that divides by the largest mean square so far."""
    grad = decayed(grad, param, weight_decay)
    param = param * shrink
    mean = mean + mean_weight * (grad - mean)
    square = kept * square + square_weight * grad * grad
    largest = largest if (largest > square or largest != largest) else square
    param = param - step_size * mean / (sqrt(largest) / root_correction + eps)
    return param, mean, square, largest


@formula
def adadelta(param, grad, square, accumulated, lr, kept, added, eps, weight_decay):
    """Adadelta: steps scaled by the root mean square of earlier steps over that of gradients."""
    grad = decayed(grad, param, weight_decay)
    square = kept * square + added * grad * grad
    delta = sqrt(accumulated + eps) / sqrt(square + eps) * grad
    return param - lr * delta, square, kept * accumulated + added * delta * delta
