"""Truth values and bits."""

import numpy as np
from numba import types
from numba.extending import overload

from .typed import formula


@formula
def logical_not(x):
    """Whether x is zero"""
    return x == 0


@formula
def logical_and(x, y):
    """Whether both x and y are nonzero"""
    return (x != 0) & (y != 0)


@formula
def logical_or(x, y):
    """Whether x or y is nonzero"""
    return (x != 0) | (y != 0)


@formula
def logical_xor(x, y):
    """Whether exactly one of x and y is nonzero"""
    return (x != 0) != (y != 0)


@formula
def bitwise_and(x, y):
    """x & y, bit by bit"""
    return x & y


@formula
def bitwise_or(x, y):
    """x | y, bit by bit"""
    return x | y


@formula
def bitwise_xor(x, y):
    """x ^ y, bit by bit"""
    return x ^ y


def bitwise_not(x):
    """Every bit of x inverted; the opposite of a bool"""
    return not x if isinstance(x, bool | np.bool_) else ~x


@overload(bitwise_not)
def _bitwise_not(x):
    if isinstance(x, types.Boolean):
        return lambda x: not x
    return lambda x: ~x


@formula
def left_shift(x, y):
    """x * 2**y; 0 where y is not a count of its bits"""
    return x << y if 0 <= y < bits_of(x) else x * 0


@formula
def right_shift(x, y):
    """x / 2**y rounded down; all bits gone where y is not a count of its bits"""
    return x >> y if 0 <= y < bits_of(x) else (-1 if x < 0 else 0)


def bits_of(x):
    """How many bits an integer like x has"""
    return 8 * x.dtype.itemsize


@overload(bits_of, inline="always")
def _bits_of(x):
    bits = x.bitwidth
    return lambda x: bits
