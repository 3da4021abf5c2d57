"""Every schedule gives PyTorch's learning rates (and momenta), and survives a checkpoint."""

import copy
import math
import warnings

import numpy as np
import pytest

import numbatorch as nt
from numbatorch.optim import lr_scheduler

torch = pytest.importorskip("torch")

STEPS = 30


class Halving:
    """A callable object: its attributes belong into a checkpoint."""

    def __init__(self, base=2):
        self.base = base

    def __call__(self, epoch):
        return self.base ** -(epoch / 10)


def half_lambda(epoch):
    return 0.5 ** (epoch // 7)


# name, options, optimizer
CASES = [
    ("LambdaLR", {"lr_lambda": half_lambda}, "SGD"),
    ("LambdaLR", {"lr_lambda": [half_lambda, Halving()]}, "SGD"),
    ("MultiplicativeLR", {"lr_lambda": lambda epoch: 0.95}, "SGD"),
    ("StepLR", {"step_size": 4}, "SGD"),
    ("StepLR", {"step_size": 1, "gamma": 0.7}, "Adam"),
    ("MultiStepLR", {"milestones": [3, 3, 9, 20], "gamma": 0.5}, "SGD"),
    ("ConstantLR", {"factor": 0.25, "total_iters": 6}, "SGD"),
    ("LinearLR", {}, "SGD"),
    ("LinearLR", {"start_factor": 0.9, "end_factor": 0.2, "total_iters": 11}, "SGD"),
    ("ExponentialLR", {"gamma": 0.9}, "SGD"),
    ("PolynomialLR", {"total_iters": 10, "power": 2.0}, "SGD"),
    ("CosineAnnealingLR", {"T_max": 8, "eta_min": 0.01}, "SGD"),
    ("CosineAnnealingWarmRestarts", {"T_0": 4, "T_mult": 2, "eta_min": 0.001}, "SGD"),
    ("CosineAnnealingWarmRestarts", {"T_0": 7}, "SGD"),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4}, "SGD"),
    (
        "CyclicLR",
        {
            "base_lr": [0.01, 0.02],
            "max_lr": [0.1, 0.3],
            "step_size_up": 3,
            "step_size_down": 5,
            "mode": "triangular2",
        },
        "Adam",
    ),
    (
        "CyclicLR",
        {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4, "mode": "exp_range", "gamma": 0.9},
        "SGD",
    ),
    (
        "CyclicLR",
        {
            "base_lr": 0.01,
            "max_lr": 0.1,
            "step_size_up": 4,
            "scale_fn": Halving(),
            "scale_mode": "iterations",
            "cycle_momentum": False,
        },
        "SGD",
    ),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 40}, "SGD"),
    ("OneCycleLR", {"max_lr": [0.5, 0.3], "epochs": 4, "steps_per_epoch": 10}, "Adam"),
    (
        "OneCycleLR",
        {
            "max_lr": 0.5,
            "total_steps": 40,
            "anneal_strategy": "linear",
            "three_phase": True,
            "pct_start": 0.25,
            "cycle_momentum": False,
        },
        "SGD",
    ),
]
IDS = [f"{index}-{name}" for index, (name, _, _) in enumerate(CASES)]


def make_optimizer(framework, kind="SGD", tensor_lr=False):
    params = [framework.tensor([1.0], requires_grad=True) for _ in range(2)]
    rates = [framework.tensor(rate) if tensor_lr else rate for rate in (0.2, 0.05)]
    options = {"momentum": 0.9} if kind == "SGD" else {}
    groups = [{"params": [param], "lr": rate} for param, rate in zip(params, rates)]
    return getattr(framework.optim, kind)(groups, lr=0.1, **options)


def state_of(optimizer):
    """(learning rate, momentum) of every group."""
    return [
        (float(group["lr"]), group["betas"][0] if "betas" in group else group["momentum"])
        for group in optimizer.param_groups
    ]


def run(optimizer, scheduler, steps=STEPS):
    seen = [state_of(optimizer)]
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
        seen.append(state_of(optimizer))
        assert [float(lr) for lr in scheduler.get_last_lr()] == [row[0] for row in seen[-1]]
    return seen


def build(framework, name, options, kind):
    optimizer = make_optimizer(framework, kind)
    options = copy.deepcopy(options)
    return optimizer, getattr(framework.optim.lr_scheduler, name)(optimizer, **options)


def assert_close(mine, theirs):
    np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("name", "options", "kind"), CASES, ids=IDS)
def test_same_rates_as_pytorch(name, options, kind):
    mine = run(*build(nt, name, options, kind))
    theirs = run(*build(torch, name, options, kind))
    assert_close(mine, theirs)


@pytest.mark.parametrize(("name", "options", "kind"), CASES, ids=IDS)
def test_resume_from_a_checkpoint(name, options, kind):
    optimizer, scheduler = build(nt, name, options, kind)
    expected = run(optimizer, scheduler, 12)[-7:]

    optimizer, scheduler = build(nt, name, options, kind)
    run(optimizer, scheduler, 6)
    saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    optimizer, scheduler = build(nt, name, options, kind)
    optimizer.load_state_dict(saved[0])
    scheduler.load_state_dict(saved[1])
    assert run(optimizer, scheduler, 6) == expected


@pytest.mark.parametrize(("name", "options", "kind"), CASES, ids=IDS)
def test_same_checkpoint_keys_as_pytorch(name, options, kind):
    _, mine = build(nt, name, options, kind)
    _, theirs = build(torch, name, options, kind)
    internal = {"_scale_fn_ref"}
    assert set(mine.state_dict()) == set(theirs.state_dict()) - internal


CLOSED_FORM = ("Step", "MultiStep", "Constant", "Linear", "Exponential", "Polynomial", "Cosine")
CLOSED = [case for case in CASES if case[0].startswith(CLOSED_FORM)]


@pytest.mark.parametrize(("name", "options", "kind"), CLOSED, ids=[case[0] for case in CLOSED])
@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")
def test_step_to_an_epoch(name, options, kind):
    mine_optimizer, mine = build(nt, name, options, kind)
    their_optimizer, theirs = build(torch, name, options, kind)
    for optimizer in (mine_optimizer, their_optimizer):
        optimizer.step()
    for epoch in (0, 3, 5, 12, 29):
        mine.step(epoch)
        theirs.step(epoch)
        assert_close([state_of(mine_optimizer)], [state_of(their_optimizer)])


def test_warm_restarts_step_within_an_epoch():
    options = {"T_0": 4, "T_mult": 2}
    mine_optimizer, mine = build(nt, "CosineAnnealingWarmRestarts", options, "SGD")
    their_optimizer, theirs = build(torch, "CosineAnnealingWarmRestarts", options, "SGD")
    for quarter in range(80):
        mine.step(quarter / 4)
        theirs.step(quarter / 4)
        assert_close([state_of(mine_optimizer)], [state_of(their_optimizer)])
    with pytest.raises(ValueError, match="non-negative epoch"):
        mine.step(-1)


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize("min_lr", [0, 0.01, [0.02, 0.001]])
def test_plateau(mode, threshold_mode, min_lr):
    metrics = [math.sin(epoch / 3) + 2 + 0.3 * math.cos(5 * epoch) for epoch in range(60)]
    options = {
        "mode": mode,
        "factor": 0.5,
        "patience": 2,
        "threshold": 0.05,
        "threshold_mode": threshold_mode,
        "cooldown": 1,
        "min_lr": min_lr,
    }

    def rates(framework):
        optimizer = make_optimizer(framework)
        scheduler = framework.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        seen = []
        for metric in metrics:
            scheduler.step(metric)
            seen.append(state_of(optimizer))
        return seen, scheduler.state_dict()

    mine, my_state = rates(nt)
    theirs, their_state = rates(torch)
    assert_close(mine, theirs)
    assert my_state == their_state
    assert len({group[0] for groups in mine for group in groups}) > 3


def test_plateau_errors():
    optimizer = make_optimizer(nt)
    plateau = lr_scheduler.ReduceLROnPlateau
    with pytest.raises(ValueError, match="Factor should be < 1.0"):
        plateau(optimizer, factor=1.0)
    with pytest.raises(ValueError, match="mode mean is unknown"):
        plateau(optimizer, mode="mean")
    with pytest.raises(ValueError, match="threshold mode up is unknown"):
        plateau(optimizer, threshold_mode="up")
    with pytest.raises(ValueError, match="expected 2 min_lrs, got 1"):
        plateau(optimizer, min_lr=[0.1])
    scheduler = plateau(optimizer, patience=0, min_lr=[0.1, 0.1])
    optimizer.add_param_group({"params": [nt.tensor([1.0], requires_grad=True)]})
    with pytest.raises(RuntimeError, match="number of param groups"):
        for metric in (1.0, 2.0, 3.0):
            scheduler.step(metric)
    default = plateau(make_optimizer(nt), patience=0)
    default.optimizer.add_param_group({"params": [nt.tensor([1.0], requires_grad=True)]})
    for metric in (1.0, 2.0):
        default.step(metric)
    assert default.get_last_lr() == pytest.approx([0.02, 0.005, 0.01])


def sequential(framework):
    optimizer = make_optimizer(framework)
    schedules = framework.optim.lr_scheduler
    parts = [
        schedules.LinearLR(optimizer, start_factor=0.1, total_iters=5),
        schedules.ExponentialLR(optimizer, gamma=0.9),
        schedules.CosineAnnealingLR(optimizer, T_max=6),
    ]
    return optimizer, schedules.SequentialLR(optimizer, parts, milestones=[5, 12])


def chained(framework):
    optimizer = make_optimizer(framework)
    schedules = framework.optim.lr_scheduler
    parts = [
        schedules.ConstantLR(optimizer, factor=0.1, total_iters=4),
        schedules.ExponentialLR(optimizer, gamma=0.9),
    ]
    return optimizer, schedules.ChainedScheduler(parts)


@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step:UserWarning")
@pytest.mark.parametrize("compose", [sequential, chained])
def test_composites(compose):
    mine, theirs = run(*compose(nt)), run(*compose(torch))
    assert_close(mine, theirs)

    optimizer, scheduler = compose(nt)
    run(optimizer, scheduler, 7)
    saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    optimizer, scheduler = compose(nt)
    optimizer.load_state_dict(saved[0])
    scheduler.load_state_dict(saved[1])
    assert run(optimizer, scheduler, 10) == mine[7:18]


def test_composite_errors():
    optimizer, other = make_optimizer(nt), make_optimizer(nt)
    step = lr_scheduler.StepLR(optimizer, 3)
    with pytest.raises(ValueError, match="expects at least one scheduler"):
        lr_scheduler.SequentialLR(optimizer, [], [])
    with pytest.raises(ValueError, match="expects at least one scheduler"):
        lr_scheduler.ChainedScheduler([])
    with pytest.raises(ValueError, match="number of milestones to be equal to 2"):
        lr_scheduler.SequentialLR(optimizer, [step], [1, 2])
    with pytest.raises(ValueError, match="belong to the same optimizer"):
        lr_scheduler.ChainedScheduler([step], other)
    with pytest.raises(TypeError, match="should have `optimizer`"):
        lr_scheduler.ChainedScheduler([step, 3])
    with pytest.raises(ValueError, match="does not support `ReduceLROnPlateau`"):
        lr_scheduler.ChainedScheduler([lr_scheduler.ReduceLROnPlateau(optimizer)])


def test_rate_in_a_tensor_changes_in_place():
    optimizer = make_optimizer(nt, "Adam", tensor_lr=True)
    rate = optimizer.param_groups[0]["lr"]
    scheduler = lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    first = scheduler.get_last_lr()[0]
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == pytest.approx(0.1)
    assert first.item() == pytest.approx(0.2)


def test_resume_needs_initial_rates():
    optimizer = make_optimizer(nt)
    with pytest.raises(KeyError, match="initial_lr"):
        lr_scheduler.StepLR(optimizer, 3, last_epoch=2)
    for group in optimizer.param_groups:
        group["initial_lr"] = 1.0
    scheduler = lr_scheduler.StepLR(optimizer, 3, last_epoch=2)
    assert scheduler.last_epoch == 3
    assert scheduler.get_last_lr() == pytest.approx([0.02, 0.005])


def test_warnings():
    optimizer = make_optimizer(nt)
    scheduler = lr_scheduler.StepLR(optimizer, 3)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()

    optimizer = make_optimizer(nt)
    scheduler = lr_scheduler.StepLR(optimizer, 3)
    optimizer.step = lambda: None
    with pytest.warns(UserWarning, match="has been overridden"):
        scheduler.step()

    optimizer = make_optimizer(nt)
    scheduler = lr_scheduler.StepLR(optimizer, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("LambdaLR", {"lr_lambda": [half_lambda]}, ValueError, "Expected 2 lr_lambdas, but got 1"),
        ("MultiplicativeLR", {"lr_lambda": 3}, TypeError, "should be a function, but got int"),
        ("ConstantLR", {"factor": 2}, ValueError, "between 0 and 1"),
        ("LinearLR", {"start_factor": 0}, ValueError, "Starting multiplicative factor"),
        ("LinearLR", {"end_factor": 2}, ValueError, "Ending multiplicative factor"),
        ("CosineAnnealingWarmRestarts", {"T_0": 0}, ValueError, "positive integer T_0"),
        ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 0}, ValueError, "T_mult >= 1"),
        ("CosineAnnealingWarmRestarts", {"T_0": 2, "eta_min": "0"}, ValueError, "eta_min"),
        ("CyclicLR", {"base_lr": [1.0], "max_lr": 2}, ValueError, "base_lr must have the same"),
        ("CyclicLR", {"base_lr": 1, "max_lr": 2, "mode": "x"}, ValueError, "mode is invalid"),
        ("OneCycleLR", {"max_lr": 1.0}, ValueError, "either total_steps OR"),
        ("OneCycleLR", {"max_lr": 1.0, "total_steps": 0}, ValueError, "positive integer total"),
        ("OneCycleLR", {"max_lr": 1.0, "total_steps": 9, "pct_start": 2}, ValueError, "pct_start"),
        (
            "OneCycleLR",
            {"max_lr": 1.0, "total_steps": 9, "anneal_strategy": "up"},
            ValueError,
            "anneal_strategy must be one of",
        ),
    ],
)
def test_option_errors(name, options, error, message):
    with pytest.raises(error, match=message):
        getattr(lr_scheduler, name)(make_optimizer(nt), **options)


def test_cycles_need_momentum_and_an_optimizer():
    plain = nt.optim.Adagrad([nt.tensor([1.0], requires_grad=True)])
    with pytest.raises(ValueError, match="must support momentum or beta1"):
        lr_scheduler.CyclicLR(plain, 0.1, 0.2)
    with pytest.raises(TypeError, match="int is not an Optimizer"):
        lr_scheduler.StepLR(3, 1)
    optimizer = make_optimizer(nt)
    scheduler = lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=2)
    optimizer.step()
    scheduler.step()
    scheduler.step()
    with pytest.raises(ValueError, match="Tried to step 3 times"):
        scheduler.step()
