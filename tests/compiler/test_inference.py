"""`mode="inference"`: batch norms are folded, weights are packed once, and changes of weights count."""

import copy
import sys
import warnings
from pathlib import Path

import pytest

import numbatorch as torch
from numbatorch import nn
from numbatorch.compiler import CompileWarning

sys.path.append(str(Path(__file__).parents[1] / "nn"))

from module_cases import CASES  # noqa: E402
from module_comparison import Library, outputs_of  # noqa: E402


def trained(*layers):
    """A network in evaluation mode whose statistics are not those it began with."""
    torch.manual_seed(0)
    model = nn.Sequential(*layers)
    for layer in model:
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.running_mean.uniform_(-1, 1)
            layer.running_var.uniform_(0.5, 2)
            if layer.affine:
                with torch.no_grad():
                    layer.weight.uniform_(0.5, 2)
                    layer.bias.uniform_(-1, 1)
    return model.eval()


def names(compiled):
    return [i.name for i in compiled._compiled.plans[0][1].program.instructions]


def launches(compiled):
    return sum(len(i.launches) for i in compiled._compiled.plans[0][1].program.instructions)


def check(model, *shape, calls=4):
    compiled = torch.compile(model, mode="inference", fullgraph=True)
    for _ in range(calls):
        x = torch.randn(*shape)
        found, expected = compiled(x), model(x)
        assert not found.requires_grad
        torch.testing.assert_close(found, expected.detach(), rtol=1e-4, atol=1e-5)
    assert len(compiled._compiled.plans) == 1
    return compiled


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_is_folded_into_a_convolution(bias, affine):
    model = trained(
        nn.Conv2d(16, 24, 3, padding=1, bias=bias), nn.BatchNorm2d(24, affine=affine), nn.ReLU(),
        nn.Conv2d(24, 6, 1, stride=2, bias=bias), nn.BatchNorm2d(6, affine=affine),
    )  # fmt: skip
    compiled = check(model, 3, 16, 8, 8)
    assert names(compiled) == ["convolution", "relu", "convolution"]


def test_batch_norm_is_folded_into_a_linear_layer():
    compiled = check(trained(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.Tanh(), nn.Linear(7, 2)), 4, 5)
    assert names(compiled) == ["linear", "tanh", "linear"]


def test_what_is_read_twice_is_not_folded():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)

        def forward(self, x):
            y = self.conv(x)
            return self.norm(y) + y

    compiled = check(Block().eval(), 2, 3, 6, 6)
    assert any("normalize" in name for name in names(compiled))


def test_weights_are_transformed_once():
    model = trained(nn.Conv2d(16, 16, 3, padding=1))
    whole = torch.compile(model, fullgraph=True)
    with torch.no_grad():
        for _ in range(2):
            whole(torch.randn(2, 16, 8, 8))
    assert launches(check(model, 2, 16, 8, 8)) == 1 < launches(whole)


@pytest.mark.parametrize("change", ["weight", "mean", "load", "step"])
def test_changed_weights_count(change):
    model = trained(nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16))
    compiled = check(model, 2, 16, 8, 8)
    with torch.no_grad():
        if change == "weight":
            model[0].weight.mul_(2)
        elif change == "mean":
            model[1].running_mean.add_(1)
        elif change == "load":
            model.load_state_dict({k: v * 2 for k, v in model.state_dict().items()})
        else:
            optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
            with torch.enable_grad():
                model(torch.randn(2, 16, 8, 8)).sum().backward()
            optimizer.step()
    for _ in range(3):
        x = torch.randn(2, 16, 8, 8)
        torch.testing.assert_close(compiled(x), model(x).detach(), rtol=1e-4, atol=1e-4)
    assert len(compiled._compiled.plans) == 1  # the stale one is gone


def test_training_mode_is_another_kind_of_call():
    model = trained(nn.Linear(5, 7), nn.BatchNorm1d(7))
    compiled = check(model, 4, 5)
    model.train()
    twin = copy.deepcopy(model)
    for _ in range(3):
        x = torch.randn(4, 5)
        assert torch.equal(compiled(x), twin(x).detach())
        assert torch.equal(model[1].running_mean, twin[1].running_mean)


def test_errors():
    with pytest.raises(RuntimeError, match="evaluation mode"):
        torch.compile(nn.Linear(2, 2), mode="inference")
    with pytest.raises(RuntimeError, match="Unrecognized mode=fast"):
        torch.compile(nn.Linear(2, 2), mode="fast")


ALL = [
    pytest.param(make, inputs, id=f"{family} {place}")
    for family, cases in CASES.items()
    for place, (make, inputs) in enumerate(cases)
]


@pytest.mark.slow
@pytest.mark.parametrize("make, inputs", ALL)
def test_modules_for_inference(make, inputs):
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = make(torch.nn).double().eval()
        compiled = torch.compile(module, mode="inference")
    library = Library(torch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompileWarning)
        for factor in (1.0, 0.5, 0.25):
            given = [x * factor if x.dtype.kind == "f" else x for x in inputs]
            found = outputs_of(compiled(*library.tensors(given)))
            expected = outputs_of(module(*library.tensors(given)))
            for mine, other in zip(found, expected, strict=True):
                torch.testing.assert_close(mine, other.detach(), rtol=1e-9, atol=1e-9)
