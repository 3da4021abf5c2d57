"""mode="background": eager mode runs calls while kernels are compiled, with the same results."""

import threading

import pytest

import numbatorch as torch
from numbatorch import nn
from numbatorch.compiler import background


@pytest.fixture
def gate(monkeypatch):
    """An event that compiling waits for, where every generated kernel counts as new."""
    event, original = threading.Event(), background.compile_all

    def compile_all(kernels):
        assert event.wait(60)
        original(kernels)

    monkeypatch.setattr(background, "compile_all", compile_all)
    yield event
    event.set()


def training(factor):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)

    def step(x):
        optimizer.zero_grad()
        loss = (model(x) * factor - 0.25).square().mul(0.5).sum()
        loss.backward()
        optimizer.step()
        return loss

    return model, step


def forget_kernels():
    """Let generated kernels be compiled anew."""
    from numbatorch.compiler import codegen

    codegen.compiled.cache_clear()


def test_eager_mode_runs_until_kernels_are_there(gate):
    forget_kernels()
    model, step = training(1.5)
    twin, twin_step = training(1.5)
    compiled = torch.compile(twin_step, mode="background", fullgraph=True)
    x = torch.randn(5, 3)
    for _ in range(5):
        assert torch.equal(step(x), compiled(x))
    assert not compiled.plans and compiled.background.is_busy
    gate.set()
    compiled.background.wait()
    for _ in range(3):
        assert torch.equal(step(x), compiled(x))
    assert len(compiled.plans) == 1
    for p, q in zip(model.parameters(), twin.parameters()):
        assert torch.equal(p, q)


def test_a_forward_pass_and_its_backward_pass(gate):
    gate.set()
    forget_kernels()
    model, _ = training(1.0)
    twin, _ = training(1.0)
    compiled = torch.compile(twin, mode="background", fullgraph=True)
    for _ in range(8):
        x = torch.randn(5, 3)
        for network in (model, compiled):
            network.zero_grad()
            network(x).exp().sum().backward()
        for p, q in zip(model.parameters(), twin.parameters()):
            assert torch.equal(p.grad, q.grad)
        compiled._compiled.background.wait()
    assert len(compiled._compiled.plans) == 1


def test_kernels_that_are_there_are_not_waited_for():
    _, step = training(1.5)
    x = torch.randn(5, 3)
    first = torch.compile(step)
    for _ in range(2):
        first(x)
    second = torch.compile(step, mode="background")
    for _ in range(2):
        second(x)
    assert len(second.plans) == 1
