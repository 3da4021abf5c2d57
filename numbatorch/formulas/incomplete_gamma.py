"""The regularised incomplete gamma functions: a series, or a continued fraction (Lentz's method)."""

import math

from .exponential import exp, log
from .special import lgamma
from .typed import formula, like

#: Terms after which either has converged for all but huge arguments.
MOST_TERMS = 2000


@formula
def _front(a, x):
    """x**a exp(-x) / gamma(a)"""
    return exp(a * log(x) - x - lgamma(a))


@formula
def _series(a, x):
    """P(a, x), for x < a + 1"""
    term = like(x, 1) / a
    total, own = term, a
    for _ in range(MOST_TERMS):
        own = own + like(x, 1)
        term = term * (x / own)
        before = total
        total = total + term
        if total == before:
            break
    return total * _front(a, x)


@formula
def _fraction(a, x):
    """Q(a, x), for x >= a + 1"""
    one, tiny = like(x, 1), like(x, 1e-30)
    b = x + one - a
    c, d = one / tiny, one / b
    found = d
    for i in range(1, MOST_TERMS):
        step = like(x, i)
        weight = -step * (step - a)
        b = b + like(x, 2)
        d = weight * d + b
        d = one / (tiny if d == 0 else d)
        c = b + weight / c
        c = tiny if c == 0 else c
        delta = d * c
        found = found * delta
        if delta == one:
            break
    return found * _front(a, x)


@formula
def gammainc(a, x):
    """P(a, x), the lower one"""
    if not (a >= 0 and x >= 0):
        return like(x, math.nan)
    if a == 0:
        return like(x, 1) if x > 0 else like(x, math.nan)
    if x == 0:
        return like(x, 0)
    if x - x != 0:
        return like(x, math.nan) if a - a != 0 else like(x, 1)
    if a - a != 0:
        return like(x, 0)
    return _series(a, x) if x < a + like(x, 1) else like(x, 1) - _fraction(a, x)


@formula
def gammaincc(a, x):
    """Q(a, x) = 1 - P(a, x), the upper one"""
    if not (a >= 0 and x >= 0):
        return like(x, math.nan)
    if a == 0:
        return like(x, 0) if x > 0 else like(x, math.nan)
    if x == 0:
        return like(x, 1)
    if x - x != 0:
        return like(x, math.nan) if a - a != 0 else like(x, 0)
    if a - a != 0:
        return like(x, 1)
    return like(x, 1) - _series(a, x) if x < a + like(x, 1) else _fraction(a, x)
