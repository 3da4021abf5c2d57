"""Recomputation in backward: the same gradients, the same random numbers, fewer kept values."""

import pytest

import numbatorch as torch
from numbatorch.autograd.graph import disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks
from numbatorch.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Tanh(), torch.nn.Linear(8, 3)
    )


@pytest.mark.parametrize("reentrant", [False, True])
def test_gradients_are_those_without(reentrant):
    found = []
    for call in (lambda model, x: model(x), lambda m, x: checkpoint(m, x, use_reentrant=reentrant)):
        model = network()
        x = torch.ones(5, 4, requires_grad=True)
        call(model, x).square().sum().backward()
        found.append([x.grad, *[p.grad for p in model.parameters()]])
    for a, b in zip(*found):
        torch.testing.assert_close(a, b)


def test_in_segments():
    model = network()
    x = torch.ones(5, 4, requires_grad=True)
    torch.manual_seed(1)
    expected = model(x)
    torch.manual_seed(1)
    found = checkpoint_sequential(model, 2, x, use_reentrant=False)
    assert expected.tolist() == found.tolist()
    assert torch.autograd.grad(found.sum(), x)[0].abs().sum() > 0


def test_second_derivatives_and_retained_graphs():
    x = torch.tensor([0.5, 1.0], requires_grad=True)
    y = checkpoint(lambda a: a.exp() * a.sin(), x, use_reentrant=False)
    (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x, retain_graph=True)
    torch.testing.assert_close(second, 2 * x.exp() * x.cos())
    (again,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(again, first)


def test_the_function_runs_again_once():
    runs = []

    def function(x):
        runs.append(torch.is_grad_enabled())
        return x.exp().sin()

    x = torch.ones(3, requires_grad=True)
    checkpoint(function, x, use_reentrant=False).sum().backward()
    assert runs == [True, True]


def test_a_different_second_run_is_noticed():
    runs = []

    def function(x):
        runs.append(0)
        return x.sin().cos() if len(runs) == 1 else x.sin()

    x = torch.ones(3, requires_grad=True)
    with pytest.raises(CheckpointError, match="different number of tensors"):
        checkpoint(function, x, use_reentrant=False).sum().backward()
    with pytest.raises(ValueError, match="Unexpected keyword arguments"):
        checkpoint(torch.sin, x, use_reentrant=True, scale=2)
    with pytest.warns(UserWarning, match="use_reentrant parameter should be passed"):
        checkpoint(torch.sin, x)


def test_hooks_on_kept_tensors():
    seen = []

    def pack(tensor):
        seen.append("pack")
        return tensor.numpy(force=True).copy()

    def unpack(packed):
        seen.append("unpack")
        return torch.from_numpy(packed)

    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with saved_tensors_hooks(pack, unpack):
        y = x.exp() * x
    (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    torch.testing.assert_close(first, (1 + x) * x.exp())
    torch.testing.assert_close(second, (2 + x) * x.exp())
    assert seen.count("pack") == 3 and seen.count("unpack") >= 3
    with save_on_cpu():
        z = x.exp()
    z.sum().backward()
    with (
        pytest.raises(RuntimeError, match="not now"),
        disable_saved_tensors_hooks("not now"),
        saved_tensors_hooks(pack, unpack),
    ):
        pass


def test_hook_after_accumulation():
    x = torch.ones(2, requires_grad=True)
    seen = []
    handle = x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.tolist()))
    (x * 3).sum().backward()
    (x * 3).sum().backward()
    handle.remove()
    (x * 3).sum().backward()
    assert seen == [[3.0, 3.0], [6.0, 6.0]]
    with pytest.raises(RuntimeError, match="non-leaf"):
        (x * 2).register_post_accumulate_grad_hook(print)
