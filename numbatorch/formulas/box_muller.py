"""The Box-Muller transform: two uniform samples to two normal ones.

In float32 PyTorch computes it with Cephes' short polynomials, eight lanes at a time. The same
polynomials stand here, with the same fused operations, because every initialised weight shows them.
"""

import math

import numpy as np

from .conversion import bits_to_float, float_to_bits
from .fused import fma
from .typed import formula


@formula
def logarithm(x):
    """ln x of a positive float32 (Cephes' logf)."""
    bits = float_to_bits(x)
    exponent = np.float32(np.int32(bits >> np.uint32(23)) - np.int32(126))
    fraction = bits_to_float((bits & np.uint32(0x807FFFFF)) | np.uint32(0x3F000000))  # [0.5, 1)
    low = fraction < np.float32(0.707106781186547524)
    exponent = exponent - np.float32(1.0) if low else exponent
    x = (fraction - np.float32(1.0)) + (fraction if low else np.float32(0.0))
    y = np.float32(7.0376836292e-2)
    y = fma(y, x, np.float32(-1.1514610310e-1))
    y = fma(y, x, np.float32(1.1676998740e-1))
    y = fma(y, x, np.float32(-1.2420140846e-1))
    y = fma(y, x, np.float32(1.4249322787e-1))
    y = fma(y, x, np.float32(-1.6668057665e-1))
    y = fma(y, x, np.float32(2.0000714765e-1))
    y = fma(y, x, np.float32(-2.4999993993e-1))
    y = fma(y, x, np.float32(3.3333331174e-1))
    square = x * x
    y = fma(y * x, square, exponent * np.float32(-2.12194440e-4))
    y = fma(square, np.float32(-0.5), y)
    return fma(exponent, np.float32(0.693359375), x + y)


@formula
def sine_and_cosine(x):
    """(sin x, cos x) of a float32 that is not negative (Cephes' sinf and cosf)."""
    octant = np.int32(x * np.float32(1.27323954473516))
    octant = (octant + np.int32(1)) & np.int32(-2)
    y = np.float32(octant)
    x = fma(y, np.float32(-0.78515625), x)
    x = fma(y, np.float32(-2.4187564849853515625e-4), x)
    x = fma(y, np.float32(-3.77489497744594108e-8), x)
    square = x * x
    c = np.float32(2.443315711809948e-5)
    c = fma(c, square, np.float32(-1.388731625493765e-3))
    c = fma(c, square, np.float32(4.166664568298827e-2))
    c = c * square
    c = fma(c, square, square * np.float32(-0.5)) + np.float32(1.0)
    s = np.float32(-1.9515295891e-4)
    s = fma(s, square, np.float32(8.3321608736e-3))
    s = fma(s, square, np.float32(-1.6666654611e-1))
    s = fma(s * square, x, x)
    swap = (octant & np.int32(2)) != 0
    sine, cosine = (c, s) if swap else (s, c)
    sine = -sine if (octant & np.int32(4)) != 0 else sine
    cosine = -cosine if ((octant - np.int32(2)) & np.int32(4)) == 0 else cosine
    return sine, cosine


@formula
def pair_float32(u1, u2, mean, std):
    """Two samples of a normal distribution from two of the unit interval, in float32."""
    radius = np.sqrt(np.float32(-2.0) * logarithm(np.float32(1.0) - u1))
    sine, cosine = sine_and_cosine(np.float32(2.0 * math.pi) * u2)
    return fma(radius * cosine, std, mean), fma(radius * sine, std, mean)


@formula
def pair_float64(u1, u2, mean, std):
    """Two samples of a normal distribution from two of the unit interval, in float64."""
    radius = math.sqrt(-2.0 * math.log(1.0 - u1))
    theta = 2.0 * math.pi * u2
    return fma(radius * math.cos(theta), std, mean), fma(radius * math.sin(theta), std, mean)


@formula
def standard_pair(u1, u2):
    """Two standard normal samples, as PyTorch draws them one by one."""
    radius = math.sqrt(-2.0 * math.log1p(-u2))
    theta = 2.0 * math.pi * u1
    return radius * math.cos(theta), radius * math.sin(theta)
