"""Forward mode by reverse mode twice: jvp, jacfwd, hessian, linearize.

The product of the transposed Jacobian with a vector is linear in that vector; its own gradient is the
product of the Jacobian with a tangent.
"""

import functools

from .. import autograd, ops
from ..utils._pytree import tree_flatten, tree_unflatten
from .reverse import jacrev, unit_like
from .variables import chosen, gradients, released, replaced, tensors_of, variables, with_aux


class _Linear:
    """The Jacobian of some outputs at some inputs, as a function of tangents."""

    def __init__(self, outputs, inputs):
        self.outputs = outputs
        with autograd.enable_grad():
            self.dummies = [ops.zeros_like(y).requires_grad_() for y in outputs]
            self.products = gradients(outputs, inputs, self.dummies)

    def __call__(self, tangents):
        return gradients(self.products, self.dummies, tangents)


def _check_tangents(primals, tangents):
    own, structure = tree_flatten(primals)
    given, found = tree_flatten(tangents)
    if found != structure:
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same python "
            f"structure. For example, if primals is a tuple of 3 tensors, tangents also must be. Got "
            f"primals with structure {structure} and tangents with structure {found}"
        )
    for x, tangent in zip(own, given):
        if x.shape != tangent.shape:
            raise RuntimeError(
                f"jvp: the tangent has shape {tuple(tangent.shape)}, but the primal {tuple(x.shape)}"
            )
    return given


def jvp(func, primals, tangents, *, strict=False, has_aux=False):
    """(output, the product of the Jacobian with the tangents)."""
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise RuntimeError("jvp(f, primals, tangents): Expected primals and tangents to be tuples")
    given = _check_tangents(primals, tangents)
    tree, own = variables(primals)
    with autograd.enable_grad():
        output, aux = with_aux(func(*tree), has_aux, "jvp(f, primals, tangents)")
    leaves, structure = tensors_of(output, "jvp(f, primals, tangents)")
    linear = _Linear(leaves, own)
    result = tree_unflatten(linear(given), structure)
    output, result, aux = released((output, result, aux), [*own, *linear.dummies])
    return (output, result, aux) if has_aux else (output, result)


def linearize(func, *primals):
    """(output, the function that multiplies the Jacobian at these primals with tangents)."""
    tree, own = variables(primals)
    with autograd.enable_grad():
        output = func(*tree)
    leaves, structure = tensors_of(output, "linearize(f, *primals)")
    linear = _Linear(leaves, own)

    def jvp_fn(*tangents):
        given = _check_tangents(primals, tangents)
        result = tree_unflatten(linear(given), structure)
        return released(result, [*own, *linear.dummies])

    return released(output, own), jvp_fn


def jacfwd(func, argnums=0, has_aux=False, *, randomness="error"):
    """The function that gives the Jacobian, one column after the other; as `jacrev`'s."""

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        tree, own = variables(chosen(args, argnums))
        with autograd.enable_grad():
            output, aux = with_aux(
                func(*replaced(args, argnums, tree), **kwargs), has_aux, "jacfwd(f)(*args)"
            )
        leaves, structure = tensors_of(output, "jacfwd(f)(*args)")
        linear = _Linear(leaves, own)
        blocks = [_columns(linear, leaves, own, i) for i in range(len(own))]
        inputs = tree_flatten(tree)[1]
        jacobians = [tree_unflatten(list(row), inputs) for row in zip(*blocks)]
        result = tree_unflatten(jacobians, structure)
        result, aux = released((result, aux), [*own, *linear.dummies])
        return (result, aux) if has_aux else result

    return wrapper


def _columns(linear, outputs, inputs, chosen_input):
    """The Jacobians of all outputs by one of the inputs."""
    x = inputs[chosen_input]
    zeros = [ops.zeros_like(other) for other in inputs]
    columns = []
    for position in range(x.numel()):
        tangents = [*zeros]
        tangents[chosen_input] = unit_like(x, position)
        columns.append(linear(tangents))
    if not columns:
        return [ops.zeros((*y.shape, *x.shape), dtype=y.dtype, device=y.device) for y in outputs]
    return [
        ops.stack(column, -1).reshape((*y.shape, *x.shape))
        for y, column in zip(outputs, zip(*columns))
    ]


def hessian(func, argnums=0):
    """The function that gives the matrix of second derivatives."""
    return jacfwd(jacrev(func, argnums), argnums)
