"""Whole training steps under the interpreter: the same parameters as without it, bit for bit."""

import copy

import pytest

import numbatorch as torch
import numbatorch.nn.functional as F
from numbatorch import nn
from numbatorch.compiler.errors import GraphBreak
from numbatorch.compiler.guards import Guards
from numbatorch.compiler.interpreter import run


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(4 * 36, 5)

    def forward(self, x):
        x = torch.flatten(self.features(x), 1)
        return F.log_softmax(self.head(self.dropout(x)), dim=1)


def step_of(model, optimizer):
    loss_function = nn.NLLLoss()

    def step(x, y):
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss, loss.item()

    return step


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-4),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, amsgrad=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_steps_give_the_same_parameters(name):
    torch.manual_seed(1)
    model = Classifier()
    twin = copy.deepcopy(model)
    steps = [step_of(m, OPTIMIZERS[name](m.parameters())) for m in (model, twin)]
    x, y = torch.randn(6, 1, 8, 8), torch.arange(6) % 5
    for i in range(3):
        torch.manual_seed(i)
        guards = Guards()
        loss, number = run(steps[0], (x, y), {}, guards)
        assert guards.check((x, y), {}), guards.explain_failure((x, y), {})
        torch.manual_seed(i)
        expected, value = steps[1](x, y)
        assert number.resolve() == value and float(loss) == float(expected)
    for a, b in zip(model.state_dict().values(), twin.state_dict().values()):
        assert torch.equal(a, b)


def test_the_optimizer_closure_is_interpreted():
    model = nn.Linear(3, 1)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=1)
    seen = []

    def step(x):
        def closure():
            optimizer.zero_grad()
            loss = model(x).square().mean()
            loss.backward()
            seen.append(1)
            return loss

        return optimizer.step(closure)

    with pytest.raises(GraphBreak, match="append"):
        run(step, (torch.randn(4, 3),), {}, Guards())


def test_a_trainer_with_its_own_state():
    class Trainer:
        def __init__(self):
            self.model = nn.Linear(3, 1)
            self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
            self.clip = 0.5

        def step(self, x):
            self.optimizer.zero_grad()
            loss = self.model(x).abs().mean()
            loss.backward()
            for p in self.model.parameters():
                p.grad.clamp_(-self.clip, self.clip)
            self.optimizer.step()
            return loss

    trainer, x = Trainer(), torch.randn(4, 3)
    guards = Guards()
    run(trainer.step, (x,), {}, guards)
    assert guards.check((x,), {})
    trainer.clip = 0.25
    assert not guards.check((x,), {})
    assert guards.explain_failure((x,), {}) == "trainer.clip is 0.25, was 0.5"


@pytest.mark.parametrize(
    "read",
    [
        lambda scheduler, optimizer: scheduler.get_last_lr(),
        lambda scheduler, optimizer: optimizer.param_groups[0]["lr"],
        lambda scheduler, optimizer: [group["lr"] for group in optimizer.param_groups],
        lambda scheduler, optimizer: scheduler.last_epoch,
    ],
)
def test_numbers_that_a_scheduler_has_just_changed_are_not_constants(read):
    """A guard before the step could not tell what they are after it."""
    optimizer = torch.optim.SGD([torch.ones(3, requires_grad=True)], lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    optimizer.step()

    def step(x):
        scheduler.step()
        return x, read(scheduler, optimizer)

    with pytest.raises(GraphBreak, match="get_last_lr|after a scheduler's step"):
        run(step, (torch.randn(4, 3),), {}, Guards())


def test_the_keys_of_a_mapping_from_tensors_are_compared_by_identity():
    table = {torch.ones(2): 1, torch.ones(2): 2}

    def step(x):
        return x, list(table.values())

    x = torch.ones(2)
    guards = Guards()
    run(step, (x,), {}, guards)
    assert guards.check((x,), {})
    table[torch.ones(2)] = table.pop(next(iter(table)))
    assert not guards.check((x,), {})


def after_changes(compile):
    """A weight after a plan was asked, did not fit because of a gradient, and fits again with
    another learning rate."""
    torch.manual_seed(0)
    layer = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)

    def step(x):
        optimizer.zero_grad()
        layer(x).square().sum().backward()
        optimizer.step()

    step, x = compile(step), torch.ones(2, 3)
    for _ in range(3):
        step(x)
    optimizer.param_groups[0]["lr"] = 0.01
    optimizer.zero_grad()  # the plan expects gradients
    for _ in range(3):
        step(x)
    return layer.weight


def test_options_that_change_while_a_plan_does_not_fit_are_noticed():
    assert torch.equal(after_changes(lambda step: step), after_changes(torch.compile))
