"""The variables that a transform differentiates by, and results that do not depend on them any more.

All transforms share one graph. A variable is a leaf, or a view of an argument that an outer transform
(or the user) differentiates by; a result that depends on nothing further out leaves the graph.
"""

from .. import autograd, ops
from ..graph import Node, Value, edge_of
from ..utils._pytree import tree_flatten, tree_map


def variable(x):
    """A variable with the value of `x`."""
    if not isinstance(x, Value):
        raise RuntimeError(
            f"Expected all inputs that are differentiated by to be tensors, got {type(x).__name__}"
        )
    if not (x.dtype.is_floating_point or x.dtype.is_complex):
        raise RuntimeError(
            f"only Tensors of floating point and complex dtype can be differentiated by, got {x.dtype}"
        )
    with autograd.enable_grad():
        return x.view_as(x) if x.requires_grad else x.detach().requires_grad_()


def variables(tree):
    """(the tree with a variable in the place of every tensor, the list of these)."""
    found = []

    def make(x):
        found.append(variable(x))
        return found[-1]

    return tree_map(make, tree), found


def released(tree, own):
    """The results in `tree`, detached where they depend on no leaf but the variables `own`."""
    known = {id(x) for x in own}

    def release(x):
        if isinstance(x, Value) and x.requires_grad and not _reaches_others(x, known):
            return x.detach()
        return x

    return tree_map(release, tree)


def _reaches_others(x, known):
    waiting, seen = [edge_of(x)[0]], set()
    while waiting:
        target = waiting.pop()
        if not isinstance(target, Node):
            if id(target) not in known:
                return True
            continue
        if target not in seen:
            seen.add(target)
            waiting += [edge[0] for edge in target.edges if edge is not None]
    return False


def gradients(outputs, inputs, weights=None):
    """The gradients, zeros where an input is not used, with a graph of their own."""
    pairs = [(y, None if weights is None else weights[i]) for i, y in enumerate(outputs)]
    pairs = [(y, weight) for y, weight in pairs if y.requires_grad]
    if not pairs:
        return [ops.zeros_like(x) for x in inputs]
    with autograd.enable_grad():
        found = autograd.grad(
            [y for y, _ in pairs], inputs, [weight for _, weight in pairs], create_graph=True,
            allow_unused=True,
        )  # fmt: skip
    return [ops.zeros_like(x) if g is None else g for x, g in zip(inputs, found)]


def tensors_of(tree, what):
    """(the tensors of a tree, its structure); RuntimeError where something else is in it."""
    leaves, structure = tree_flatten(tree)
    for leaf in leaves:
        if not isinstance(leaf, Value):
            raise RuntimeError(
                f"{what}: Expected f(*primals) to return only tensors, got unsupported type "
                f"{type(leaf).__name__}"
            )
    return leaves, structure


def chosen(arguments, argnums):
    """The arguments that are differentiated by: one, or a tuple."""
    if isinstance(argnums, int):
        return arguments[_index(arguments, argnums)]
    if not isinstance(argnums, tuple) or not argnums:
        raise RuntimeError(f"argnums must be an int or a tuple of ints, got {argnums!r}")
    return tuple(arguments[_index(arguments, i)] for i in argnums)


def _index(arguments, argnum):
    if not -len(arguments) <= argnum < len(arguments):
        raise RuntimeError(f"Got argnum={argnum}, but only {len(arguments)} positional inputs")
    return argnum % len(arguments)


def replaced(arguments, argnums, values):
    """The arguments with `values` in the place of the chosen ones."""
    arguments = list(arguments)
    if isinstance(argnums, int):
        argnums, values = (argnums,), (values,)
    for i, value in zip(argnums, values):
        arguments[_index(arguments, i)] = value
    return tuple(arguments)


def with_aux(result, has_aux, name):
    """(output, aux) of a function's result."""
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise RuntimeError(
            f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    return result
