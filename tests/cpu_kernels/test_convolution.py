"""The fast convolutions against the plain loops, and the plain loops against NumPy."""

import numpy as np
import pytest

from numbatorch import cpu_target, dtypes
from numbatorch.array import Array, initialise, over_numpy
from numbatorch.cpu_kernels import convolution as kernels
from numbatorch.cpu_kernels import convolution_plan


def as_array(x):
    return initialise(Array(), *over_numpy(x))


def output_shape(x, weight, stride, padding, dilation):
    sizes = [
        (size + 2 * p - d * (kernel - 1) - 1) // s + 1
        for size, kernel, s, p, d in zip(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    ]
    return (x.shape[0], weight.shape[0], *sizes)


def reference(x, weight, bias, stride, padding, dilation, groups):
    """Convolution as einsum over shifted slices, in float64."""
    x = np.pad(x, [(0, 0), (0, 0)] + [(p, p) for p in padding])
    out = np.zeros(output_shape(x, weight, stride, [0] * len(padding), dilation), x.dtype)
    channels, outs = weight.shape[1], weight.shape[0] // groups
    for tap in np.ndindex(*weight.shape[2:]):
        window = tuple(
            slice(k * d, k * d + (size - 1) * s + 1, s)
            for k, d, s, size in zip(tap, dilation, stride, out.shape[2:])
        )
        for g in range(groups):
            part = x[(slice(None), slice(g * channels, (g + 1) * channels), *window)]
            rows = slice(g * outs, (g + 1) * outs)
            out[:, rows] += np.einsum("nc...,oc->no...", part, weight[(rows, slice(None), *tap)])
    return out if bias is None else out + bias.reshape(-1, *[1] * len(padding))


def run(x, weight, bias, grad, *geometry):
    """(output, input gradient, weight gradient) as the kernels make them."""
    out, grad_x = np.full(grad.shape, 7, x.dtype), np.full_like(x, 7)
    grad_weight = np.full_like(weight, 7)
    bias = None if bias is None else as_array(bias)
    x, weight, grad = as_array(x), as_array(weight), as_array(grad)
    kernels.convolution(as_array(out), x, weight, bias, *geometry)
    kernels.convolution_input_gradient(as_array(grad_x), grad, weight, *geometry)
    kernels.convolution_weight_gradient(as_array(grad_weight), x, grad, *geometry)
    return out, grad_x, grad_weight


def random_case(rng, dtype, largest):
    """(x, weight, bias, grad, stride, padding, dilation, groups) with odd sizes of all kinds."""
    rank = int(rng.integers(1, 4))
    groups, batch = int(rng.choice([1, 1, 2, 3])), int(rng.integers(1, 4))
    channels, outs = int(rng.choice([1, 2, 5, 17])), int(rng.choice([1, 2, 6, 7, 13]))
    kernel, stride = rng.integers(1, 5, rank), rng.integers(1, 4, rank)
    padding, dilation = rng.integers(0, 4, rank), rng.integers(1, 3, rank)
    least = np.maximum(1, dilation * (kernel - 1) + 1 - 2 * padding)
    sizes = [int(rng.integers(low, max(low + 1, largest[rank]))) for low in least]
    x = rng.standard_normal((batch, channels * groups, *sizes)).astype(dtype)
    weight = rng.standard_normal((outs * groups, channels, *kernel)).astype(dtype)
    bias = rng.standard_normal(outs * groups).astype(dtype) if rng.integers(2) else None
    geometry = [tuple(int(v) for v in values) for values in (stride, padding, dilation)]
    grad = rng.standard_normal(output_shape(x, weight, *geometry)).astype(dtype)
    return x, weight, bias, grad, *geometry, groups


def assert_close(actual, expected, tolerance):
    for result, wanted in zip(actual, expected):
        scale = max(1.0, np.abs(wanted).max(initial=0))
        assert np.abs(result - wanted).max(initial=0) <= tolerance * scale


@pytest.fixture
def plain(monkeypatch):
    """Run a case through the plain loops."""

    def run_plain(*case):
        with monkeypatch.context() as patch:
            patch.setattr(convolution_plan, "suits", lambda dtype: False)
            patch.setattr(kernels.pointwise, "suits", lambda *_: False)
            return run(*case)

    return run_plain


@pytest.mark.parametrize("seed", range(4))
def test_plain_loops(plain, seed):
    rng = np.random.default_rng(seed)
    for _ in range(10):
        case = random_case(rng, "float64", {1: 20, 2: 10, 3: 6})
        x, weight, bias, grad, *geometry = case
        out, grad_x, grad_weight = plain(*case)
        assert_close([out], [reference(x, weight, bias, *geometry)], 1e-12)
        # The gradients are the adjoints of the forward map.
        forward = reference(x, weight, None, *geometry)
        assert_close(
            [np.vdot(x, grad_x), np.vdot(weight, grad_weight)], [np.vdot(forward, grad)] * 2, 1e-11
        )
        nudge = rng.standard_normal(x.shape)
        moved = reference(nudge, weight, None, *geometry)
        assert_close([np.vdot(nudge, grad_x)], [np.vdot(moved, grad)], 1e-11)
        nudge = rng.standard_normal(weight.shape)
        moved = reference(x, nudge, None, *geometry)
        assert_close([np.vdot(nudge, grad_weight)], [np.vdot(moved, grad)], 1e-11)


@pytest.mark.parametrize("dtype, tolerance", [("float32", 3e-5), ("float64", 1e-12)])
@pytest.mark.parametrize("seed", range(4))
def test_fast_against_plain_at_every_border(plain, dtype, tolerance, seed):
    rng = np.random.default_rng(seed)
    for _ in range(30):
        case = random_case(rng, dtype, {1: 90, 2: 40, 3: 9})
        assert_close(run(*case), plain(*case), tolerance)


def test_input_gradient_through_a_copy_of_the_weight(plain, monkeypatch):
    monkeypatch.setattr(convolution_plan, "FAR_APART", 0)
    rng = np.random.default_rng(7)
    for _ in range(15):
        case = random_case(rng, "float64", {1: 60, 2: 20, 3: 8})
        assert_close(run(*case), plain(*case), 1e-12)


@pytest.mark.parametrize("dtype, tolerance", [("float32", 3e-5), ("float64", 1e-12)])
def test_kernels_of_one_element(plain, dtype, tolerance):
    rng = np.random.default_rng(0)
    for batch, channels, outs, *sizes in (
        (3, 5, 7, 9, 4),
        (2, 40, 33, 6, 6),
        (4, 1, 3, 70),
        (1, 9, 2, 1, 1, 1),
    ):
        rank = len(sizes)
        moved = np.moveaxis(rng.standard_normal((batch, *sizes, channels)).astype(dtype), -1, 1)
        for x in (moved, np.ascontiguousarray(moved)):
            weight = rng.standard_normal((outs, channels, *[1] * rank)).astype(dtype)
            bias = rng.standard_normal(outs).astype(dtype)
            grad = rng.standard_normal((batch, outs, *sizes)).astype(dtype)
            geometry = (1,) * rank, (0,) * rank, (2,) * rank, 1
            case = x, weight, bias, grad, *geometry
            assert_close(run(*case), plain(*case), tolerance)


def test_strided_operands(plain):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 12, 15, 6)).astype("float32").transpose(0, 3, 1, 2)
    weight = rng.standard_normal((3, 3, 6, 7)).astype("float32").transpose(3, 2, 0, 1)
    grad = rng.standard_normal((2, 10, 13, 7)).astype("float32").transpose(0, 3, 1, 2)
    case = x, weight, None, grad, (1, 1), (0, 0), (1, 1), 1
    assert_close(run(*case), plain(*case), 3e-5)
    whole = np.full((2, 7, 10, 26), 7, "float32")
    kernels.convolution(as_array(whole[..., ::2]), as_array(x), as_array(weight), None, *case[4:])
    assert (whole[..., 1::2] == 7).all()
    assert_close([whole[..., ::2]], [reference(x, weight, None, *case[4:])], 3e-5)


@pytest.mark.parametrize(
    "dtype", [dtypes.float16, dtypes.bfloat16, dtypes.int64, dtypes.int32, dtypes.complex64]
)
def test_other_dtypes(dtype):
    rng = np.random.default_rng(0)
    x, weight = rng.integers(-3, 4, (2, 4, 6, 5)), rng.integers(-3, 4, (6, 2, 3, 2))
    geometry = (2, 1), (1, 0), (1, 1), 2
    expected = reference(x, weight, None, *geometry)
    grad = rng.integers(-1, 2, expected.shape)
    out, grad_x, _ = run(*[v.astype(dtype.numpy) for v in (x, weight)], None,
                         grad.astype(dtype.numpy), *geometry)  # fmt: skip
    assert (out.astype(complex) == expected).all()  # small integers are exact in every dtype
    assert np.vdot(x, grad_x.astype(complex)) == np.vdot(expected, grad)


def test_a_stride_beyond_the_kernel_leaves_zeros():
    x, weight = np.ones((1, 1, 7, 7), "float32"), np.ones((1, 1, 1, 1), "float32")
    geometry = (3, 3), (0, 0), (1, 1), 1
    _, grad_x, _ = run(x, weight, None, np.ones((1, 1, 3, 3), "float32"), *geometry)
    assert grad_x.sum() == 9 and (grad_x[:, :, ::3, ::3] == 1).all()


def test_threads_do_not_change_the_result():
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((8, 20, 30, 31)), rng.standard_normal((33, 20, 3, 3))
    case = x.astype("float32"), weight.astype("float32"), None
    grad = rng.standard_normal((8, 33, 28, 29)).astype("float32")
    threads, results = cpu_target.get_num_threads(), []
    try:
        for count in (1, 2):
            cpu_target.set_num_threads(count)
            results.append(run(*case, grad, (1, 1), (0, 0), (1, 1), 1))
    finally:
        cpu_target.set_num_threads(threads)
    for one, two in zip(*results):
        assert (one == two).all()
