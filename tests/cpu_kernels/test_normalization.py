"""Normalisation against NumPy in float64, values and gradients."""

import ml_dtypes
import numpy as np
import pytest
from arrays import as_array, blank

from numbatorch import dtypes
from numbatorch.cpu_kernels import normalization as kernels

EPSILON = 1e-3


def normal(*shape, seed=0, dtype=np.float64):
    return (np.random.default_rng(seed).normal(size=shape) * 2 + 3).astype(dtype)


def standardized(x, axes):
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    rstd = 1 / np.sqrt(variance + EPSILON)
    return (x - mean) * rstd, mean, variance, rstd


@pytest.mark.parametrize("shape", [(5, 6), (3, 6, 50), (2, 6, 5, 7)])
@pytest.mark.parametrize("groups", [0, 2, 6])
def test_statistics_values_and_gradients_by_channels(shape, groups):
    x, grad = normal(*shape), normal(*shape, seed=1)
    weight, bias = normal(6, seed=2), normal(6, seed=3)
    parts = x.reshape(shape[0], groups or 6, 6 // (groups or 6), -1)
    axes = (2, 3) if groups else (0, 2, 3)
    xhat, *expected = standardized(parts, axes)
    count = shape[0] * groups if groups else 6
    statistics = [blank((count,), dtypes.float64) for _ in range(3)]
    kernels.statistics(*statistics, as_array(x), groups, EPSILON)
    for actual, value in zip(statistics, expected):
        np.testing.assert_allclose(actual.as_numpy(), value.reshape(-1), rtol=1e-12)

    mean, _, rstd = statistics
    divisor = 6 // groups if groups else 1
    affine = (1, groups or 6, 6 // (groups or 6), 1)
    for w, b in ((weight, bias), (weight, None), (None, bias), (None, None)):
        scale = 1 if w is None else w.reshape(affine)
        shift = 0 if b is None else b.reshape(affine)
        out = blank(shape, dtypes.float64)
        given = [None if p is None else as_array(p) for p in (w, b)]
        kernels.normalize(out, as_array(x), mean, rstd, *given, divisor)
        value = (xhat * scale + shift).reshape(shape)
        np.testing.assert_allclose(out.as_numpy(), value, rtol=1e-11, atol=1e-12)

    sums, products = (blank(shape[:2], dtypes.float64) for _ in range(2))
    kernels.normalize_sums(sums, products, as_array(grad), as_array(x), mean, rstd, divisor)
    g = grad.reshape(parts.shape)
    np.testing.assert_allclose(sums.as_numpy(), g.sum(3).reshape(shape[:2]), rtol=1e-11)
    np.testing.assert_allclose(
        products.as_numpy(), (g * xhat).sum(3).reshape(shape[:2]), rtol=1e-9, atol=1e-10
    )

    weighted = g * weight.reshape(affine)
    shift, slope = weighted.mean(axes, keepdims=True), (weighted * xhat).mean(axes, keepdims=True)
    out = blank(shape, dtypes.float64)
    kernels.normalize_gradient(
        out, as_array(grad), as_array(x), mean, rstd, as_array(weight),
        as_array(shift.reshape(-1).copy()), as_array(slope.reshape(-1).copy()), divisor,
    )  # fmt: skip
    value = ((weighted - shift - xhat * slope) * expected[2]).reshape(shape)
    np.testing.assert_allclose(out.as_numpy(), value, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("shape", [(9, 700), (4, 3, 5), (300, 4)])
def test_values_and_gradients_by_rows(centred, shape):
    x, grad, size = normal(*shape), normal(*shape, seed=1), shape[-1]
    weight, bias = normal(size, seed=2), normal(size, seed=3)
    if centred:
        xhat, _, _, rstd = standardized(x, -1)
    else:
        rstd = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON)
        xhat = x * rstd
    rows = shape[:-1]
    out, found_rstd = blank(shape, dtypes.float64), blank(rows, dtypes.float64)
    found_mean = blank(rows, dtypes.float64) if centred else None
    for w, b in ((weight, bias), (weight, None), (None, None)):
        given = [None if p is None else as_array(p) for p in (w, b)]
        kernels.layer_norm(out, found_mean, found_rstd, as_array(x), *given, EPSILON)
        value = xhat * (1 if w is None else w) + (0 if b is None else b)
        np.testing.assert_allclose(out.as_numpy(), value, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(found_rstd.as_numpy(), rstd[..., 0], rtol=1e-12)

    for w in (weight, None):
        g = grad * (1 if w is None else w)
        shift = g.mean(-1, keepdims=True) if centred else 0
        value = (g - shift - xhat * (g * xhat).mean(-1, keepdims=True)) * rstd
        kernels.layer_norm_gradient(
            out, as_array(grad), as_array(x), found_mean, found_rstd,
            None if w is None else as_array(w),
        )  # fmt: skip
        np.testing.assert_allclose(out.as_numpy(), value, rtol=1e-9, atol=1e-11)
    weight_grad, bias_grad = (blank((size,), dtypes.float64) for _ in range(2))
    kernels.layer_norm_weight_gradient(
        weight_grad, bias_grad, as_array(grad), as_array(x), found_mean, found_rstd
    )
    axes = tuple(range(len(rows)))
    np.testing.assert_allclose(weight_grad.as_numpy(), (grad * xhat).sum(axes), 1e-9, 1e-10)
    np.testing.assert_allclose(bias_grad.as_numpy(), grad.sum(axes), rtol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
def test_a_large_mean_does_not_hurt(dtype):
    x = (normal(20, 300) + 100).astype(dtype)
    exact = standardized(x.astype(np.float64), -1)[0]
    out = blank(x.shape, as_array(x).dtype)
    mean, rstd = (blank((20,), dtypes.float32) for _ in range(2))
    kernels.layer_norm(out, mean, rstd, as_array(x), None, None, EPSILON)
    tolerance = 1e-4 if dtype is np.float32 else 2e-2
    np.testing.assert_allclose(out.as_numpy().astype(np.float64), exact, atol=tolerance)
