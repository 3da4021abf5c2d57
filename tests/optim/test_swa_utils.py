"""Weight averaging as in PyTorch."""

import numpy as np
import pytest

import numbatorch as nt

torch = pytest.importorskip("torch")


def make_model(framework):
    model = framework.nn.Sequential(framework.nn.Linear(2, 3), framework.nn.BatchNorm1d(3))
    with framework.no_grad():
        for index, param in enumerate(model.parameters()):
            param.fill_(0.5 + index)
    return model


def average(framework, make, steps=4, **options):
    swa_utils = framework.optim.swa_utils
    model = make_model(framework)
    averaged = swa_utils.AveragedModel(model, **{**options, **make(swa_utils)})
    for step in range(steps):
        with framework.no_grad():
            for param in model.parameters():
                param.mul_(0.9).add_(step)
            model[1].running_mean.add_(1.0)
        averaged.update_parameters(model)
    return {name: value.tolist() for name, value in averaged.state_dict().items()}


AVERAGES = {
    "default": lambda utils: {},
    "ema": lambda utils: {"avg_fn": utils.get_ema_avg_fn(0.9)},
    "multi-ema": lambda utils: {"multi_avg_fn": utils.get_ema_multi_avg_fn(0.8)},
    "swa": lambda utils: {"avg_fn": utils.get_swa_avg_fn()},
    "multi-swa": lambda utils: {"multi_avg_fn": utils.get_swa_multi_avg_fn()},
}
CASES = [(name, use_buffers) for name in AVERAGES for use_buffers in (False, True)]
CASES.remove(("multi-swa", True))  # PyTorch's fails on integer buffers


@pytest.mark.parametrize(("name", "use_buffers"), CASES)
def test_averages(name, use_buffers):
    make = AVERAGES[name]
    mine = average(nt, make, use_buffers=use_buffers)
    theirs = average(torch, make, use_buffers=use_buffers)
    assert list(mine) == list(theirs)
    for name, value in theirs.items():
        np.testing.assert_allclose(mine[name], value, rtol=1e-5, err_msg=name)


def test_update_bn():
    batches = np.random.default_rng(0).standard_normal((5, 8, 2)).astype("float32")

    def statistics(framework):
        model = make_model(framework).eval()
        loader = [[framework.tensor(batch.tolist())] for batch in batches]
        framework.optim.swa_utils.update_bn(loader, model)
        assert not model.training
        assert model[1].momentum == 0.1
        return model[1].running_mean.tolist(), model[1].running_var.tolist()

    for mine, theirs in zip(statistics(nt), statistics(torch)):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 1, 7])
def test_swalr(strategy, epochs):
    def rates(framework):
        params = [framework.tensor([1.0], requires_grad=True) for _ in range(2)]
        groups = [{"params": [params[0]]}, {"params": [params[1]], "lr": 0.3}]
        optimizer = framework.optim.SGD(groups, lr=0.1)
        scheduler = framework.optim.swa_utils.SWALR(
            optimizer, swa_lr=[0.01, 0.5], anneal_epochs=epochs, anneal_strategy=strategy
        )
        seen = []
        for _ in range(10):
            optimizer.step()
            scheduler.step()
            seen.append(scheduler.get_last_lr())
        return seen

    np.testing.assert_allclose(rates(nt), rates(torch), rtol=1e-12)


def test_errors():
    utils = nt.optim.swa_utils
    for make in (utils.get_ema_avg_fn, utils.get_ema_multi_avg_fn):
        with pytest.raises(ValueError, match="Invalid decay value"):
            make(1.5)
    with pytest.raises(AssertionError, match="Only one of"):
        utils.AveragedModel(make_model(nt), avg_fn=max, multi_avg_fn=max)
    optimizer = nt.optim.SGD([nt.tensor([1.0], requires_grad=True)], lr=0.1)
    with pytest.raises(ValueError, match="anneal_strategy must be one of"):
        utils.SWALR(optimizer, 0.1, anneal_strategy="up")
    with pytest.raises(ValueError, match="anneal_epochs must be"):
        utils.SWALR(optimizer, 0.1, anneal_epochs=-1)
