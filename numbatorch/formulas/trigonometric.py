"""Circular and hyperbolic functions and their inverses."""

import cmath
import math

import numpy as np

from .circular import cos, sin  # noqa: F401
from .library import library, library2
from .typed import formula, like

tan = library("tan", np.tan, math.tan, cmath.tan)
asin = library("asin", np.arcsin, math.asin, cmath.asin)
acos = library("acos", np.arccos, math.acos, cmath.acos)
atan = library("atan", np.arctan, math.atan, cmath.atan)
sinh = library("sinh", np.sinh, math.sinh, cmath.sinh)
cosh = library("cosh", np.cosh, math.cosh, cmath.cosh)
asinh = library("asinh", np.arcsinh, math.asinh, cmath.asinh)
acosh = library("acosh", np.arccosh, math.acosh, cmath.acosh)
atanh = library("atanh", np.arctanh, math.atanh, cmath.atanh)
atan2 = library2("atan2", np.arctan2, math.atan2)
hypot = library2("hypot", np.hypot, math.hypot)


@formula
def deg2rad(x):
    """x * pi / 180"""
    return x * like(x, math.pi / 180)


@formula
def rad2deg(x):
    """x * 180 / pi"""
    return x * like(x, 180 / math.pi)


@formula
def sinc(x):
    """sin(pi x) / (pi x), 1 at 0"""
    if x == 0:
        return like(x, 1)
    angle = x * like(x, math.pi)
    return sin(angle) / angle
