"""How optimizers move one number: from a parameter, its gradient and its state to the new ones.

Numbers that are the same for a whole parameter (the learning rate, bias corrections) come last and
are computed on the host in float64.
"""

from .roots import sqrt
from .typed import formula, like


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


@formula
def adamax(param, grad, mean, norm, step_size, mean_weight, kept, eps, weight_decay):
    """Adam divided by the largest gradient of late."""
    grad = decayed(grad, param, weight_decay)
    mean = mean + mean_weight * (grad - mean)
    norm, size = norm * kept, abs(grad) + eps
    norm = norm if (norm > size or norm != norm) else size
    return param - step_size * mean / norm, mean, norm


@formula
def nadam(
    param, grad, mean, square, grad_size, mean_size, correction, mean_weight, kept, square_weight,
    eps, weight_decay, shrink,
):  # fmt: skip
    """Adam that takes the next step of its mean at once."""
    grad = decayed(grad, param, weight_decay)
    param = param * shrink
    mean = mean + mean_weight * (grad - mean)
    square = kept * square + square_weight * grad * grad
    scale = sqrt(square / correction) + eps
    return param - grad_size * grad / scale - mean_size * mean / scale, mean, square


@formula
def radam(
    param, grad, mean, square, step_size, factor, mean_weight, kept, square_weight, eps,
    weight_decay, shrink,
):  # fmt: skip
    """Adam where the factor is not 0; steps along the mean before."""
    grad = decayed(grad, param, weight_decay)
    param = param * shrink
    mean = mean + mean_weight * (grad - mean)
    square = kept * square + square_weight * grad * grad
    step = step_size * mean
    if factor > 0:
        step = step * factor / (sqrt(square) + eps)
    return param - step, mean, square


@formula
def adagrad(param, grad, total, lr, eps, weight_decay):
    """Steps divided by the root of all squared gradients so far."""
    grad = decayed(grad, param, weight_decay)
    total = total + grad * grad
    return param - lr * grad / (sqrt(total) + eps), total


@formula
def rmsprop(param, grad, square, lr, kept, added, eps, weight_decay):
    """Steps divided by the root mean square of late gradients."""
    grad = decayed(grad, param, weight_decay)
    square = kept * square + added * grad * grad
    return param - lr * grad / (sqrt(square) + eps), square


@formula
def rmsprop_momentum(param, grad, square, buffer, lr, kept, added, eps, weight_decay, momentum):
    """The same, along a running sum."""
    grad = decayed(grad, param, weight_decay)
    square = kept * square + added * grad * grad
    buffer = momentum * buffer + grad / (sqrt(square) + eps)
    return param - lr * buffer, square, buffer


@formula
def rmsprop_centered(param, grad, square, mean, lr, kept, added, eps, weight_decay):
    """Steps divided by the standard deviation of late gradients."""
    grad = decayed(grad, param, weight_decay)
    square = kept * square + added * grad * grad
    mean = mean + added * (grad - mean)
    return param - lr * grad / (sqrt(square - mean * mean) + eps), square, mean


@formula
def rmsprop_centered_momentum(
    param, grad, square, mean, buffer, lr, kept, added, eps, weight_decay, momentum
):
    """The same, along a running sum."""
    grad = decayed(grad, param, weight_decay)
    square = kept * square + added * grad * grad
    mean = mean + added * (grad - mean)
    buffer = momentum * buffer + grad / (sqrt(square - mean * mean) + eps)
    return param - lr * buffer, square, mean, buffer


@formula
def rprop(param, grad, previous, step, shrink, grow, least, most):
    """Steps by the signs of gradients, which grow while those stay; after a flip, none."""
    agreement = grad * previous
    if agreement > 0:
        step = step * grow
    elif agreement < 0:
        step = step * shrink
        grad = like(grad, 0)
    step = least if step < least else (most if step > most else step)
    if grad > 0:
        param = param - step
    elif grad < 0:
        param = param + step
    return param, grad, step


@formula
def asgd(param, grad, average, shrink, lr, weight, weight_decay):
    """Gradient descent, and the average of where it has been."""
    grad = decayed(grad, param, weight_decay)
    param = param * shrink - lr * grad
    average = param if weight == 1 else average + (param - average) * weight
    return param, average
