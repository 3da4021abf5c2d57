"""The k-th smallest, medians and modes against NumPy."""

import numpy as np
import pytest
from arrays import as_array, blank, without

from numbatorch import dtypes
from numbatorch.cpu_kernels import order_statistics as kernels


def chosen(kernel, x, dim, *arguments):
    """(values, indices), after checking that the values lie at the indices."""
    values = blank(without(x.shape, (dim,)), as_array(x).dtype)
    indices = blank(without(x.shape, (dim,)), dtypes.int64)
    kernel(values, indices, as_array(x), dim, *arguments)
    there = np.take_along_axis(x, np.expand_dims(indices.as_numpy(), dim), dim).squeeze(dim)
    np.testing.assert_array_equal(values.as_numpy(), there)
    return values.as_numpy(), indices.as_numpy()


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
@pytest.mark.parametrize("shape, dim", [((1,), 0), ((2, 3), 1), ((301, 4), 0), ((5, 64, 3), 1)])
def test_every_rank(dtype, shape, dim):
    x = np.random.default_rng(0).integers(0, 50, shape).astype(dtype)
    ordered = np.sort(x, axis=dim)
    for k in {0, shape[dim] // 2, shape[dim] - 1}:
        values, _ = chosen(kernels.select, x, dim, kernels.KTH, k)
        np.testing.assert_array_equal(values, ordered.take(k, dim))


@pytest.mark.parametrize("order", ["sorted", "reversed", "equal"])
def test_rows_that_are_in_order_already(order):
    x = {"sorted": np.arange(999.0), "reversed": np.arange(999.0)[::-1].copy()}.get(
        order, np.zeros(999)
    )
    value, index = chosen(kernels.select, x, 0, kernels.KTH, 700)
    assert value == np.sort(x)[700]
    if order == "equal":
        assert index == 700


def test_medians_of_rows_with_nan():
    nan = np.nan
    x = np.array([[3, 1, 2, 5], [3, nan, 1, 2], [nan] * 4, [nan, nan, 1, nan]], np.float32)
    values, indices = chosen(kernels.select, x, 1, kernels.MEDIAN)
    np.testing.assert_array_equal(values, [2, nan, nan, nan])
    np.testing.assert_array_equal(indices, [2, 1, 0, 0])
    values, _ = chosen(kernels.select, x, 1, kernels.NANMEDIAN)
    np.testing.assert_array_equal(values, [2, 2, nan, 1])


def test_mode():
    x = np.random.default_rng(0).integers(0, 9, (6, 200, 3))
    values, indices = chosen(kernels.mode, x, 1)
    for row in np.ndindex(6, 3):
        members = x[row[0], :, row[1]]
        expected = np.bincount(members).argmax()
        assert values[row] == expected
        assert indices[row] == np.flatnonzero(members == expected)[-1]
