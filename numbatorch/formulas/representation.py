"""Numbers by their representation: mantissa, exponent, neighbours."""

import math

from .typed import formula, like


@formula
def mantissa(x):
    """m of x = m * 2**e with 1/2 <= |m| < 1; x itself where it is 0, infinite or NaN"""
    return math.frexp(x)[0]


@formula
def exponent(x):
    """e of x = m * 2**e with 1/2 <= |m| < 1; 0 where x is 0, infinite or NaN"""
    return math.frexp(x)[1]


@formula
def next_after(x, y, digits, least, largest):
    """The neighbour of x on the way to y, among numbers of so many binary digits.

    `least` is the exponent of the least positive number, `largest` the largest finite one.
    """
    if math.isnan(x) or math.isnan(y):
        return x + y
    if x == y:
        return y
    one = like(x, 1)
    if x == 0:
        return math.copysign(math.ldexp(one, int(least)), y)
    outwards = (y > x) == (x > 0)
    if math.isinf(x):
        return math.copysign(largest, x)
    fraction, power = math.frexp(x)
    power -= int(digits)
    if not outwards and abs(fraction) == like(x, 0.5):
        power -= 1  # numbers below a power of two lie twice as close
    step = math.ldexp(one, max(power, int(least)))
    return math.copysign(x + (step if y > x else -step), x)
