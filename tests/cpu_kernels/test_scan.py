"""Running totals and extrema against NumPy."""

import numpy as np
import pytest
from arrays import as_array, layouts, like

from numbatorch import dtypes
from numbatorch.cpu_kernels import scan as kernels
from numbatorch.formulas import reduction as formulas
from numbatorch.formulas.scan import log_add_exp


def scanned(combine, initial, x, dim, dtype=None, **kwargs):
    out = like(x, dtype)
    kernels.scan(combine, initial, out, as_array(x), dim, **kwargs)
    return out.as_numpy()


def test_sums_and_products_in_every_layout():
    x = np.random.default_rng(0).normal(size=(5, 70, 6))
    for view in layouts(x):
        for dim in range(3):
            np.testing.assert_allclose(
                scanned(formulas.add, 0, view, dim), np.cumsum(view, dim), rtol=1e-12, atol=1e-12
            )
            product = np.cumprod(view, dim)
            np.testing.assert_allclose(
                scanned(formulas.multiply, 1, view, dim), product, rtol=1e-12
            )
            expected = np.logaddexp.accumulate(view, axis=dim)
            np.testing.assert_allclose(
                scanned(log_add_exp, -np.inf, view, dim), expected, rtol=1e-12, atol=1e-12
            )


def test_from_the_end_and_without_the_element():
    x = np.arange(1.0, 5.0)
    np.testing.assert_array_equal(scanned(formulas.add, 0, x, 0, reverse=True), [10, 9, 7, 4])
    np.testing.assert_array_equal(scanned(formulas.multiply, 1, x, 0, exclusive=True), [1, 1, 2, 6])
    np.testing.assert_array_equal(
        scanned(formulas.multiply, 1, x, 0, reverse=True, exclusive=True), [24, 12, 4, 1]
    )


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.int32])
def test_integers_add_up_in_int64(dtype):
    x = np.random.default_rng(0).integers(0, 2 if dtype is np.bool_ else 100, (300, 3))
    x = x.astype(dtype)
    expected = np.cumsum(x.astype(np.int64), 0)
    np.testing.assert_array_equal(scanned(formulas.add, 0, x, 0, dtypes.int64), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_totals_are_kept_wider(dtype):
    x = np.full(3000, 0.1, dtype)
    expected = np.cumsum(x.astype(np.float64)).astype(dtype)
    np.testing.assert_allclose(scanned(formulas.add, 0, x, 0), expected, rtol=1e-3)
    if dtype is np.float32:
        np.testing.assert_allclose(scanned(formulas.add, 0, x, 0), expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.bool_])
def test_extrema_take_the_last_index_of_equal_ones(dtype):
    x = np.random.default_rng(0).integers(0, 2 if dtype is np.bool_ else 9, (40, 5)).astype(dtype)
    floating = x.dtype.kind == "f"
    if floating:
        x[20, 2] = x[30, 2] = np.nan
    for kernel, better in ((kernels.cummax, np.greater_equal), (kernels.cummin, np.less_equal)):
        values, indices = like(x), like(x, dtypes.int64)
        kernel(values, indices, as_array(x), 0)
        for column in range(x.shape[1]):
            best = 0
            for i in range(x.shape[0]):
                if better(x[i, column], x[best, column]) or x[i, column] != x[i, column]:
                    best = i
                assert indices.as_numpy()[i, column] == best
                np.testing.assert_equal(values.as_numpy()[i, column], x[best, column])


@pytest.mark.parametrize("reverse", [False, True])
def test_linear_recurrence(reverse):
    rng = np.random.default_rng(0)
    factors, terms = rng.normal(size=(2, 4, 9, 3))
    out = like(terms)
    kernels.linear_recurrence(out, as_array(factors), as_array(terms), 1, reverse)
    expected = np.zeros_like(terms)
    order = range(8, -1, -1) if reverse else range(9)
    before = np.zeros((4, 3))
    for place, i in enumerate(order):
        before = terms[:, i] + (factors[:, i] * before if place else 0)
        expected[:, i] = before
    np.testing.assert_allclose(out.as_numpy(), expected, rtol=1e-12)
