"""From Philox's uniform samples to those of a distribution, with PyTorch's arithmetic on CUDA.

`unit` lies in (0, 1] and is of the type that the distribution is computed in.
"""

import math

from .fused import fma
from .rounding import ceil
from .typed import formula, like


@formula
def bernoulli(unit, p):
    return unit < p


@formula
def bernoulli_scaled(unit, p, value):
    """`value` with probability p, else zero."""
    return value if unit < p else like(value, 0.0)


@formula
def bernoulli_each(unit, p):
    return unit <= p


@formula
def exponential(unit, rate, eps):
    """The logarithm is kept from 0, which no exponential sample may be."""
    half_step = eps * like(unit, 0.5)
    logarithm = -half_step if unit >= like(unit, 1) - half_step else math.log(unit)
    return like(unit, -1) / rate * logarithm


@formula
def cauchy(unit, median, sigma, eps):
    """Away from the poles of the tangent."""
    unit = min(max(unit, eps), like(unit, 1) - eps)
    return median + sigma * math.tan(like(unit, math.pi) * (unit - like(unit, 0.5)))


@formula
def geometric(unit, p):
    return ceil(math.log(unit) / math.log1p(-p))


@formula
def normal(standard, mean, std):
    return fma(standard, std, mean)


@formula
def log_normal(standard, mean, std):
    return math.exp(fma(standard, std, mean))


@formula
def slope(unit, x, lower, upper):
    """The factor of randomised leaky ReLU: 1 for positive x, else uniform."""
    return fma(unit, upper - lower, lower) if x <= 0 else like(unit, 1)
