"""The interpreter against Python itself, and what must break the graph."""

import copy

import breaks
import numpy as np
import pytest
from constructs import BROKEN, CASES, disabled_functions

import numbatorch as torch
from numbatorch.compiler.errors import GraphBreak
from numbatorch.compiler.guards import Guards
from numbatorch.compiler.interpreter import run
from numbatorch.compiler.interpreter.traced_number import TracedNumber


def filled(form):
    """Tensors in place of shapes; other values, and containers, as they are."""
    if isinstance(form, tuple):
        return torch.randn(form)
    if isinstance(form, list):
        return [filled(part) for part in form]
    if isinstance(form, dict):
        return {key: filled(part) for key, part in form.items()}
    return form


def same(a, b):
    """Equal, in every bit and of the same types."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return bool((a == b).all())
    if isinstance(a, torch.Tensor):
        return a.shape == b.shape and a.dtype is b.dtype and bool((a == b).all())
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return a == b


def interpret(function, *args, **kwargs):
    return run(function, args, kwargs, Guards())


@pytest.mark.parametrize("function, forms", CASES, ids=lambda x: getattr(x, "__name__", None))
def test_results_are_those_of_python(function, forms):
    args = [filled(form) for form in forms]
    if getattr(function, "__name__", "") in BROKEN:
        return
    expected = function(*args)
    guards = Guards()
    found = run(function, tuple(args), {}, guards)
    assert same(found, expected)
    assert guards.check(tuple(args), {}), guards.explain_failure(tuple(args), {})
    assert same(run(function, tuple(copy.deepcopy(args)), {}, Guards()), expected)


def broken(function, *args, **kwargs):
    """The break that a function meets."""
    with pytest.raises(GraphBreak) as caught:
        interpret(function, *args, **kwargs)
    return caught.value


def marked_lines():
    """The lines of breaks.py that say where the graph breaks."""
    with open(breaks.__file__) as file:
        return [number for number, line in enumerate(file, 1) if "# here" in line]


@pytest.mark.parametrize("function, reason", breaks.CASES, ids=lambda x: getattr(x, "__name__", ""))
def test_what_a_replay_could_not_do_breaks_the_graph(function, reason):
    breaks.reset()
    before = breaks.state()
    error = broken(function, torch.ones(3))
    assert reason in error.reason
    assert before == breaks.state() or "changes state" in reason
    breaks.reset()
    if "changes state" in reason:
        return
    assert error.filename == breaks.__file__
    assert error.line in marked_lines()


def test_the_break_is_at_the_line_of_the_function_called():
    error = broken(breaks.HOLDER.remember, torch.ones(3))
    assert "sets the attribute 'last'" in error.reason
    assert error.line in marked_lines()
    assert "last" not in vars(breaks.HOLDER)
    assert "sets an item of args[0]" in broken(breaks.mutates_argument, {}).reason


def test_a_number_of_a_tensor_can_be_kept_and_returned():
    def step(x):
        loss = (x**2).sum()
        parts = [loss.item()]
        parts.append(float(x.mean()))
        return loss, {"loss": loss.item(), "parts": parts}

    x = torch.ones(3)
    loss, found = interpret(step, x)
    assert type(found["loss"]) is TracedNumber
    x.zero_()
    assert found["loss"].resolve() == 3.0
    assert [number.resolve() for number in found["parts"]] == [3.0, 1.0]
    assert type(int_of(x).resolve()) is int


def test_disabled_functions_break_the_graph():
    error = broken(disabled_functions, torch.ones(2, 3))
    assert "left_alone" in error.reason and "disable" in error.reason


def int_of(x):
    return interpret(lambda y: int(y.sum().item()), x)


def test_a_function_goes_on_after_a_break_and_runs_once():
    log = []

    def step(x):
        value = x.sum().item()
        x += 1
        log.append(len(log))
        later = [lambda y: y + value]
        if value > 2:
            x = later[0](x)
        log.append(f"{value:.1f}")
        with torch.no_grad():
            log.append(sum(y.item() for y in x))
        return x, value

    x, reference = torch.ones(3), torch.ones(3)
    errors = []
    found = run(step, (x,), {}, Guards(), on_break=errors.append)
    seen, log[:] = list(log), []
    expected = step(reference)
    assert same(found[0], expected[0]) and found[1] == expected[1]
    assert seen == log == [0, "3.0", 15.0]
    assert same(x, reference)
    assert len(errors) == 1 and "append" in errors[0].reason


@pytest.mark.parametrize("function, reason", breaks.CASES, ids=lambda x: getattr(x, "__name__", ""))
def test_after_a_break_everything_happens_as_in_python(function, reason):
    if function.__name__ in breaks.DIFFERENT_EACH_TIME:
        return
    states, results, errors = [], [], []
    for call in (
        lambda x: run(function, (x,), {}, Guards(), on_break=errors.append),
        function,
    ):
        breaks.reset()
        results.append(call(torch.ones(3)))
        states.append(breaks.state())
    breaks.reset()
    assert len(errors) == 1 and reason in errors[0].reason
    assert same(*results)
    assert states[0] == states[1]
