"""Jacobians, Hessians and their products with vectors (`torch.autograd.functional`)."""

from .. import graph, ops
from .engine import grad
from .modes import enable_grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

# Arguments and results ----------------------------------------------------------------------------


def _as_tuple(values, name, function):
    """(whether `values` was a tuple, the tuple); TypeError where it holds anything but tensors."""
    is_tuple = isinstance(values, tuple)
    found = values if is_tuple else (values,)
    for i, x in enumerate(found):
        if not isinstance(x, graph.Value):
            if is_tuple:
                raise TypeError(
                    f"The {name} given to {function} must be either a Tensor or a tuple of Tensors "
                    f"but the value at index {i} has type {type(x)}."
                )
            raise TypeError(
                f"The {name} given to {function} must be either a Tensor or a tuple of Tensors but "
                f"the given {name} has type {type(x)}."
            )
    return is_tuple, found


def _variables(inputs, create_graph):
    """The inputs as variables, part of the caller's graph where that is to be differentiated."""
    return tuple(
        x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_()
        for x in inputs
    )


def _called(func, inputs, function):
    is_tuple, outputs = _as_tuple(func(*inputs), "outputs of the user-provided function", function)
    return is_tuple, outputs


def _finished(values, create_graph):
    return values if create_graph else tuple(x.detach() for x in values)


def _unwrapped(values, is_tuple):
    return tuple(values) if is_tuple else values[0]


def _checked_vectors(v, likes, function, what):
    """`v` as a tuple of the sizes of `likes`; ones where it is None and there is one element."""
    if v is None:
        if len(likes) != 1 or graph.numel(likes[0]) != 1:
            raise RuntimeError(f"The vector v can only be None if {what} with a single element.")
        return (ops.ones_like(likes[0]),)
    vectors = _as_tuple(v, "v", function)[1]
    if len(vectors) != len(likes):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(likes)} but got {len(vectors)}."
        )
    for i, (vector, like) in enumerate(zip(vectors, likes)):
        if vector.shape != like.shape:
            place = f"Entry {i} in " if len(likes) > 1 else ""
            raise RuntimeError(
                f"{place}v has invalid size: should be {like.shape} but got {vector.shape}."
            )
    return vectors


def _gradients(outputs, inputs, weights, strict, function, keep=True):
    """Gradients of what can be differentiated, zeros for the rest; RuntimeError if `strict`."""
    pairs = [(y, weight) for y, weight in zip(outputs, weights) if y.requires_grad]
    if strict and len(pairs) < len(outputs):
        raise RuntimeError(
            f"Output of the user-provided function does not require gradients, which {function} "
            "does not allow in strict mode: it must depend on the inputs in a differentiable manner."
        )
    if not pairs:
        return tuple(ops.zeros_like(x) for x in inputs)
    found = grad(
        [y for y, _ in pairs], inputs, [weight for _, weight in pairs], create_graph=keep,
        retain_graph=True, allow_unused=True,
    )  # fmt: skip
    if strict and any(g is None for g in found):
        raise RuntimeError(
            f"The output of the user-provided function is independent of an input. This is not "
            f"allowed in strict mode ({function})."
        )
    return tuple(ops.zeros_like(x) if g is None else g for x, g in zip(inputs, found))


# Products -----------------------------------------------------------------------------------------


def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """(outputs, the product of `v` with the Jacobian)."""
    several, inputs = _as_tuple(inputs, "inputs", "vjp")
    with enable_grad():
        variables = _variables(inputs, create_graph)
        is_tuple, outputs = _called(func, variables, "vjp")
        v = _checked_vectors(v, outputs, "vjp", "the user-provided function returns a Tensor")
        found = _gradients(outputs, variables, v, strict, "vjp", create_graph)
    found, outputs = _finished(found, create_graph), _finished(outputs, create_graph)
    return _unwrapped(outputs, is_tuple), _unwrapped(found, several)


def _tangent_product(outputs, inputs, v, strict, function):
    """The product of the Jacobian with `v`: the gradient of a product with it, which is linear."""
    dummies = tuple(ops.zeros_like(y).requires_grad_() for y in outputs)
    products = _gradients(outputs, inputs, dummies, strict, function)
    return _gradients(products, dummies, v, False, function)


def jvp(func, inputs, v=None, create_graph=False, strict=False):
    """(outputs, the product of the Jacobian with `v`)."""
    _, inputs = _as_tuple(inputs, "inputs", "jvp")
    with enable_grad():
        variables = _variables(inputs, create_graph)
        v = _checked_vectors(
            v, variables, "jvp", "the input to the user-provided function is a Tensor"
        )
        is_tuple, outputs = _called(func, variables, "jvp")
        found = _tangent_product(outputs, variables, v, strict, "jvp")
    found, outputs = _finished(found, create_graph), _finished(outputs, create_graph)
    return _unwrapped(outputs, is_tuple), _unwrapped(found, is_tuple)


def _scalar_output(func, variables, function):
    is_tuple, outputs = _called(func, variables, function)
    if is_tuple:
        raise RuntimeError(f"The function given to {function} should return a single Tensor")
    if graph.numel(outputs[0]) != 1:
        raise RuntimeError(
            f"The Tensor returned by the function given to {function} should contain a single element"
        )
    return outputs[0]


def _slopes(func, variables, strict, function):
    """(output, its gradients, recorded)."""
    output = _scalar_output(func, variables, function)
    return output, _gradients([output], variables, [ops.ones_like(output)], strict, function)


_OF_INPUT = "the input to the user-provided function is a Tensor"


def vhp(func, inputs, v=None, create_graph=False, strict=False):
    """(output, the product of `v` with the Hessian of a function with a scalar value)."""
    several, inputs = _as_tuple(inputs, "inputs", "vhp")
    with enable_grad():
        variables = _variables(inputs, create_graph)
        v = _checked_vectors(v, variables, "vhp", _OF_INPUT)
        output, slopes = _slopes(func, variables, strict, "vhp")
        found = _gradients(slopes, variables, v, strict, "vhp", create_graph)
    (output,) = _finished((output,), create_graph)
    return output, _unwrapped(_finished(found, create_graph), several)


def hvp(func, inputs, v=None, create_graph=False, strict=False):
    """(output, the product of the Hessian with `v`), of a function with a scalar value."""
    several, inputs = _as_tuple(inputs, "inputs", "hvp")
    with enable_grad():
        variables = _variables(inputs, create_graph)
        v = _checked_vectors(v, variables, "hvp", _OF_INPUT)
        output, slopes = _slopes(func, variables, strict, "hvp")
        found = _tangent_product(slopes, variables, v, strict, "hvp")
    (output,) = _finished((output,), create_graph)
    return output, _unwrapped(_finished(found, create_graph), several)


# Matrices -----------------------------------------------------------------------------------------


def _unit_like(x, position):
    flat = ops.zeros((graph.numel(x),), dtype=x.dtype, device=x.device)
    flat[position] = 1
    return flat.reshape(x.shape)


def _rows(output, inputs, create_graph, strict, function):
    """For every input, the gradients of all elements of `output`, stacked."""
    count = graph.numel(output)
    found = [
        _gradients([output], inputs, [_unit_like(output, i)], strict, function, create_graph)
        for i in range(count)
    ]
    if not found:
        return tuple(
            ops.zeros((*output.shape, *x.shape), dtype=output.dtype, device=output.device)
            for x in inputs
        )
    return tuple(
        ops.stack(rows).reshape((*output.shape, *x.shape)) for x, rows in zip(inputs, zip(*found))
    )


def _columns(outputs, inputs, create_graph, strict):
    """For every output and input, the products with all unit vectors, stacked last."""
    dummies = tuple(ops.zeros_like(y).requires_grad_() for y in outputs)
    products = _gradients(outputs, inputs, dummies, strict, "jacobian")
    blocks = []
    for x, product in zip(inputs, products):
        columns = [
            _gradients([product], dummies, [_unit_like(x, i)], False, "jacobian", create_graph)
            for i in range(graph.numel(x))
        ]
        blocks.append([
            ops.stack(column, -1).reshape((*y.shape, *x.shape))
            for y, column in zip(outputs, zip(*columns))
        ])  # fmt: skip
    return tuple(tuple(row) for row in zip(*blocks))


def jacobian(
    func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode"
):
    """The Jacobian: of the output's shape and then the input's, for each pair of them.

    `vectorize` has no effect; `strategy` says whether rows (reverse-mode) or columns are computed.
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function '
            'has more outputs than inputs, "forward-mode" tends to be more performant.'
        )
    if strategy == "forward-mode" and create_graph:
        raise NotImplementedError(
            "torch.autograd.functional.jacobian: `create_graph=True` and "
            '`strategy="forward-mode"` are not supported together (yet).'
        )
    if strategy == "forward-mode" and not vectorize:
        raise NotImplementedError(
            'torch.autograd.functional.jacobian: `vectorize=False` and `strategy="forward-mode"` '
            "are not supported together (yet). Please use `vectorize=True` or "
            '`strategy="reverse-mode"`.'
        )
    several, inputs = _as_tuple(inputs, "inputs", "jacobian")
    with enable_grad():
        variables = _variables(inputs, create_graph)
        is_tuple, outputs = _called(func, variables, "jacobian")
        if strategy == "forward-mode":
            blocks = _columns(outputs, variables, create_graph, strict)
        else:
            blocks = [_rows(y, variables, create_graph, strict, "jacobian") for y in outputs]
    blocks = [_unwrapped(_finished(row, create_graph), several) for row in blocks]
    return _unwrapped(blocks, is_tuple)


def hessian(
    func, inputs, create_graph=False, strict=False, vectorize=False,
    outer_jacobian_strategy="reverse-mode",
):  # fmt: skip
    """The second derivatives of a function with a scalar value, for each pair of inputs."""
    if outer_jacobian_strategy not in ("reverse-mode", "forward-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')
    several, inputs = _as_tuple(inputs, "inputs", "hessian")
    with enable_grad():
        variables = _variables(inputs, create_graph)
        _, slopes = _slopes(func, variables, strict, "hessian")
        blocks = [_rows(slope, variables, create_graph, strict, "hessian") for slope in slopes]
    blocks = [_unwrapped(_finished(row, create_graph), several) for row in blocks]
    return _unwrapped(blocks, several)
