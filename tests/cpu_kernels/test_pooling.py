"""The pooling kernels against windows taken one by one."""

import itertools

import numpy as np
import pytest

from numbatorch import dtypes
from numbatorch.array import Array, initialise, over_numpy
from numbatorch.cpu_kernels import pooling as kernels

DTYPES = [dtypes.float32, dtypes.float64, dtypes.float16, dtypes.bfloat16, dtypes.int64]


def as_array(x):
    return initialise(Array(), *over_numpy(x))


def sliding(size, out, kernel, stride, padding, dilation):
    """The places that each output's window covers along one dimension."""
    return [
        [p for k in range(kernel) if 0 <= (p := o * stride - padding + k * dilation) < size]
        for o in range(out)
    ]


def adaptive(size, out):
    return [list(range(o * size // out, -(-(o + 1) * size // out))) for o in range(out)]


def window_indices(shape, windows):
    """For every output position, the flat indices of its window."""
    for position in itertools.product(*[range(len(w)) for w in windows]):
        places = itertools.product(*[w[p] for w, p in zip(windows, position)])
        yield position, [int(np.ravel_multi_index(place, shape)) for place in places]


def reference_max(x, windows):
    shape = x.shape[2:]
    flat = x.reshape(*x.shape[:2], -1)
    out_shape = (*x.shape[:2], *[len(w) for w in windows])
    out, indices = np.zeros(out_shape, x.dtype), np.zeros(out_shape, np.int64)
    for position, places in window_indices(shape, windows):
        for n, c in np.ndindex(*x.shape[:2]):
            best = places[0]
            for place in places:
                value = flat[n, c, place]
                if value > flat[n, c, best] or value != value:
                    best = place
            out[(n, c, *position)], indices[(n, c, *position)] = flat[n, c, best], best
    return out, indices


def random(rng, shape, dtype):
    values = rng.integers(-20, 20, shape) if dtype is dtypes.int64 else rng.standard_normal(shape)
    return values.astype(dtype.numpy)


def random_window(rng):
    """(shape, kernel, stride, padding, dilation, windows)"""
    rank = int(rng.integers(1, 4))
    sizes = [int(n) for n in rng.integers(4, {1: 40, 2: 20, 3: 8}[rank], rank)]
    kernel, stride = rng.integers(1, 4, rank), rng.integers(1, 4, rank)
    dilation = np.array([rng.integers(1, 3) if n > 5 else 1 for n in sizes])
    padding = [int(rng.integers(0, k // 2 + 1)) for k in kernel]
    out = [
        int((n + 2 * p - d * (k - 1) - 1) // s + 1)
        for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation)
    ]
    kernel, stride, dilation = ([int(v) for v in values] for values in (kernel, stride, dilation))
    windows = [sliding(*along) for along in zip(sizes, out, kernel, stride, padding, dilation)]
    return sizes, kernel, stride, padding, dilation, windows


@pytest.mark.parametrize("dtype", DTYPES, ids=repr)
def test_max_pool(dtype):
    rng = np.random.default_rng(0)
    for case in range(30):
        sizes, *geometry, windows = random_window(rng)
        x = random(rng, (2, 3, *sizes), dtype)
        if case % 3 == 0 and dtype is not dtypes.int64:
            x[rng.random(x.shape) < 0.1] = np.nan
            x[rng.random(x.shape) < 0.1] = -np.inf
        if case % 2:
            x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
            x = np.moveaxis(x, -1, 1)
        expected, places = reference_max(x, windows)
        out, indices = np.zeros_like(expected), np.full_like(places, -7)
        kernels.max_pool(as_array(out), as_array(indices), as_array(x), *map(tuple, geometry))
        np.testing.assert_array_equal(out.astype("float64"), expected.astype("float64"))
        np.testing.assert_array_equal(indices, places)


@pytest.mark.parametrize("dilation", [1, 2])
def test_max_pool_of_two_by_two(dilation):
    rng = np.random.default_rng(0)
    for size in ((8, 10), (9, 7)):
        x = rng.integers(0, 3, (2, 3, *size)).astype("float32")  # many equal ones
        out = [(n - dilation - 1) // 2 + 1 for n in size]
        windows = [sliding(n, m, 2, 2, 0, dilation) for n, m in zip(size, out)]
        expected, places = reference_max(x, windows)
        out, indices = np.zeros_like(expected), np.zeros_like(places)
        geometry = (2, 2), (2, 2), (0, 0), (dilation, dilation)
        kernels.max_pool(as_array(out), as_array(indices), as_array(x), *geometry)
        np.testing.assert_array_equal(out, expected)
        np.testing.assert_array_equal(indices, places)


@pytest.mark.parametrize("dtype", DTYPES, ids=repr)
def test_adaptive_max_pool(dtype):
    rng = np.random.default_rng(0)
    for sizes, out_sizes in [((7,), (3,)), ((5, 8), (7, 3)), ((4, 5, 3), (2, 2, 2))]:
        x = random(rng, (2, 3, *sizes), dtype)
        expected, places = reference_max(x, [adaptive(*pair) for pair in zip(sizes, out_sizes)])
        out, indices = np.zeros_like(expected), np.zeros_like(places)
        kernels.adaptive_max_pool(as_array(out), as_array(indices), as_array(x))
        np.testing.assert_array_equal(out.astype("float64"), expected.astype("float64"))
        np.testing.assert_array_equal(indices, places)


def mean_matrix(shape, windows, divisors):
    """The matrix (outputs, inputs) of an average."""
    rows = []
    for position, places in window_indices(shape, windows):
        row = np.zeros(int(np.prod(shape)))
        row[places] = 1 / divisors(position, len(places))
        rows.append(row)
    return np.array(rows)


def check_average(dtype, rng, shape, windows, divisors, forward, backward):
    x = random(rng, (2, 3, *shape), dtype)
    out = np.zeros((2, 3, *[len(w) for w in windows]), dtype.numpy)
    matrix = mean_matrix(shape, windows, divisors)
    forward(as_array(out), as_array(x))
    expected = (x.reshape(2, 3, -1).astype("float64") @ matrix.T).reshape(out.shape)
    tolerance = float(dtypes.finfo(dtype).eps) * 8
    np.testing.assert_allclose(out.astype("float64"), expected, tolerance, tolerance)
    grad, back = random(rng, out.shape, dtype), np.full_like(x, 7)
    backward(as_array(back), as_array(grad))
    expected = (grad.reshape(2, 3, -1).astype("float64") @ matrix).reshape(x.shape)
    np.testing.assert_allclose(back.astype("float64"), expected, tolerance * 4, tolerance * 4)


@pytest.mark.parametrize("dtype", DTYPES[:4], ids=repr)
@pytest.mark.parametrize("include, divisor", [(True, 0), (False, 0), (True, 3)])
def test_average_pool(dtype, include, divisor):
    rng = np.random.default_rng(0)
    for _ in range(10):
        sizes, kernel, stride, padding, dilation, windows = random_window(rng)
        out = [(n + 2 * p - k) // s + 1 for n, k, s, p in zip(sizes, kernel, stride, padding)]
        windows = [sliding(*along, 1) for along in zip(sizes, out, kernel, stride, padding)]

        def divisors(position, count, kernel=kernel):
            return divisor or (int(np.prod(kernel)) if include else count)

        geometry = tuple(kernel), tuple(stride), tuple(padding), include, divisor
        check_average(
            dtype, rng, tuple(sizes), windows, divisors,
            lambda out, x, g=geometry: kernels.average_pool(out, x, *g),
            lambda out, grad, g=geometry: kernels.average_pool_gradient(out, grad, *g),
        )  # fmt: skip


def test_adaptive_average_pool():
    rng = np.random.default_rng(0)
    for sizes, out_sizes in [
        ((7,), (3,)),
        ((5, 8), (7, 3)),
        ((4, 5, 3), (2, 2, 2)),
        ((6, 6), (1, 1)),
    ]:
        windows = [adaptive(*pair) for pair in zip(sizes, out_sizes)]
        check_average(
            dtypes.float64, rng, sizes, windows, lambda position, count: count,
            kernels.adaptive_average_pool, kernels.adaptive_average_pool_gradient,
        )  # fmt: skip


def test_scatter_and_gather_ignore_indices_outside_the_plane():
    x = np.arange(1.0, 5.0).reshape(1, 1, 4)
    indices = np.array([[[2, 2, -1, 9]]])
    out = np.full((1, 1, 3), 7.0)
    kernels.scatter_by_index(as_array(out), as_array(x), as_array(indices))
    assert out.tolist() == [[[0, 0, 3]]]
    back = np.full((1, 1, 4), 7.0)
    kernels.gather_by_index(as_array(back), as_array(out), as_array(indices))
    assert back.tolist() == [[[3, 3, 7, 7]]]
