"""How running totals and running extrema go on."""

import math

from .typed import formula


@formula
def replaces_maximum(x, best):
    """Whether x is the maximum from here on: at least as great as the best, or NaN."""
    return (x >= best) | (x != x)


@formula
def replaces_minimum(x, best):
    """Whether x is the minimum from here on: at most as great as the best, or NaN."""
    return (x <= best) | (x != x)


@formula
def log_add_exp(a, b):
    """log(exp(a) + exp(b)), without overflow."""
    larger, smaller = (a, b) if a >= b else (b, a)
    if larger != larger or smaller != smaller:
        return larger + smaller
    if larger == smaller and math.isinf(larger):
        return larger
    return larger + math.log1p(math.exp(smaller - larger))
