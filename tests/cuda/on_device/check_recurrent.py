"""Recurrent layers beside the CPU: every cell, direction and form of the batch; launches a step."""

import numpy as np
import pytest

import numbatorch as torch
from numbatorch import cuda_target
from numbatorch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

LAYERS = {
    "RNN": (torch.nn.RNN, {}),
    "RNN, relu": (torch.nn.RNN, {"nonlinearity": "relu"}),
    "LSTM": (torch.nn.LSTM, {}),
    "LSTM, projection": (torch.nn.LSTM, {"proj_size": 2}),
    "GRU": (torch.nn.GRU, {}),
}
LENGTHS = [5, 3, 3, 1]


def layer_of(name, dtype, place, **options):
    kind, more = LAYERS[name]
    torch.manual_seed(0)
    return kind(3, 4, dtype=dtype, **more, **options).to(place)


def states_of(name, rows, dtype, place):
    generator = np.random.default_rng(1)
    widths = {"LSTM": (4, 4), "LSTM, projection": (2, 4)}.get(name, (4,))
    states = [
        torch.tensor(generator.normal(size=(rows, 4, width)), dtype=dtype)
        .to(place)
        .requires_grad_()
        for width in widths
    ]
    return states, tuple(states) if len(states) > 1 else states[0]


def results(name, form, dtype, place, **options):
    """[output, final states, gradients of the input, the initial states and the parameters]"""
    layer = layer_of(name, dtype, place, batch_first=form == "batch first", **options)
    shape = (4, 5, 3) if form == "batch first" else (5, 4, 3)
    numbers = np.random.default_rng(0).normal(size=shape)
    x = torch.tensor(numbers, dtype=dtype).to(place).requires_grad_()
    states, given = states_of(name, 2 if options else 1, dtype, place)
    fed = pack_padded_sequence(x, LENGTHS) if form == "packed" else x
    output, final = layer(fed, given)
    if form == "packed":
        output = pad_packed_sequence(output)[0]
    final = final if isinstance(final, tuple) else (final,)
    (output.square().sum() + sum(state.sum() for state in final)).backward()
    leaves = x, *states, *layer.parameters()
    return [t.detach().cpu().float().numpy() for t in (output, *final, *(p.grad for p in leaves))]


@pytest.mark.parametrize("form", ["plain", "batch first", "packed"])
@pytest.mark.parametrize("options", [{}, {"bidirectional": True}], ids=["one way", "both ways"])
@pytest.mark.parametrize("name", LAYERS)
def test_same_as_on_the_cpu(name, form, options):
    found = (results(name, form, torch.float64, place, **options) for place in ("cuda", "cpu"))
    for ours, theirs in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_in_16_bits(name, dtype):
    limit = 20 * torch.finfo(dtype).eps
    found = (results(name, "plain", dtype, place) for place in ("cuda", "cpu"))
    for ours, theirs in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=limit, atol=limit * np.abs(theirs).max())


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_two_launches_a_step_each_way(name, monkeypatch):
    """The product with the hidden states, and everything else."""
    layer = layer_of(name, torch.float32, "cuda")

    def launches(steps):
        launched = []
        launch = cuda_target.Kernel.launch
        with monkeypatch.context() as patch:
            patch.setattr(
                cuda_target.Kernel, "launch", lambda *a: (launched.append(a[0]), launch(*a))
            )
            output, _ = layer(torch.ones(steps, 2, 3, device="cuda"))
            forward = len(launched)
            torch.autograd.grad(output.sum(), list(layer.parameters()))
        return np.array([forward, len(launched) - forward])

    counts = launches(3) - launches(2)
    assert counts.tolist() == [2, 2]
