"""Reverse mode: grad, grad_and_value, vjp, jacrev."""

import functools

from .. import autograd, ops
from ..graph import Value
from ..utils._pytree import tree_flatten, tree_map, tree_unflatten
from .variables import chosen, gradients, released, replaced, tensors_of, variables, with_aux


def grad_and_value(func, argnums=0, has_aux=False):
    """The function that gives (gradients, value) of a function with a scalar value.

    With `has_aux` the function returns (value, aux), and this one (gradients, (value, aux)).
    """

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        tree, own = variables(chosen(args, argnums))
        with autograd.enable_grad():
            value, aux = with_aux(
                func(*replaced(args, argnums, tree), **kwargs), has_aux, "grad_and_value(f)(*args)"
            )
        if not isinstance(value, Value):
            raise RuntimeError(
                "Expected f(*args) passed to grad(f)(*args) to return a Tensor, got "
                f"{type(value).__name__}"
            )
        if value.dim() != 0:
            raise RuntimeError(
                "Expected f(*args) passed to grad(f)(*args) to return a scalar tensor, got tensor "
                f"with {value.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
            )
        found = gradients([value], own)
        slopes = tree_unflatten(found, tree_flatten(tree)[1])
        slopes, value, aux = released((slopes, value, aux), own)
        return (slopes, (value, aux)) if has_aux else (slopes, value)

    return wrapper


def grad(func, argnums=0, has_aux=False):
    """The function that gives the gradients of a function with a scalar value.

    They are by the argument, or the arguments, `argnums`; with `has_aux` aux comes with them.
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        slopes, value = both(*args, **kwargs)
        return (slopes, value[1]) if has_aux else slopes

    return wrapper


def vjp(func, *primals, has_aux=False):
    """(output, the function that multiplies the transposed Jacobian with cotangents)."""
    if not primals:
        raise RuntimeError("vjp(f, *primals): Expected at least one primal")
    tree, own = variables(primals)
    with autograd.enable_grad():
        output, aux = with_aux(func(*tree), has_aux, "vjp(f, *primals)")
    leaves, structure = tensors_of(output, "vjp(f, *primals)")

    def vjp_fn(cotangents=None, *rest):
        if rest:
            cotangents = (cotangents, *rest)
        elif cotangents is None:
            cotangents = tree_map(_one_like, output)
        weights, found = tree_flatten(cotangents)
        if found != structure:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of "
                f"outputs to the function. cotangents: {found}, primal output: {structure}"
            )
        for weight, leaf in zip(weights, leaves):
            if weight.shape != leaf.shape:
                raise RuntimeError(
                    f"vjp: the cotangent has shape {tuple(weight.shape)}, but the output "
                    f"{tuple(leaf.shape)}"
                )
        found = gradients(leaves, own, weights)
        return released(tree_unflatten(found, tree_flatten(tree)[1]), own)

    output, aux = released((output, aux), own)
    return (output, vjp_fn, aux) if has_aux else (output, vjp_fn)


def _one_like(x):
    if x.numel() != 1:
        raise RuntimeError(
            "vjp_fn was called without cotangents, which is allowed where the output has one element"
        )
    return ops.ones_like(x)


def unit_like(x, position):
    """A tensor like `x` of zeros, and 1 at one position."""
    flat = ops.zeros((x.numel(),), dtype=x.dtype, device=x.device)
    flat[position] = 1
    return flat.reshape(x.shape)


def jacrev(func, argnums=0, *, has_aux=False, chunk_size=None, _preallocate_and_copy=False):
    """The function that gives the Jacobian, one row after the other.

    Its shape is that of the output and then that of the input, for each pair of them.
    """

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        tree, own = variables(chosen(args, argnums))
        with autograd.enable_grad():
            output, aux = with_aux(
                func(*replaced(args, argnums, tree), **kwargs), has_aux, "jacrev(f)(*args)"
            )
        leaves, structure = tensors_of(output, "jacrev(f)(*args)")
        inputs = tree_flatten(tree)[1]
        jacobians = []
        for y in leaves:
            rows = [gradients([y], own, [unit_like(y, i)]) for i in range(y.numel())]
            blocks = [
                ops.stack(block).reshape((*y.shape, *x.shape)) if rows else (
                    ops.zeros((*y.shape, *x.shape), dtype=y.dtype, device=y.device))
                for x, block in zip(own, zip(*rows) if rows else [()] * len(own))
            ]  # fmt: skip
            jacobians.append(tree_unflatten(blocks, inputs))
        result, aux = released((tree_unflatten(jacobians, structure), aux), own)
        return (result, aux) if has_aux else result

    return wrapper
