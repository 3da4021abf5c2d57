"""Edges that the fuzz found: singular matrices, infinite differences, empty batches, small integers."""

import math

import pytest

import numbatorch as torch


def test_singular_matrices_have_no_finite_inverse():
    inverse, info = torch.linalg.inv_ex(torch.tensor([[1.0, 2.0], [2.0, 4.0]]))
    assert info.item() == 2 and not inverse.isfinite().any()
    assert torch.linalg.inv_ex(torch.zeros(2, 2))[0].isfinite().any().item() is False


@pytest.mark.parametrize("function", [torch.logdet, lambda x: torch.linalg.slogdet(x)[1]])
def test_gradients_of_singular_determinants_are_not_finite(function):
    matrix = torch.ones(2, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(function(matrix), matrix)
    assert torch.equal(gradient, torch.tensor([[math.inf, -math.inf], [-math.inf, math.inf]]))


def test_solve_ex_reports_each_matrix_once():
    assert torch.linalg.solve_ex(torch.eye(2), torch.ones(3, 2, 1)).info.shape == ()
    assert torch.linalg.solve_ex(torch.eye(2).expand(1, 2, 2), torch.ones(3, 2, 1)).info.shape == (
        1,
    )


@pytest.mark.parametrize(
    "loss", [torch.nn.functional.smooth_l1_loss, torch.nn.functional.huber_loss]
)
def test_infinite_differences_have_the_gradient_of_large_ones(loss):
    input = torch.zeros(3, requires_grad=True)
    loss(input, torch.tensor([1.0, math.inf, -math.inf]), reduction="sum").backward()
    assert input.grad.tolist() == [-1, -1, 1]


def test_one_bin_around_a_single_number():
    assert torch.histogram(torch.tensor(-4.0), 1).bin_edges.tolist() == [-4.5, -3.5]
    assert torch.histc(torch.tensor([-4.0]), 2, 0, 0).tolist() == [0, 1]


def test_only_the_half_of_a_two_sided_spectrum_is_read():
    spectrum = torch.randn(8, 5, dtype=torch.complex64)
    window = torch.ones(8)
    whole = torch.istft(spectrum, 8, window=window, onesided=False)
    assert torch.equal(whole, torch.istft(spectrum[:5], 8, window=window))


def test_unravelled_indices_are_int64():
    assert all(
        i.dtype is torch.int64 for i in torch.unravel_index(torch.tensor([9]).byte(), (2, 5))
    )


def test_parameters_of_a_normalised_empty_batch_have_gradients():
    norm = torch.nn.BatchNorm1d(3)
    norm(torch.zeros(0, 3)).sum().backward()
    assert norm.weight.grad.tolist() == norm.bias.grad.tolist() == [0, 0, 0]


def test_an_empty_integral_is_zero():
    found = torch.trapezoid(torch.zeros(0, 2, dtype=torch.int8), dim=0)
    assert found.dtype is torch.int8 and found.tolist() == [0, 0]


def test_views_in_another_element_size_begin_where_their_input_does():
    numbers = torch.arange(12.0).to(torch.complex64)
    for start in (0, 3, 5):
        part = numbers[start : start + 4]
        assert part.real[0].item() == start and part.imag[0].item() == 0
        assert torch.view_as_real(part)[0].tolist() == [start, 0]
        assert part.view(torch.float32)[0].item() == start
    pairs = torch.arange(12.0).reshape(6, 2)
    for start in (0, 1, 4):
        assert torch.view_as_complex(pairs[start : start + 2])[0].item() == complex(
            2 * start, 2 * start + 1
        )
        assert (
            pairs[start : start + 2].view(torch.float64).untyped_storage().data_ptr()
            == pairs.data_ptr()
        )
        assert torch.equal(
            pairs[start : start + 2].view(torch.float64).view(torch.float32),
            pairs[start : start + 2],
        )


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_powers_of_integers_wrap_around(dtype):
    exponents = torch.tensor([15, 25, 41], dtype=dtype)
    wanted = torch.tensor([15**15 % 256, 7**25 % 256, 3**41 % 256])
    found = torch.pow(torch.tensor([15, 7, 3], dtype=dtype), exponents)
    assert found.dtype is dtype and torch.equal(found.long() % 256, wanted)
