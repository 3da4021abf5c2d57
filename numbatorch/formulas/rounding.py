"""Rounding to whole numbers, in additions that every target has and that vectorise."""

import math

import numpy as np
from numba import types
from numba.extending import overload

from .typed import formula, like


def first_whole(x):
    """The number from which on every float like x is whole: 2**23 or 2**52."""
    return np.float32(2.0**23) if isinstance(x, np.float32) else 2.0**52


@overload(first_whole, inline="always")
def _first_whole(x):
    if x == types.float32:
        return lambda x: np.float32(8388608.0)
    return lambda x: 4503599627370496.0


@formula
def _nearest_to_positive(x):
    whole = first_whole(x)
    return (x + whole) - whole if x < whole else x


@formula
def round(x):
    """The nearest whole number, the even one of two"""
    return math.copysign(_nearest_to_positive(abs(x)), x)


@formula
def floor(x):
    """The largest whole number that is not above x"""
    nearest = round(x)
    return nearest - like(x, 1) if nearest > x else nearest


@formula
def ceil(x):
    """The smallest whole number that is not below x"""
    nearest = math.copysign(_nearest_to_positive(abs(x)), x)
    return math.copysign(nearest + like(x, 1), x) if nearest < x else nearest


@formula
def trunc(x):
    """x without its fraction"""
    size = abs(x)
    nearest = _nearest_to_positive(size)
    return math.copysign(nearest - like(x, 1) if nearest > size else nearest, x)


@formula
def frac(x):
    """The fraction of x, with the sign of x"""
    return x - trunc(x)


@formula
def round_to(x, scale):
    """x rounded to a multiple of 1 / scale"""
    return round(x * scale) / scale


@formula
def round_to_multiple(x, scale):
    """x rounded to a multiple of scale"""
    return round(x / scale) * scale
