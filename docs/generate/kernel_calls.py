"""Which kernels an op launches, read off the source of its forward function.

A forward function reaches a kernel as `devices.kernels(out).<family>.<kernel>(...)`, by itself or
through helpers in `ops/`. Both are followed here by looking names up where the function would.
"""

import ast
import inspect
import textwrap
from functools import cache

from numbatorch import devices
from numbatorch.formulas.reduction import Reduction
from numbatorch.op import Op
from numbatorch.ops.elementwise import Elementwise

from .sources import FAMILIES, kernel_functions

#: Where helpers of forward functions are defined.
_FOLLOWED = ("numbatorch.op", "numbatorch.ops", "numbatorch.random_tensors")

#: Stands for the package of kernels among the values of names; a module of it is its name.
_PACKAGE = "the package"


def kernels_of(op):
    """The kernels, as (family, name), that an op launches, in the order of its forward function."""
    if op.is_view:
        return []
    found = {}
    if isinstance(op, Elementwise):
        found["elementwise", "apply"] = True
    _follow(op.compute, {}, found, set())
    return list(found)


def formulas_of(op):
    """The scalar formulas that an op is made of."""
    if isinstance(op, Elementwise):
        return [op.formula]
    if op.is_view:
        return []
    found = {}
    _collect_formulas(op.compute, found, set(), op.compute.__module__)
    return list(found)


def _collect_formulas(function, found, seen, module):
    function = inspect.unwrap(getattr(function, "__func__", function))
    if not inspect.isfunction(function) or function.__code__ in seen:
        return
    seen.add(function.__code__)
    names = _names_of(function)
    for value in list(names.values())[len(function.__globals__) :]:
        if isinstance(value, Reduction):
            found.update(dict.fromkeys([value.map, value.combine, value.finish]))
    for node in ast.walk(_tree(function.__code__)):
        if not isinstance(node, ast.Name | ast.Attribute):
            continue
        value = _value(node, names)
        home = getattr(value, "__module__", None) or ""
        if not inspect.isfunction(value):
            continue
        if home.startswith("numbatorch.formulas") and not home.endswith(".conversion"):
            found[value] = True
        elif home == module:
            _collect_formulas(value, found, seen, module)


@cache
def _tree(code):
    return ast.parse(textwrap.dedent(inspect.getsource(code)))


def _names_of(function):
    """The globals and the closure of a function."""
    names = dict(function.__globals__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        names[name] = cell.cell_contents
    return names


def _follow(function, arguments, found, seen):
    function = inspect.unwrap(getattr(function, "__func__", function))
    if not inspect.isfunction(function) or function.__code__ in seen:
        return
    seen.add(function.__code__)
    names = {**_names_of(function), **arguments}
    tree = _tree(function.__code__)
    for node in ast.walk(tree):
        for name, value in _assigned(node):
            place = _place(value, names)
            if place is not None:
                names[name] = place
    for node in ast.walk(tree):
        kernel = _kernel(node, names)
        if kernel:
            found[kernel] = True
    for node in ast.walk(tree):
        target = _value(node.func, names) if isinstance(node, ast.Call) else None
        if isinstance(target, Op):
            _follow(getattr(target, "compute", None), {}, found, seen)
        elif _is_ours(target):
            _follow(target, _passed(node, target, names), found, seen)


def _assigned(node):
    """(name, expression) of an assignment, and of `a, b = x, y`."""
    if not isinstance(node, ast.Assign):
        return []
    target, value = node.targets[0], node.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = zip(target.elts, value.elts)
    else:
        pairs = [(target, value)]
    return [(name.id, value) for name, value in pairs if isinstance(name, ast.Name)]


def _is_ours(target):
    module = getattr(target, "__module__", "") or ""
    return inspect.isfunction(target) and module.startswith(_FOLLOWED)


def _passed(call, target, names):
    """The arguments of a call that stand for kernels."""
    parameters = list(inspect.signature(inspect.unwrap(target)).parameters)
    places = {
        name: _place(value, names)
        for name, value in zip(parameters, call.args)
        if not isinstance(value, ast.Starred)
    }
    return {name: place for name, place in places.items() if place is not None}


def _value(node, names):
    """What a name or a dotted name is bound to, or None."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _value(node.value, names)
        return None if owner is None or isinstance(owner, str) else getattr(owner, node.attr, None)
    return None


def _place(node, names):
    """_PACKAGE, or the family that an expression gives, or None."""
    if isinstance(node, ast.Name):
        found = names.get(node.id)
        return found if isinstance(found, str) and found in (_PACKAGE, *FAMILIES) else None
    if isinstance(node, ast.Attribute) and _place(node.value, names) == _PACKAGE:
        return node.attr
    if isinstance(node, ast.Call):
        target = _value(node.func, names)
        if target is devices.kernels:
            return _PACKAGE
        if _is_ours(target):
            body = _tree(inspect.unwrap(target).__code__).body[0].body
            if isinstance(body[-1], ast.Return) and len(body) <= 2:
                return _place(body[-1].value, _names_of(inspect.unwrap(target)))
    return None


def _kernel(node, names):
    """(family, name) where an expression is a kernel's host function."""
    if isinstance(node, ast.Attribute):
        family, name = _place(node.value, names), node.attr
    elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "getattr":
        family, name = _place(node.args[0], names), _text(node.args[1], names)
    else:
        return None
    if family in FAMILIES and name in kernel_functions("cpu", family):
        return family, name
    return None


def _text(node, names):
    if isinstance(node, ast.Constant):
        return node.value
    return names.get(node.id) if isinstance(node, ast.Name) else None
