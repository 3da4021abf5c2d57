"""Exponentials and logarithms: float32 within about 2 units in the last place of the true value."""

import numpy as np
import pytest
import scipy.special
from compiled_formulas import compiled

from numbatorch.formulas import exponential

BORDERS = np.array(
    [0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1e-40, 1e-30, -1e-30, 1e-8, 88.7, 88.72]
    + [88.73, -86, -103.9, -104.1, -150, 3.4e38, -3.4e38, 1, -1, -0.9999999, 128, 127.9, 1e10],
    np.float32,
)  # fmt: skip

REFERENCE = {
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log2": np.log2,
    "log10": np.log10, "log1p": np.log1p, "tanh": np.tanh, "erf": scipy.special.erf,
    "sigmoid": scipy.special.expit,
}  # fmt: skip

LARGEST_ERROR = {"sigmoid": 2.5}


def samples():
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**32, 100_000, dtype=np.uint32).view(np.float32)
    normal = rng.normal(size=100_000)
    parts = (BORDERS, bits, normal, 20 * normal, 1e-3 * normal)
    return np.concatenate([part.astype(np.float32) for part in parts])


@pytest.mark.parametrize("name", REFERENCE)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_float32_is_within_two_units(name):
    x = samples()
    actual, exact = compiled(getattr(exponential, name))(x), REFERENCE[name](x.astype(np.float64))
    expected = exact.astype(np.float32)
    finite = np.isfinite(actual) & np.isfinite(expected)
    np.testing.assert_array_equal(actual[~finite], expected[~finite])
    unit = np.spacing(np.minimum(np.abs(expected[finite]), np.float32(3e38))).astype(np.float64)
    assert np.max(np.abs(actual[finite] - exact[finite]) / unit) <= LARGEST_ERROR.get(name, 2)
    zero = exact == 0
    np.testing.assert_array_equal(np.signbit(actual[zero]), np.signbit(expected[zero]))


@pytest.mark.parametrize("name", REFERENCE)
def test_float64_and_plain_python_agree_with_the_reference(name):
    x = np.linspace(0.1, 3, 50)
    np.testing.assert_allclose(
        compiled(getattr(exponential, name))(x), REFERENCE[name](x), rtol=1e-14
    )
    function = getattr(exponential, name)
    for number in (np.float32(0.7), np.float64(0.7)):
        value = function(number)
        assert value.dtype == number.dtype
        np.testing.assert_allclose(value, REFERENCE[name](number), rtol=1e-6)


@pytest.mark.parametrize("name", ["exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "tanh"])
def test_complex(name):
    z = np.array([0.3 + 0.4j, -1.2 + 2j])
    np.testing.assert_allclose(
        compiled(getattr(exponential, name))(z), REFERENCE[name](z), rtol=1e-13
    )


@pytest.mark.small
@pytest.mark.parametrize("name", REFERENCE)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_numbers_one_by_one(name):
    """As plain Python, which is where `--interpret` follows the polynomials line by line."""
    x = np.concatenate([BORDERS, np.linspace(-4, 4, 41, dtype=np.float32)])
    actual = np.array([getattr(exponential, name)(number) for number in x])
    exact = REFERENCE[name](x.astype(np.float64))
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, exact.astype(np.float32), rtol=4e-7, atol=1.2e-38)


@pytest.mark.small
@pytest.mark.parametrize("name", ["exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "tanh"])
def test_complex_numbers_one_by_one(name):
    for z in (np.complex64(0.3 + 0.4j), np.complex128(-1.2 + 2j)):
        actual = getattr(exponential, name)(z)
        assert actual.dtype == z.dtype
        np.testing.assert_allclose(actual, REFERENCE[name](z), rtol=1e-6)
