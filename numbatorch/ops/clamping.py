"""Bringing values between bounds: clamp and its one-sided forms."""

import math

from .. import dtypes, graph
from ..formulas import selection as formulas
from ..op import repeated
from . import scalars
from .casting import cast
from .comparison import ge, gt, le, lt
from .copying import copy
from .elementwise import COMPLEX, binary, elementwise
from .logic import logical_and, logical_or
from .registry import function, method
from .scalars import check_tensor
from .selection import where_op

# Bounds that are numbers, in floating point ---------------------------------------------------------


@elementwise(formulas.clamp, name="clamp_numbers", node_name="ClampBackward1", sampled=False)
def clamp_numbers(input, *, min=-math.inf, max=math.inf):
    pass


@elementwise(formulas.clamp_gradient, node_name="ClampBackward1Backward0", sampled=False)
def clamp_gradient(grad_output, input, *, min, max):
    pass


@clamp_numbers.gradient("input")
def _(grad, input, min, max):
    return clamp_gradient(grad, input, min=min, max=max)


@clamp_gradient.gradient("grad_output")
def _(grad, input, min, max):
    return clamp_gradient(grad, input, min=min, max=max)


# Bounds that are tensors, or any in integers --------------------------------------------------------


@elementwise(formulas.clamp, name="clamp_tensors", node_name="ClampBackward0", sampled=False)
def clamp_tensors(input, min, max):
    pass


@clamp_tensors.gradient("input")
def _(grad, input, min, max):
    return where_op(logical_and(ge(input, min), le(input, max)), grad, 0)


@clamp_tensors.gradient("min")
def _(grad, input, min, max):
    return where_op(logical_and(lt(min, max), lt(input, min)), grad, 0)


@clamp_tensors.gradient("max")
def _(grad, input, min, max):
    return where_op(logical_or(gt(input, max), lt(max, min)), grad, 0)


clamp_to_min = binary(
    "clamp_to_min",
    formulas.clamp_min,
    publish=False,
    rejects=COMPLEX,
    node_name="ClampMinBackward1",
)
clamp_to_max = binary(
    "clamp_to_max",
    formulas.clamp_max,
    publish=False,
    rejects=COMPLEX,
    node_name="ClampMaxBackward1",
)


@clamp_to_min.gradient("input")
def _(grad, input, other):
    return where_op(ge(input, other), grad, 0)


@clamp_to_min.gradient("other")
def _(grad, input, other):
    return where_op(lt(input, other), grad, 0)


@clamp_to_max.gradient("input")
def _(grad, input, other):
    return where_op(le(input, other), grad, 0)


@clamp_to_max.gradient("other")
def _(grad, input, other):
    return where_op(gt(input, other), grad, 0)


# The public functions -------------------------------------------------------------------------------


def _plan(input, min, max):
    """(op, inputs, params) that brings `input` between the bounds."""
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if input.dtype.is_complex:
        raise NotImplementedError("clamp is not supported for complex types")
    min, max = _alike(min, max)
    bounds = [bound for bound in (min, max) if bound is not None]
    if any(isinstance(bound, graph.Value) for bound in bounds):
        if not all(isinstance(bound, graph.Value) for bound in bounds):
            raise TypeError("clamp(): min and max must both be tensors or both be numbers")
    else:
        for bound in bounds:
            scalars.check_word(bound)
            if isinstance(bound, complex) and input.dtype.is_floating_point:
                raise RuntimeError("value cannot be converted to type double without overflow")
        operands = [(input.dtype, 2 if input.shape else 1)]
        dtype = dtypes.result_type(operands + [(dtypes.of_scalar(bound), 0) for bound in bounds])
        if dtype.is_floating_point:
            params = {
                "min": -math.inf if min is None else float(min),
                "max": math.inf if max is None else float(max),
            }
            return clamp_numbers, (cast(input, dtype),), params
        if dtype is dtypes.bool_:
            raise NotImplementedError("\"clamp_scalar_cpu\" not implemented for 'Bool'")
        for bound in bounds:
            scalars.check_fits(bound, dtype)
    if max is None:
        return clamp_to_min, (input, min), {}
    if min is None:
        return clamp_to_max, (input, max), {}
    return clamp_tensors, (input, min, max), {}


def _alike(min, max):
    """Bounds of which one is a tensor: beside a number, one of a single element passes for one."""
    if min is None or max is None or isinstance(min, graph.Value) == isinstance(max, graph.Value):
        return min, max
    bound = min if isinstance(min, graph.Value) else max
    if bound.shape or bound._requires_grad:
        return min, max
    return (bound.item(), max) if bound is min else (min, bound.item())


@function(aliases=("clip",))
@repeated
def clamp(input, min=None, max=None, *, out=None):
    """Every element brought between `min` and `max`: numbers, tensors, or None for no bound."""
    op, inputs, params = _plan(input, min, max)
    return op(*inputs, **params, out=out)


@method(aliases=("clip_",))
def clamp_(input, min=None, max=None):
    """Bring every element of this tensor between `min` and `max`."""
    op, inputs, params = _plan(input, min, max)
    if inputs[0] is input:
        return op.inplace(*inputs, **params)
    return copy.inplace(input, op(*inputs, **params))


@function
def clamp_min(input, min, *, out=None):
    """Every element raised to at least `min`."""
    check_tensor("clamp_min", "input", 1, input)
    return clamp(input, min=min, out=out)


@function
def clamp_max(input, max, *, out=None):
    """Every element lowered to at most `max`."""
    check_tensor("clamp_max", "input", 1, input)
    return clamp(input, max=max, out=out)


@method
def clamp_min_(input, min):
    """Raise every element of this tensor to at least `min`."""
    return clamp_(input, min=min)


@method
def clamp_max_(input, max):
    """Lower every element of this tensor to at most `max`."""
    return clamp_(input, max=max)
