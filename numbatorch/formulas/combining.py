"""How a new value joins the old one in a place that several values are written to."""

from .typed import formula


@formula
def assign(old, new):
    """The new value; the last one written stays."""
    return new


@formula
def add(old, new):
    """Their sum"""
    return old + new


@formula
def multiply(old, new):
    """Their product"""
    return old * new


@formula
def maximum(old, new):
    """The larger one; NaN where one is NaN"""
    return new if new > old or new != new else old


@formula
def minimum(old, new):
    """The smaller one; NaN where one is NaN"""
    return new if new < old or new != new else old
