"""parametrize, prune, fusion and functional_call beside PyTorch's."""

import copy

import numpy as np
import pytest

import numbatorch

torch = pytest.importorskip("torch")
pytest.importorskip("torch.nn.utils.prune")


def both(function):
    """function(framework) with the same seed; the two results."""
    results = []
    for framework in (torch, numbatorch):
        framework.manual_seed(0)
        results.append(function(framework))
    return results


def same(function, rtol=1e-5):
    expected, found = both(function)
    assert len(expected) == len(found)
    for a, b in zip(expected, found):
        np.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol=rtol, atol=1e-6)


def state(model):
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
@pytest.mark.parametrize("layer", ["Linear", "Conv2d", "ConvTranspose2d"])
def test_parametrizations(kind, layer):
    def run(t):
        made = t.nn.Linear(4, 3) if layer == "Linear" else getattr(t.nn, layer)(4, 3, 2)
        model = getattr(t.nn.utils.parametrizations, kind)(made)
        x = t.ones(2, 4) if layer == "Linear" else t.ones(2, 4, 3, 3)
        y = model(x)
        y.square().sum().backward()
        again = model(x)
        model.eval()
        return [y, again, model(x), *[p.grad for p in model.parameters()]]

    same(run)
    names = both(lambda t: state(getattr(t.nn.utils.parametrizations, kind)(t.nn.Linear(4, 3))))
    assert names[0] == names[1]


def test_old_weight_norm_files_load():
    old = numbatorch.nn.utils.weight_norm(numbatorch.nn.Linear(3, 2))
    new = numbatorch.nn.utils.parametrizations.weight_norm(numbatorch.nn.Linear(3, 2))
    new.load_state_dict(old.state_dict())
    x = numbatorch.ones(1, 3)
    assert new(x).tolist() == old(x).tolist()


def test_parametrizations_of_ones_own():
    def run(t):
        class Symmetric(t.nn.Module):
            def forward(self, x):
                return x.triu() + x.triu(1).transpose(-1, -2)

            def right_inverse(self, x):
                return x.triu()

        class Scaled(t.nn.Module):
            def forward(self, x):
                return 2 * x

        parametrize = t.nn.utils.parametrize
        model = t.nn.Linear(3, 3)
        parametrize.register_parametrization(model, "weight", Symmetric())
        parametrize.register_parametrization(model, "weight", Scaled())
        assert parametrize.is_parametrized(model, "weight")
        assert parametrize.type_before_parametrizations(model) is t.nn.Linear
        y = model(t.ones(1, 3))
        y.sum().backward()
        cloned = copy.deepcopy(model).weight.detach().clone()
        with parametrize.cached():
            assert model.weight is model.weight
        grad = model.parametrizations.weight.original.grad
        with pytest.raises(RuntimeError, match="right_inverse"):
            model.weight = t.ones(3, 3)
        parametrize.remove_parametrizations(model, "weight")
        assert type(model) is t.nn.Linear and isinstance(model.weight, t.nn.Parameter)
        return [y, grad, cloned, model.weight]

    same(run)


def test_parametrize_errors():
    def run(t):
        class Wider(t.nn.Module):
            def forward(self, x):
                return t.cat([x, x])

        found = []
        for action in (
            lambda m: t.nn.utils.parametrize.register_parametrization(m, "weight", Wider()),
            lambda m: t.nn.utils.parametrize.register_parametrization(m, "nothing", Wider()),
            lambda m: t.nn.utils.parametrize.remove_parametrizations(m, "weight"),
        ):
            try:
                action(t.nn.Linear(2, 2))
            except Exception as error:  # noqa: BLE001  its type is compared
                found.append(type(error).__name__)
        return found

    expected, found = both(run)
    assert expected == found


PRUNINGS = {
    "l1": lambda t, m: t.nn.utils.prune.l1_unstructured(m, "weight", 0.5),
    "random": lambda t, m: t.nn.utils.prune.random_unstructured(m, "weight", 3),
    "ln": lambda t, m: t.nn.utils.prune.ln_structured(m, "weight", 0.5, n=2, dim=0),
    "random_structured": lambda t, m: t.nn.utils.prune.random_structured(m, "weight", 1, dim=1),
    "identity": lambda t, m: t.nn.utils.prune.identity(m, "bias"),
    "custom": lambda t, m: t.nn.utils.prune.custom_from_mask(m, "bias", t.tensor([1, 0, 1])),
}


@pytest.mark.parametrize("name", PRUNINGS)
def test_pruning(name):
    def run(t):
        model = t.nn.Linear(4, 3)
        PRUNINGS[name](t, model)
        tensor = "bias" if name in ("identity", "custom") else "weight"
        y = model(t.ones(2, 4))
        y.sum().backward()
        assert t.nn.utils.prune.is_pruned(model)
        result = [y, getattr(model, f"{tensor}_mask"), getattr(model, f"{tensor}_orig").grad]
        t.nn.utils.prune.remove(model, tensor)
        assert not t.nn.utils.prune.is_pruned(model)
        return [*result, getattr(model, tensor)]

    same(run)


def test_pruning_again_and_globally():
    def run(t):
        prune = t.nn.utils.prune
        model = t.nn.Sequential(t.nn.Linear(4, 3), t.nn.Linear(3, 4))
        prune.l1_unstructured(model[0], "weight", 0.3)
        prune.ln_structured(model[0], "weight", 1, n=1, dim=0)
        prune.global_unstructured(
            [(model[0], "weight"), (model[1], "weight")], prune.L1Unstructured, amount=0.5
        )
        return [model[0].weight, model[1].weight, model[0].weight_mask]

    same(run)


def test_fusion():
    def run(t):
        conv, norm = t.nn.Conv2d(2, 3, 2), t.nn.BatchNorm2d(3)
        linear, flat = t.nn.Linear(4, 3, bias=False), t.nn.BatchNorm1d(3)
        for module in (norm, flat):
            module.running_mean.uniform_()
            module.running_var.uniform_(0.5, 1)
        for module in (conv, norm, linear, flat):
            module.eval()
        x, y = t.ones(1, 2, 4, 4), t.ones(2, 4)
        fused = t.nn.utils.fuse_conv_bn_eval(conv, norm)
        t.testing.assert_close(fused(x), norm(conv(x)))
        return [fused(x), t.nn.utils.fuse_linear_bn_eval(linear, flat)(y)]

    same(run)


def test_functional_call():
    functional_call = numbatorch.nn.utils.stateless.functional_call
    model = numbatorch.nn.Sequential(numbatorch.nn.Linear(2, 1), numbatorch.nn.BatchNorm1d(1))
    weight = numbatorch.ones(1, 2, requires_grad=True)
    before = model[0].weight
    y = functional_call(model.eval(), {"0.weight": weight}, (numbatorch.ones(3, 2),))
    y.sum().backward()
    assert weight.grad is not None and before.grad is None and model[0].weight is before
    with pytest.raises(RuntimeError, match="Missing key"):
        functional_call(model, {"0.weight": weight}, (numbatorch.ones(3, 2),), strict=True)
    with pytest.raises(AttributeError, match="nothing"):
        functional_call(model, {"nothing": weight}, (numbatorch.ones(3, 2),))
    tied = numbatorch.nn.Sequential(numbatorch.nn.Linear(2, 2), numbatorch.nn.Linear(2, 2))
    tied[1].weight = tied[0].weight
    zero = numbatorch.zeros(2, 2)
    found = functional_call(tied, {"0.weight": zero}, numbatorch.ones(1, 2))
    assert found.tolist() == [tied[1].bias.tolist()]
