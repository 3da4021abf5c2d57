"""Every optimizer goes PyTorch's way: 20 steps from the same start, for each option."""

import numpy as np
import pytest

import numbatorch
import numbatorch.optim

torch = pytest.importorskip("torch")

STEPS = 20

OPTIONS = {
    "SGD": [
        {},
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True},
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1},
        {"lr": 0.1, "weight_decay": 0.1, "maximize": True},
    ],
    "Adam": [
        {},
        {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3},
        {"lr": 0.1, "weight_decay": 0.1, "maximize": True},
        {"lr": 0.1, "amsgrad": True},
        {"lr": 0.1, "amsgrad": True, "weight_decay": 0.1, "decoupled_weight_decay": True},
        {"lr": 0.1, "foreach": True},
        {"lr": 0.1, "fused": True},
    ],
    "AdamW": [
        {},
        {"lr": 0.1, "weight_decay": 0.3},
        {"lr": 0.1, "amsgrad": True, "maximize": True},
    ],
    "Adadelta": [{}, {"lr": 0.5, "rho": 0.7, "weight_decay": 0.1}, {"maximize": True}],
    "Adagrad": [
        {},
        {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5},
        {"lr": 0.1, "weight_decay": 0.1, "maximize": True},
    ],
    "Adamax": [{}, {"lr": 0.1, "betas": (0.8, 0.9), "weight_decay": 0.1}, {"maximize": True}],
    "NAdam": [
        {},
        {"lr": 0.1, "weight_decay": 0.1, "momentum_decay": 0.1},
        {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True},
    ],
    "RAdam": [
        {},
        {"lr": 0.1, "betas": (0.8, 0.9), "weight_decay": 0.1},
        {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True},
    ],
    "RMSprop": [
        {},
        {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1},
        {"lr": 0.1, "centered": True},
        {"lr": 0.1, "centered": True, "momentum": 0.5, "maximize": True},
    ],
    "Rprop": [{}, {"lr": 0.1, "etas": (0.4, 1.5), "step_sizes": (1e-3, 0.3)}, {"maximize": True}],
    "ASGD": [
        {},
        {"lr": 0.1, "lambd": 0.01, "alpha": 0.5, "t0": 5, "weight_decay": 0.1},
        {"lr": 0.1, "t0": 3, "maximize": True},
    ],
}
CASES = [
    pytest.param(name, options, id=f"{name}-{'-'.join(map(str, options)) or 'default'}")
    for name, table in OPTIONS.items()
    for options in table
]
SHAPES = [(3, 4), (5,), ()]


def trajectory(framework, name, options, dtype):
    """The parameters after every step on a noisy quadratic, and the optimizer."""
    numbers = np.random.default_rng(0)
    params = []
    for shape in SHAPES:
        start = numbers.standard_normal(shape)
        params.append(framework.tensor(start.tolist(), dtype=getattr(framework, dtype)))
        params[-1].requires_grad_(True)
    optimizer = getattr(framework.optim, name)(params, **options)
    path = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        for param in params:
            noise = numbers.standard_normal(param.shape)
            target = framework.tensor(noise.tolist(), dtype=param.dtype)
            ((param - target) ** 2).sum().backward()
        optimizer.step()
        path.append([param.tolist() for param in params])
    return path, optimizer


def assert_same(mine, theirs, tolerance):
    for step, (my_params, their_params) in enumerate(zip(mine, theirs, strict=True)):
        for a, b in zip(my_params, their_params, strict=True):
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=f"step {step}")


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [pytest.param("float64", 1e-10, marks=pytest.mark.small), ("float32", 2e-5)],
)
@pytest.mark.parametrize(("name", "options"), CASES)
def test_same_path_as_pytorch(name, options, dtype, tolerance):
    mine, _ = trajectory(numbatorch, name, options, dtype)
    theirs, _ = trajectory(torch, name, options, dtype)
    assert_same(mine, theirs, tolerance)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_same_state_dict_as_pytorch(name, options):
    _, mine = trajectory(numbatorch, name, options, "float64")
    _, theirs = trajectory(torch, name, options, "float64")
    mine, theirs = mine.state_dict(), theirs.state_dict()
    assert mine["param_groups"] == theirs["param_groups"]
    assert list(mine["state"]) == list(theirs["state"])
    for index, state in theirs["state"].items():
        assert list(mine["state"][index]) == list(state)
        for key, value in state.items():
            my_value = mine["state"][index][key]
            assert str(my_value.dtype).split(".")[-1] == str(value.dtype).split(".")[-1], key
            np.testing.assert_allclose(my_value.tolist(), value.tolist(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_same_repr_as_pytorch(name, options):
    param = [1.0]
    mine = getattr(numbatorch.optim, name)([numbatorch.tensor(param)], **options)
    theirs = getattr(torch.optim, name)([torch.tensor(param)], **options)
    assert repr(mine) == repr(theirs)


@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "Adagrad"])
def test_complex_parameters(name):
    start, target = [1 + 2j, -0.5j, 0.3 + 0.1j], [0.1 - 1j, 2 + 0.5j, 0.3j]

    def run(framework):
        param = framework.tensor(start, dtype=framework.complex128, requires_grad=True)
        optimizer = getattr(framework.optim, name)([param], lr=0.1)
        for _ in range(STEPS):
            optimizer.zero_grad()
            goal = framework.tensor(target, dtype=framework.complex128)
            (param - goal).abs().pow(2).sum().backward()
            optimizer.step()
        return np.array(param.detach().tolist())

    np.testing.assert_allclose(run(numbatorch), run(torch), rtol=1e-9, atol=1e-10)


LBFGS_OPTIONS = [
    {},
    {"lr": 0.5, "max_iter": 5, "history_size": 3},
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "lr": 3.0, "max_iter": 30, "history_size": 2},
]


def rosenbrock_path(framework, options):
    param = framework.tensor([-1.2, 1.0, -0.5, 0.8], dtype=framework.float64, requires_grad=True)
    unused = framework.tensor([1.0], dtype=framework.float64, requires_grad=True)
    optimizer = framework.optim.LBFGS([param, unused], **options)

    def closure():
        optimizer.zero_grad()
        head, tail = param[:-1], param[1:]
        loss = (0.5 * (tail - head**2) ** 2 + 0.1 * (1 - head) ** 2).sum()
        loss.backward()
        return loss

    losses, path = [], []
    for _ in range(6):
        losses.append(optimizer.step(closure).item())
        path.append(param.tolist())
    return losses, path, optimizer.state_dict()


@pytest.mark.parametrize("options", LBFGS_OPTIONS, ids=str)
def test_lbfgs_same_path_as_pytorch(options):
    losses, path, state = rosenbrock_path(numbatorch, options)
    their_losses, their_path, their_state = rosenbrock_path(torch, options)
    np.testing.assert_allclose(losses, their_losses, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(path, their_path, rtol=1e-6, atol=1e-9)
    for key in ("func_evals", "n_iter"):
        assert state["state"][0][key] == their_state["state"][0][key]
    assert set(state["state"][0]) == set(their_state["state"][0])
    assert state["param_groups"] == their_state["param_groups"]
