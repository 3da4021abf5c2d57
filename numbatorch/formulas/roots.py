"""Square roots."""

import cmath
import math

import numpy as np

from .arithmetic import div
from .library import library
from .typed import formula, like

sqrt = library("sqrt", np.sqrt, math.sqrt, cmath.sqrt)


@formula
def rsqrt(x):
    """1 / sqrt(x)"""
    return div(like(x, 1), sqrt(x))
