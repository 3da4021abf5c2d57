"""Sine and cosine: float32 within 2 units in the last place of the true value, however large."""

import numpy as np
import pytest
from compiled_formulas import compiled

from numbatorch.formulas import circular


def samples():
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**32, 200_000, dtype=np.uint32).view(np.float32)
    normal = rng.normal(size=100_000)
    multiples = np.arange(-3000, 3000) * np.pi / 4  # next to the zeros and the extremes
    parts = (bits, normal, 100 * normal, 1e6 * normal, 1e12 * normal, multiples)
    x = np.concatenate([part.astype(np.float32) for part in parts])
    return x[np.isfinite(x)]


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_float32_is_within_two_units(name):
    x = samples()
    exact = getattr(np, name)(x.astype(np.float64))
    unit = np.spacing(np.abs(exact).astype(np.float32)).astype(np.float64)
    assert np.max(np.abs(compiled(getattr(circular, name))(x) - exact) / unit) <= 2


@pytest.mark.parametrize("name", ["sin", "cos"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_borders(name):
    x = np.array([0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-40, 3.4e38, -3.4e38], np.float32)
    found, expected = (
        compiled(getattr(circular, name))(x),
        getattr(np, name)(x.astype(np.float64)).astype(np.float32),
    )
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_array_equal(np.signbit(found[x == 0]), np.signbit(expected[x == 0]))
    known = ~np.isnan(expected)
    np.testing.assert_allclose(found[known], expected[known], rtol=3e-7)


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_other_types_are_the_library_s(name):
    x = np.linspace(-3, 3, 50)
    np.testing.assert_allclose(
        compiled(getattr(circular, name))(x), getattr(np, name)(x), rtol=1e-14, atol=1e-15
    )
    z = x[:5] + 1j
    np.testing.assert_allclose(
        compiled(getattr(circular, name))(z), getattr(np, name)(z), rtol=1e-13
    )


@pytest.mark.small
@pytest.mark.parametrize("name", ["sin", "cos"])
def test_numbers_one_by_one(name):
    """As plain Python, which is where `--interpret` follows the polynomials line by line."""
    for number in np.concatenate([[0, -0.0], np.linspace(-9, 9, 41), [1e5, -1e10]]):
        x = np.float32(number)
        actual, exact = getattr(circular, name)(x), getattr(np, name)(np.float64(x))
        assert actual.dtype == np.float32 and abs(actual - exact) < 1e-7
        assert actual != 0 or np.signbit(actual) == np.signbit(exact)
