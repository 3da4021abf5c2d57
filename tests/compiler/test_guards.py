"""Every kind of outside value is guarded: after a change the check fails, and says why."""

import collections
import functools
import math
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

import numbatorch as torch
from numbatorch import changes, nn
from numbatorch.compiler.guards import Guards
from numbatorch.compiler.interpreter import run

CASES = []


def case(explanation):
    """Decorator for make() -> (function, change): after change() the guards explain a failure."""

    def add(make):
        CASES.append((make, explanation))
        return make

    return add


def guarded(function, *args, **kwargs):
    guards = Guards()
    run(function, args, kwargs, guards)
    assert guards.check(args, kwargs), guards.explain_failure(args, kwargs)
    return guards


SCALE = 2.0
SETTINGS = {}
NAMESPACE = types.SimpleNamespace()


class Holder:
    factor = 1

    def __init__(self, value):
        self.value = value

    def times(self, x):
        return x * self.value * self.factor


def helper(x):
    return x + 1


@case("globals_test_guards['SCALE'] is 3.0, was 2.0")
def a_global(monkeypatch):
    return lambda x: x * SCALE, lambda: monkeypatch.setitem(globals(), "SCALE", 3.0)


@case("globals_test_guards['SCALE'] is 2, was 2.0")
def its_type(monkeypatch):
    return lambda x: x * SCALE, lambda: monkeypatch.setitem(globals(), "SCALE", 2)


@case("globals_test_guards['helper'] is another object")
def a_global_function(monkeypatch):
    return lambda x: helper(x), lambda: monkeypatch.setitem(globals(), "helper", lambda x: x)


@case("globals_test_guards has now an item 'len'")
def a_shadowed_builtin(monkeypatch):
    return lambda x: x * len(x), lambda: monkeypatch.setitem(globals(), "len", max)


@case("closure_scale.cell_contents is 5, was 4")
def a_closure(monkeypatch):
    scale = 4

    def change():
        nonlocal scale
        scale = 5

    return lambda x: x * scale, change


@case("['rate'] is 0.2, was 0.1")
def an_item(monkeypatch):
    table = {"rate": 0.1, "other": 1}
    return lambda x: x * table["rate"], lambda: table.update(rate=0.2)


@case(" has the keys ('a', 'b'), had ('a',)")
def the_keys(monkeypatch):
    table = {"a": torch.ones(1)}

    def step(x):
        for value in table.values():
            x = x + value
        return x

    return step, lambda: table.update(b=1)


@case("has 3 items, had 2")
def a_length(monkeypatch):
    layers = [nn.Tanh(), nn.ReLU()]

    def step(x):
        for layer in layers:
            x = layer(x)
        return x

    return step, lambda: layers.append(nn.Tanh())


@case("[1] is another object")
def a_layer_in_a_list(monkeypatch):
    layers = [nn.Tanh(), nn.ReLU()]
    return lambda x: layers[1](layers[0](x)), lambda: layers.__setitem__(1, nn.Tanh())


@case("[1] is 3, was 2")
def a_list_for_a_builtin(monkeypatch):
    numbers = [1, 2]
    return lambda x: x * sum(numbers) * max(numbers), lambda: numbers.__setitem__(1, 3)


@case("is {'sizes': (1, [2, 4])}, was {'sizes': (1, [2, 3])}")
def nested_containers(monkeypatch):
    table = {"sizes": (1, [2, 3])}
    return lambda x: (x, str(table)), lambda: table["sizes"][1].__setitem__(1, 4)


@case("has the keys ('a', 'missing'), had ('a',)")
def a_missing_key(monkeypatch):
    table = {"a": helper}
    return lambda x: x * table.get("missing", 2), lambda: table.update(missing=3)


@case("names.cell_contents is {")
def a_set(monkeypatch):
    names = {"a"}
    return lambda x: x * ("b" in names), lambda: names.add("b")


@case(".value is 3, was 2")
def an_attribute(monkeypatch):
    holder = Holder(2)
    return lambda x: holder.times(x), lambda: setattr(holder, "value", 3)


@case("has now an item 'factor'")
def a_shadowed_class_attribute(monkeypatch):
    holder = Holder(2)
    return lambda x: holder.times(x), lambda: setattr(holder, "factor", 3)


@case("is 7, was 1")
def a_class_attribute(monkeypatch):
    holder = Holder(2)
    return lambda x: holder.times(x), lambda: monkeypatch.setattr(Holder, "factor", 7)


@case("is another object")
def a_method(monkeypatch):
    holder = Holder(2)
    return lambda x: holder.times(x), lambda: monkeypatch.setattr(Holder, "times", lambda s, x: x)


@case("has now an item 'extra'")
def an_attribute_that_was_missing(monkeypatch):
    holder = Holder(2)

    def step(x):
        return x * (3 if hasattr(holder, "extra") else 1)

    return step, lambda: setattr(holder, "extra", 1)


@case("is of class Other, was of class Holder")
def a_class(monkeypatch):
    class Other(Holder):
        pass

    holder = Holder(2)
    return lambda x: holder.times(x), lambda: setattr(holder, "__class__", Other)


@case(".rate is 2, was 1")
def a_namespace(monkeypatch):
    NAMESPACE.rate = 1
    return lambda x: x * NAMESPACE.rate, lambda: setattr(NAMESPACE, "rate", 2)


@case("is another object")
def a_library_function(monkeypatch):
    functional = nn.functional
    return lambda x: functional.relu(x), lambda: monkeypatch.setattr(functional, "relu", helper)


@case("has 0 items, had 1")
def a_default(monkeypatch):
    def step(x, seen=[2]):  # noqa: B006
        for value in seen:
            x = x * value
        return x

    return step, lambda: step.__defaults__[0].clear()


@case("is {'table': {'scale': 3}}, was {'table': {'scale': 2}}")
def a_partial(monkeypatch):
    options = {"scale": 2}

    def scaled(x, table):
        return x * table["scale"]

    return functools.partial(scaled, table=options), lambda: options.update(scale=3)


# Modules ----------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
        self.scale = 2.0
        self.widths = [1, 2]
        self.register_buffer("offset", torch.ones(3))

    def forward(self, x):
        return self.inner(x) * self.scale * self.widths[0] + self.offset


@case("net.inner.training has changed")
def training(monkeypatch):
    model = Net()
    return model, model.inner.eval


@case("net.scale has changed")
def a_scalar_of_a_module(monkeypatch):
    model = Net()
    return model, lambda: setattr(model, "scale", 3.0)


@case(".widths[0] is 5, was 1")
def a_list_of_a_module(monkeypatch):
    model = Net()
    return model, lambda: model.widths.__setitem__(0, 5)


@case("inner._modules['0']._parameters has changed")
def a_parameter(monkeypatch):
    model = Net()
    return model, lambda: setattr(model.inner[0], "weight", nn.Parameter(torch.ones(3, 3)))


@case("inner._modules['0']._parameters has changed")
def a_parameter_behind_the_back(monkeypatch):
    model = Net()
    weight = nn.Parameter(torch.ones(3, 3))
    return model, lambda: model.inner[0]._parameters.__setitem__("weight", weight)


@case("net._buffers has changed")
def a_buffer(monkeypatch):
    model = Net()
    return model, lambda: setattr(model, "offset", torch.zeros(3))


@case("net.inner._modules has changed")
def a_submodule(monkeypatch):
    model = Net()
    return model, lambda: model.inner.__setitem__(1, nn.ReLU())


@case("net.inner._modules has changed")
def another_submodule(monkeypatch):
    model = Net()
    return model, lambda: model.inner.append(nn.ReLU())


@case("net._forward_hooks has changed")
def a_hook(monkeypatch):
    model = Net()
    return model, lambda: model.register_forward_hook(lambda *args: None)


@case("its requires_grad changed")
def requires_grad(monkeypatch):
    model = Net()
    return model, lambda: model.inner[0].weight.requires_grad_(False)


@case("its memory and dtype changed")
def another_dtype(monkeypatch):
    model = nn.Linear(3, 3)
    return model, model.double


@case("its memory")
def other_data(monkeypatch):
    model = Net()
    return model, lambda: setattr(model.inner[0].bias, "data", torch.ones(3))


@case("its hooks changed")
def a_tensor_hook(monkeypatch):
    model = Net()
    return model, lambda: model.inner[0].bias.register_hook(lambda grad: grad)


@case("global module hooks.forward has changed")
def a_global_hook(monkeypatch):
    model = Net()
    return model, lambda: HANDLES.append(
        nn.modules.module.register_module_forward_hook(lambda *args: None)
    )


HANDLES = []


@case("is another object")
def the_forward_of_a_class(monkeypatch):
    model = Net()
    return model, lambda: monkeypatch.setattr(Net, "forward", lambda self, x: x)


@case("gained or lost the attributes forward")
def the_forward_of_a_module(monkeypatch):
    model = Net()
    return model, lambda: setattr(model, "forward", lambda x: x)


@case("is another object")
def the_module_itself(monkeypatch):
    models = {"a": Net()}
    return lambda x: models["a"](x), lambda: models.update(a=Net())


@case("is another object")
def a_tensor(monkeypatch):
    weights = [torch.ones(3)]
    return lambda x: x * weights[0], lambda: weights.__setitem__(0, torch.ones(3))


@case("its requires_grad changed")
def a_tensor_that_wants_gradients(monkeypatch):
    weight = torch.ones(3)
    return lambda x: x * weight, lambda: weight.requires_grad_()


@pytest.mark.parametrize("make, explanation", CASES, ids=lambda x: getattr(x, "__name__", ""))
def test_a_change_is_noticed_and_explained(make, explanation, monkeypatch):
    function, change = make(monkeypatch)
    x = torch.ones(2, 3)
    guards = guarded(function, x)
    change()
    try:
        assert not guards.check((x,), {})
        assert explanation in guards.explain_failure((x,), {})
    finally:
        while HANDLES:
            HANDLES.pop().remove()


# Arguments --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other, explanation",
    [
        (lambda x: torch.ones(3, 3), "shape (3, 3), was (2, 3)"),
        (lambda x: torch.ones(3, 2).T, "strides (1, 2), was (3, 1)"),
        (lambda x: x.double(), "dtype torch.float64, was torch.float32"),
        (lambda x: x.clone().requires_grad_(), "requires grad True, was False"),
        (lambda x: x.clone().requires_grad_() * 2, "is leaf False, was True"),
        (lambda x: torch.ones(3, 3)[1:], "is view True, was False"),
        (lambda x: nn.Parameter(x, requires_grad=False), "was <class 'numbatorch.tensor.Tensor'>"),
        (lambda x: 3.0, "is 3.0, was a tensor"),
        (lambda x: None, "is None, was a tensor"),
    ],
)
def test_the_form_of_a_tensor_argument(other, explanation):
    x = torch.ones(2, 3)
    guards = guarded(lambda x: x * 2, x)
    assert guards.check((torch.zeros(2, 3),), {})
    assert not guards.check((other(x),), {})
    assert explanation in guards.explain_failure((other(x),), {})


def test_the_structure_of_the_arguments():
    guards = guarded(lambda *args, **kwargs: args[0] * 2, torch.ones(2), 3, flag="a")
    x = torch.ones(2)
    assert guards.check((x, 3), {"flag": "a"})
    assert guards.explain_failure((x,), {"flag": "a"}) == "args has 1 items, had 2"
    assert guards.explain_failure((x, 3), {}) == "kwargs has 0 items, had 1"
    assert "kwargs['flag'] is not there any more" in guards.explain_failure((x, 3), {"g": "a"})
    assert "is 4, was 3" in guards.explain_failure((x, 4), {"flag": "a"})
    assert not guards.check((x, True), {"flag": "a"})


def test_containers_of_tensors():
    def step(batch):
        return batch["x"] + batch["rest"][0]

    guards = guarded(step, {"x": torch.ones(2), "rest": [torch.ones(2)]})
    assert guards.check(({"x": torch.zeros(2), "rest": [torch.zeros(2)]},), {})
    for other in (
        {"x": torch.ones(2), "rest": [torch.ones(1)]},
        {"x": torch.ones(2), "rest": (torch.ones(2),)},
        {"x": torch.ones(2), "rest": [torch.ones(2)], "more": 1},
        collections.OrderedDict(x=torch.ones(2), rest=[torch.ones(2)]),
        {"x": torch.ones(2)},
        torch.ones(2),
    ):
        assert not guards.check((other,), {})
        assert guards.explain_failure((other,), {})


def test_the_same_tensor_twice_and_shared_memory():
    def step(x, y):
        x += 1
        return x * y

    a, b = torch.ones(4), torch.ones(4)
    apart, same = guarded(step, a, b), guarded(step, a, a)
    assert apart.check((b, a), {}) and not apart.check((a, a), {})
    assert same.check((b, b), {}) and not same.check((a, b), {})
    memory = torch.ones(8)
    views = guarded(step, memory[:4], memory[4:])
    other = torch.ones(8)
    assert views.check((other[:4], other[4:]), {})
    assert not views.check((other[4:], other[:4]), {})
    assert not views.check((other[:4], memory[4:]), {})


def test_an_argument_that_is_also_held():
    model = nn.Linear(3, 3)
    x = torch.ones(2, 3)
    guards = guarded(lambda x, w: model(x) * w.sum(), x, model.weight)
    assert guards.check((x, model.weight), {})
    assert not guards.check((x, nn.Parameter(torch.ones(3, 3))), {})
    guards = guarded(lambda x, w: model(x) * w, x, torch.ones(3))
    assert guards.check((x, torch.ones(3)), {})
    assert not guards.check((x, model.bias.data), {})


def test_settings():
    x = torch.ones(2)
    guards = guarded(lambda x: x * 2, x)
    with torch.no_grad():
        assert guards.explain_failure((x,), {}) == (
            "modes.grad_enabled (whether gradients are recorded) is False, was True"
        )
    with torch.inference_mode():
        assert not guards.check((x,), {})
    torch.set_default_dtype(torch.float64)
    try:
        assert not guards.check((x,), {})
    finally:
        torch.set_default_dtype(torch.float32)
    assert guards.check((x,), {})


def test_unrelated_changes_do_not_matter():
    model, other = Net(), nn.Linear(2, 2)
    x = torch.ones(2, 3)
    guards = guarded(model, x)
    other.eval()
    other.weight = nn.Parameter(torch.ones(2, 2))
    model.train()
    assert guards.check((x,), {})
    assert guards.held.version == changes.state.version


def test_a_dimension_can_be_relaxed():
    guards = guarded(lambda x: x * 2, torch.ones(4, 3))
    source = guards.source_of(guards_argument(guards))
    guards.relax(source, 0)
    assert guards.check((torch.ones(9, 3),), {})
    for wrong in (torch.ones(1, 3), torch.ones(4, 4), torch.ones(3, 9).T, torch.ones(4)):
        assert not guards.check((wrong,), {})
        assert guards.explain_failure((wrong,), {})


def guards_argument(guards):
    return next(x for x, source in guards._reached.values() if str(source) == "args[0]")


def test_where_memory_comes_from():
    held, x = torch.ones(3), torch.ones(3)
    batch = {"x": x}
    guards = guarded(lambda batch: batch["x"] * held, batch)
    get, tensor = guards.argument_of(x.storage)
    assert tensor is x and get(({"x": 5},), {}) == 5
    assert guards.argument_of(held.storage) is None
    assert str(guards.source_of(held)) == "closure_held.cell_contents"
    guards.release_arguments()
    assert guards.argument_of(x.storage) is None
    assert guards.check((batch,), {})


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=2)
    | st.complex_numbers() | st.binary(max_size=1),
    lambda parts: st.lists(parts, max_size=3) | st.tuples(parts, parts)
    | st.dictionaries(st.text(max_size=2), parts, max_size=2),
    max_leaves=5,
)  # fmt: skip


def identical(a, b):
    """Whether two plain values are the same to every function that can tell."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or (
            a == b and math.copysign(1, a) == math.copysign(1, b)
        )
    if isinstance(a, complex):
        return identical(a.real, b.real) and identical(a.imag, b.imag)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(identical, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(identical(a[key], b[key]) for key in a)
    return a == b


@given(PLAIN, PLAIN)
def test_plain_values_are_told_apart(a, b):
    guards = guarded(lambda value: None, a)
    assert guards.check((a,), {})
    assert guards.check((b,), {}) is identical(a, b)
    assert (guards.explain_failure((b,), {}) is None) is identical(a, b)
