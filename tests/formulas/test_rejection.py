"""Samplers that draw until they accept, as plain Python on Python's own generator: their moments."""

import math
import random

import numpy as np
import pytest
from scipy import stats

from numbatorch.formulas import rejection

COUNT = 4000


def draw_uniform(state):
    return state.random()


def draw_normal(state):
    return state.gauss()


poisson = rejection.poisson_sampler(draw_uniform)
gamma = rejection.gamma_sampler(draw_uniform, draw_normal)
binomial = rejection.binomial_sampler(draw_uniform)

#: A sampler, its parameters, and the distribution that it is to follow.
CASES = {
    **{f"poisson {rate}": (poisson, (rate,), stats.poisson(rate)) for rate in (0.3, 4.0, 10.0, 90.0)},
    **{f"gamma {a}": (gamma, (np.float64(a),), stats.gamma(a)) for a in (0.2, 0.9, 1.0, 3.5, 60.0)},
    **{
        f"binomial {n} {p}": (binomial, (np.float64(n), np.float64(p)), stats.binom(n, p))
        for n, p in ((5, 0.3), (5, 0.8), (40, 0.5), (200, 0.1), (100, 0.77), (2000, 0.45))
    },
}  # fmt: skip


@pytest.mark.parametrize("sampler, parameters, expected", CASES.values(), ids=CASES)
def test_moments(sampler, parameters, expected):
    """Mean, spread and share below the median, within five standard errors."""
    state = random.Random(0)
    x = np.array([sampler(state, *parameters) for _ in range(COUNT)], np.float64)
    mean, variance, kurtosis = expected.stats("mvk")
    assert abs(x.mean() - mean) < 5 * math.sqrt(variance / COUNT)
    assert abs(x.var() - variance) < 5 * variance * math.sqrt((kurtosis + 2) / COUNT)
    middle = expected.median()
    share = expected.cdf(middle)
    assert abs((x <= middle).mean() - share) < 5 * math.sqrt(share * (1 - share) / COUNT)


def test_parameters_that_leave_no_choice():
    state = random.Random(0)
    before = state.getstate()
    assert poisson(state, 0.0) == 0 and gamma(state, np.float64(0)) == 0
    nothing, all_of_them = np.float64(0), np.float64(1)
    assert binomial(state, np.float64(7), nothing) == 0
    assert binomial(state, nothing, np.float64(0.5)) == 0
    assert binomial(state, np.float64(7), all_of_them) == 7
    assert state.getstate() == before


def test_stirling_s_tail():
    for k in (0, 3, 9, 10, 25, 1000):
        start = k + 1.0
        approximation = 0.5 * math.log(2 * math.pi) + (k + 0.5) * math.log(start) - start
        expected = math.lgamma(start) - approximation
        assert rejection._stirling_tail(k) == pytest.approx(expected, abs=1e-9 * (1 + k))
