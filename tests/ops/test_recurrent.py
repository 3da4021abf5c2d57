"""Recurrent layers: the kernel of all time steps against the same layer composed from ops."""

import numpy as np
import pytest

import numbatorch as torch
from numbatorch.ops import recurrent

MODES = sorted(recurrent.GATES)

#: T, N, F, H: one panel and a bit, whole tiles, a single row, more rows than a tile has.
SIZES = [(3, 5, 4, 7), (4, 16, 8, 32), (5, 1, 3, 9), (2, 21, 6, 40)]

BATCH_SIZES = [9, 9, 6, 2, 1]


def random(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=torch.float64).div(2).to(dtype).requires_grad_()


def layer_inputs(mode, size, dtype, batch_first=False, packed=False, projection=None):
    """(input, state, weights) of a layer."""
    steps, batch, inputs, width = size
    outputs = projection or width
    if packed:
        batch, shape = BATCH_SIZES[0], (sum(BATCH_SIZES), inputs)
    else:
        shape = (batch, steps, inputs) if batch_first else (steps, batch, inputs)
    gates = recurrent.GATES[mode] * width
    state = [random(batch, outputs, dtype=dtype)]
    if mode == "LSTM":
        state.append(random(batch, width, dtype=dtype))
    sizes = [(gates, inputs), (gates, outputs), (gates,), (gates,)]
    sizes += [(outputs, width)] * bool(projection)
    weights = [(random(*s, dtype=dtype) / s[-1] ** 0.5).detach() for s in sizes]
    return random(*shape, dtype=dtype), state, weights


def results(mode, arguments, dtype, **options):
    """Outputs, final states and all gradients of a layer, as NumPy arrays."""
    input, state, weights = (
        [x.detach().to(dtype).requires_grad_() for x in (group if type(group) is list else [group])]
        for group in arguments
    )
    output, final = recurrent.recurrent_layer(mode, input[0], state, weights, **options)
    loss = sum(((i + 1) * x * x.cos()).sum() for i, x in enumerate((output, *final)))
    found = torch.autograd.grad(loss, [*input, *state, *weights])
    return [x.detach().numpy() for x in (output, *final, *found)]


def composed(monkeypatch, *arguments, **options):
    with monkeypatch.context() as patch:
        patch.setattr(recurrent, "_has_kernel", lambda dtype: False)
        return results(*arguments, **options)


CASES = [
    {},
    {"reverse": True},
    {"batch_first": True},
    {"batch_first": True, "reverse": True},
    {"packed": True},
    {"packed": True, "reverse": True},
    {"projection": 3},
    {"projection": 3, "packed": True, "reverse": True},
]

MODE_CASES = [
    (mode, case) for mode in MODES for case in CASES if mode == "LSTM" or "projection" not in case
]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("mode, case", MODE_CASES, ids=str)
def test_kernel_agrees_with_the_composed_layer(monkeypatch, mode, case, size):
    """float64 to 1e-11, float32 to 2e-5 of the largest value, against the composed layer in float64."""
    torch.manual_seed(0)
    layout = {"batch_first", "packed", "projection"} & set(case)
    arguments = layer_inputs(mode, size, torch.float64, **{key: case[key] for key in layout})
    options = {key: case[key] for key in ("reverse", "batch_first") if key in case}
    if "packed" in case:
        options["batch_sizes"] = torch.tensor(BATCH_SIZES)
    expected = composed(monkeypatch, mode, arguments, torch.float64, **options)
    for dtype, tolerance in ((torch.float64, 1e-11), (torch.float32, 2e-5)):
        for found, x in zip(results(mode, arguments, dtype, **options), expected):
            assert found.shape == x.shape
            np.testing.assert_allclose(found, x, rtol=0, atol=tolerance * max(1, abs(x).max()))


@pytest.mark.parametrize("mode", MODES)
def test_results_do_not_depend_on_threads(mode):
    torch.manual_seed(0)
    arguments = layer_inputs(mode, (12, 37, 16, 64), torch.float32)
    threads = torch.get_num_threads()
    found = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            found.append(results(mode, arguments, torch.float32))
    finally:
        torch.set_num_threads(threads)
    for others in found[1:]:
        for x, y in zip(found[0], others):
            np.testing.assert_array_equal(x, y)


def test_half_precision_is_composed():
    network = torch.nn.GRU(3, 4).to(torch.bfloat16)
    output, _ = network(torch.zeros(2, 5, 3, dtype=torch.bfloat16))
    assert output.dtype is torch.bfloat16


@pytest.mark.parametrize("sizes", [[2, 3], [2, 2], [3, 3], [3, 2, 0], []])
def test_batch_sizes_must_describe_the_data(sizes):
    input, state, weights = layer_inputs("GRU", (1, 3, 2, 4), torch.float32)
    with pytest.raises(RuntimeError, match="batch_sizes must fall from 3"):
        recurrent.recurrent_layer(
            "GRU", input[0].repeat(2, 1)[:5], state, weights, torch.tensor(sizes, dtype=torch.int64)
        )


def test_shapes_must_fit():
    input, state, weights = layer_inputs("LSTM", (2, 3, 2, 4), torch.float32)
    for broken in (
        ([state[0], state[1][:, :3]], weights),
        ([state[0][:2], state[1][:2]], weights),
        (state, [weights[0], weights[1][:, :3], *weights[2:]]),
        (state, [*weights[:3], weights[3][:7]]),
    ):
        with pytest.raises(RuntimeError, match="should have shape"):
            recurrent.recurrent_layer("LSTM", input, *broken)


def test_gradients_of_second_order_go_through_a_network():
    torch.manual_seed(0)
    network = torch.nn.LSTM(2, 3, 2, bidirectional=True).double()
    states = random(4, 2, 3), random(4, 2, 3)
    count = len(network.all_weights[0])

    def of_parameters(x, *weights):
        layers = [weights[i : i + count] for i in range(0, len(weights), count)]
        return recurrent.run_stack("LSTM", x, states, layers, directions=2)[0]

    weights = [weight for layer in network.all_weights for weight in layer]
    assert torch.autograd.gradgradcheck(of_parameters, [random(3, 2, 2), *weights], fast_mode=True)
