"""What surrounds a replay: options, gradients and results that somebody changes or holds."""

import threading

import pytest

import numbatorch as torch


def regression(compiled=True, **options):
    """(step, model, optimizer, plan) of a small regression, captured if `compiled`."""
    torch.manual_seed(0)
    x, y = torch.randn(8, 3), torch.randn(8, 1)
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), **{"lr": 0.1, **options})

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    if not compiled:
        return step, model, optimizer, None
    step = torch.compile(step)
    step()
    step()
    return step, model, optimizer, step.plans[0][1]


def test_a_plan_that_refused_options_goes_on_refusing_them():
    _, _, optimizer, plan = regression()
    assert plan.accepts() and plan.accepts()
    optimizer.param_groups[0]["maximize"] = True
    assert not plan.accepts() and not plan.accepts()
    optimizer.param_groups[0]["maximize"] = False
    assert plan.accepts()


def test_options_changed_in_place_are_noticed():
    _, _, optimizer, plan = regression()
    optimizer.param_groups[0]["extra"] = [1]
    assert not plan.accepts()
    optimizer.param_groups[0]["params"].append(torch.nn.Parameter(torch.zeros(1)))
    assert not plan.accepts()


def test_learning_rates_count_from_the_step_in_which_they_are_set():
    found = []
    for compiled in (True, False):
        step, model, optimizer, _ = regression(compiled)
        if not compiled:
            step(), step()
        for lr in (0.1, 0.01, 0.01, 0.2):
            optimizer.param_groups[0]["lr"] = lr
            step()
        found.append(model.weight.detach().clone())
    assert torch.equal(*found)


@pytest.mark.parametrize(
    "change",
    [
        lambda weight, kept: kept.append(weight.grad),
        lambda weight, kept: kept.append(weight.grad.detach()),
        lambda weight, kept: weight.grad.t_(),
        lambda weight, kept: setattr(weight, "grad", None),
        lambda weight, kept: setattr(weight, "grad", torch.ones(1, 3)),
        lambda weight, kept: setattr(weight.grad, "data", torch.ones(1, 3)),
    ],
)
def test_gradients_that_somebody_holds_or_changes(change):
    found = []
    for compiled in (True, False):
        step, model, _, _ = regression(compiled)
        if not compiled:
            step(), step()
        kept, copies = [], []
        for _ in range(3):
            step()
            change(model.weight, kept)
            copies.append(None if model.weight.grad is None else model.weight.grad.clone())
        step()
        found.append([model.weight.detach(), model.weight.grad, *kept])
        for held, copy in zip(kept, copies):
            assert torch.equal(held, copy)
    for mine, theirs in zip(*found):
        assert torch.equal(mine, theirs)


def test_results_are_not_overwritten_while_somebody_holds_them():
    step, *_ = regression()
    losses = [step() for _ in range(5)]
    assert len({loss.item() for loss in losses}) == 5
    views = [step()[None] for _ in range(3)]
    assert len({view.item() for view in views}) == 3


def test_memory_of_parameters_counts_its_changes():
    step, model, _, _ = regression()
    before = model.weight._version
    step()
    assert model.weight._version == before + 1


def test_threads_take_turns():
    x = torch.arange(200_000.0)
    double = torch.compile(lambda x: (x * 2).exp().log() / 2)
    double(x), double(x)
    wrong = []

    def work(number):
        mine = torch.full((200_000,), float(number))
        for _ in range(20):
            if not torch.allclose(double(mine), mine, atol=1e-5):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(1, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
