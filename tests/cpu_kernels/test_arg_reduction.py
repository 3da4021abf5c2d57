"""Extrema with their indices against NumPy: the first of several, the first NaN."""

import ml_dtypes
import numpy as np
import pytest
from arrays import as_array, blank, layouts, without

from numbatorch import dtypes
from numbatorch.cpu_kernels import arg_reduction as kernels

PAIRS = [(kernels.argmax, np.argmax), (kernels.argmin, np.argmin)]


@pytest.mark.parametrize("dtype", [
    np.float32, np.float64, np.float16, ml_dtypes.bfloat16, np.int64, np.int8, np.uint8, np.bool_,
])  # fmt: skip
@pytest.mark.parametrize("shape", [
    pytest.param((2, 40), marks=pytest.mark.small), (3, 1200), (12, 9, 14), (300, 3), (1, 130),
])  # fmt: skip
def test_ties_nan_and_layouts(dtype, shape):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2 if dtype is np.bool_ else 100, shape).astype(dtype)
    variants = [x]
    if as_array(x).dtype.is_floating_point:
        variants.append(x.copy())
        variants[1].reshape(-1)[::7] = np.nan
    for variant in variants:
        for view in layouts(variant):
            readable = view.astype(np.float64)
            for dim in range(view.ndim):
                for kernel, reference in PAIRS:
                    if view.shape[dim] == 0:
                        continue
                    where = blank(without(view.shape, (dim,)), dtypes.int64)
                    values = blank(without(view.shape, (dim,)), as_array(view).dtype)
                    kernel(values, where, as_array(view), dim)
                    expected = reference(readable, axis=dim)
                    np.testing.assert_array_equal(where.as_numpy(), expected)
                    chosen = np.take_along_axis(readable, np.expand_dims(expected, dim), dim)
                    found = values.as_numpy().astype(np.float64)
                    np.testing.assert_array_equal(found, chosen.squeeze(dim))


@pytest.mark.small
def test_indices_alone_and_rows_of_the_initial_value():
    x = np.full((3, 40), -np.inf, np.float32)
    x[1, 7] = np.nan
    where = blank((3,), dtypes.int64)
    kernels.argmax(None, where, as_array(x), 1)
    np.testing.assert_array_equal(where.as_numpy(), [0, 7, 0])
