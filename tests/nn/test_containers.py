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


def test_sequential_in_place_sums_and_products():
    net = nn.Sequential(nn.ReLU())
    net += nn.Sequential(nn.Tanh())
    assert names(net) == [("0", "ReLU"), ("1", "Tanh")]
    net *= 3
    assert [type(module).__name__ for module in net] == ["ReLU", "Tanh"] * 3 and len(2 * net) == 12
    assert not any(name.isdigit() for name in dir(net))
    net.insert(-1, nn.ELU())
    assert [type(module).__name__ for module in net[-2:]] == ["ELU", "Tanh"]
    for wrong in (lambda: net + [nn.ReLU()], lambda: net.__iadd__([nn.ReLU()]), lambda: net * 0):
        with pytest.raises(ValueError):
            wrong()
    with pytest.raises(TypeError):
        net * 1.5
    with pytest.raises(AssertionError):
        net.insert(0, 3)
    with pytest.raises(IndexError):
        net.insert(99, nn.ReLU())


def test_sums_and_text_of_module_lists():
    layers = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh()]) + [nn.Tanh()]
    assert repr(layers) == "ModuleList(\n  (0-1): 2 x ReLU()\n  (2-3): 2 x Tanh()\n)"
    assert repr(nn.ModuleList()) == "ModuleList()"
    assert isinstance(layers.pop(0), nn.ReLU) and len(layers) == 3
    with pytest.raises(TypeError):
        layers.extend(3)


def test_pairs_of_module_dicts():
    layers = nn.ModuleDict([("a", nn.ReLU())])
    layers.update(nn.ModuleDict({"b": nn.Tanh()}))
    del layers["a"]
    assert [(key, type(value).__name__) for key, value in layers.items()] == [("b", "Tanh")]
    assert [type(value).__name__ for value in layers.values()] == ["Tanh"]
    for wrong, error in ((3, TypeError), ([3], TypeError), ([("a", 1, 2)], ValueError)):
        with pytest.raises(error):
            layers.update(wrong)


def test_text_and_sums_of_parameter_lists():
    weights = nn.ParameterList([torch.ones(2)])
    weights += [torch.zeros(1, 3), "name"]
    assert [str(weight) for weight in list(weights)[2:]] == ["name"]
    assert repr(weights) == (
        "ParameterList(\n    (0): Parameter containing: [torch.float32 of size 2]\n"
        "    (1): Parameter containing: [torch.float32 of size 1x3]\n"
        "    (2): Object of type: str\n)"
    )
    assert not any(name.isdigit() for name in dir(weights))
    with pytest.raises(TypeError):
        weights.extend(torch.ones(2))
    with pytest.raises(RuntimeError):
        weights()


def test_dictionary_methods_of_parameter_dicts():
    weights = nn.ParameterDict({"a": torch.ones(2), "b": torch.zeros(1)})
    assert list(reversed(weights)) == ["b", "a"] and "a" in weights and len(weights) == 2
    assert weights.setdefault("c", torch.ones(3)).shape == (3,)
    assert weights.setdefault("a", None).shape == (2,)
    copy = weights.copy()
    assert copy["a"] is weights["a"] and list(copy.values())[0] is weights["a"]
    key, value = copy.popitem()
    assert key == "c" and value.shape == (3,) and copy.pop("a") is weights["a"]
    assert list(copy) == ["b"] and list(copy.fromkeys(["x", "y"], 1).items()) == [
        ("x", 1),
        ("y", 1),
    ]
    copy |= nn.ParameterDict({"d": torch.ones(1)})
    assert list(copy.keys()) == ["b", "d"]
    joined = nn.ParameterDict({"z": torch.ones(1)}).__ror__(copy)
    assert list(joined) == ["b", "d", "z"]
    assert "(a): Parameter containing: [torch.FloatTensor of size 2]" in repr(weights)
    weights.clear()
    assert len(weights) == 0 and not list(weights.parameters())
    with pytest.raises(RuntimeError):
        weights(torch.ones(1))
