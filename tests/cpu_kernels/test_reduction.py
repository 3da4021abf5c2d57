"""Reductions against NumPy: every layout, dtype and set of dimensions; accuracy; threads."""

import math

import ml_dtypes
import numpy as np
import pytest
import scipy.special
from arrays import as_array, blank, layouts, subsets, without

from numbatorch import cpu_target, dtypes
from numbatorch.cpu_kernels import reduction as kernels
from numbatorch.formulas import reduction as formulas

REFERENCES = {
    formulas.SUM: np.sum,
    formulas.MEAN: np.mean,
    formulas.NANSUM: np.nansum,
    formulas.PROD: np.prod,
    formulas.AMAX: np.max,
    formulas.AMIN: np.min,
    formulas.SUM_OF_SQUARES: lambda x, axis: np.sum(x * x, axis),
    formulas.NORM_0: lambda x, axis: np.sum(x != 0, axis),
    formulas.NORM_1: lambda x, axis: np.sum(abs(x), axis),
    formulas.NORM_2: lambda x, axis: np.sqrt(np.sum(x * x, axis)),
    formulas.NORM_INFINITY: lambda x, axis: np.max(abs(x), axis),
    formulas.NORM_MINUS_INFINITY: lambda x, axis: np.min(abs(x), axis),
}


def reduced(reduction, x, dims, dtype=None, **kwargs):
    array = as_array(x)
    out = blank(without(x.shape, dims), dtype or array.dtype)
    kernels.reduce(reduction, out, array, dims, **kwargs)
    return out.as_numpy()


def sample(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype).kind
    if kind == "c":
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    if kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if kind in "iu":
        return rng.integers(0, 100, shape).astype(dtype)
    return rng.normal(size=shape).astype(dtype)


@pytest.mark.parametrize("reduction", REFERENCES, ids=lambda reduction: reduction.name)
def test_layouts_and_dimensions(reduction):
    x = sample((10, 9, 11), np.float64)
    for view in layouts(x):
        for dims in subsets(3):
            expected = REFERENCES[reduction](view, axis=dims)
            np.testing.assert_allclose(reduced(reduction, view, dims), expected, 1e-12, 1e-13)


@pytest.mark.parametrize("shape, dims", [
    ((3, 5000), (1,)), ((5000, 3), (0,)), ((700, 900), (0,)), ((700, 900), (1,)),
    ((700, 900), (0, 1)), ((40, 8, 30, 30), (0, 2, 3)), ((100_000, 2), (1,)), ((200_000,), (0,)),
])  # fmt: skip
def test_large_ones_split_in_segments(shape, dims):
    x = sample(shape, np.float32)
    expected = np.sum(x.astype(np.float64), axis=dims)
    np.testing.assert_allclose(
        reduced(formulas.SUM, x, dims), expected, rtol=1e-5, atol=1e-6 * math.sqrt(x.size)
    )
    np.testing.assert_array_equal(reduced(formulas.AMAX, x, dims), np.max(x, axis=dims))


@pytest.mark.parametrize("dtype, largest_error", [
    (np.float32, 2e-7), (np.float16, 2**-11), (ml_dtypes.bfloat16, 2**-8),
])  # fmt: skip
def test_sums_are_as_good_as_exact_ones(dtype, largest_error):
    for shape, dims in (((300_001,), (0,)), ((3000, 60), (0,)), ((60, 3000), (1,))):
        x = (abs(sample(shape, np.float64)) * 0.1).astype(dtype)
        exact = np.sum(x.astype(np.float64), axis=dims)
        actual = reduced(formulas.SUM, x, dims).astype(np.float64)
        assert np.max(abs(actual - exact) / exact) <= largest_error


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int8, np.int32, np.int64])
def test_integers_add_up_in_int64(dtype):
    x = sample((37, 130), dtype)
    for dims in subsets(2):
        expected = np.sum(x.astype(np.int64), axis=dims)
        np.testing.assert_array_equal(reduced(formulas.SUM, x, dims, dtypes.int64), expected)
        np.testing.assert_array_equal(reduced(formulas.AMIN, x, dims), np.min(x, axis=dims))
        count = reduced(formulas.COUNT_NONZERO, x, dims, dtypes.int64)
        np.testing.assert_array_equal(count, np.count_nonzero(x, axis=dims))


def test_complex():
    x = sample((20, 30), np.complex64)
    np.testing.assert_allclose(reduced(formulas.SUM, x, (0,)), np.sum(x, 0), rtol=1e-5)
    np.testing.assert_allclose(reduced(formulas.PROD, x, (1,)), np.prod(x, 1), rtol=1e-3)
    norm = reduced(formulas.NORM_2, x, (1,), dtypes.float32)
    np.testing.assert_allclose(norm, np.linalg.norm(x, axis=1), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.bool_, np.complex128])
def test_truth(dtype):
    x = sample((40, 30), dtype)
    x[:20] = 0
    x[3, 4] = 1
    for dims in subsets(2):
        np.testing.assert_array_equal(
            reduced(formulas.ANY, x, dims, dtypes.bool_), np.any(x, axis=dims)
        )
        np.testing.assert_array_equal(
            reduced(formulas.ALL, x, dims, dtypes.bool_), np.all(x, axis=dims)
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_nan_spreads_except_through_nansum(dtype):
    x = sample((70, 90), dtype)
    x[3, 5] = x[60, 80] = np.nan
    for dims in subsets(2):
        for reduction in (formulas.AMAX, formulas.AMIN, formulas.NORM_INFINITY, formulas.SUM):
            spread = np.isnan(reduced(reduction, x, dims))
            np.testing.assert_array_equal(spread, np.any(np.isnan(x), axis=dims))
        actual = reduced(formulas.NANSUM, x, dims)
        tolerance = {"rtol": 1e-2, "atol": 1e-2} if dtype is np.float16 else {"rtol": 1e-4}
        np.testing.assert_allclose(actual, np.nansum(x.astype(np.float64), axis=dims), **tolerance)


def test_nothing_gives_the_initial_value():
    x = np.zeros((3, 0), np.float32)
    np.testing.assert_array_equal(reduced(formulas.SUM, x, (1,)), [0, 0, 0])
    np.testing.assert_array_equal(reduced(formulas.PROD, x, (1,)), [1, 1, 1])
    np.testing.assert_array_equal(reduced(formulas.MEAN, x, (1,)), [np.nan] * 3)
    assert reduced(formulas.SUM, x, (0,)).shape == (0,)
    assert reduced(formulas.SUM, x, (0, 1)) == 0


def test_norm_of_any_order():
    x = sample((20, 30), np.float64)
    for p in (0.5, 3.0, -2.0):
        actual = reduced(formulas.NORM_P, x, (0,), parameter=p)
        np.testing.assert_allclose(actual, np.sum(abs(x) ** p, axis=0) ** (1 / p), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_spread_and_logsumexp(dtype):
    x = sample((30, 7, 200), dtype) + 100
    tolerance = 1e-5 if dtype is np.float32 else 1e-11
    for dims in ((0,), (2,), (0, 2), (0, 1, 2)):
        out = blank(without(x.shape, dims), as_array(x).dtype)
        for reduction, reference in (
            (formulas.VARIANCE, np.var),
            (formulas.STANDARD_DEVIATION, np.std),
        ):
            kernels.spread(reduction, out, as_array(x), dims, 1)
            expected = reference(x.astype(np.float64), axis=dims, ddof=1)
            np.testing.assert_allclose(out.as_numpy(), expected, rtol=tolerance)
        kernels.logsumexp(out, as_array(x), dims)
        expected = scipy.special.logsumexp(x.astype(np.float64), axis=dims)
        np.testing.assert_allclose(out.as_numpy(), expected, rtol=tolerance)


@pytest.mark.parametrize(
    "shape, dims", [((600, 700), (0, 1)), ((90_000, 3), (0,)), ((3, 90_000), (1,))]
)
def test_numbers_of_outputs_reach_every_segment(shape, dims):
    x = sample(shape, np.float64) + 5
    out = blank(without(shape, dims), dtypes.float64)
    kernels.spread(formulas.VARIANCE, out, as_array(x), dims, 0)
    np.testing.assert_allclose(out.as_numpy(), np.var(x, axis=dims), rtol=1e-12)
    kernels.logsumexp(out, as_array(x), dims)
    expected = scipy.special.logsumexp(x, axis=dims)
    np.testing.assert_allclose(out.as_numpy(), expected, rtol=1e-12)


def test_logsumexp_of_infinities():
    x = np.array([[-np.inf, -np.inf], [np.inf, 1.0], [np.nan, 1.0], [-np.inf, 2.0]], np.float32)
    out = blank((4,), dtypes.float32)
    kernels.logsumexp(out, as_array(x), (1,))
    np.testing.assert_allclose(out.as_numpy(), [-np.inf, np.inf, np.nan, 2.0])


@pytest.mark.parametrize("shape", [(1000, 1100), (50_000, 5), (5, 50_000), (20, 6, 50, 50)])
def test_results_do_not_depend_on_the_threads(shape):
    x = sample(shape, np.float32)
    found = {}
    before = cpu_target.get_num_threads()
    try:
        for threads in (1, 2):
            cpu_target.set_num_threads(threads)
            found[threads] = [reduced(formulas.SUM, x, dims) for dims in subsets(x.ndim)]
    finally:
        cpu_target.set_num_threads(before)
    for one, two in zip(found[1], found[2]):
        np.testing.assert_array_equal(one, two)


def test_the_output_may_be_strided():
    x = sample((6, 50), np.float32)
    wide = np.zeros((6, 3), np.float32)
    kernels.reduce(formulas.SUM, as_array(wide[:, 1]), as_array(x), (1,))
    np.testing.assert_allclose(wide[:, 1], x.sum(1), rtol=1e-5)
    assert not wide[:, ::2].any()
