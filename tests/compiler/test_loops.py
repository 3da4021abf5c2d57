"""A loop over a data set does, to the bit, what a Python loop over its loader does in eager mode."""

import signal
import time

import pytest
from test_compiled import equal

import numbatorch as torch
from numbatorch import nn
from numbatorch.nn import functional as F
from numbatorch.utils.data import (
    DataLoader,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    random_split,
)


def training(optimizer, schedule=None):
    """(model, optimizer, a step that returns numbers and tensors)"""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))
    optimizer = optimizer(model.parameters())
    scheduler = schedule and schedule(optimizer)

    def step(x, y):
        optimizer.zero_grad()
        output = model(x)
        loss = F.cross_entropy(output, y)
        loss.backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        correct = (output.argmax(1) == y).sum()
        return {"loss": loss, "number": loss.item(), "correct": int(correct), "output": output}

    return model, optimizer, step


def numbers(rows=52):
    generator = torch.Generator().manual_seed(4)
    return (
        torch.randn(rows, 5, generator=generator),
        torch.randint(0, 3, (rows,), generator=generator),
    )


def loader(rows=52, **options):
    return DataLoader(TensorDataset(*numbers(rows)), batch_size=4, **options)


def sgd(p):
    return torch.optim.SGD(p, lr=0.1, momentum=0.9)


def adam(p):
    return torch.optim.Adam(p, lr=0.01)


def check_epochs(make, batches, native, epochs=2):
    """Compare epochs of a loop with a Python loop in eager mode; how many steps were native."""
    model, optimizer, step = training(*make)
    twin, twin_optimizer, twin_step = training(*make)
    epoch = torch.compiler.loop(twin_step)
    for number in range(epochs):
        torch.manual_seed(number)
        expected = [step(*batch) for batch in batches]
        torch.manual_seed(number)
        before = epoch.native_steps
        found = epoch(batches)
        assert epoch.native_steps - before == native[number]
        assert torch.equal(found["loss"], torch.stack([part["loss"] for part in expected]))
        assert found["number"] == [part["number"] for part in expected]
        assert found["correct"] == [part["correct"] for part in expected]
        assert equal(list(found["output"]), [part["output"] for part in expected])
        assert not found["loss"].requires_grad
        assert equal(model.state_dict(), twin.state_dict())
        assert equal(optimizer.state_dict(), twin_optimizer.state_dict())
        for p, q in zip(model.parameters(), twin.parameters()):
            assert torch.equal(p.grad, q.grad) and p._version == q._version


def in_python(step):
    """An epoch as a Python loop."""
    return lambda batches: [step(*batch) for batch in batches]


MAKES = {
    "sgd": (sgd,),
    "no momentum": (lambda p: torch.optim.SGD(p, lr=0.1),),
    "adam": (adam,),
    "nadam": (lambda p: torch.optim.NAdam(p),),
    "steps": (sgd, lambda o: torch.optim.lr_scheduler.StepLR(o, 4, 0.5)),
    "cosine": (adam, lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 20)),
    "cycle": (sgd, lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.2, total_steps=40)),
}


@pytest.mark.parametrize("name", MAKES)
def test_epochs_equal_a_python_loop(name):
    # 13 full batches and one of 2 rows: two come before the plan, one before the stretch
    check_epochs(MAKES[name], loader(rows=54, shuffle=True), native=[10, 12])


def test_the_random_stream_goes_on_as_after_a_python_loop():
    _, _, step = training(adam)
    _, _, twin_step = training(adam)
    after = []
    for run in (in_python(step), torch.compiler.loop(twin_step)):
        batches = loader(shuffle=True)
        torch.manual_seed(3)
        run(batches), run(batches)
        after.append(torch.rand(3))
    assert torch.equal(*after)


ORDERS = {
    "in order": lambda data: DataLoader(data, 4),
    "own generator": lambda data: DataLoader(
        data, 4, shuffle=True, generator=torch.Generator().manual_seed(5)
    ),
    "last dropped": lambda data: DataLoader(data, 4, shuffle=True, drop_last=True),
    "replacement": lambda data: DataLoader(data, 4, sampler=RandomSampler(data, True, 70)),
    "weighted": lambda data: DataLoader(
        data, 4, sampler=WeightedRandomSampler([1.0, 2.0] * 27, 60)
    ),
    "some": lambda data: DataLoader(data, 4, sampler=SubsetRandomSampler(range(3, 50))),
    "subset": lambda data: DataLoader(Subset(data, range(50, 2, -1)), 4, shuffle=True),
    "split": lambda data: DataLoader(
        Subset(random_split(data, [50, 4], torch.Generator())[0], range(45)), 4, shuffle=True
    ),
    "negative": lambda data: DataLoader(Subset(data, range(-1, -50, -1)), 4),
}


@pytest.mark.parametrize("name", ORDERS)
def test_orders_of_a_loader(name):
    _, _, step = training(sgd)
    _, _, twin_step = training(sgd)
    data = TensorDataset(*numbers(54))
    epoch = torch.compiler.loop(twin_step)
    batches, twins = ORDERS[name](data), ORDERS[name](data)
    for number in range(2):
        torch.manual_seed(number)
        expected = [step(*batch)["number"] for batch in batches]
        torch.manual_seed(number)
        assert epoch(twins)["number"] == expected
    assert epoch.native_steps > 15


def test_a_generator_that_steps_draw_from_too_is_left_to_python():
    generator = torch.Generator().manual_seed(1)
    data = TensorDataset(torch.randn(80, 2))
    sampler = RandomSampler(data, replacement=True, generator=generator)
    batches = DataLoader(data, 4, sampler=sampler)
    seen = {}
    for name in ("eager", "loop"):
        generator.manual_seed(1)

        def step(x):
            return x.sum() + torch.rand(1, generator=generator)

        run = torch.compiler.loop(step) if name == "loop" else None
        seen[name] = [step(*b) for b in batches] if run is None else list(run(batches))
    assert equal(seen["eager"], seen["loop"])


def test_bad_labels_raise_at_their_step_and_change_nothing_later():
    model, optimizer, step = training(adam)
    twin, twin_optimizer, twin_step = training(adam)
    batches, epoch = loader(), torch.compiler.loop(twin_step)
    batches.dataset.tensors[1][30] = 7
    for run in (lambda: [step(*batch) for batch in batches], lambda: epoch(batches)):
        torch.manual_seed(1)
        with pytest.raises(IndexError, match="Target 7 is out of bounds"):
            run()
    assert epoch.native_steps == 4
    assert equal(model.state_dict(), twin.state_dict())
    assert equal(optimizer.state_dict(), twin_optimizer.state_dict())


def test_changes_between_epochs_are_noticed():
    model, optimizer, step = training(sgd)
    twin, twin_optimizer, twin_step = training(sgd)
    epoch, batches = torch.compiler.loop(twin_step), loader(shuffle=True)
    for number in range(6):
        for network, one in ((model, optimizer), (twin, twin_optimizer)):
            one.param_groups[0]["lr"] = 0.1 / (1 + number)
            network[2].p = 0.1 * (number // 3)
            network[0].bias.requires_grad_(number != 4)
        torch.manual_seed(number)
        expected = [step(*batch)["number"] for batch in batches]
        torch.manual_seed(number)
        assert epoch(batches)["number"] == expected
    assert equal(model.state_dict(), twin.state_dict())


def test_evaluation_and_results_of_the_last_batch():
    model = nn.Linear(5, 3)
    batches = loader(rows=54)

    @torch.compiler.loop
    def evaluate(x, y):
        with torch.no_grad():
            scores = model(x)
        return scores, scores.argmax(1), "plain", 3

    for _ in range(2):
        scores, labels, text, number = evaluate(batches)
    assert evaluate.native_steps == 22
    assert torch.equal(torch.cat(scores), model(batches.dataset.tensors[0]))
    assert [len(x) for x in labels] == [4] * 13 + [2]
    assert text == ["plain"] * 14 and number == [3] * 14


def accumulating(way):
    """The weight and its gradient after steps that add to gradients."""
    torch.manual_seed(0)
    model = nn.Linear(5, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def step(x, y):
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    way(step)(loader())
    return model.weight, model.weight.grad


def test_steps_that_add_to_gradients():
    assert equal(accumulating(in_python), accumulating(torch.compiler.loop))


def test_gradients_that_somebody_holds_stay_what_they_were():
    model, _, step = training(sgd)
    epoch, batches = torch.compiler.loop(step), loader()
    epoch(batches)
    held = model[0].weight.grad
    copied = held.clone()
    epoch(batches)
    assert torch.equal(held, copied) and not torch.equal(model[0].weight.grad, copied)


def test_results_stay_what_they_were():
    _, _, step = training(sgd)
    epoch, batches = torch.compiler.loop(step), loader()
    epoch(batches)
    first = epoch(batches)
    copied = first["loss"].clone(), first["output"].clone()
    epoch(batches)
    assert equal((first["loss"], first["output"]), copied)


def test_other_loaders_are_gone_through_in_python():
    _, _, step = training(sgd)
    _, _, twin_step = training(sgd)
    rows = [(torch.randn(4, 5), torch.randint(0, 3, (4,))) for _ in range(5)]
    epoch = torch.compiler.loop(twin_step)
    torch.manual_seed(2)
    expected = [step(*batch)["number"] for batch in rows]
    torch.manual_seed(2)
    assert epoch(rows)["number"] == expected
    doubled = loader(collate_fn=lambda items: [2 * items[0][0][None], items[0][1][None]])
    torch.manual_seed(2)
    expected = [step(*batch)["number"] for batch in doubled]
    torch.manual_seed(2)
    assert epoch(doubled)["number"] == expected
    assert epoch.native_steps == 0


def test_breaks_leave_the_loop_to_python():
    seen = []

    @torch.compiler.loop
    def step(x, y):
        seen.append(len(x))
        return x.sum()

    with pytest.warns(torch.compiler.CompileWarning, match="append"):
        sums = step(loader(rows=54))
    assert seen == [4] * 13 + [2]
    assert torch.equal(sums, torch.stack([x.sum() for x, _ in loader(rows=54)]))


def test_an_interruption_reaches_the_loop():
    model = nn.Linear(5, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    @torch.compiler.loop
    def epoch(x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    def interrupt(*_):
        raise InterruptedError

    batches = loader(rows=400_000)
    epoch(loader())
    before = signal.signal(signal.SIGALRM, interrupt)
    began = time.perf_counter()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(InterruptedError):
            for _ in range(100):
                epoch(batches)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert time.perf_counter() - began < 30
