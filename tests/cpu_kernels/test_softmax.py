"""softmax, log_softmax and their gradients against SciPy and the formulas in float64."""

import ml_dtypes
import numpy as np
import pytest
import scipy.special
from arrays import as_array, layouts, like

from numbatorch import cpu_target
from numbatorch.cpu_kernels import softmax as kernels

TOLERANCE = {
    np.float64: 1e-14,
    np.float32: 2e-6,
    np.float16: 2e-3,
    ml_dtypes.bfloat16: 2e-2,
}


def run(kernel, dim, *inputs):
    out = like(inputs[0])
    kernel(out, *[as_array(x) for x in inputs], dim)
    return out.as_numpy().astype(np.float64)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", [(6, 700), (130, 5), (4, 7, 9)])
def test_every_dimension(dtype, shape):
    rng = np.random.default_rng(0)
    x, grad = (rng.normal(size=shape).astype(dtype) for _ in range(2))
    tolerance = {"rtol": TOLERANCE[dtype], "atol": 3 * TOLERANCE[dtype]}
    for dim in range(len(shape)):
        exact, g = x.astype(np.float64), grad.astype(np.float64)
        y = scipy.special.softmax(exact, axis=dim).astype(dtype)
        np.testing.assert_allclose(run(kernels.softmax, dim, x), y.astype(np.float64), **tolerance)
        z = y.astype(np.float64)
        expected = z * (g - np.sum(g * z, axis=dim, keepdims=True))
        actual = run(kernels.softmax_gradient, dim, grad, y)
        np.testing.assert_allclose(actual, expected, **tolerance)
        y = scipy.special.log_softmax(exact, axis=dim).astype(dtype)
        z = y.astype(np.float64)
        np.testing.assert_allclose(run(kernels.log_softmax, dim, x), z, **tolerance)
        expected = g - np.exp(z) * np.sum(g, axis=dim, keepdims=True)
        actual = run(kernels.log_softmax_gradient, dim, grad, y)
        np.testing.assert_allclose(actual, expected, rtol=1e-1, atol=20 * TOLERANCE[dtype])


def test_layouts_and_threads():
    x = np.random.default_rng(0).normal(size=(30, 40, 50)).astype(np.float32)
    before = cpu_target.get_num_threads()
    for view in layouts(x):
        expected = scipy.special.softmax(view.astype(np.float64), axis=1)
        try:
            cpu_target.set_num_threads(1)
            one = run(kernels.softmax, 1, view)
        finally:
            cpu_target.set_num_threads(before)
        np.testing.assert_allclose(one, expected, rtol=1e-5)
        np.testing.assert_array_equal(run(kernels.softmax, 1, view), one)


def test_infinities_and_nan():
    x = np.array(
        [[-np.inf, 0, 1], [-np.inf] * 3, [np.inf, 0, 1], [np.nan, 0, 1], [1e4, -1e4, 1e4]],
        np.float32,
    )
    for kernel, reference in (
        (kernels.softmax, scipy.special.softmax),
        (kernels.log_softmax, scipy.special.log_softmax),
    ):
        with np.errstate(invalid="ignore"):
            expected = reference(x.astype(np.float64), axis=1)
        expected[1:4] = np.nan
        np.testing.assert_allclose(run(kernel, 1, x), expected, rtol=1e-6)
