"""What Module does, without PyTorch."""

import copy
import pickle

import pytest

import numbatorch as torch
from numbatorch import nn


class Net(nn.Module):
    """Two layers, a parameter and buffers of its own."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.second = nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2))
        self.scale = nn.Parameter(torch.ones(2))
        self.register_buffer("offset", torch.zeros(2))
        self.register_buffer("cache", torch.zeros(1), persistent=False)

    def forward(self, x):
        return self.second(self.first(x)) * self.scale + self.offset


def test_names_come_in_order_of_assignment():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == [
        "scale", "first.weight", "first.bias", "second.0.weight", "second.0.bias",
        "second.1.weight", "second.1.bias",
    ]  # fmt: skip
    assert [name for name, _ in net.named_modules()] == [
        "", "first", "second", "second.0", "second.1",
    ]  # fmt: skip
    assert [name for name, _ in net.named_buffers()][:2] == ["offset", "cache"]
    assert [name for name, _ in net.named_children()] == ["first", "second"]
    assert [name for name, _ in net.named_parameters("net", recurse=False)] == ["net.scale"]


def test_shared_modules_and_parameters_are_listed_once():
    layer = nn.Linear(2, 2)
    both = nn.Sequential(layer, layer)
    assert len(list(both.parameters())) == 2
    assert len(list(both.named_parameters(remove_duplicate=False))) == 4
    assert len(list(both.modules())) == 2
    assert list(both.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_assignment_registers_and_deletion_forgets():
    module = nn.Module()
    module.thing = 3
    module.thing = nn.Parameter(torch.ones(1))
    assert "thing" in module._parameters and "thing" not in module.__dict__
    module.thing = None
    assert module._parameters["thing"] is None
    del module.thing
    module.thing = nn.ReLU()
    assert list(module.children()) == [module.thing]
    del module.thing
    assert not hasattr(module, "thing")
    module.thing = nn.Buffer(torch.ones(2), persistent=False)
    assert list(module.buffers()) and not module.state_dict()
    assert "thing" in dir(module)


def test_plain_tensors_replace_buffers_but_not_parameters():
    net = Net()
    net.offset = torch.ones(2)
    assert net.state_dict()["offset"].tolist() == torch.ones(2).tolist()
    with pytest.raises(TypeError, match="cannot assign"):
        net.scale = torch.ones(2)
    with pytest.raises(TypeError, match="as child module"):
        net.first = 3


def test_before_init_nothing_can_be_registered():
    class Early(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter(torch.ones(1))

    with pytest.raises(AttributeError, match="before Module.__init__"):
        Early()


def test_modes_reach_all_modules():
    net = Net()
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    net.train()
    assert all(module.training for module in net.modules())
    with pytest.raises(ValueError, match="boolean"):
        net.train(1)


def test_apply_visits_children_first():
    visited = []
    net = Net()
    net.apply(lambda module: visited.append(type(module).__name__))
    assert visited == ["Linear", "Linear", "BatchNorm1d", "Sequential", "Net"]


def test_conversion_keeps_parameters_and_spares_integers():
    net = Net()
    weight = net.first.weight
    assert net.double() is net
    assert net.first.weight is weight and weight.dtype == torch.float64
    assert net.second[1].num_batches_tracked.dtype == torch.int64
    assert net.to(torch.float32).offset.dtype == torch.float32
    assert net.to("cpu", torch.float16).scale.dtype == torch.float16
    with pytest.raises(TypeError, match="floating point"):
        net.to(torch.int32)


def test_conversion_takes_gradients_along():
    layer = nn.Linear(2, 1)
    layer(torch.ones(1, 2)).sum().backward()
    layer.double()
    assert layer.weight.grad.dtype == torch.float64


def test_zero_grad():
    layer = nn.Linear(2, 1)
    layer(torch.ones(1, 2)).sum().backward()
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad.tolist() == torch.zeros(1, 2).tolist()
    layer.zero_grad()
    assert layer.weight.grad is None


def test_requires_grad_freezes():
    net = Net().requires_grad_(False)
    assert not any(parameter.requires_grad for parameter in net.parameters())


def test_state_dict_round_trip():
    source, target = Net(), Net()
    saved = source.state_dict()
    assert "cache" not in saved and "second.1.num_batches_tracked" in saved
    assert not saved["scale"].requires_grad
    assert source.state_dict(keep_vars=True)["scale"] is source.scale
    assert saved._metadata["second.1"] == {"version": 2}
    result = target.load_state_dict(saved)
    assert str(result) == "<All keys matched successfully>"
    for ours, theirs in zip(source.parameters(), target.parameters()):
        assert ours.tolist() == theirs.tolist()


def test_loading_copies_unless_told_to_assign():
    layer, state = nn.Linear(2, 2), nn.Linear(2, 2).state_dict()
    weight = layer.weight
    layer.load_state_dict(state)
    assert layer.weight is weight
    layer.load_state_dict(state, assign=True)
    assert layer.weight is not weight and isinstance(layer.weight, nn.Parameter)


def test_strict_loading_lists_everything_that_is_wrong():
    state = nn.Linear(2, 3).state_dict()
    del state["bias"]
    state["extra"] = torch.ones(1)
    with pytest.raises(RuntimeError) as error:
        nn.Linear(3, 3).load_state_dict(state)
    assert str(error.value) == (
        "Error(s) in loading state_dict for Linear:\n"
        '\tMissing key(s) in state_dict: "bias". \n'
        '\tUnexpected key(s) in state_dict: "extra". \n'
        "\tsize mismatch for weight: copying a param with shape torch.Size([3, 2]) from "
        "checkpoint, the shape in current model is torch.Size([3, 3])."
    )


def test_loose_loading_reports_the_keys():
    state = nn.Linear(2, 3).state_dict()
    del state["bias"]
    state["extra"] = torch.ones(1)
    missing, unexpected = nn.Linear(2, 3).load_state_dict(state, strict=False)
    assert missing == ["bias"] and unexpected == ["extra"]


def test_old_batch_norm_states_have_no_count():
    state = nn.BatchNorm1d(2).state_dict()
    del state["num_batches_tracked"], state._metadata
    nn.BatchNorm1d(2).load_state_dict(state)


def test_extra_state():
    class Counter(nn.Module):
        count = 0

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    source, target = nn.Sequential(Counter()), nn.Sequential(Counter())
    source[0].count = 5
    target.load_state_dict(source.state_dict())
    assert target[0].count == 5
    with pytest.raises(RuntimeError, match="_extra_state"):
        target.load_state_dict({})


def test_state_dict_hooks():
    layer, calls = nn.Linear(1, 1), []

    def rename(module, state, prefix, metadata):
        state[prefix + "w"] = state.pop(prefix + "weight")

    def restore(module, state, prefix, *rest):
        calls.append(type(module).__name__)
        if prefix + "w" in state:
            state[prefix + "weight"] = state.pop(prefix + "w")

    def forgive(module, incompatible):
        incompatible.missing_keys.clear()

    layer.register_state_dict_post_hook(rename)
    layer.register_load_state_dict_pre_hook(restore)
    state = nn.Sequential(layer).state_dict()
    assert list(state) == ["0.bias", "0.w"]
    layer.load_state_dict({"w": torch.ones(1, 1), "bias": torch.ones(1)})
    assert calls == ["Linear"] and layer.weight.item() == 1.0
    layer.register_load_state_dict_post_hook(forgive)
    layer.load_state_dict({"bias": torch.ones(1)})


def test_forward_hooks_see_and_replace():
    layer = nn.Identity()
    double = layer.register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    add = layer.register_forward_hook(lambda module, args, output: output + args[0])
    assert layer(torch.tensor(3.0)).item() == 12.0
    double.remove()
    assert layer(torch.tensor(3.0)).item() == 6.0
    add.remove()
    assert layer(torch.tensor(3.0)).item() == 3.0


def test_hooks_run_in_order_and_take_keywords():
    class Scale(nn.Module):
        def forward(self, x, by=1):
            return x * by

    order, module = [], Scale()
    module.register_forward_hook(lambda *_: order.append("second"))
    module.register_forward_hook(lambda *_: order.append("first"), prepend=True)
    module.register_forward_pre_hook(
        lambda module, args, kwargs: (args, {"by": kwargs["by"] + 1}), with_kwargs=True
    )
    seen = []
    module.register_forward_hook(
        lambda module, args, kwargs, output: seen.append(kwargs), with_kwargs=True
    )
    assert module(torch.tensor(2.0), by=2).item() == 6.0
    assert order == ["first", "second"] and seen == [{"by": 3}]


def test_always_called_hooks_run_after_a_failure():
    class Broken(nn.Module):
        def forward(self):
            raise KeyError("broken")

    calls, module = [], Broken()
    module.register_forward_hook(lambda *_: calls.append("usual"))
    module.register_forward_hook(lambda *_: calls.append("always"), always_call=True)
    with pytest.raises(KeyError):
        module()
    assert calls == ["always"]


def test_global_hooks_see_every_module():
    seen = []
    register = nn.modules.module.register_module_forward_hook
    with register(lambda module, args, output: seen.append(type(module).__name__)):
        nn.Sequential(nn.Identity(), nn.Identity())(torch.ones(1))
    assert seen == ["Identity", "Identity", "Sequential"]
    nn.Identity()(torch.ones(1))
    assert len(seen) == 3


def test_full_backward_hooks_see_both_gradients():
    layer = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[2.0, 3.0]]))
    seen = []
    layer.register_full_backward_hook(
        lambda module, grad_input, grad_output: seen.append((grad_input, grad_output))
    )
    x = torch.ones(1, 2, requires_grad=True)
    (layer(x) * 5).sum().backward()
    ((grad_input,), (grad_output,)), *rest = seen
    assert not rest
    assert grad_output.tolist() == [[5.0]] and grad_input.tolist() == [[10.0, 15.0]]


def test_full_backward_hooks_replace_gradients():
    layer = nn.Identity()
    layer.register_full_backward_pre_hook(lambda module, grad_output: (grad_output[0] * 2,))
    layer.register_full_backward_hook(lambda module, grads, _: (grads[0] + 1,))
    x = torch.ones(2, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_full_backward_hooks_without_input_gradients():
    layer, seen = nn.Linear(2, 1), []
    layer.register_full_backward_hook(lambda module, grads, _: seen.append(grads))
    layer(torch.ones(1, 2)).sum().backward()
    assert seen == [(None,)] and layer.weight.grad is not None


def test_deepcopy_is_independent():
    net = Net()
    twin = copy.deepcopy(net)
    with torch.no_grad():
        twin.scale.zero_()
        twin.offset.fill_(3)
    assert net.scale.tolist() == [1, 1] and net.offset.tolist() == [0, 0]
    assert isinstance(twin.scale, nn.Parameter) and twin.scale.requires_grad
    shared = nn.Linear(2, 2)
    pair = copy.deepcopy(nn.Sequential(shared, shared))
    assert pair[0] is pair[1] and pair[0] is not shared


def test_pickling():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.LSTM(3, 2))
    twin = pickle.loads(pickle.dumps(net))
    assert repr(twin) == repr(net)
    for ours, theirs in zip(net.state_dict().values(), twin.state_dict().values()):
        assert ours.tolist() == theirs.tolist()
    assert all(isinstance(parameter, nn.Parameter) for parameter in twin.parameters())


def test_finding_by_path():
    net = Net()
    assert net.get_submodule("second.0") is net.second[0]
    assert net.get_submodule("") is net
    assert net.get_parameter("second.0.weight") is net.second[0].weight
    assert net.get_buffer("second.1.running_mean") is net.second[1].running_mean
    net.set_submodule("second.0", nn.Identity())
    assert isinstance(net.second[0], nn.Identity)
    with pytest.raises(AttributeError, match="has no attribute `third`"):
        net.get_submodule("third")
    with pytest.raises(AttributeError, match="is not an nn.Parameter"):
        net.get_parameter("offset")


def test_parameter_shares_memory_and_prints():
    data = torch.ones(2)
    parameter = nn.Parameter(data)
    with torch.no_grad():
        parameter.add_(1)
    assert data.tolist() == [2.0, 2.0] and parameter.is_leaf and parameter.requires_grad
    assert repr(parameter) == ("Parameter containing:\ntensor([2., 2.], requires_grad=True)")
    assert not isinstance(parameter * 2, nn.Parameter)


def test_lazy_modules_learn_their_shapes():
    with pytest.warns(UserWarning, match="Lazy"):
        net = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d(), nn.LazyLinear(1, bias=False))
    with pytest.raises(RuntimeError, match="uninitialized"):
        net[0].weight.shape  # noqa: B018
    net(torch.ones(4, 5))
    assert type(net[0]) is nn.Linear and type(net[1]) is nn.BatchNorm1d
    assert tuple(net[0].weight.shape) == (3, 5) and type(net[0].weight) is nn.Parameter
    assert not net[0]._forward_pre_hooks


def test_lazy_modules_load_states():
    with pytest.warns(UserWarning, match="Lazy"):
        lazy = nn.LazyLinear(3)
    lazy.load_state_dict(nn.Linear(5, 3).state_dict())
    assert tuple(lazy.weight.shape) == (3, 5)
