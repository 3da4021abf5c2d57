"""cuda_kernels mirrors cpu_kernels: what the ops call on one is there on the other, with one signature."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "numbatorch"
MODULES = {path.stem for path in (ROOT / "cpu_kernels").glob("*.py")} - {"__init__"}


def host_functions():
    """(module, function) of every kernel function that the package calls, as kernels.module.function."""
    found = set()
    for path in ROOT.rglob("*.py"):
        if path.parent.name not in ("cpu_kernels", "cuda_kernels"):
            found |= _calls_in(ast.parse(path.read_text()))
    return sorted(found)


def _calls_in(tree):
    nodes = list(ast.walk(tree))
    modules = {n.attr for n in nodes if isinstance(n, ast.Attribute) and _is_kernels(n.value)}
    names = {n.attr for n in nodes if isinstance(n, ast.Attribute) and _may_be_kernels(n.value)}
    if any(isinstance(n, ast.Name) and n.id == "getattr" for n in nodes):
        names |= {n.value for n in nodes if isinstance(n, ast.Constant) and type(n.value) is str}
    return {
        (module, name)
        for module in modules & MODULES
        for name in names & _public(module) - (MODULES - {module})
    }


def _is_kernels(node):
    """Whether an expression is a kernel package: `kernels(x)` or a variable of that name."""
    if isinstance(node, ast.Call):
        node = node.func
        return getattr(node, "attr", getattr(node, "id", None)) == "kernels"
    return isinstance(node, ast.Name) and node.id == "kernels"


def _may_be_kernels(node):
    """Whether an expression may be a kernel module: `kernels(x).module`, or a variable `kernels`."""
    return _is_kernels(node) or (isinstance(node, ast.Attribute) and _is_kernels(node.value))


def _public(module):
    """The names of the functions that a CPU kernel module defines."""
    loaded = importlib.import_module(f"numbatorch.cpu_kernels.{module}")
    return {
        name
        for name, value in vars(loaded).items()
        if inspect.isfunction(value) and value.__module__ == loaded.__name__ and name[0] != "_"
    }


FUNCTIONS = host_functions()


def test_the_package_calls_kernels():
    assert ("elementwise", "apply") in FUNCTIONS
    assert len(FUNCTIONS) > 30


@pytest.mark.parametrize("module, function", FUNCTIONS)
def test_both_folders_have_it(module, function):
    theirs = importlib.import_module(f"numbatorch.cpu_kernels.{module}")
    ours = importlib.import_module(f"numbatorch.cuda_kernels.{module}")
    expected = inspect.signature(getattr(theirs, function))
    found = inspect.signature(getattr(ours, function))
    assert str(found) == str(expected), f"cuda_kernels.{module}.{function}"
