"""From random bits to samples of a distribution, with PyTorch's arithmetic on the CPU.

A formula takes the bits of one sample (32 or 64 of them) and the distribution's parameters.
The multiplications that PyTorch's compiler fuses with an addition are fused here too.
"""

import math

import numpy as np

from . import conversion
from .fused import fma
from .typed import formula, like


@formula
def unit_float32(bits):
    """32 bits to a float32 in [0, 1)."""
    return np.float32(np.int32(bits & np.uint32(0xFFFFFF))) * np.float32(2.0**-24)


@formula
def unit_float64(bits):
    """64 bits to a float64 in [0, 1)."""
    return np.float64(np.int64(bits & np.uint64(0x1FFFFFFFFFFFFF))) * 2.0**-53


# Uniform: `least` and `limit` are low and high rounded to the output's dtype; a sample that rounds
# up to the limit becomes the least value, so that the interval stays half open.


@formula
def within(unit, low, high, least, limit):
    value = fma(unit, high - low, low)
    return least if value == limit else value


@formula
def within_float16(unit, low, high, least, limit):
    value = fma(unit, high - low, low)
    value = conversion.float16_to_float32(conversion.float32_to_float16(value))
    return least if value == limit else value


@formula
def within_bfloat16(unit, low, high, least, limit):
    value = fma(unit, high - low, low)
    value = conversion.bfloat16_to_float32(conversion.float32_to_bfloat16(value))
    return least if value == limit else value


@formula
def uniform_float64(bits, low, high, least, limit):
    return within(unit_float64(bits), low, high, least, limit)


@formula
def uniform_float32(bits, low, high, least, limit):
    return within(unit_float32(bits), low, high, least, limit)


@formula
def uniform_float16(bits, low, high, least, limit):
    return within_float16(unit_float32(bits), low, high, least, limit)


@formula
def uniform_bfloat16(bits, low, high, least, limit):
    return within_bfloat16(unit_float32(bits), low, high, least, limit)


@formula
def bernoulli(bits, threshold):
    """Whether the uniform sample k * 2**-53 lies below threshold * 2**-53."""
    return np.int64(bits & np.uint64(0x1FFFFFFFFFFFFF)) < threshold


@formula
def bernoulli_scaled(bits, threshold, value):
    """`value` with the probability of `bernoulli`, else zero."""
    return value if bernoulli(bits, threshold) else like(value, 0.0)


@formula
def integer_below(bits, count, low):
    """An integer in [low, low + count)."""
    return np.int64(bits % count) + low


@formula
def any_integer(bits, count, low):
    """Any int64."""
    return np.int64(bits)


@formula
def exponential(bits, rate):
    return -1.0 / rate * math.log1p(-unit_float64(bits))


@formula
def cauchy(bits, median, sigma):
    return fma(sigma, math.tan(math.pi * (unit_float64(bits) - 0.5)), median)


@formula
def geometric(bits, p):
    return np.ceil(np.log(unit_float64(bits)) / math.log1p(-p))


@formula
def scaled(standard, mean, std):
    """A standard normal sample to one of the given mean and standard deviation."""
    return fma(standard, std, mean)


@formula
def exponential_of(x):
    return math.exp(x)
