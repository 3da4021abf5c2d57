"""`out=`: the result lands in the tensor that was brought, resized and in its dtype."""

import pytest

import numbatorch as torch

CALLS = {
    "arange": lambda **out: torch.arange(4, **out),
    "linspace": lambda **out: torch.linspace(0, 1, 3, **out),
    "logspace": lambda **out: torch.logspace(0, 2, 3, **out),
    "eye": lambda **out: torch.eye(2, **out),
    "angle": lambda **out: torch.angle(torch.tensor([-1.0, 2.0]), **out),
}


@pytest.mark.parametrize("name", CALLS)
def test_results_are_written_into_out(name):
    out = torch.empty(0, dtype=torch.float64)
    assert CALLS[name](out=out) is out
    assert out.dtype is torch.float64
    assert torch.allclose(out.float(), CALLS[name]().float())


def test_complex_results_are_written_into_out():
    one, two, out = torch.ones(2), torch.full((2,), 0.5), torch.empty(0, dtype=torch.complex64)
    assert torch.complex(one, two, out=out) is out and out[0].item() == 1 + 0.5j
    assert torch.polar(one, two, out=out) is out and torch.equal(out, torch.polar(one, two))
    assert torch.empty(3, out=out) is out and out.shape == (3,)


def test_out_cannot_be_differentiated():
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        torch.angle(torch.ones(1, requires_grad=True), out=torch.empty(1))
