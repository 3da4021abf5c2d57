"""New tensors from numbers: what PyTorch makes of them, and what it refuses."""

import numpy as np
import pytest

import numbatorch as torch

inf = float("inf")

# What PyTorch 2.13 gives: (call, values, dtype)
VALUES = [
    (lambda: torch.arange(0.5, 3.7, dtype=torch.int64), [0, 1, 2], torch.int64),
    (lambda: torch.arange(-0.5, 3.7, dtype=torch.int64), [0, 1, 2], torch.int64),
    (lambda: torch.arange(0.5, 3.7, 1.9, dtype=torch.int64), [0, 1, 2], torch.int64),
    (lambda: torch.arange(0.5, 0.9, dtype=torch.int64), [], torch.int64),
    (lambda: torch.arange(0.5, 3.7, dtype=torch.int32), [0, 1, 2, 3], torch.int32),
    (lambda: torch.arange(0.9, 5, 1.9, dtype=torch.int32), [0, 1, 2], torch.int32),
    (lambda: torch.arange(5, 0.5, -1.5, dtype=torch.int32), [5, 4, 3], torch.int32),
    (lambda: torch.arange(0, 1.2, 0.5, dtype=torch.int32), [0, 0, 0], torch.int32),
    (
        lambda: torch.arange(1, 2.5, 0.5, out=torch.empty(0, dtype=torch.int32)),
        [1, 1, 1],
        torch.int32,
    ),
    (
        lambda: torch.arange(0, 3 * 2**60 + 1, 2**60),
        [0, 2**60, 2 * 2**60, 3 * 2**60],
        torch.int64,
    ),
    (lambda: torch.arange(-(2**63), -(2**63) + 2), [-(2**63), -(2**63) + 1], torch.int64),
    (lambda: torch.arange(0, 2**31 + 1, 2**31, dtype=torch.int32), [0, -(2**31)], torch.int32),
    (lambda: torch.arange(1.0, 2.5, 0.5), [1.0, 1.5, 2.0], torch.float32),
    (lambda: torch.arange(torch.tensor(3)), [0, 1, 2], torch.int64),
    (lambda: torch.linspace(0, 1j, 3), [0, 0.5j, 1j], torch.complex64),
    (lambda: torch.linspace(0, 1, 3, dtype=torch.complex128), [0, 0.5, 1], torch.complex128),
    (lambda: torch.linspace(1, 10, 4, dtype=torch.int64), [1, 4, 7, 10], torch.int64),
    (lambda: torch.linspace(3, 4, 1), [3.0], torch.float32),
    (lambda: torch.linspace(0, 1, 0), [], torch.float32),
    (lambda: torch.logspace(0, 3, 4, base=2, dtype=torch.int64), [1, 2, 4, 8], torch.int64),
    (lambda: torch.tensor([2**63], dtype=torch.float64), [2.0**63], torch.float64),
    (lambda: torch.tensor([2**70, 1.5]), [2.0**70, 1.5], torch.float32),
    (lambda: torch.tensor([2**70, 1.5j]), [2.0**70, 1.5j], torch.complex64),
    (lambda: torch.tensor([[2**63], [0]], dtype=torch.bool), [[True], [False]], torch.bool),
    (lambda: torch.tensor([2**63 - 1, -(2**63)]), [2**63 - 1, -(2**63)], torch.int64),
    (lambda: torch.tensor([1, 2.5, True]), [1, 2.5, 1], torch.float32),
    (lambda: torch.tensor([]), [], torch.float32),
    (lambda: torch.tensor([np.float64(2)]), [2.0], torch.float64),
]


@pytest.mark.parametrize("call, values, dtype", VALUES)
def test_values(call, values, dtype):
    found = call()
    assert found.dtype is dtype
    np.testing.assert_array_equal(np.array(found.tolist()), np.array(values))


def test_logspace_between_complex_exponents():
    found = torch.logspace(0, 1j, 3)
    np.testing.assert_allclose(found.numpy(), 10.0 ** np.linspace(0, 1j, 3), rtol=1e-6)
    assert found.dtype is torch.complex64


ERRORS = [
    (lambda: torch.tensor(2**63), ValueError, "Overflow when unpacking long long"),
    (lambda: torch.tensor([True, 2**63]), ValueError, "Overflow when unpacking long long"),
    (lambda: torch.tensor(-(2**63) - 1), ValueError, "Overflow when unpacking long long"),
    (lambda: torch.tensor(2**63, dtype=torch.int64), ValueError, "Overflow"),
    (lambda: torch.tensor(2**31, dtype=torch.int32), RuntimeError, "without overflow"),
    (lambda: torch.tensor("a"), TypeError, "invalid data type 'str'"),
    (lambda: torch.tensor([1, "a"]), TypeError, "invalid data type 'str'"),
    (lambda: torch.tensor(["a", 1]), ValueError, "too many dimensions 'str'"),
    (lambda: torch.tensor([1, {}]), RuntimeError, "Could not infer dtype of dict"),
    (lambda: torch.tensor([1, None]), RuntimeError, "Could not infer dtype of NoneType"),
    (lambda: torch.tensor([[1, 2], [3]]), ValueError, "equal lengths"),
    (lambda: torch.arange(2**63), RuntimeError, "int64_t without overflow"),
    (lambda: torch.arange(0, 3, 0), RuntimeError, "step must be nonzero"),
    (lambda: torch.arange(0, 3.2, 0.5, dtype=torch.int64), ValueError, "step must be nonzero"),
    (lambda: torch.arange(0.9, 0.5, dtype=torch.int64), RuntimeError, "inconsistent with step"),
    (lambda: torch.arange(5, 2), RuntimeError, "inconsistent with step"),
    (lambda: torch.arange(inf), RuntimeError, "unsupported range"),
    (lambda: torch.arange(3, dtype=torch.bool), NotImplementedError, "for 'Bool'"),
    (lambda: torch.arange(3, dtype=torch.complex64), NotImplementedError, "for 'ComplexFloat'"),
    (lambda: torch.linspace(0, 1j, 3, dtype=torch.float32), RuntimeError, "can't be safely cast"),
    (lambda: torch.linspace(0, 1, -1), RuntimeError, "non-negative"),
    (lambda: torch.linspace(0, 1, 2.5), TypeError, "'steps' must be int"),
    (lambda: torch.eye(-1), RuntimeError, "n"),
    (lambda: int(torch.ones(2)), ValueError, "only one element tensors"),
    (lambda: float(torch.ones(2)), ValueError, "only one element tensors"),
    (lambda: complex(torch.ones(2)), ValueError, "only one element tensors"),
    (lambda: torch.ones(2).item(), RuntimeError, "cannot be converted to Scalar"),
    (lambda: int(torch.tensor(1 + 2j)), RuntimeError, "int64_t without overflow"),
    (lambda: float(torch.tensor(1 + 2j)), RuntimeError, "double without overflow"),
    (lambda: int(torch.tensor(inf)), OverflowError, "infinity"),
    (lambda: torch.tensor(3.0).__index__(), TypeError, "only integer tensors"),
]


@pytest.mark.parametrize("call, error, message", ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_python_numbers_of_one_element():
    assert int(torch.tensor([2.7])) == 2
    assert int(torch.tensor(3 + 0j)) == 3
    assert float(torch.tensor(2 + 0j)) == 2.0
    assert complex(torch.tensor(2.5)) == 2.5
    assert [0, 1, 2][torch.tensor(1)] == 1
