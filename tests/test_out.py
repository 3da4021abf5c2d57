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


def test_out_may_not_be_memory_that_is_read():
    numbers, index = torch.arange(6.0), torch.tensor([0, 1, 2])
    calls = (
        lambda out: torch.masked_select(numbers, numbers > 2, out=out),
        lambda out: torch.index_select(numbers, 0, index, out=out),
        lambda out: torch.gather(numbers, 0, index, out=out),
        lambda out: torch.cat([numbers, numbers], out=out),
        lambda out: torch.bernoulli(out, out=out),
    )
    for call in calls[:-1]:
        with pytest.raises(RuntimeError, match="refer to a single memory location"):
            call(numbers[1:4])
    with pytest.raises(RuntimeError, match="refer to a single memory location"):
        calls[-1](torch.rand(3))
    memory = torch.zeros(9)
    memory[:6] = numbers
    assert torch.index_select(memory[:6], 0, index, out=memory[6:]).tolist() == [0, 1, 2]


def test_dimensions_of_more_than_64_are_not_named():
    with pytest.raises(RuntimeError, match="up to 64 dims"):
        torch.zeros([1] * 65).amax(-1)
    assert torch.zeros([1] * 65).sum().item() == 0
