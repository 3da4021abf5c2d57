"""How a formula comes to be a function of the C library: NumPy's as plain Python, math's compiled."""

import numpy as np
from numba import types
from numba.extending import overload


def library(name, python, real, complex_number=None):
    """A function of one number, of the type of its argument (a float, or complex where given)."""

    def function(x):
        with np.errstate(all="ignore"):
            return python(x)

    def of_real(x):
        return real(x)

    def of_complex(x):
        return complex_number(x)

    def choose(x):
        if isinstance(x, types.Complex):
            return of_complex if complex_number is not None else None
        return of_real

    return _named(function, name, choose)


def library2(name, python, real):
    """A function of two real numbers."""

    def function(x, y):
        with np.errstate(all="ignore"):
            return python(x, y)

    def of_reals(x, y):
        return real(x, y)

    def choose(x, y):
        return of_reals

    return _named(function, name, choose)


def by_kind(name, python, **choices):
    """A function of one number that compiles to choices["boolean" | "integer" | "real" | "complex"]."""

    def function(x):
        return python(x)

    def choose(x):
        return choices.get(kind_of(x), choices.get("real"))

    return _named(function, name, choose)


def kind_of(x):
    """What kind of number a Numba type is: boolean, integer, real or complex."""
    if isinstance(x, types.Boolean):
        return "boolean"
    if isinstance(x, types.Integer):
        return "integer"
    return "complex" if isinstance(x, types.Complex) else "real"


def _named(function, name, choose):
    function.__name__ = function.__qualname__ = name
    overload(function, jit_options={"forceinline": True})(choose)
    return function
