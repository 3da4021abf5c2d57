"""What changes between the calls of a compiled function, or is shared with it: each program runs in
eager mode and compiled, and all that it returns is equal to the bit."""

import threading
import warnings

import numpy as np
import pytest

import numbatorch as torch
from numbatorch import nn
from numbatorch.compiler import CompileWarning
from numbatorch.nn import functional as F

PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


def layer():
    found = nn.Linear(2, 2)
    with torch.no_grad():
        for p in found.parameters():
            p.fill_(0.3)
    return found


def row(number):
    return torch.full((1, 2), float(number))


def training(optimizer, *modules):
    """A step that trains modules."""

    def step(x):
        optimizer.zero_grad()
        for module in modules:
            x = module(x)
        loss = x.square().sum()
        loss.backward()
        optimizer.step()
        return loss

    return step


# Results that somebody keeps ----------------------------------------------------------------------


@program
def kept_in_many_ways(compile):
    f = compile(lambda x: x * 2 + 1)
    ways = (
        lambda y: y, lambda y: y.numpy(), lambda y: memoryview(y.numpy()), np.from_dlpack,
        lambda y: y[1:], lambda y: y.data, lambda y: y.detach(), lambda y: y.view(3, 1),
    )  # fmt: skip
    kept = [way(f(torch.full((3,), float(i)))) for way in ways for i in range(4)]
    return [x if isinstance(x, torch.Tensor) else torch.tensor(np.array(x)) for x in kept]


@program
def kept_gradients(compile):
    a = layer()
    step = compile(training(torch.optim.SGD(a.parameters(), lr=0.1), a))
    kept = []
    for i in range(6):
        step(row(i))
        kept += [a.weight.grad, a.bias.grad.numpy()]
    return [torch.tensor(x) if isinstance(x, np.ndarray) else x for x in kept]


@program
def returned_gradients(compile):
    a = layer()

    @compile
    def step(x):
        a.zero_grad()
        a(x).square().sum().backward()
        return [p.grad for p in a.parameters()]

    found = []
    for i in range(6):
        gradients = step(row(i))
        found += [gradients, gradients[0] is a.weight.grad]
        if i % 2:
            gradients[0].add_(1)
            found.append(a.weight.grad.clone())
    return found


@program
def returned_views_of_gradients(compile):
    a = layer()

    @compile
    def step(x):
        a.zero_grad()
        a(x).square().sum().backward()
        return a.weight.grad[0]

    return [step(row(i)) for i in range(5)]


@program
def results_that_share_memory(compile):
    f = compile(lambda x: [(y := x * 2), y.view(-1), y[0], {"again": y}])
    found = []
    for i in range(5):
        results = f(torch.full((2, 2), float(i)))
        results[0].add_(1)
        found += [results, results[3]["again"] is results[0]]
    return found


@program
def passes_that_wait(compile):
    a = nn.Sequential(layer(), nn.Tanh(), layer())
    f = compile(a)
    found = []
    for y in [f(row(i)) for i in range(6)][::-1]:
        a.zero_grad()
        y.sum().backward()
        found.append([p.grad for p in a.parameters()])
    return found


# Arguments that share memory ----------------------------------------------------------------------


@program
def arguments_that_overlap(compile):
    def change(x, y):
        x.add_(y)
        return x * y

    f, base, found = compile(change), torch.arange(10.0), []
    for i in range(8):
        found += [f(base[0:5], base[i % 4 : i % 4 + 5]), base.clone()]
    for i in range(6):
        x = torch.full((2,), float(i))
        found += [f(x, x if i % 2 else x.clone()), x]
    return found


@program
def arguments_with_offsets_and_strides(compile):
    def change(x):
        x.mul_(2)
        return x.sum(0), x.reshape(-1)

    f, found, base = compile(change), [], torch.arange(40.0)
    for i in range(8):
        x = base[i : i + 6].view(2, 3) if i % 2 else base[i : i + 6].view(3, 2).t()
        found += [f(x), base.clone()]
    return found


@program
def gradients_of_arguments(compile):
    @compile
    def f(x):
        (x**2).sum().backward()

    found = []
    for i in range(7):
        if i % 3 == 0:
            x = torch.full((2,), float(i), requires_grad=True)
        f(x)
        found.append(x.grad.clone())
    return found


@program
def gradients_that_are_set(compile):
    a, b = layer(), layer()

    @compile
    def f(given):
        a.weight.grad = given
        a.bias.grad = b.bias.grad = given[0] * 2

    found = []
    for i in range(5):
        given = torch.full((2, 2), float(i))
        f(given)
        found += [a.weight.grad is given, a.weight.grad, a.bias.grad is b.bias.grad, b.bias.grad]
    return found


# Tensors that Python makes ------------------------------------------------------------------------


@program
def tensors_from_python(compile):
    @compile
    def f(x):
        k, e, z = torch.tensor([1.0, 2.0]), torch.eye(2), torch.zeros(2)
        y = x * k
        k.add_(x)
        k[0] = x[1] * 3
        z += k
        e.mul_(z)
        for _ in range(2):
            y = y * k
            k.add_(1)
        return y, e * 1, z, k

    found = []
    for i in range(5):
        results = f(torch.full((2,), float(i)))
        found.append([y.clone() for y in results])
        results[3].add_(7)
    return found


@program
def tensors_from_python_that_backward_needs(compile):
    w, found = torch.ones(2, requires_grad=True), []

    @compile
    def f(x):
        k = torch.tensor([1.0, 2.0])
        k.mul_(x)
        return (w * k).exp().sum()

    for i in range(5):
        w.grad = None
        f(torch.full((2,), float(i))).backward()
        found.append(w.grad)
    return found


@program
def tensors_from_python_unchanged_at_first(compile):
    @compile
    def f(x):
        k = torch.tensor([1.0, 2.0])
        k.mul_(x)
        return k + x

    return [f(torch.full((2,), float(x))) for x in (1, 1, 2, 3, 2)]


# Gradients and optimizers -------------------------------------------------------------------------


@program
def gradients_that_add_up(compile):
    a, found = layer(), []
    optimizer = torch.optim.SGD(a.parameters(), lr=0.1)

    @compile
    def step(x, last):
        loss = a(x).square().sum()
        loss.backward()
        if last:
            optimizer.step()
            optimizer.zero_grad()
        return loss

    for i in range(12):
        found += [step(row(i % 5), i % 3 == 2), a.weight.grad is None]
        found.append(None if a.weight.grad is None else a.weight.grad.clone())
    return found


@program
def gradients_replaced(compile):
    a, found = layer(), []
    optimizer = torch.optim.SGD(a.parameters(), lr=0.1)

    @compile
    def step(x):
        optimizer.zero_grad(set_to_none=False)
        a(x).square().sum().backward()
        optimizer.step()

    for i in range(7):
        step(row(i))
        found.append(a.weight.grad.clone())
        if i == 3:
            a.weight.grad = torch.ones(2, 2)
        if i == 4:
            a.weight.grad = None
    return found


@program
def states_of_adam(compile):
    a = layer()
    optimizer = torch.optim.Adam(a.parameters(), lr=0.1, amsgrad=True)
    step = compile(training(optimizer, a))
    found = []
    for i in range(12):
        found.append(step(row(1)))
        state = optimizer.state[a.weight]
        if i == 3:
            state["exp_avg"] = torch.zeros(2, 2)
        if i == 5:
            state["step"] = torch.tensor(1.0)
        if i == 6:
            optimizer.state[a.bias] = dict(optimizer.state[a.bias])
        if i == 7:
            state["exp_avg"].data = torch.ones(2, 2)
        if i == 9:
            del optimizer.state[a.bias]
    return found + list(a.parameters())


@program
def states_of_momentum(compile):
    a = layer()
    optimizer = torch.optim.SGD(a.parameters(), lr=0.1, momentum=0.9)
    step = compile(training(optimizer, a))
    found = []
    for i in range(9):
        found.append(step(row(1)))
        if i == 3:
            optimizer.state[a.weight]["momentum_buffer"] = torch.zeros(2, 2)
        if i == 5:
            optimizer.state[a.weight]["momentum_buffer"] = None
        if i == 7:
            optimizer.state.clear()
    return found + list(a.parameters())


@program
def groups_of_an_optimizer(compile):
    a, b = layer(), layer()
    optimizer = torch.optim.AdamW(
        [{"params": [a.weight], "lr": 0.1}, {"params": [a.bias], "weight_decay": 0.3}], lr=0.05
    )
    step, found, groups = compile(training(optimizer, a, b)), [], optimizer.param_groups
    for i in range(12):
        found.append(step(row(1)))
        if i == 3:
            groups[1]["lr"] = 0.5
        if i == 4:
            groups.reverse()
        if i == 5:
            first, second = groups
            first["params"], second["params"] = second["params"], first["params"]
        if i == 6:
            groups[0]["params"][0], groups[1]["params"][0] = a.bias, a.weight
        if i == 7:
            optimizer.add_param_group({"params": list(b.parameters()), "lr": 0.01})
        if i == 9:
            groups[0]["betas"] = (0.5, 0.5)
    return found + [*a.parameters(), *b.parameters()]


@program
def parameters_frozen_tied_and_swapped(compile):
    a, b = layer(), layer()
    optimizer = torch.optim.Adam([*a.parameters(), *b.parameters()], lr=0.1)
    step, found = compile(training(optimizer, a, b)), []
    for i in range(14):
        a.bias.requires_grad_(i // 3 % 2 == 0)
        found.append(step(row(1)))
        if i == 8:
            b.weight = a.weight
        if i == 10:
            b.bias.data = a.bias.data
        if i == 11:
            a.weight.data = torch.ones(2, 2)
    return found + [*a.parameters(), *b.parameters()]


# Python around the function -----------------------------------------------------------------------


@program
def functions_that_get_other_code(compile):
    def helper(x, k=1.0):
        return x + k

    def other(x, k=1.0):
        return x - k

    f = compile(lambda x: helper(x))
    g, found = compile(helper), []
    for i in range(8):
        if i == 3:
            helper.__defaults__ = (5.0,)
        if i == 5:
            helper.__code__ = other.__code__
        found += [f(row(i)), g(row(i))]
    return found


@program
def keywords_in_another_order(compile):
    f = compile(lambda **k: sum(x * i for i, x in enumerate(k.values())))
    one, two = torch.ones(1), torch.ones(1) * 2
    return [f(a=one, b=two) if i % 2 else f(b=two, a=one) for i in range(6)]


@program
def modules_that_change(compile):
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout(0.5), nn.ReLU())
    f, found, handle = compile(model), [], None
    for i in range(16):
        model.train(i % 4 != 3)
        if i == 5:
            model[3] = nn.Tanh()
        if i == 7:
            model.append(nn.Sigmoid())
        if i == 9:
            handle = model[0].register_forward_hook(lambda module, inputs, output: output * 2)
        if i == 11:
            handle.remove()
        if i == 13:
            del model[4]
        found += [f(torch.randn(4, 2)), model[1].running_mean.clone()]
    return found


@program
def values_in_closures(compile):
    factors, table, number = [1.0, 2.0], {"bias": torch.ones(2)}, 1

    @compile
    def f(x):
        for factor in factors:
            x = x * factor
        return x * number + table["bias"]

    found = []
    for i in range(9):
        if i % 3 == 2:
            factors.append(float(i))
        if i == 4:
            number = 3
        if i == 5:
            table["bias"] = torch.zeros(2)
        if i == 7:
            table["bias"].add_(i)
        found.append(f(row(i)))
    return found


@program
def exceptions_in_the_middle(compile):
    total, found = torch.zeros(2), []

    @compile
    def f(x, number):
        total.add_(1)
        if number == 3:
            raise ValueError("three")
        total.mul_(2)
        return total + x

    for i in range(9):
        try:
            found.append(f(row(i), i % 4))
        except ValueError:
            found.append("raised")
        found.append(total.clone())
    return found


@program
def threads_at_once(compile):
    a, found = layer(), {}
    f = compile(lambda x: F.relu(a(x)).sum(1))
    for _ in range(3):
        f(torch.ones(3, 2))

    def work(k):
        found[k] = [f(torch.full((3, 2), float(10 * k + i))).clone() for i in range(30)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[k] for k in range(4)]


def flat(value):
    """Bytes, shapes and plain values of a nested result."""
    if isinstance(value, torch.Tensor):
        return [(value.detach().numpy().tobytes(), tuple(value.shape), value.dtype)]
    if isinstance(value, list | tuple):
        return [part for one in value for part in flat(one)]
    if isinstance(value, dict):
        return [part for one in value.values() for part in flat(one)]
    return [value]


@pytest.mark.filterwarnings("ignore::numbatorch.compiler.CompileWarning")
@pytest.mark.parametrize("name", PROGRAMS)
def test_compiled_equals_eager(name):
    torch.manual_seed(0)
    expected = flat(PROGRAMS[name](lambda function: function))
    torch.manual_seed(0)
    found = flat(PROGRAMS[name](torch.compile))
    different = [i for i, pair in enumerate(zip(found, expected)) if pair[0] != pair[1]]
    assert len(found) == len(expected) and not different


def test_random_numbers_that_python_sets_back_are_not_replayed():
    """Samples of `vmap` that draw the same numbers: the state is set on the side of Python."""

    def scaled(x):
        return torch.vmap(lambda row: row * torch.rand(3), randomness="same")(x)

    compiled, x = torch.compile(scaled), torch.ones(2, 3)
    for number in range(4):
        torch.manual_seed(number)
        expected = scaled(x)
        torch.manual_seed(number)
        if number == 2:
            with pytest.warns(CompileWarning, match="sets the state of random numbers"):
                found = compiled(x)
        else:
            found = compiled(x)
        assert torch.equal(found, expected)
        assert torch.equal(found[0], found[1])


def test_a_checkpoint_with_dropout_leaves_the_graph():
    """The backward pass draws the forward pass's numbers again, and sets the state back."""
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.5))
    x = torch.ones(3, 4)

    def step(x):
        model.zero_grad()
        loss = torch.utils.checkpoint.checkpoint(model, x, use_reentrant=False).square().sum()
        loss.backward()
        return loss.item(), model[0].weight.grad.clone(), torch.rand(2)

    compiled = torch.compile(step)
    for number in range(4):
        torch.manual_seed(number)
        loss, grad, drawn = step(x)
        torch.manual_seed(number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CompileWarning)
            found, found_grad, found_drawn = compiled(x)
        assert found == loss and torch.equal(found_grad, grad)
        assert torch.equal(found_drawn, drawn)


def test_vmap_is_replayed():
    compiled = torch.compile(torch.vmap(lambda row: (row * row).sum()), fullgraph=True)
    for number in range(3):
        assert compiled(torch.full((2, 3), number + 1.0)).tolist() == [3.0 * (number + 1) ** 2] * 2
