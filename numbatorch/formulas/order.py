"""The order of numbers in which NaN is greater than all others."""

from .typed import formula


@formula
def comes_before(a, b):
    """Whether a is less than b, or b alone is NaN."""
    return (a < b) | ((b != b) & (a == a))
