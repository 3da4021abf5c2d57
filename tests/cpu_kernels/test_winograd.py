"""Winograd convolution against direct summation: exact borders, bounded rounding, an off switch."""

import numpy as np
import pytest

from numbatorch import config, cpu_target
from numbatorch.array import Array, initialise, over_numpy
from numbatorch.cpu_kernels import convolution as kernels
from numbatorch.cpu_kernels import winograd, winograd_gradient

#: (images, channels, height, width, outputs, padding, groups)
CASES = [
    (2, 16, 8, 9, 13, 0, 1),
    (1, 13, 9, 11, 17, 1, 1),
    (3, 32, 26, 26, 20, 0, 1),
    (1, 13, 30, 17, 20, 2, 1),
    (2, 40, 7, 7, 24, 1, 2),
    (2, 32, 8, 8, 48, 1, 1),
    (9, 14, 4, 4, 16, 1, 1),
    (1, 16, 70, 130, 12, 1, 1),
]

SMALL = (1, 12, 6, 6, 12, 0, 1)


def as_array(x):
    return initialise(Array(), *over_numpy(x))


def make_case(images, channels, height, width, outs, padding, groups):
    rng = np.random.default_rng(channels)
    x = rng.standard_normal((images, channels, height, width))
    weight = rng.standard_normal((outs, channels // groups, 3, 3))
    grad = rng.standard_normal((images, outs, height + 2 * padding - 2, width + 2 * padding - 2))
    return x, weight, rng.standard_normal(outs), grad


def run(case, dtype, padding, groups):
    x, weight, bias, grad = (as_array(v.astype(dtype)) for v in case)
    geometry = (1, 1), (padding, padding), (1, 1), groups
    out, grad_x = np.full(case[3].shape, 7, dtype), np.full(case[0].shape, 7, dtype)
    grad_weight = np.full(case[1].shape, 7, dtype)
    kernels.convolution(as_array(out), x, weight, bias, *geometry)
    kernels.convolution_input_gradient(as_array(grad_x), grad, weight, *geometry)
    kernels.convolution_weight_gradient(as_array(grad_weight), x, grad, *geometry)
    return out, grad_x, grad_weight


@pytest.mark.parametrize("shape", [pytest.param(SMALL, marks=pytest.mark.small), *CASES])
def test_against_float64(shape):
    case = make_case(*shape)
    exact = run(case, "float64", *shape[-2:])
    for result, wanted in zip(run(case, "float32", *shape[-2:]), exact):
        spread = np.sqrt((wanted**2).mean())
        assert np.abs(result - wanted).max() < 5e-5 * spread
        assert np.sqrt(((result - wanted) ** 2).mean()) < 5e-6 * spread


@pytest.fixture
def deep(monkeypatch):
    """Plan as for a large weight: images are transformed first, a few at a time."""
    for name, value in (("SHARED_WEIGHT", 0), ("SHARED_BYTES", 200_000), ("MOST_CHANNELS", 8)):
        monkeypatch.setattr(winograd, name, value)
    monkeypatch.setattr(winograd_gradient, "WORKER_SUMS", 0)
    monkeypatch.setattr(winograd_gradient, "SHARED_BYTES", 200_000)
    for module in (winograd, winograd_gradient):
        module._plan.cache_clear()
    yield
    for module in (winograd, winograd_gradient):
        module._plan.cache_clear()


@pytest.mark.parametrize("shape", [
    pytest.param(SMALL, marks=pytest.mark.small), *CASES, (9, 70, 7, 7, 140, 1, 1),
])  # fmt: skip
def test_deep_layers_against_float64(deep, shape):
    test_against_float64(shape)


@pytest.mark.parametrize("shape", CASES[2:5])
def test_threads_do_not_change_deep_layers(deep, shape):
    threads, results = cpu_target.get_num_threads(), []
    try:
        for count in (1, 2):
            cpu_target.set_num_threads(count)
            results.append(run(make_case(*shape), "float32", *shape[-2:]))
    finally:
        cpu_target.set_num_threads(threads)
    for one, two in zip(*results):
        assert (one == two).all()


def test_switched_off_it_is_the_direct_sum(monkeypatch):
    case = make_case(*CASES[2])
    fast, exact = run(case, "float32", 0, 1), run(case, "float64", 0, 1)
    monkeypatch.setattr(config, "WINOGRAD", False)
    direct = run(case, "float32", 0, 1)
    for near, far, wanted in zip(direct[:2], fast[:2], exact[:2]):
        assert np.abs(near - wanted).max() < np.abs(far - wanted).max()


def test_threads_do_not_change_the_result():
    shape = CASES[2]
    threads, results = cpu_target.get_num_threads(), []
    try:
        for count in (1, 2):
            cpu_target.set_num_threads(count)
            results.append(run(make_case(*shape), "float32", *shape[-2:]))
    finally:
        cpu_target.set_num_threads(threads)
    for one, two in zip(*results):
        assert (one == two).all()


def test_strided_images():
    case = make_case(*CASES[0])
    wide = [np.repeat(v.astype("float32"), 2, axis=-1)[..., ::2] for v in case]
    plain = [v.astype("float32") for v in case]
    geometry = (1, 1), (0, 0), (1, 1), 1
    results = []
    for x, weight, bias, _ in (plain, wide):
        whole = np.full((2, 13, 6, 14), 7, "float32")
        arrays = as_array(x), as_array(weight), as_array(bias)
        kernels.convolution(as_array(whole[..., ::2]), *arrays, *geometry)
        assert (whole[..., 1::2] == 7).all()
        results.append(whole)
    assert (results[0] == results[1]).all()
