"""Weighted combinations of two and three numbers."""

from .typed import formula, like


@formula
def lerp(x, end, weight):
    """x + weight * (end - x), taken from the nearer of both, so that it hits either exactly"""
    if abs(weight) < 0.5:
        return x + weight * (end - x)
    return end - (end - x) * (like(weight, 1) - weight)


@formula
def add_product(x, y, z, value):
    """x + value * y * z"""
    return x + value * y * z


@formula
def add_quotient(x, y, z, value):
    """x + value * y / z"""
    return x + value * y / z
