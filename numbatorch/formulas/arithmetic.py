"""Arithmetic on two numbers."""

import math

from .typed import formula, like


@formula
def add(x, y):
    """x + y"""
    return x + y


@formula
def sub(x, y):
    """x - y"""
    return x - y


@formula
def add_scaled(x, y, alpha):
    """x + alpha * y"""
    return x + alpha * y


@formula
def mul(x, y):
    """x * y"""
    return x * y


@formula
def div(x, y):
    """x / y"""
    return x / y


@formula
def neg(x):
    """-x"""
    return -x


@formula
def reciprocal(x):
    """1 / x"""
    return like(x, 1) / x


@formula
def conj(x):
    """The complex conjugate of x"""
    return x.conjugate()


@formula
def floor_divide(x, y):
    """x / y rounded down"""
    return math.floor(x / y)


@formula
def trunc_divide(x, y):
    """x / y rounded towards zero"""
    return math.trunc(x / y)
