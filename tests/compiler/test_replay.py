"""The constructs and the side effects of the interpreter's tests, compiled and called again."""

import breaks
import pytest
from constructs import CASES, block, model, weighted, wrapped
from test_interpreter import filled, same

import numbatorch as torch


def results(function, forms, calls=4):
    """What a function gives in several calls with other numbers each time, and its gradients."""
    torch.manual_seed(5)
    found = []
    for _ in range(calls):
        result = function(*[filled(form) for form in forms])
        tensors = [x for x in (result if isinstance(result, tuple) else [result]) if can_go_back(x)]
        found.append(result)
        if tensors:
            sum(x.sum() for x in tensors).backward()
            found.append([None if p.grad is None else p.grad.clone() for p in LEAVES])
        for leaf in LEAVES:
            leaf.grad = None
    return found


def can_go_back(x):
    """Whether there is a backward pass that has not run."""
    waiting = [x.grad_fn] if isinstance(x, torch.Tensor) and x.requires_grad else []
    for node in waiting:
        if getattr(node, "is_released", False):
            return False
        waiting += [following for following, _ in node.next_functions if following is not None]
    return bool(waiting)


LEAVES = [*weighted.parameters(), *block.parameters(), *wrapped.parameters(), *model.parameters()]


@pytest.mark.filterwarnings("ignore::numbatorch.compiler.CompileWarning")
@pytest.mark.parametrize("function, forms", CASES, ids=lambda x: getattr(x, "__name__", None))
def test_compiled_functions_give_what_python_gives(function, forms):
    expected = results(function, forms)
    assert same(results(torch.compile(function), forms), expected)


@pytest.mark.filterwarnings("ignore::numbatorch.compiler.CompileWarning")
@pytest.mark.parametrize("function, reason", breaks.CASES, ids=lambda x: getattr(x, "__name__", ""))
def test_compiled_side_effects_happen_at_every_call(function, reason):
    if function.__name__ in (*breaks.DIFFERENT_EACH_TIME, "delete_item"):
        return
    found = []
    for called in (function, torch.compile(function)):
        breaks.reset()
        found.append((results(called, [(3,)], calls=3), breaks.state()))
    breaks.reset()
    assert same(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
