"""Captured graphs: replays equal eager mode, bit for bit; what a capture must refuse."""

import copy

import pytest

import numbatorch as torch
from numbatorch import nn
from numbatorch.nn import functional as F


def on_device(*shape):
    return torch.randn(*shape, device="cuda")


def trained(optimizer_type, **options):
    """A step of a small network with dropout, as a function of nothing, and what it changes."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 3)).to("cuda")
    optimizer = optimizer_type(model.parameters(), **options)
    x, target = on_device(5, 4), torch.tensor([0, 1, 2, 1, 0], device="cuda")

    def step():
        optimizer.zero_grad(set_to_none=False)
        loss = F.cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
        return loss

    return step, model, target


@pytest.mark.parametrize(
    "optimizer, options",
    [
        (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
        (torch.optim.Adam, {"lr": 0.01, "capturable": True}),
        (torch.optim.AdamW, {"lr": 0.01, "capturable": True}),
    ],
)
def test_a_training_step(optimizer, options):
    expected, model, _ = trained(optimizer, **options)
    for _ in range(2):
        expected()
    torch.manual_seed(5)
    losses = [expected().item() for _ in range(3)]
    weights = [p.cpu() for p in model.parameters()]
    step, model, _ = trained(optimizer, **options)
    for _ in range(2):
        step()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step()
    torch.manual_seed(5)
    found = []
    for _ in range(3):
        graph.replay()
        found.append(loss.item())
    assert found == losses  # other dropout in each step, as eager mode has it
    assert all(torch.equal(p.cpu(), w) for p, w in zip(model.parameters(), weights))


def test_random_numbers_go_on_after_a_replay():
    torch.manual_seed(3)
    expected = [torch.rand(5, device="cuda").tolist() for _ in range(3)]
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        x = torch.rand(5, device="cuda")
    torch.manual_seed(3)
    found = [torch.rand(5, device="cuda").tolist()]
    graph.replay()
    found.append(x.tolist())
    found.append(torch.rand(5, device="cuda").tolist())
    assert found == expected


def test_inputs_are_read_anew_and_results_stay_in_place():
    x, graph = torch.ones(4, device="cuda"), torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = x * 3 + 1
    address = y.data_ptr()
    for value in (1, 2):
        x.fill_(value)
        graph.replay()
        assert y.tolist() == [3.0 * value + 1] * 4 and y.data_ptr() == address


def test_memory_of_a_graph_is_its_own():
    x = torch.ones(1000, device="cuda")
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = (x + 1) * 2
        inside = torch.empty(3000, device="cuda")
        address = inside.data_ptr()
        del inside
    held = torch.empty(3000, device="cuda")
    assert held.data_ptr() != address
    second = torch.cuda.CUDAGraph()
    with torch.cuda.graph(second, pool=graph.pool()):
        again = torch.empty(3000, device="cuda")
    assert again.data_ptr() == address  # graphs of one pool share
    graph.replay()
    assert y.sum().item() == 4000
    reserved = torch.cuda.memory_reserved()
    del y, again
    graph.reset()
    second.reset()
    torch.cuda.empty_cache()
    assert torch.cuda.memory_reserved() < reserved
    with pytest.raises(RuntimeError, match="without a preceding successful capture"):
        graph.replay()


def test_side_streams_take_part():
    x, side, graph = torch.ones(4, device="cuda"), torch.cuda.Stream(), torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        here = torch.cuda.current_stream()
        side.wait_stream(here)
        with torch.cuda.stream(side):
            assert torch.cuda.is_current_stream_capturing()
            a = x + 1
        b = x * 5
        here.wait_stream(side)
        c = a + b
    assert not torch.cuda.is_current_stream_capturing()
    x.fill_(2)
    graph.replay()
    assert c.tolist() == [13.0] * 4
    with pytest.raises(RuntimeError, match="unjoined"), torch.cuda.graph(torch.cuda.CUDAGraph()):
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            a = x + 1
    assert (x + 1).tolist() == [3.0] * 4


def test_what_cannot_be_captured():
    x = torch.ones(4, device="cuda")
    with pytest.raises(RuntimeError, match="non-default stream"):
        torch.cuda.CUDAGraph().capture_begin()
    for wait in (lambda: x.sum().item(), lambda: x.nonzero(), lambda: x.cpu()):
        graph = torch.cuda.graph(torch.cuda.CUDAGraph())
        with pytest.raises(RuntimeError, match="not permitted"), graph:
            wait()
        assert not torch.cuda.is_current_stream_capturing()
    parameter = torch.ones(3, device="cuda", requires_grad=True)
    parameter.grad = torch.ones(3, device="cuda")
    optimizer = torch.optim.Adam([parameter])
    with (
        pytest.raises(RuntimeError, match="instance of Adam but param_groups' capturable is False"),
        torch.cuda.graph(torch.cuda.CUDAGraph()),
    ):
        optimizer.step()
    assert (x + 1).tolist() == [2.0] * 4


def test_bad_data_is_told_when_the_host_waits():
    step, _, target = trained(torch.optim.SGD, lr=0.1)
    step()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    target.fill_(9)
    graph.replay()
    with pytest.raises(IndexError, match="Target 9 is out of bounds"):
        torch.cuda.synchronize()
    torch.cuda.synchronize()
    table, index = torch.ones(3, 2, device="cuda"), torch.zeros(2, dtype=torch.int64, device="cuda")
    with torch.cuda.graph(graph := torch.cuda.CUDAGraph()):
        table[index]
    index.fill_(5)
    graph.replay()
    with pytest.raises(IndexError, match="out of bounds"):
        torch.cuda.synchronize()


def test_constants_that_a_capture_met_first_are_good_outside():
    with torch.cuda.graph(torch.cuda.CUDAGraph()):
        torch.ones(3, device="cuda") * 12345.5
    assert (torch.ones(3, device="cuda") * 12345.5).tolist() == [12345.5] * 3


def test_graphed_modules():
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).to("cuda")
    plain = copy.deepcopy(module)
    sample = torch.randn(4, 3, device="cuda", requires_grad=True)
    graphed = torch.cuda.make_graphed_callables(module, (sample,))
    assert graphed is module
    for _ in range(2):
        x = on_device(4, 3)
        results = []
        for network in (plain, graphed):
            leaf = x.clone().requires_grad_()
            network.zero_grad(set_to_none=True)
            y = network(leaf)
            (y**2).sum().backward()
            results.append([y, leaf.grad, *[p.grad for p in network.parameters()]])
        assert all(torch.equal(a, b) for a, b in zip(*results))
    graphed.eval()
    assert torch.equal(graphed(sample), plain(sample))


def test_several_graphed_functions():
    def double(x):
        return x * 2

    def both(x, y):
        return x + y, x * y

    a, b = on_device(3), torch.randn(3, device="cuda", requires_grad=True)
    first, second = torch.cuda.make_graphed_callables((double, both), ((b,), (a, b)))
    x, y = on_device(3), torch.randn(3, device="cuda", requires_grad=True)
    total, product = second(x, first(y))
    (total.sum() + product.sum()).backward()
    torch.testing.assert_close(y.grad, 2 + 2 * x)
