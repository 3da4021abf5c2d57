"""Reductions: what is done to each element, how two results combine, and what is done at the end.

`map(x, s)` is applied to every element, where s is a number that belongs to the output (a mean, say)
or to the whole call (the order of a norm); `finish(total, divisor, s)` is applied to every total,
where divisor is the number of reduced elements unless the caller says otherwise.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from . import exponential
from .accumulation import add, both, either, maximum, minimum, multiply
from .typed import formula, like


@formula
def itself(x, s):
    return x


@formula
def total_itself(total, divisor, s):
    return total


@formula
def mean_of_total(total, divisor, s):
    return total / divisor


@formula
def beats_as_maximum(a, b):
    """Whether a replaces b as the maximum so far: it is greater, or the first NaN."""
    return (a > b) | ((a != a) & (b == b))


@formula
def beats_as_minimum(a, b):
    """Whether a replaces b as the minimum so far: it is less, or the first NaN."""
    return (a < b) | ((a != a) & (b == b))


# Maps and finishes ------------------------------------------------------------------------------


@formula
def is_true(x, s):
    """1 where x is not zero (or is NaN), else 0."""
    return np.uint8(x != 0)


@formula
def count_if_true(x, s):
    return np.int64(x != 0)


@formula
def one_if_true(x, s):
    return like(s, 1) if x != 0 else like(s, 0)


@formula
def magnitude(x, s):
    return abs(x)


@formula
def squared_magnitude(x, s):
    return x * x


@formula
def squared_magnitude_of_complex(x, s):
    return x.real * x.real + x.imag * x.imag


@formula
def magnitude_to_power(x, s):
    return abs(x) ** s


@formula
def zero_if_nan(x, s):
    return x if x == x else like(x, 0)


@formula
def squared_deviation(x, s):
    """The square of the distance to the mean s."""
    return (x - s) * (x - s)


@formula
def finite_or_zero(s):
    return s if s - s == like(s, 0) else like(s, 0)


@formula
def exp_of_difference(x, s):
    """exp(x - s), s being the maximum; where that is infinite, exp(x)."""
    return exponential.exp(x - finite_or_zero(s))


@formula
def square_root_of_total(total, divisor, s):
    return math.sqrt(total)


@formula
def square_root_of_mean(total, divisor, s):
    return math.sqrt(total / divisor)


@formula
def root_of_total(total, divisor, s):
    return total ** (1.0 / s)


@formula
def log_of_total(total, divisor, s):
    return math.log(total) + finite_or_zero(s)


# The reductions ---------------------------------------------------------------------------------


class Reduction(NamedTuple):
    """How a set of numbers becomes one number.

    `initial` is the result of none: a number, or "lowest" or "highest" of the dtype. `works_in` is
    the dtype of the mapped elements: that of the output ("out"), of the input ("input"), or a name.
    """

    name: str
    map: Any
    combine: Any
    initial: Any = 0
    finish: Any = total_itself
    works_in: str = "out"
    map_complex: Any = None

    def map_for(self, dtype):
        """The map for an input of `dtype`."""
        return self.map_complex if dtype.is_complex and self.map_complex else self.map

    def initial_for(self, dtype):
        """The initial value for mapped elements of `dtype`."""
        if self.initial not in ("lowest", "highest"):
            return self.initial
        if dtype.is_floating_point:
            return -math.inf if self.initial == "lowest" else math.inf
        limits = np.iinfo(dtype.numpy)
        return int(limits.min if self.initial == "lowest" else limits.max)


SUM = Reduction("sum", itself, add)
MEAN = Reduction("mean", itself, add, finish=mean_of_total)
NANSUM = Reduction("nansum", zero_if_nan, add)
PROD = Reduction("prod", itself, multiply, 1)
AMAX = Reduction("amax", itself, maximum, "lowest", works_in="input")
AMIN = Reduction("amin", itself, minimum, "highest", works_in="input")
ANY = Reduction("any", is_true, either, 0, works_in="uint8")
ALL = Reduction("all", is_true, both, 1, works_in="uint8")
COUNT_NONZERO = Reduction("count_nonzero", count_if_true, add, works_in="int64")

SUM_OF_SQUARES = Reduction(
    "sum_of_squares", squared_magnitude, add, map_complex=squared_magnitude_of_complex
)
NORM_0 = Reduction("norm_0", one_if_true, add)
NORM_1 = Reduction("norm_1", magnitude, add)
NORM_2 = SUM_OF_SQUARES._replace(name="norm_2", finish=square_root_of_total)
NORM_INFINITY = Reduction("norm_infinity", magnitude, maximum)
NORM_MINUS_INFINITY = Reduction("norm_minus_infinity", magnitude, minimum, "highest")
#: With the order as the number s.
NORM_P = Reduction("norm_p", magnitude_to_power, add, finish=root_of_total)

#: With the means as the numbers s, and the corrected count as the divisor.
VARIANCE = Reduction("variance", squared_deviation, add, finish=mean_of_total)
STANDARD_DEVIATION = VARIANCE._replace(name="standard_deviation", finish=square_root_of_mean)
#: With the maxima as the numbers s.
LOG_SUM_EXP = Reduction("log_sum_exp", exp_of_difference, add, finish=log_of_total)
