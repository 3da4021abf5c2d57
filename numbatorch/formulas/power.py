"""Powers."""

import numpy as np
from numba import types
from numba.extending import overload

from .arithmetic import div
from .typed import formula, like


@formula
def square(x):
    """x * x"""
    return x * x


@formula
def cube(x):
    """x * x * x"""
    return x * x * x


@formula
def reciprocal_square(x):
    """1 / (x * x)"""
    return div(like(x, 1), x * x)


def power(x, y):
    """x to the power y; integers wrap around, and to a negative power give 0 except for 1 and -1"""
    if isinstance(x, int | np.integer):
        return _integer_power(x, y)
    with np.errstate(all="ignore"):
        return x**y


@formula
def _real_power(x, y):
    return x**y


@formula
def _complex_power(x, y):
    if x == 0:
        return x**y if y != 0 else y + 1
    return x**y


@formula
def _integer_power(x, y):
    if y < 0:
        if x == 1:
            return x
        if x == -1:
            return x if y & 1 else -x
        return like(x, 0)
    result = like(x, 1)  # as unsigned as x: Numba makes floats of mixed products
    base, exponent = x, y
    while exponent > 0:
        if exponent & 1:
            result = result * base
        base = base * base
        exponent = exponent >> 1
    return result


@overload(power)
def _power(x, y):
    if isinstance(x, types.Integer):
        return lambda x, y: _integer_power(x, y)
    if isinstance(x, types.Complex):
        return lambda x, y: _complex_power(x, y)
    return lambda x, y: _real_power(x, y)
