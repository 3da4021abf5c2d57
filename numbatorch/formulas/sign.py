"""Signs and magnitudes."""

import math

import numpy as np
from numba import types
from numba.extending import overload

from .typed import formula, like


@formula
def magnitude(x):
    """The absolute value of x"""
    return abs(x)


def sign(x):
    """-1, 0 or 1 as x is negative, zero or positive; 0 for NaN"""
    return type(x)(int(x > 0) - int(x < 0)) if not isinstance(x, bool) else x


@formula
def _sign_of_real(x):
    return like(x, 1) if x > 0 else (like(x, -1) if x < 0 else like(x, 0))


@formula
def _sign_of_unsigned(x):
    return like(x, 1) if x > 0 else like(x, 0)


@overload(sign)
def _sign(x):
    if isinstance(x, types.Boolean):
        return lambda x: x
    if isinstance(x, types.Integer) and not x.signed:
        return lambda x: _sign_of_unsigned(x)
    return lambda x: _sign_of_real(x)


@formula
def sgn(x):
    """x / |x| for a complex number, 0 for 0"""
    size = abs(x)
    return x / size if size > 0 else x * like(x, 0)


def signbit(x):
    """Whether the sign bit of x is set: x is negative or -0.0"""
    return bool(np.signbit(x))


@formula
def _signbit_of_integer(x):
    return x < 0


@formula
def _signbit_of_real(x):
    return math.copysign(like(x, 1), x) < 0


@overload(signbit)
def _signbit(x):
    if isinstance(x, types.Integer | types.Boolean):
        return lambda x: _signbit_of_integer(x)
    return lambda x: _signbit_of_real(x)


@formula
def copysign(x, y):
    """The magnitude of x with the sign of y"""
    return math.copysign(x, y)


@formula
def heaviside(x, y):
    """0, y or 1 as x is negative (or NaN), zero or positive"""
    return y if x == 0 else like(x, x > 0)
