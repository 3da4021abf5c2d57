"""Arithmetic on two numbers."""

import math

import numpy as np
from numba import types
from numba.extending import overload

from .rounding import floor, trunc
from .typed import formula, like


@formula
def add(x, y):
    """x + y"""
    return x + y


@formula
def add_scaled(x, y, alpha):
    """x + alpha * y"""
    return x + alpha * y


@formula
def sub(x, y):
    """x - y"""
    return x - y


@formula
def mul(x, y):
    """x * y"""
    return x * y


@formula
def _divide_reals(x, y):
    return x / y


@formula
def _divide_complex(x, y):
    """Smith's division, which does not overflow on the way; by 0 it gives infinities and NaNs."""
    a, b, c, d = x.real, x.imag, y.real, y.imag
    if abs(c) >= abs(d):
        if c == 0 and d == 0:
            return complex(a / abs(c), b / abs(d))
        ratio = d / c
        scale = like(a, 1) / (c + d * ratio)
        return complex((a + b * ratio) * scale, (b - a * ratio) * scale)
    ratio = c / d
    scale = like(a, 1) / (c * ratio + d)
    return complex((a * ratio + b) * scale, (b * ratio - a) * scale)


def div(x, y):
    """x / y"""
    with np.errstate(all="ignore"):
        return np.divide(x, y)


@overload(div, jit_options={"forceinline": True})
def _div(x, y):
    chosen = _divide_complex if isinstance(x, types.Complex) else _divide_reals
    return lambda x, y: chosen(x, y)


@formula
def neg(x):
    """-x"""
    return -x


@formula
def reciprocal(x):
    """1 / x"""
    return div(like(x, 1), x)


@formula
def conj(x):
    """The complex conjugate of x"""
    return x.conjugate()


# Divisions with a whole quotient, and their remainders: of integers and of real numbers. An integer
# divided by zero does not get here.


def _of_kind(public, of_integers, of_reals):
    """Let the function `public` be one formula for integers and another for real numbers."""

    def python(x, y):
        whole = isinstance(x, int | np.integer)
        return of_integers(x, y) if whole else of_reals(x, y)

    def choose(x, y):
        chosen = of_integers if isinstance(x, types.Integer | types.Boolean) else of_reals

        def call(x, y):
            return chosen(x, y)

        return call

    python.__name__ = python.__qualname__ = public
    overload(python, jit_options={"forceinline": True})(choose)
    return python


@formula
def _floor_divide_integers(x, y):
    return -x if y == -1 else x // y


@formula
def _floor_divide_reals(x, y):
    if y == 0:
        return x / y
    rest = _fmod_of_reals(x, y)
    quotient = (x - rest) / y
    if rest != 0 and (y < 0) != (rest < 0):
        quotient = quotient - like(x, 1)
    if quotient == 0:
        return math.copysign(like(x, 0), x / y)
    whole = floor(quotient)
    return whole + like(x, 1) if quotient - whole > 0.5 else whole


floor_divide = _of_kind("floor_divide", _floor_divide_integers, _floor_divide_reals)


@formula
def _trunc_divide_integers(x, y):
    if y == -1:
        return -x
    quotient = x // y
    return quotient + 1 if quotient < 0 and quotient * y != x else quotient


@formula
def _trunc_divide_reals(x, y):
    return trunc(x / y)


trunc_divide = _of_kind("trunc_divide", _trunc_divide_integers, _trunc_divide_reals)


@formula
def _remainder_of_integers(x, y):
    return x * 0 if y == -1 else x % y


@formula
def _fmod_of_reals(x, y):
    return math.copysign(abs(x) % abs(y), x)


@formula
def _remainder_of_reals(x, y):
    rest = _fmod_of_reals(x, y)
    return rest + y if rest != 0 and (y < 0) != (rest < 0) else rest


remainder = _of_kind("remainder", _remainder_of_integers, _remainder_of_reals)


@formula
def _fmod_of_integers(x, y):
    if y == -1:
        return x * 0
    rest = x % y
    return rest - y if rest != 0 and (x < 0) != (rest < 0) else rest


fmod = _of_kind("fmod", _fmod_of_integers, _fmod_of_reals)


@formula
def gcd(x, y):
    """The greatest common divisor"""
    x, y = abs(x), abs(y)
    while y != 0:
        x, y = y, x % y
    return abs(x)  # of the least integer the first abs is itself


@formula
def lcm(x, y):
    """The least common multiple"""
    divisor = gcd(x, y)
    return abs(x // divisor * y) if divisor != 0 else x * 0
