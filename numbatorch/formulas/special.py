"""Special functions."""

import math

import numpy as np

from .exponential import erf, exp, log, log1p
from .library import library
from .rounding import floor
from .trigonometric import tan
from .typed import formula, like

LN2, LOG2_E = math.log(2.0), 1.0 / math.log(2.0)


def _lgamma_in_python(x):
    x = float(x)
    if x != x or (x <= 0 and x == math.floor(x)):
        return np.float64(np.inf if x == x else np.nan)
    return np.float64(math.lgamma(x))


lgamma = library("lgamma", _lgamma_in_python, math.lgamma)
erfc = library("erfc", math.erfc, math.erfc)


@formula
def erfinv(x):
    """The y with erf(y) = x: Giles' polynomials (2010), then two steps of Newton's method"""
    one = like(x, 1)
    if x >= one or x <= -one or x != x:
        return x / (one - abs(x)) if abs(x) == one else like(x, math.nan)
    w = -log((one - x) * (one + x))
    if w < 5:
        w = w - like(x, 2.5)
        p = like(x, 2.81022636e-08)
        p = like(x, 3.43273939e-07) + p * w
        p = like(x, -3.5233877e-06) + p * w
        p = like(x, -4.39150654e-06) + p * w
        p = like(x, 0.00021858087) + p * w
        p = like(x, -0.00125372503) + p * w
        p = like(x, -0.00417768164) + p * w
        p = like(x, 0.246640727) + p * w
        p = like(x, 1.50140941) + p * w
    else:
        w = w ** like(x, 0.5) - like(x, 3)
        p = like(x, -0.000200214257)
        p = like(x, 0.000100950558) + p * w
        p = like(x, 0.00134934322) + p * w
        p = like(x, -0.00367342844) + p * w
        p = like(x, 0.00573950773) + p * w
        p = like(x, -0.0076224613) + p * w
        p = like(x, 0.00943887047) + p * w
        p = like(x, 1.00167406) + p * w
        p = like(x, 2.83297682) + p * w
    y = p * x
    slope = like(x, 1.1283791670955126)  # 2 / sqrt(pi)
    y = y - (erf(y) - x) / (slope * exp(-y * y))
    return y - (erf(y) - x) / (slope * exp(-y * y))


@formula
def digamma(x):
    """The logarithmic derivative of the gamma function"""
    one = like(x, 1)
    if x == 0:
        return -one / x
    reflected = like(x, 0)
    if x < 0:
        if x == floor(x):
            return (x - x) / (x - x)
        pi = like(x, math.pi)
        reflected = -pi / tan(pi * (x - floor(x)))
        x = one - x
    shifted = like(x, 0)
    while x < 10:
        shifted = shifted - one / x
        x = x + one
    z = one / (x * x)
    series = like(x, 1.0 / 12.0)
    series = like(x, -691.0 / 32760.0) + z * series
    series = like(x, 1.0 / 132.0) + z * series
    series = like(x, -1.0 / 240.0) + z * series
    series = like(x, 1.0 / 252.0) + z * series
    series = like(x, -1.0 / 120.0) + z * series
    series = like(x, 1.0 / 12.0) + z * series
    return reflected + shifted + log(x) - like(x, 0.5) / x - z * series


@formula
def zeta(s, q):
    """The sum of (q + k)**-s over k = 0, 1, ... (Hurwitz), for whole s > 1, by Euler and Maclaurin"""
    one = like(q, 1)
    if q <= 0 and q == floor(q):
        return one / (q - q)
    total = like(q, 0)
    count = 0
    while count < 9 or q <= 9:
        total = total + q**-s
        q = q + one
        count += 1
    total = total + q ** (one - s) / (s - one) + q**-s * like(q, 0.5)
    term = s * q ** (-s - one)
    square = one / (q * q)
    total = total + term * like(q, 1.0 / 12.0)
    term = term * square * (s + like(q, 1)) * (s + like(q, 2))
    total = total - term * like(q, 1.0 / 720.0)
    term = term * square * (s + like(q, 3)) * (s + like(q, 4))
    total = total + term * like(q, 1.0 / 30240.0)
    term = term * square * (s + like(q, 5)) * (s + like(q, 6))
    total = total - term * like(q, 1.0 / 1209600.0)
    term = term * square * (s + like(q, 7)) * (s + like(q, 8))
    return total + term * like(q, 1.0 / 47900160.0)


@formula
def real_zeta(s, q):
    """Hurwitz' zeta function for real s; infinite at s = 1, NaN below"""
    if s <= 1 or s != s:
        return like(q, math.inf) if s == 1 else like(q, math.nan)
    if q < 0 and q != floor(q) and s != floor(s):
        return like(q, math.nan)
    return zeta(s, q)


@formula
def polygamma(x, n):
    """The derivative of order n > 0 of digamma"""
    size = exp(lgamma(n + like(x, 1))) * zeta(n + like(x, 1), x)
    return size if n % like(x, 2) == 1 else -size


@formula
def logaddexp(x, y):
    """log(exp(x) + exp(y))"""
    larger = x if (x > y or x != x) else y
    distance = abs(x - y)
    return larger if x == y and distance != 0 else larger + log1p(exp(-distance))


@formula
def logaddexp2(x, y):
    """log2(2**x + 2**y)"""
    larger = x if (x > y or x != x) else y
    distance = abs(x - y)
    tail = log1p(exp(-distance * like(x, LN2))) * like(x, LOG2_E)
    return larger if x == y and distance != 0 else larger + tail


@formula
def logit(x, low, high):
    """log(x / (1 - x)) of x brought between low and high"""
    x = low if x < low else (high if x > high else x)
    return log(x / (like(x, 1) - x))


@formula
def xlogy(x, y):
    """x log(y), 0 where x is 0; NaN where y is NaN"""
    return y if y != y else (like(x, 0) if x == 0 else x * log(y))


@formula
def xlog1py(x, y):
    """x log(1 + y), 0 where x is 0; NaN where y is NaN"""
    return y if y != y else (like(x, 0) if x == 0 else x * log1p(y))


@formula
def binary_cross_entropy(x, target):
    """-(target log(x) + (1 - target) log(1 - x)), the logarithms at least -100"""
    least = like(x, -100)
    log_x, log_complement = log(x), log1p(-x)
    log_x = least if log_x < least else log_x
    log_complement = least if log_complement < least else log_complement
    return (target - like(x, 1)) * log_complement - target * log_x


@formula
def nan_to_num(x, nan, posinf, neginf):
    """x, but three numbers in the place of NaN and the infinities"""
    if x != x:
        return nan
    if x - x != x - x:
        return posinf if x > 0 else neginf
    return x
