"""Samplers that draw until they accept.

Each is made for a generator, from its functions draw_uniform(state) and draw_normal(state), and takes
the generator's state and the distribution's parameters.
"""

import math

import numpy as np
from numba.extending import register_jitable

from .rounding import floor
from .typed import like

# Poisson ------------------------------------------------------------------------------------------


def poisson_sampler(draw_uniform):
    """Products of uniforms for small rates, Hoermann's transformed rejection (PTRS) for large."""

    @register_jitable
    def by_product(state, rate):
        limit = math.exp(-rate)
        count, product = 0, draw_uniform(state)
        while product > limit:
            count += 1
            product *= draw_uniform(state)
        return count

    @register_jitable
    def by_transformed_rejection(state, rate):
        root, log_rate = math.sqrt(rate), math.log(rate)
        b = 0.931 + 2.53 * root
        a = -0.059 + 0.02483 * b
        inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
        v_r = 0.9277 - 3.6224 / (b - 2.0)
        while True:
            u = draw_uniform(state) - 0.5
            v = draw_uniform(state)
            us = 0.5 - abs(u)
            k = np.int64(math.floor((2.0 * a / us + b) * u + rate + 0.43))
            if us >= 0.07 and v <= v_r:
                return k
            if k < 0 or (us < 0.013 and v > us):
                continue
            accepted = math.log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b)
            if accepted <= -rate + k * log_rate - math.lgamma(k + 1.0):
                return k

    @register_jitable
    def poisson(state, rate):
        rate = np.float64(rate)
        if rate == 0.0:
            return 0
        return by_product(state, rate) if rate < 10.0 else by_transformed_rejection(state, rate)

    return poisson


# Gamma --------------------------------------------------------------------------------------------


def gamma_sampler(draw_uniform, draw_normal):
    """Marsaglia and Tsang (2000), of rate 1; below a concentration of 1 by boosting."""

    @register_jitable
    def standard_gamma(state, concentration):
        one = like(concentration, 1.0)
        scale = 1.0
        if concentration < one:
            if concentration == 0.0:
                return 0.0
            scale = math.pow(1.0 - draw_uniform(state), np.float64(one / concentration))
            concentration += one
        third = like(concentration, np.float32(1.0) / np.float32(3.0))
        d = np.float64(concentration - third)
        c = 1.0 / math.sqrt(9.0 * d)
        while True:
            y = 0.0
            while y <= 0.0:
                x = draw_normal(state)
                y = 1.0 + c * x
            v = y * y * y
            u = 1.0 - draw_uniform(state)
            xx = x * x
            if u < 1.0 - np.float64(np.float32(0.0331)) * xx * xx:
                return scale * d * v
            if math.log(u) < 0.5 * xx + d * (1.0 - v + math.log(v)):
                return scale * d * v

    return standard_gamma


# Binomial -----------------------------------------------------------------------------------------


def binomial_sampler(draw_uniform):
    """Geometric gaps for few expected successes, Hoermann's BTRS for many."""

    @register_jitable
    def by_gaps(state, count, p):
        log_failure = np.float64(math.log1p(-p))
        reached = 0.0
        successes = -1
        while reached <= count:
            reached += math.ceil(math.log(draw_uniform(state)) / log_failure)
            successes += 1
        return like(count, successes)

    @register_jitable
    def by_transformed_rejection(state, count, p):
        one = like(count, 1.0)
        std = np.float64(math.sqrt(count * p * (one - p)))
        b = 1.15 + 2.53 * std
        a = -0.0873 + 0.0248 * b + 0.01 * p
        c = count * p + 0.5
        v_r = 0.92 - 4.2 / b
        r = np.float64(p / (one - p))
        alpha = (2.83 + 5.1 / b) * std
        m = np.float64(floor((count + one) * p))
        while True:
            u = draw_uniform(state) - 0.5
            v = draw_uniform(state)
            us = 0.5 - abs(u)
            k = like(count, math.floor((2.0 * a / us + b) * u + c))
            if k < 0.0 or k > count:
                continue
            if us >= 0.07 and v <= v_r:
                return k
            v = math.log(v * alpha / (a / (us * us) + b))
            if v <= _log_ratio_to_mode(k, m, r, count, one):
                return k

    @register_jitable
    def up_to_half(state, count, p):
        if count * p >= 10.0:
            return by_transformed_rejection(state, count, p)
        return by_gaps(state, count, p)

    @register_jitable
    def binomial(state, count, p):
        if count <= 0.0 or p <= 0.0:
            return like(count, 0.0)
        if p >= 1.0:
            return count
        if p <= 0.5:
            return up_to_half(state, count, p)
        return count - up_to_half(state, count, like(p, 1.0 - np.float64(p)))

    return binomial


@register_jitable
def _log_ratio_to_mode(k, m, r, count, one):
    """ln of the probability of k successes over that of the mode m; r are the odds."""
    failures = np.float64(count - k + one)
    return (
        (m + 0.5) * math.log((m + 1.0) / (r * (count - m + 1.0)))
        + (count + one) * math.log((count - m + 1.0) / failures)
        + (k + 0.5) * math.log(r * failures / (k + one))
        + _stirling_tail(m) + _stirling_tail(count - m)
        - _stirling_tail(k) - _stirling_tail(count - k)
    )  # fmt: skip


@register_jitable
def _stirling_tail(k):
    """ln k! less Stirling's approximation of it."""
    k = np.float64(k)
    if k < 10.0:
        return _STIRLING_TAILS[np.int64(k)]
    square = (k + 1.0) * (k + 1.0)
    return (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / square) / square) / (k + 1.0)


_STIRLING_TAILS = (
    0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509,
    0.0166446911898211, 0.0138761288230707, 0.0118967099458917, 0.0104112652619720,
    0.00925546218271273, 0.00833056343336287,
)  # fmt: skip
