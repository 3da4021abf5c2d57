"""Values in dtypes other than the table's float64: as on the CPU, or refused with the same error.

Each row runs in float32 or a 16-bit type, and in one more dtype, in turn.
"""

import numpy as np
import pytest
from check_op_table import on_host, tensors
from op_table import Maker, call_with, leaves, rows

import numbatorch as torch

FLOATING = ("float32", "bfloat16", "float16")
OTHERS = ("int64", "uint8", "complex64", "int32", "bool", "int16", "complex128", "int8")


def cases():
    for number, (name, function, generate) in enumerate(rows()):
        for dtype in (FLOATING[number % 3], OTHERS[number % 8]):
            yield pytest.param(function, generate, dtype, id=f"{name}-{dtype}")


class TypedMaker(Maker):
    """Makes tensors of one dtype where the sample does not ask for another."""

    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype

    def __call__(self, *shape, dtype=None, **bounds):
        return super().__call__(*shape, dtype=dtype or self.dtype, **bounds)


def outcome(function, sample):
    """The results in float64 or complex128 on the host, or the error."""
    torch.manual_seed(0)
    try:
        outputs = tensors(call_with(function, sample, leaves(sample)))
    except Exception as error:  # noqa: BLE001  compared with the other device's
        return error
    return [(y.dtype, on_host(y).detach()) for y in outputs]


def numbers(x):
    wide = torch.complex128 if x.dtype.is_complex else torch.float64
    copy = torch.empty(x.shape, dtype=wide)
    copy.copy_(x)
    return copy.numpy()


@pytest.mark.parametrize("function, generate, name", list(cases()))
def test_same_values(function, generate, name, same_draws):
    dtype = getattr(torch, name)
    try:
        prepared = list(generate(TypedMaker(dtype)))
    except (RuntimeError, TypeError, ValueError):
        pytest.skip("the samples are for other dtypes")
    for sample in prepared:
        twin = sample.map(on_host)
        expected, found = outcome(function, twin), outcome(function, sample)
        if isinstance(expected, Exception):
            assert type(found) is type(expected), f"{found!r} where the CPU has {expected!r}"
            continue
        assert not isinstance(found, Exception), repr(found)
        assert [d for d, _ in found] == [d for d, _ in expected]
        for (kind, ours), (_, theirs) in zip(found, expected):
            limit = 0.0
            if kind.is_floating_point or kind.is_complex:
                limit = (4 if kind.itemsize == 2 else 64) * torch.finfo(kind).eps
            ours, theirs = numbers(ours), numbers(theirs)
            # the least eigenvalue is no more exact than the greatest
            greatest = np.abs(theirs[np.isfinite(theirs)]).max(initial=1)
            np.testing.assert_allclose(ours, theirs, rtol=limit, atol=limit * greatest)
