"""Convolutions as products with patches, against sums over shifted slices in float64."""

import numpy as np
import pytest
from test_convolution import assert_close, output_shape, reference, run

from numbatorch import cpu_target
from numbatorch.cpu_kernels import patch_convolution

#: (images, channels of a group, outputs of a group, sizes, kernel, stride, padding, dilation, groups)
CASES = [
    (2, 16, 33, (9, 11), (3, 3), (2, 2), (1, 1), (1, 1), 1),
    (4, 32, 64, (4, 4), (3, 3), (2, 2), (1, 1), (1, 1), 1),
    (2, 20, 40, (9, 7), (1, 1), (2, 2), (0, 0), (1, 1), 1),  # phases without a tap
    (2, 12, 24, (13, 12), (5, 5), (1, 1), (2, 2), (1, 1), 2),
    (2, 9, 9, (15,), (4,), (3,), (2,), (2,), 1),
    (2, 8, 10, (5, 6, 7), (3, 2, 3), (2, 1, 2), (1, 0, 1), (1, 1, 1), 1),
    (2, 16, 16, (5, 6, 7), (2, 3, 3), (1, 1, 1), (1, 1, 1), (2, 1, 1), 1),
    (1, 50, 70, (20, 20), (3, 3), (2, 1), (1, 2), (1, 2), 1),
    (3, 40, 24, (7, 7), (3, 3), (3, 3), (0, 0), (1, 1), 1),
    (1, 16, 140, (30, 31), (3, 3), (2, 2), (1, 1), (1, 1), 1),  # two blocks of outputs
    (40, 8, 8, (2, 2), (2, 2), (1, 1), (1, 1), (1, 1), 1),  # many maps in a block
    (1, 8, 8, (3, 300), (3, 3), (2, 2), (4, 0), (1, 1), 1),  # a block is part of a map
]

#: Cases that run as plain Python too.
SMALL = [
    (1, 8, 9, (3, 3), (3, 3), (2, 2), (1, 1), (1, 1), 1),
    (2, 9, 8, (5,), (4,), (3,), (2,), (2,), 1),
    (1, 8, 8, (3, 2), (1, 1), (2, 2), (0, 0), (1, 1), 1),
    (1, 8, 8, (2, 3, 2), (2, 1, 2), (1, 1, 1), (1, 0, 0), (1, 1, 1), 1),
]


def make(case, dtype):
    images, channels, outs, sizes, kernel, stride, padding, dilation, groups = case
    rng = np.random.default_rng(channels)
    x = rng.standard_normal((images, channels * groups, *sizes)).astype(dtype)
    weight = rng.standard_normal((outs * groups, channels, *kernel)).astype(dtype)
    bias = rng.standard_normal(outs * groups).astype(dtype)
    grad = rng.standard_normal(output_shape(x, weight, stride, padding, dilation)).astype(dtype)
    return x, weight, bias, grad, stride, padding, dilation, groups


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("float64", 1e-13)])
@pytest.mark.parametrize("case", CASES)
def test_against_shifted_slices(case, dtype, tolerance):
    x, weight, bias, grad, *geometry = make(case, dtype)
    out, grad_x, grad_weight = run(x, weight, bias, grad, *geometry)
    x, weight, bias, grad = (v.astype("float64") for v in (x, weight, bias, grad))
    assert_close([out], [reference(x, weight, bias, *geometry)], tolerance)
    # The gradients are the adjoints of the forward map, in some direction.
    rng = np.random.default_rng(0)
    for gradient, operand in ((grad_x, "x"), (grad_weight, "weight")):
        for _ in range(3):
            nudge = rng.standard_normal(gradient.shape)
            operands = (nudge, weight) if operand == "x" else (x, nudge)
            moved = reference(*operands, None, *geometry)
            scale = np.linalg.norm(nudge) * np.linalg.norm(gradient)
            assert abs(np.vdot(nudge, gradient) - np.vdot(moved, grad)) <= tolerance * scale


@pytest.mark.small
@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("float64", 1e-13)])
@pytest.mark.parametrize("case", SMALL)
def test_small_ones_against_shifted_slices(case, dtype, tolerance):
    test_against_shifted_slices(case, dtype, tolerance)


@pytest.mark.parametrize("case", CASES[:2] + CASES[-3:])
def test_threads_do_not_change_the_result(case):
    threads, results = cpu_target.get_num_threads(), []
    try:
        for count in (1, 2):
            cpu_target.set_num_threads(count)
            results.append(run(*make(case, "float32")))
    finally:
        cpu_target.set_num_threads(threads)
    for one, two in zip(*results):
        assert (one == two).all()


def test_nothing_outside_the_operands_is_read():
    """Neighbours of the operands in memory are NaN; so are those of the results afterwards."""
    x, weight, bias, grad, *geometry = make(CASES[0], "float32")
    padded = []
    for value in (x, weight, grad):
        memory = np.full(value.size + 200, np.nan, "float32")
        memory[100:-100] = value.ravel()
        padded.append(memory[100:-100].reshape(value.shape))
    x, weight, grad = padded
    for result in run(x, weight, bias, grad, *geometry):
        assert np.isfinite(result).all()


def test_they_are_chosen_where_both_sides_have_channels():
    assert patch_convolution.suits(None, 8, 8) and not patch_convolution.suits(None, 1, 64)
