"""Sequences and dictionaries of modules and parameters, without PyTorch."""

import pytest

import numbatorch as torch
from numbatorch import nn


def names(container):
    return [(name, type(module).__name__) for name, module in container.named_children()]


def test_sequential_runs_in_order():
    net = nn.Sequential(nn.Flatten(0), nn.Softmax(0))
    assert net(torch.zeros(2, 2)).tolist() == [0.25] * 4


def test_sequential_as_a_sequence():
    net = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Sigmoid())
    assert len(net) == 3 and isinstance(net[-1], nn.Sigmoid) and isinstance(net[:2], nn.Sequential)
    del net[0]
    assert names(net) == [("0", "Tanh"), ("1", "Sigmoid")]
    net[0] = nn.ELU()
    net.append(nn.ReLU()).insert(0, nn.GELU())
    assert names(net) == [("0", "GELU"), ("1", "ELU"), ("2", "Sigmoid"), ("3", "ReLU")]
    assert isinstance(net.pop(1), nn.ELU) and len(net + net) == 6 and len(net * 2) == 6
    with pytest.raises(IndexError):
        net[3]


def test_module_list():
    layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    assert len(list(layers.parameters())) == 6
    layers += [nn.ReLU()]
    layers.insert(1, nn.Tanh())
    assert [name for name, _ in names(layers)] == ["0", "1", "2", "3", "4"]
    assert isinstance(layers[1], nn.Tanh) and len(layers[1:3]) == 2
    del layers[::2]
    assert names(layers) == [("0", "Tanh"), ("1", "Linear")]
    with pytest.raises(NotImplementedError):
        layers(torch.ones(2))
    with pytest.raises(TypeError):
        layers.append(3)


def test_module_dict():
    layers = nn.ModuleDict({"a": nn.ReLU(), "b": nn.Tanh()})
    layers["c"] = nn.Sigmoid()
    layers.update([("a", nn.ELU())])
    assert list(layers) == ["a", "b", "c"] and "b" in layers and isinstance(layers["a"], nn.ELU)
    layers.pop("b")
    assert list(layers.keys()) == ["a", "c"] and len(layers) == 2
    layers.clear()
    assert len(layers) == 0


def test_parameter_list():
    weights = nn.ParameterList([torch.ones(2), torch.zeros(3)])
    weights.append(nn.Parameter(torch.ones(1)))
    assert len(weights) == 3 and all(isinstance(weight, nn.Parameter) for weight in weights)
    weights[0] = torch.zeros(4)
    assert list(weights.state_dict()) == ["0", "1", "2"] and tuple(weights[0].shape) == (4,)
    assert len(weights[1:]) == 2


def test_parameter_dict():
    weights = nn.ParameterDict({"a": torch.ones(2)})
    weights["b"] = torch.zeros(1)
    assert list(weights) == ["a", "b"] and len(list(weights.parameters())) == 2
    assert weights.get("c") is None and (weights | {"c": torch.ones(1)}).keys() >= {"c"}
    del weights["a"]
    assert list(weights.state_dict()) == ["b"]
    with pytest.raises(TypeError):
        weights[0] = torch.ones(1)
