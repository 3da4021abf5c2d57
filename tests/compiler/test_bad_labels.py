"""A call that finds bad input leaves behind what eager mode leaves, wherever in the step it was found."""

import pytest
from test_compiled import equal, twins

import numbatorch as torch
from numbatorch import nn
from numbatorch.nn import functional as F

OPTIMIZERS = {
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "nadam": lambda p: torch.optim.NAdam(p, lr=0.01),
    "asgd": lambda p: torch.optim.ASGD(p, lr=0.1, t0=2),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
}


def two_updates(optimizer):
    """A step with statistics and random numbers before its first check, and an update before its
    second."""
    torch.manual_seed(1)
    model = nn.ModuleList([
        nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.Dropout(0.4), nn.Linear(6, 4)),
        nn.Linear(3, 4),
    ])  # fmt: skip
    one, other = [optimizer(part.parameters()) for part in model]
    scheduler = torch.optim.lr_scheduler.StepLR(one, 2, 0.5)

    def step(x, y, z):
        one.zero_grad()
        first = F.cross_entropy(model[0](x), y)
        first.backward()
        one.step()
        scheduler.step()
        second = F.cross_entropy(model[1](x), z)
        second.backward()
        other.step()
        other.zero_grad()
        return first, second

    step.optimizers, step.scheduler = (one, other), scheduler
    return model, step


def states(step):
    return [o.state_dict() for o in step.optimizers], step.scheduler.state_dict()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_after_bad_labels(name):
    step, compiled, model, twin = twins(two_updates, OPTIMIZERS[name])
    generator = torch.Generator().manual_seed(2)
    good = torch.tensor([0, 3, 1, 2, 1])
    bad = torch.tensor([0, 3, 99, 2, 1])
    calls = [(good, good)] * 3 + [
        (bad, good),
        (good, good),
        (good, bad),
        (good, good),
        (good, good),
    ]
    for number, labels in enumerate(calls):
        x = torch.randn(5, 3, generator=generator)
        torch.manual_seed(number)
        outcomes = []
        for run in (step, compiled):
            torch.manual_seed(number)
            try:
                outcomes.append(run(x, *[part.clone() for part in labels]))
            except IndexError as error:
                outcomes.append(str(error))
            outcomes[-1] = outcomes[-1], torch.get_rng_state()
        assert equal(*outcomes), f"call {number}"
        assert isinstance(outcomes[0][0], str) == any(part is bad for part in labels)
        assert equal(model.state_dict(), twin.state_dict()), f"call {number}"
        assert equal(states(step), states(compiled.function)), f"call {number}"
    assert len(compiled.plans) == 2  # the other one: where a bad call left no gradients


def test_targets_outside_of_probabilities():
    """Binary cross entropy under compile: replayed, and refused as in eager mode."""

    def step(x, y):
        return F.binary_cross_entropy(torch.sigmoid(x), y)

    compiled = torch.compile(step, fullgraph=True)
    x = torch.randn(4, requires_grad=True)
    for number in range(4):
        y = torch.full((4,), number / 3)
        found, expected = compiled(x, y), step(x, y)
        assert torch.equal(found, expected)
        (found,), (expected,) = (torch.autograd.grad(loss, x) for loss in (found, expected))
        assert torch.equal(found, expected)
    with pytest.raises(RuntimeError, match="all elements of target should be between 0 and 1"):
        compiled(x, torch.full((4,), 1.5))
