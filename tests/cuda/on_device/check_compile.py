"""Compiled steps on the device: captured as a graph, equal to eager mode, or left to it."""

import warnings

import pytest

import numbatorch as torch
from numbatorch import nn
from numbatorch.compiler import CompileWarning
from numbatorch.compiler.cuda_plan import CudaPlan
from numbatorch.nn import functional as F


def trained(optimizer_type, compiled, steps=5, change=None, **options):
    """The losses of some steps, the weights after them, and the plans that there are."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 3)).to("cuda")
    optimizer = optimizer_type(model.parameters(), **options)

    def step(x, target):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
        return loss

    function = torch.compile(step) if compiled else step
    losses = []
    for i in range(steps):
        if change is not None and i == steps - 2:
            change(optimizer, model)
        x = torch.randn(5, 4, device="cuda")
        losses.append(function(x, torch.tensor([0, 1, 2, i % 3, 0], device="cuda")))
    plans = function.plans if compiled else []
    return (
        [loss.item() for loss in losses], [p.tolist() for p in model.parameters()],
        [type(plan) for _, plan, _ in plans],
    )  # fmt: skip


@pytest.mark.parametrize(
    "optimizer, options",
    [
        (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
        (torch.optim.AdamW, {"lr": 0.01, "capturable": True}),
    ],
)
def test_whole_steps(optimizer, options):
    expected = trained(optimizer, False, **options)
    found = trained(optimizer, True, **options)
    assert found[2] == [CudaPlan]
    assert found[:2] == expected[:2]


def new_rate(optimizer, model):
    optimizer.param_groups[0]["lr"] = 0.5


def no_gradients(optimizer, model):
    for p in model.parameters():
        p.grad = None


@pytest.mark.parametrize("change, plans", [(new_rate, 2), (no_gradients, 2)])
def test_what_changes_between_steps(change, plans):
    expected = trained(torch.optim.SGD, False, change=change, lr=0.1)
    found = trained(torch.optim.SGD, True, change=change, lr=0.1)
    assert found[:2] == expected[:2]
    assert len(found[2]) == plans


def test_steps_that_count_on_the_host_stay_eager():
    expected = trained(torch.optim.Adam, False, lr=0.01)
    with pytest.warns(CompileWarning, match="capturable=True"):
        found = trained(torch.optim.Adam, True, lr=0.01)
    assert found == (*expected[:2], [])


def test_without_gradients():
    model = nn.Linear(3, 2).to("cuda")
    compiled = torch.compile(model)
    with torch.no_grad():
        for rows in (4, 4, 4, 5, 5, 4):
            x = torch.randn(rows, 3, device="cuda")
            assert compiled(x).tolist() == model(x).tolist()


def test_accumulated_gradients():
    def run(compiled):
        torch.manual_seed(0)
        model = nn.Linear(3, 2).to("cuda")

        def step(x):
            loss = model(x).square().sum()
            loss.backward()
            return loss.detach()

        function = torch.compile(step) if compiled else step
        found = []
        for i in range(7):
            if i == 5:
                model.zero_grad()
            found.append(function(torch.randn(2, 3, device="cuda")).item())
        return found, model.weight.grad.tolist()

    assert run(True) == run(False)


def test_a_step_that_waits_for_the_device_stays_eager():
    def step(x):
        return x * float(x.sum().cpu())

    compiled = torch.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompileWarning)
        for i in range(5):
            x = torch.full((2,), float(i), device="cuda")
            assert compiled(x).tolist() == [2.0 * i * i] * 2


def test_arguments_that_a_step_changes_stay_eager():
    def step(x):
        return x.add_(1).sum()

    compiled = torch.compile(step)
    x = torch.zeros(3, device="cuda")
    for i in range(5):
        assert compiled(x).item() == 3.0 * (i + 1)
    assert x.tolist() == [5.0] * 3
