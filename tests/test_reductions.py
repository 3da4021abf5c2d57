"""What reductions return beside the numbers: dtypes, names, warnings; where PyTorch differs from NumPy."""

import math
import pickle

import numpy as np
import pytest

import numbatorch as torch

INTEGRAL = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


@pytest.mark.parametrize("dtype", INTEGRAL)
def test_integers_add_up_in_int64(dtype):
    x = torch.tensor([[1, 0, 1], [1, 1, 1]], dtype=dtype)
    for result, expected in (
        (x.sum(), 5),
        (x.prod(1), [0, 1]),
        (x.cumsum(1), [[1, 1, 2], [1, 2, 3]]),
    ):
        assert result.dtype is torch.int64
        assert result.tolist() == expected
    assert x.sum(dtype=torch.float32).dtype is torch.float32
    assert x.sum(dtype=torch.int8).dtype is torch.int8


def test_truth_keeps_uint8():
    assert torch.tensor([1, 0], dtype=torch.uint8).any().dtype is torch.uint8
    assert torch.tensor([1.0, math.nan]).all().item() is True
    assert torch.ones(0).all().item() is True
    assert torch.ones(0).any().item() is False


def test_numpy_names_of_the_arguments():
    x = torch.arange(6.0).reshape(2, 3)
    assert x.sum(axis=1).tolist() == [3, 12]
    assert x.mean(axis=0, keepdims=True).shape == (1, 3)
    assert torch.max(x, axis=1).indices.tolist() == [2, 2]


def test_results_with_names():
    x = torch.tensor([[1.0, 3.0], [4.0, 2.0]])
    found = x.max(1)
    values, indices = found
    assert values.tolist() == found.values.tolist() == [3, 4]
    assert indices.tolist() == found.indices.tolist() == [1, 0]
    assert repr(found) == (
        "torch.return_types.max(\nvalues=tensor([3., 4.]),\nindices=tensor([1, 0]))"
    )
    assert isinstance(found, torch.return_types.max)
    lowest, highest = x.aminmax()
    assert (lowest.item(), highest.item()) == (1, 4)
    assert isinstance(pickle.loads(pickle.dumps(found)), torch.return_types.max)


def test_the_three_meanings_of_max():
    x, y = torch.tensor([1.0, 5.0]), torch.tensor([3.0, 2.0])
    assert torch.max(x).item() == 5
    assert torch.max(x, 0).indices.item() == 1
    assert torch.max(x, y).tolist() == [3, 5]
    assert torch.min(x, other=y).tolist() == [1, 2]


def test_tied_extrema():
    x = torch.tensor([2.0, 2.0, 1.0], requires_grad=True)
    for maximum, expected in (
        (x.max(), [0.5, 0.5, 0]),
        (x.amax(0), [0.5, 0.5, 0]),
        (x.max(0).values, [1, 0, 0]),
    ):
        x.grad = None
        maximum.backward()
        assert x.grad.tolist() == expected


def test_written_into_out():
    x = torch.arange(6.0).reshape(2, 3)
    out = torch.empty(0)
    assert torch.sum(x, 1, out=out) is out
    assert out.tolist() == [3, 12]
    values, indices = torch.empty(0), torch.empty(0, dtype=torch.int64)
    torch.max(x, 1, out=(values, indices))
    assert values.tolist() == [2, 5]
    assert indices.tolist() == [2, 2]


def test_too_few_for_a_variance():
    with pytest.warns(UserWarning, match="degrees of freedom"):
        assert math.isnan(torch.ones(1).var().item())


def test_the_arguments_of_a_variance():
    x = torch.tensor([[1.0, 2.0, 4.0], [0.0, 0.0, 3.0]])
    host = x.numpy()
    for result, expected in (
        (x.var(), host.var(ddof=1)),
        (x.var(False), host.var()),
        (x.std(1), host.std(1, ddof=1)),
        (x.var(1, False), host.var(1)),
        (x.var(0, unbiased=False, keepdim=True), host.var(0, keepdims=True)),
        (torch.std(x, dim=1, correction=0), host.std(1)),
        (torch.var_mean(x, 1)[1], host.mean(1)),
    ):
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-6)


def test_zero_is_a_valid_factor():
    x = torch.tensor([2.0, 0.0, 3.0], requires_grad=True)
    x.prod().backward()
    assert x.grad.tolist() == [0, 6, 0]
    x.grad = None
    x.cumprod(0).sum().backward()
    assert x.grad.tolist() == [1, 8, 0]


def test_norms():
    x = torch.tensor([3.0, -4.0], requires_grad=True)
    assert x.norm().item() == 5
    assert x.norm(math.inf).item() == 4
    assert x.norm(1).item() == 7
    x.norm().backward()
    np.testing.assert_allclose(x.grad.numpy(), [0.6, -0.8])
    zero = torch.zeros(2, requires_grad=True)
    zero.norm().backward()
    assert zero.grad.tolist() == [0, 0]


def test_medians_and_quantiles():
    x = torch.tensor([4.0, 1.0, 3.0, 2.0])
    assert x.median().item() == 2
    assert x.quantile(0.5).item() == 2.5
    assert x.quantile(torch.tensor([0.0, 1.0])).tolist() == [1, 4]
    assert math.isnan(torch.tensor([1.0, math.nan]).quantile(0.5).item())
    assert torch.tensor([1.0, math.nan]).nanquantile(0.5).item() == 1
    assert x.kthvalue(2).values.item() == 2
    assert torch.tensor([2, 1, 2]).mode().values.item() == 2


def test_running_statistics_move_towards_the_batch():
    x = torch.tensor([[1.0, 10.0], [3.0, 30.0]])
    mean, variance = torch.zeros(2), torch.ones(2)
    out = torch.batch_norm(x, None, None, mean, variance, True, 0.5, 0.0)
    np.testing.assert_allclose(out.numpy(), [[-1, -1], [1, 1]], rtol=1e-6)
    assert mean.tolist() == [1, 10]
    assert variance.tolist() == [1.5, 100.5]
    out = torch.batch_norm(x, None, None, mean, variance, False, 0.1, 0.0)
    np.testing.assert_allclose(out.numpy(), (x - mean).numpy() / np.sqrt(variance.numpy()))
