"""Activation functions, and the gradients that they pass on.

A gradient takes the gradient of the output first, then the input x, or the output y where that says
as much.
"""

from .exponential import erf, exp, expm1, log1p, sigmoid, tanh
from .typed import formula, like

# Piecewise linear --------------------------------------------------------------------------------


@formula
def relu(x):
    """max(x, 0)"""
    return x if (x > 0 or x != x) else like(x, 0)


@formula
def relu_gradient(grad, y):
    """The gradient through y = relu(x)"""
    return like(grad, 0) if y <= 0 else grad


@formula
def leaky_relu(x, negative_slope):
    """x where it is positive, else negative_slope * x"""
    return x if x > 0 else x * negative_slope


@formula
def leaky_relu_gradient(grad, x, negative_slope):
    """The gradient through leaky_relu(x)"""
    return grad if x > 0 else grad * negative_slope


@formula
def threshold(x, threshold, value):
    """x where it is above the threshold, else value"""
    return value if x <= threshold else x


@formula
def threshold_gradient(grad, x, threshold):
    """The gradient through threshold(x)"""
    return like(grad, 0) if x <= threshold else grad


@formula
def hardtanh(x, low, high):
    """x brought between low and high"""
    return low if x < low else (high if x > high else x)


@formula
def hardtanh_gradient(grad, x, low, high):
    """The gradient through hardtanh(x): nothing at the bounds themselves, nor at NaN"""
    return grad if low < x < high else like(grad, 0)


@formula
def hardsigmoid(x):
    """x / 6 + 1 / 2 brought between 0 and 1"""
    raised = x + like(x, 3)
    raised = like(x, 0) if raised < 0 else raised
    return (like(x, 6) if raised > 6 else raised) / like(x, 6)


@formula
def hardsigmoid_gradient(grad, x):
    """The gradient through hardsigmoid(x)"""
    return grad * like(x, 1.0 / 6.0) if (x > -3 and x < 3) else like(grad, 0)


@formula
def hardshrink(x, lambd):
    """0 between -lambd and lambd, x outside"""
    return like(x, 0) if (x >= -lambd and x <= lambd) else x


@formula
def shrink_gradient(grad, x, lambd):
    """The gradient through hardshrink(x) and softshrink(x)"""
    return like(grad, 0) if (x >= -lambd and x <= lambd) else grad


@formula
def softshrink(x, lambd):
    """x moved by lambd towards 0, and 0 between -lambd and lambd"""
    return x - lambd if x > lambd else (x + lambd if x < -lambd else x * like(x, 0))


@formula
def prelu(x, weight):
    """x where it is positive, else weight * x"""
    return x if x > 0 else weight * x


# Piecewise smooth --------------------------------------------------------------------------------


@formula
def hardswish(x):
    """x * hardsigmoid(x)"""
    raised = x + like(x, 3)
    raised = like(x, 0) if raised < 0 else raised
    return x * (like(x, 6) if raised > 6 else raised) / like(x, 6)


@formula
def hardswish_gradient(grad, x):
    """The gradient through hardswish(x)"""
    inside = grad * (x / like(x, 3) + like(x, 0.5))
    return like(grad, 0) if x <= -3 else (inside if x < 3 else grad)


@formula
def elu(x, alpha, scale, input_scale):
    """scale * x where x is positive, else scale * alpha * (exp(input_scale * x) - 1)"""
    return expm1(x * input_scale) * (alpha * scale) if x <= 0 else x * scale


@formula
def elu_gradient(grad, x, alpha, scale, input_scale):
    """The gradient through elu(x)"""
    slope = input_scale * (alpha * scale) * exp(x * input_scale)
    return grad * slope if x <= 0 else grad * scale


@formula
def softplus(x, beta, threshold):
    """log(1 + exp(beta * x)) / beta; x where beta * x is above the threshold"""
    scaled = x * beta
    return x if scaled > threshold else log1p(exp(scaled)) / beta


@formula
def softplus_gradient(grad, x, beta, threshold):
    """The gradient through softplus(x)"""
    scaled = x * beta
    return grad if scaled > threshold else grad * sigmoid(scaled)


# Smooth ------------------------------------------------------------------------------------------


@formula
def sigmoid_gradient(grad, y):
    """The gradient through y = sigmoid(x)"""
    return grad * ((like(y, 1) - y) * y)


@formula
def tanh_gradient(grad, y):
    """The gradient through y = tanh(x)"""
    return grad * (like(y, 1) - y * y)


@formula
def silu(x):
    """x * sigmoid(x)"""
    return x * sigmoid(x)


@formula
def silu_gradient(grad, x):
    """The gradient through silu(x)"""
    s = sigmoid(x)
    return grad * s * (like(x, 1) + x * (like(x, 1) - s))


@formula
def mish(x):
    """x * tanh(log(1 + exp(x)))"""
    return x * tanh(log1p(exp(x)))


@formula
def mish_gradient(grad, x):
    """The gradient through mish(x)"""
    t = tanh(log1p(exp(x)))
    return grad * (t + x * sigmoid(x) * (like(x, 1) - t * t))


@formula
def logsigmoid(x):
    """log(sigmoid(x))"""
    return (x if x < 0 else like(x, 0)) - log1p(exp(-abs(x)))


@formula
def logsigmoid_gradient(grad, x):
    """The gradient through logsigmoid(x)"""
    return grad * sigmoid(-x)


@formula
def gelu(x):
    """x times the normal distribution function of x"""
    return x * like(x, 0.5) * (like(x, 1) + erf(x * like(x, 0.7071067811865476)))


@formula
def gelu_gradient(grad, x):
    """The gradient through gelu(x)"""
    distribution = like(x, 0.5) * (like(x, 1) + erf(x * like(x, 0.7071067811865476)))
    density = exp(x * x * like(x, -0.5)) * like(x, 0.3989422804014327)
    return grad * (distribution + x * density)


@formula
def gelu_tanh(x):
    """The approximation of gelu(x) by tanh"""
    inner = like(x, 0.7978845608028654) * (x + like(x, 0.044715) * x * x * x)
    return like(x, 0.5) * x * (like(x, 1) + tanh(inner))


@formula
def gelu_tanh_gradient(grad, x):
    """The gradient through gelu_tanh(x)"""
    square = x * x
    t = tanh(like(x, 0.7978845608028654) * (x + like(x, 0.044715) * square * x))
    slope = like(x, 0.7978845608028654) * (like(x, 1) + like(x, 3 * 0.044715) * square)
    one = like(x, 1)
    return grad * like(x, 0.5) * ((one + t) + x * (one - t * t) * slope)
