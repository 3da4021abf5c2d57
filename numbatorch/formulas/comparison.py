"""Comparisons, and the larger and the smaller of two numbers."""

from .typed import formula


@formula
def eq(x, y):
    """Whether x equals y"""
    return x == y


@formula
def ne(x, y):
    """Whether x differs from y"""
    return x != y


@formula
def lt(x, y):
    """Whether x is less than y"""
    return x < y


@formula
def le(x, y):
    """Whether x is at most y"""
    return x <= y


@formula
def gt(x, y):
    """Whether x is greater than y"""
    return x > y


@formula
def ge(x, y):
    """Whether x is at least y"""
    return x >= y


@formula
def maximum(x, y):
    """The larger of two; NaN where one is NaN"""
    return x if (x > y or x != x) else y


@formula
def minimum(x, y):
    """The smaller of two; NaN where one is NaN"""
    return x if (x < y or x != x) else y


@formula
def fmax(x, y):
    """The larger of two; the other where one is NaN"""
    return x if (x > y or y != y) else y


@formula
def fmin(x, y):
    """The smaller of two; the other where one is NaN"""
    return x if (x < y or y != y) else y


@formula
def isnan(x):
    """Whether x is not a number"""
    return x != x


@formula
def isinf(x):
    """Whether x is infinite"""
    return x == x and x - x != x - x


@formula
def isfinite(x):
    """Whether x is neither infinite nor NaN"""
    return x - x == x - x


@formula
def isposinf(x):
    """Whether x is positive infinity"""
    return x == x and x - x != x - x and x > 0


@formula
def isneginf(x):
    """Whether x is negative infinity"""
    return x == x and x - x != x - x and x < 0
