"""Gradients of an op from the same function composed of differentiable ops.

An op with a fused kernel for its gradient has no rule for that gradient's own: where it is itself
recorded, it comes from the composed form.
"""


def composed_gradient(function, grads, inputs, needs, params):
    """The gradients of `inputs`, recorded; function(*inputs, **params) gives a tuple of outputs,
    whose gradients are `grads` (or None)."""
    from ..autograd.engine import grad

    # views, so that no gradient comes in by another way than through the function
    cut = [x.view_as(x) if needed else x for x, needed in zip(inputs, needs)]
    outputs = function(*cut, **params)
    pairs = [(y, g) for y, g in zip(outputs, grads) if g is not None]
    wanted = [x for x, needed in zip(cut, needs) if needed]
    roots, weights = [y for y, _ in pairs], [g for _, g in pairs]
    found = iter(grad(roots, wanted, weights, create_graph=True, allow_unused=True))
    return [next(found) if needed else None for needed in needs]
