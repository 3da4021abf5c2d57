"""Compiled steps and modules do what eager mode does, to the bit; what cannot be replayed is not."""

import copy
import cProfile
import sys
import threading
import warnings

import pytest

import numbatorch as torch
from numbatorch import nn
from numbatorch.compiler import CompileWarning
from numbatorch.nn import functional as F


@pytest.fixture(autouse=True)
def no_break_goes_unnoticed():
    """A CompileWarning fails the test that does not expect it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", CompileWarning)
        yield


def twins(make, *arguments, **options):
    """(eager step, compiled step, their models), from the same seed."""
    torch.manual_seed(0)
    model, step = make(*arguments)
    torch.manual_seed(0)
    twin, twin_step = make(*arguments)
    return step, torch.compile(twin_step, fullgraph=True, **options), model, twin


def equal(first, second):
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(equal(first[k], second[k]) for k in first)
    if isinstance(first, tuple | list):
        return len(first) == len(second) and all(map(equal, first, second))
    return first == second


def check_alike(step, compiled, model, twin, batches, between=lambda model: None):
    for number, batch in enumerate(batches):
        torch.manual_seed(number)
        expected = step(*batch)
        torch.manual_seed(number)
        found = compiled(*batch)
        assert equal(expected, found), f"call {number}"
        assert equal(model.state_dict(), twin.state_dict()), f"call {number}"
        for p, q in zip(model.parameters(), twin.parameters()):
            assert (p.grad is None) == (q.grad is None)
            assert p.grad is None or torch.equal(p.grad, q.grad)
        between(model), between(twin)
    assert compiled.plans, "nothing was captured"


# Whole steps ------------------------------------------------------------------------------------


def regression(optimizer):
    model = nn.Linear(3, 2)
    optimizer = optimizer(model.parameters())

    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return model, step


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "maximize": lambda p: torch.optim.SGD(p, lr=0.01, maximize=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "amsgrad": lambda p: torch.optim.Adam(p, lr=0.01, amsgrad=True, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
    "adadelta": lambda p: torch.optim.Adadelta(p, lr=0.5),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1, lr_decay=0.1),
    "adamax": lambda p: torch.optim.Adamax(p, lr=0.1, weight_decay=0.1),
    "nadam": lambda p: torch.optim.NAdam(p, lr=0.1),
    "radam": lambda p: torch.optim.RAdam(p, lr=0.1, betas=(0.5, 0.6)),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
    "centered": lambda p: torch.optim.RMSprop(p, lr=0.01, centered=True),
    "rmsprop momentum": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.9),
    "all rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.9, centered=True),
    "rprop": lambda p: torch.optim.Rprop(p, lr=0.01),
    "asgd": lambda p: torch.optim.ASGD(p, lr=0.1, t0=2),
    "averaged later": lambda p: torch.optim.ASGD(p, lr=0.1, t0=3, weight_decay=0.1),
}


def pairs(count, rows=7):
    generator = torch.Generator().manual_seed(9)
    return [
        (torch.randn(rows, 3, generator=generator), torch.randn(rows, 2, generator=generator))
        for _ in range(count)
    ]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizers(optimizer):
    check_alike(*twins(regression, OPTIMIZERS[optimizer]), pairs(6))


def convolutional():
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Dropout(0.4), nn.Linear(4 * 5 * 5, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def step(x, y):
        optimizer.zero_grad()
        output = F.log_softmax(model(x), dim=1)
        loss = F.nll_loss(output, y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        return {"loss": loss.item(), "predicted": output.argmax(1)}

    return model, step


def images(count):
    return [(torch.randn(6, 1, 12, 12), torch.randint(0, 10, (6,))) for _ in range(count)]


def test_a_convolutional_step_with_dropout_and_batch_norm():
    check_alike(*twins(convolutional), images(5))


def test_bad_labels_raise_and_change_nothing():
    step, compiled, model, twin = twins(convolutional)
    check_alike(step, compiled, model, twin, images(4))
    before = copy.deepcopy(list(twin.parameters()))
    (x, _), *_ = images(1)
    with pytest.raises(IndexError, match="Target 99 is out of bounds"):
        compiled(x, torch.full((6,), 99))
    assert equal(before, list(twin.parameters()))


def scheduled():
    model = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)

    def step(x, y):
        loss = F.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        return loss

    model.scheduler = scheduler
    return model, step


def test_schedulers_go_on_in_a_replay():
    step, compiled, model, twin = twins(scheduled)
    check_alike(step, compiled, model, twin, pairs(8))
    assert model.scheduler.get_last_lr() == twin.scheduler.get_last_lr() == [0.1 * 0.5**4]


def test_the_learning_rate_is_an_input():
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    @torch.compile(fullgraph=True)
    def step(x, y):
        optimizer.zero_grad()
        F.mse_loss(model(x), y).backward()
        optimizer.step()

    for x, y in pairs(6):
        optimizer.param_groups[0]["lr"] *= 0.5
        before = model.weight.detach().clone()
        step(x, y)
        assert torch.equal(
            model.weight, before.add(model.weight.grad, alpha=-optimizer.param_groups[0]["lr"])
        )
    assert len(step.plans) == 1


def accumulating():
    model = nn.Linear(3, 2)

    def step(x, y):
        loss = F.mse_loss(model(x), y)
        loss.backward()
        return loss

    return model, step


def test_gradients_accumulate():
    check_alike(*twins(accumulating), pairs(6))


def test_gradients_cleared_outside():
    check_alike(*twins(accumulating), pairs(6), between=lambda model: model.zero_grad())


def test_results_and_gradients_of_earlier_calls_keep_their_values():
    step, compiled, model, twin = twins(regression, OPTIMIZERS["sgd"])
    kept, copies = [], []
    for x, y in pairs(6):
        kept += [compiled(x, y), twin.weight.grad, twin.weight.grad[0].numpy()]
        copies += [copy.deepcopy(value) for value in (kept[-3].detach(), *kept[-2:])]
    for value, copied in zip(kept, copies):
        assert (value == copied).all()


def test_a_loaded_optimizer_and_swapped_parameters_are_noticed():
    step, compiled, model, twin = twins(regression, OPTIMIZERS["momentum"])
    check_alike(step, compiled, model, twin, pairs(4))
    for one in (model, twin):
        one.weight.data = torch.ones(2, 3)
    check_alike(step, compiled, model, twin, pairs(4))


# Modules ----------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 8), nn.Linear(8, 2)
        self.scale = 2.0

    def forward(self, x):
        hidden = torch.relu(self.first(x)) * self.scale
        if self.training:
            hidden = F.dropout(hidden, 0.25)
        return self.second(hidden), hidden


def gradients(model, x, seed):
    model.zero_grad()
    x.grad = None
    torch.manual_seed(seed)
    output, hidden = model(x)
    ((output**2).sum() + hidden.sum()).backward()
    return output, hidden, [p.grad.clone() for p in model.parameters()], x.grad


def test_a_compiled_module_is_differentiable():
    net = Net()
    compiled = torch.compile(net, fullgraph=True)
    x = torch.randn(3, 4, requires_grad=True)
    for seed in range(5):
        assert equal(gradients(net, x, seed), gradients(compiled, x, seed))
    net.eval()
    assert equal(gradients(net, x, 0), gradients(compiled, x, 0))
    with torch.no_grad():
        assert equal(net(x), compiled(x))
    assert compiled.state_dict().keys() == {f"_orig_mod.{name}" for name in net.state_dict()}


def test_two_forward_passes_before_the_backward_passes():
    layer = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.Sigmoid())
    compiled = torch.compile(layer, fullgraph=True)
    x, y = torch.randn(2, 4), torch.randn(2, 4)
    for _ in range(4):
        layer.zero_grad()
        (layer(x).sum() * layer(y).sum()).backward()
        expected = [p.grad.clone() for p in layer.parameters()]
        layer.zero_grad()
        (compiled(x).sum() * compiled(y).sum()).backward()
        assert equal(expected, [p.grad for p in layer.parameters()])


def test_errors_of_autograd():
    layer = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    compiled = torch.compile(layer, fullgraph=True)
    x = torch.randn(2, 4, requires_grad=True)
    for _ in range(3):
        output = compiled(x)
    output.sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        output.sum().backward()
    output = compiled(x)
    with torch.no_grad():
        layer[0].weight.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


# What makes another plan --------------------------------------------------------------------------


def test_shapes_dtypes_and_values_are_told_apart():
    factor = 2.0

    @torch.compile(fullgraph=True)
    def scaled(x, power=1):
        return x**power * factor

    x = torch.arange(6.0)
    for y in (x, x, x.reshape(2, 3), x.double(), x.reshape(2, 3).t(), x):
        assert torch.equal(scaled(y), y * 2)
    assert torch.equal(scaled(x, 2), x**2 * 2)
    assert torch.equal(scaled(x, power=3), x**3 * 2)
    factor = 5.0
    assert torch.equal(scaled(x), x * 5)


def test_too_many_kinds_of_calls():
    @torch.compile
    def scaled(x, factor):
        return x * factor

    with pytest.warns(CompileWarning, match="8 kinds of calls.*args.1. is 9, was 8"):
        for factor in range(12):
            assert torch.equal(scaled(torch.ones(3), factor), torch.full((3,), float(factor)))
    assert len(scaled.plans) == 8


def test_sizes_are_no_kinds():
    """Plans for many sizes are found again in any order."""
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.BatchNorm1d(8), nn.Linear(8, 2))
    twin = copy.deepcopy(model)
    compiled = torch.compile(twin, fullgraph=True)
    sizes = [40, *range(2, 30), 5, 17, 2, 40, 29, 5, 3, 3]
    for size in sizes:
        x = torch.randn(size, 3)
        for network in (model, compiled):
            network.zero_grad()
            network(x).square().sum().backward()
        assert equal(model.state_dict(), twin.state_dict())
        for p, q in zip(model.parameters(), twin.parameters()):
            assert torch.allclose(p.grad, q.grad, 1e-6)
    assert len(compiled._compiled.plans) == len(set(sizes))


@pytest.mark.parametrize("dynamic", [None, False])
def test_too_many_sizes(monkeypatch, dynamic):
    monkeypatch.setattr("numbatorch.compiler.compiled.MOST_SIZES", 12)
    compiled = torch.compile(lambda x: x * 2, dynamic=dynamic)
    match = "8 kinds of calls" if dynamic is False else "12 sizes of its arguments"
    with pytest.warns(CompileWarning, match=match):
        for size in range(1, 16):
            assert torch.equal(compiled(torch.ones(size)), torch.full((size,), 2.0))


def test_threads_with_plans_of_several_sizes():
    """Plans of one function share their temporaries' memory, so only one of them runs at a time."""
    compiled = torch.compile(lambda x: (x @ x.t()).softmax(1).sum(1).cumsum(0))
    inputs = [torch.randn(size, 4) for size in (60, 59, 58, 60)]
    expected = [compiled.function(x) for x in inputs]
    for x in inputs:
        compiled(x)
    assert len({id(plan.replay.arena) for _, plan, _ in compiled.plans}) < len(compiled.plans)
    wrong = []

    def work(x, y):
        for _ in range(200):
            if not torch.equal(compiled(x), y):
                wrong.append(x.shape)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(inputs, expected)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# Graph breaks -------------------------------------------------------------------------------------

SEEN = []


def printing(x):
    print("side effect")
    return x + 1


def branching(x):
    return x + 1 if x.sum() > 0 else x - 1


def remembering(x):
    SEEN.append(x)
    return x + 1


def formatting(x):
    return f"{(x + 1).sum().item():.2f}"


def to_numpy(x):
    return torch.tensor((x + 1).numpy() * 2)


@pytest.mark.parametrize("function", [printing, branching, remembering, formatting, to_numpy])
def test_breaks_run_in_eager_mode(function, capsys):
    compiled = torch.compile(function)
    line = function.__code__.co_firstlineno
    SEEN.clear()
    with pytest.warns(CompileWarning, match=rf"test_compiled\.py:{line + 1}"):
        for sign in (1, 1, -1, 1, -1):
            x = torch.full((3,), float(sign))
            assert equal(function(x), compiled(x))
    assert len(SEEN) in (0, 10)
    assert capsys.readouterr().out.count("side effect") in (0, 10)


def test_fullgraph_raises():
    compiled = torch.compile(printing, fullgraph=True)
    compiled(torch.ones(3))
    with pytest.raises(RuntimeError, match="test_compiled.py"):
        compiled(torch.ones(3))


def test_numbers_that_are_only_returned_do_not_break():
    @torch.compile(fullgraph=True)
    def both(x):
        return (x + 1).sum().item(), x * 2

    for value in range(5):
        number, doubled = both(torch.full((3,), float(value)))
        assert number == 3 * (value + 1) and isinstance(number, float)
        assert torch.equal(doubled, torch.full((3,), 2.0 * value))


# The report ---------------------------------------------------------------------------------------


def test_explain_shows_the_programs_and_times_a_call():
    step, compiled, model, twin = twins(regression, OPTIMIZERS["sgd"])
    check_alike(step, compiled, model, twin, pairs(4))
    (x, y), *_ = pairs(1)
    before = twin.weight.detach().clone()
    report = torch.compiler.explain(compiled, x, y)
    step(x, y)
    assert torch.equal(model.weight, twin.weight) and not torch.equal(before, twin.weight)
    (plan,) = report.plans
    assert len(plan.seconds) == len(plan.instructions)
    page = str(report)
    for part in ("captured for 1 kind of call", "linear(", "optimizer_step(", "def fused("):
        assert part in page
    assert plan.after.svg().startswith("<svg") and "linear" in str(plan.before)


def test_a_compiled_module_stands_for_the_original():
    net = Net()
    compiled = torch.compile(net)
    assert compiled.scale == 2.0 and compiled.first is net.first
    compiled.scale = 3.0
    assert net.scale == 3.0 and not compiled.eval().training and not net.training
    with pytest.raises(AttributeError, match="nothing"):
        compiled.nothing  # noqa: B018
    with pytest.raises(RuntimeError, match="function or a Module"):
        torch.compile(3)


def test_bad_indices_raise_each_time():
    table = torch.randn(5, 2)

    @torch.compile(fullgraph=True)
    def look_up(index):
        return table[index] + 1

    good = torch.tensor([0, 4, 2])
    for _ in range(3):
        assert torch.equal(look_up(good), table[good] + 1)
    for _ in range(2):
        with pytest.raises(IndexError, match="index 7 is out of bounds"):
            look_up(torch.tensor([0, 7, 2]))
        assert torch.equal(look_up(good), table[good] + 1)


def test_a_tensor_that_is_returned_twice_is_one_tensor():
    def step(x, w):
        y = torch.tanh(x * w)
        return y, {"again": y}, w

    compiled = torch.compile(step, fullgraph=True)
    for number in range(3):
        x = torch.full((3,), number + 0.5)
        gradients = []
        for run in (step, compiled):
            w = torch.ones(3, requires_grad=True)
            y, again, same = run(x, w)
            assert y is again["again"] and same is w
            (y.sum() + again["again"].square().sum() + same.sum()).backward()
            gradients.append(w.grad)
        assert torch.equal(*gradients)


def test_statistics_without_gradients():
    """One op whose parts hand values to each other in what it returns, though nobody else reads it."""
    model = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5))
    twin = copy.deepcopy(model)
    compiled = torch.compile(twin, fullgraph=True)
    with torch.no_grad():
        for _ in range(4):
            x = torch.randn(6, 3)
            assert torch.equal(compiled(x), model(x))
            assert equal(model.state_dict(), twin.state_dict())


def test_a_profiler_may_watch_a_capture():
    @torch.compile(fullgraph=True)
    def double(x):
        return nn.Identity()(x) * 2

    with cProfile.Profile() as profiler:
        for _ in range(3):
            assert double(torch.ones(2)).tolist() == [2.0, 2.0]
        assert sys.getprofile() is profiler
    assert sys.getprofile() is None
