"""Choosing among numbers, and bringing them between bounds."""

from .typed import formula, like


@formula
def where(condition, x, y):
    """x where the condition holds, else y"""
    return x if condition else y


@formula
def clamp(x, low, high):
    """x brought between two bounds; the upper one wins; NaN where one of the three is NaN"""
    raised = low if (x < low or low != low) else x
    return high if (raised > high or high != high) else raised


@formula
def clamp_min(x, low):
    """x, but low where x is less; NaN where one is NaN"""
    return low if (x < low or low != low) else x


@formula
def clamp_max(x, high):
    """x, but high where x is greater; NaN where one is NaN"""
    return high if (x > high or high != high) else x


@formula
def clamp_gradient(grad, x, low, high):
    """grad where x lies between the bounds, else 0"""
    return grad if (x >= low and x <= high) else like(grad, 0)


@formula
def clamp_min_gradient(grad, x, low):
    """grad where x is at least low, else 0"""
    return grad if x >= low else like(grad, 0)


@formula
def clamp_max_gradient(grad, x, high):
    """grad where x is at most high, else 0"""
    return grad if x <= high else like(grad, 0)
