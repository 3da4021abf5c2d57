"""Philox against its authors' known answers, and CUDA's samples from it, as plain Python."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from numbatorch.formulas import device_random, philox

#: (seed, counter, stream, words) of Random123's kat_vectors for philox4x32 with 10 rounds.
KNOWN = [
    (0, 0, 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    (2**64 - 1, 2**64 - 1, 2**64 - 1, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        0x299F31D0A4093822, 0x85A308D3243F6A88, 0x0370734413198A2E,
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]  # fmt: skip


@pytest.mark.parametrize("seed, counter, stream, words", KNOWN)
def test_known_answers(seed, counter, stream, words):
    assert philox.four_words(seed, counter, stream) == words
    first, second = philox.two_wide(seed, counter, stream)
    assert (first, second) == (words[0] << 32 | words[1], words[2] << 32 | words[3])


def test_the_unit_interval_is_open_below_and_closed_above():
    least, most = np.uint32(0), np.uint32(2**32 - 1)
    assert philox.unit_float32(least) == 2.0**-33 and philox.unit_float32(most) == 1
    assert philox.unit_float64(least, least) == 2.0**-54
    # 53 bits are made of 64 by exclusive or: these are the words of the last interval
    assert 1 - 2.0**-52 < philox.unit_float64(np.uint32(2**21 - 1), most) <= 1


@pytest.mark.parametrize("name, count", [("four_normal", 2000), ("two_normal", 4000)])
def test_normal_samples_have_their_moments(name, count):
    x = np.array([getattr(philox, name)(1, counter, 0) for counter in range(count)]).ravel()
    assert abs(x.mean()) < 4 / x.size**0.5 and abs(x.var() - 1) < 4 * (2 / x.size) ** 0.5
    assert abs((x**4).mean() - 3) < 4 * (96 / x.size) ** 0.5


@pytest.mark.parametrize("name, count", [("four_uniform", 1000), ("two_uniform", 2000)])
def test_uniform_samples_have_their_moments(name, count):
    x = np.array([getattr(philox, name)(1, counter, 0) for counter in range(count)]).ravel()
    assert x.min() > 0 and x.max() <= 1
    assert abs(x.mean() - 0.5) < 4 * (1 / 12 / x.size) ** 0.5


def test_a_stream_is_its_blocks_one_after_the_other():
    state = np.zeros(philox.STATE_WORDS, np.uint64)
    philox.begin(state, 5, 7, 9)
    drawn = [philox.draw_bits(state) for _ in range(6)]
    blocks = [philox.two_wide(5, counter, 9) for counter in (7, 8, 9)]
    assert drawn == [word for block in blocks for word in block]
    philox.begin(state, 5, 7, 9)
    u, v = philox.draw_uniform(state), philox.draw_uniform(state)
    assert (u, v) == tuple(int(word >> 11) * 2.0**-53 for word in blocks[0])
    philox.begin(state, 5, 7, 9)
    expected = math.sqrt(-2 * math.log(1 - u)) * math.cos(2 * math.pi * v)
    assert philox.draw_normal(state) == pytest.approx(expected, rel=1e-14)


#: Of a distribution: its formula as a function of the unit interval, and its distribution function.
QUANTILES = {
    "exponential": (
        lambda u: device_random.exponential(u, 2.0, 2.0**-52), lambda x: math.exp(-2.0 * x)
    ),
    "cauchy": (
        lambda u: device_random.cauchy(u, 1.0, 3.0, 2.0**-52),
        lambda x: 0.5 + math.atan((x - 1) / 3) / math.pi,
    ),
}  # fmt: skip


@pytest.mark.parametrize("quantile, level", QUANTILES.values(), ids=QUANTILES)
def test_quantiles(quantile, level):
    """The level of a quantile is what it was made from; exponential ones count from above."""
    for u in (0.001, 0.2, 0.5, 0.9):
        assert level(quantile(np.float64(u))) == pytest.approx(u, rel=1e-12)
    for u in (2.0**-54, 1.0):
        assert math.isfinite(quantile(np.float64(u)))


def test_exponential_samples_are_above_zero():
    assert device_random.exponential(np.float64(1.0), 2.0, 2.0**-52) > 0


def test_geometric_samples_count_the_tries():
    p = 0.25
    for tries in range(1, 6):
        between = np.float64((1 - p) ** (tries - 0.5))
        assert device_random.geometric(between, p) == tries


def test_choices_by_a_threshold():
    u = SimpleNamespace(low=np.float32(0.25), p=np.float32(0.5), high=np.float32(0.75))
    assert device_random.bernoulli(u.low, u.p) and not device_random.bernoulli(u.p, u.p)
    assert device_random.bernoulli_each(u.p, u.p) and not device_random.bernoulli_each(u.high, u.p)
    assert device_random.bernoulli_scaled(u.low, u.p, 2.0) == 2.0
    assert device_random.bernoulli_scaled(u.high, u.p, 2.0) == 0.0
    assert device_random.slope(u.low, np.float32(1), 0.1, 0.3) == 1
    assert device_random.slope(u.p, np.float32(-1), 0.1, 0.3) == pytest.approx(0.2)


def test_normal_samples_are_scaled():
    assert device_random.normal(2.0, 1.0, 3.0) == 7.0
    assert device_random.log_normal(2.0, 1.0, 0.5) == pytest.approx(math.exp(2.0))
