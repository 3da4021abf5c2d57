"""The greatest and the least element along a dimension, and where it is."""

from .. import devices, dtypes, graph, return_types, shapes
from ..op import Spec, primitive
from .indexing import scatter_op
from .output import store, write_out
from .reduction import (
    amax_op,
    amin_op,
    check_any_element,
    check_not_empty,
    check_ordered,
    max_all_op,
    min_all_op,
    numpy_names,
    over,
    run,
)
from .registry import FUNCTIONS, Sample, function, samples
from .scalars import check_tensor

# Values with indices -----------------------------------------------------------------------------


def declare_selection(name, compute, node_name=None):
    """An op that gives (values, indices): one element along `dim`, chosen by `compute`.

    compute(values, indices, input, dim, **params) launches the kernel; the input has a dimension.
    """

    def infer(input, *, dim, keepdim, **params):
        shape = shapes.reduced_shape(input.shape, (dim,), keepdim)
        return Spec(shape, input.dtype), Spec(shape, dtypes.int64)

    infer.__doc__ = f"(values, indices) of the {name} along `dim`."
    op = primitive(infer, name=name, **({"node_name": node_name} if node_name else {}))

    @op.forward
    def _(outputs, input, *, dim, keepdim, **params):
        compute(*outputs, with_dimension(input), dim, **params)

    @op.gradient("input")
    def _(grads, outputs, input_shape, dim, keepdim):
        return put_back(grads[0], outputs[1], input_shape, dim, keepdim)

    return op


def with_dimension(input):
    """A 0-d value seen as one of a single element."""
    return input if input.shape else graph.alias(input, shapes.Size((1,)), (1,))


def put_back(grad, index, input_shape, dim, keepdim):
    """The gradient of choosing one element along `dim`: zeros, with `grad` at the index."""
    if not input_shape:
        return grad
    if not keepdim:
        grad, index = grad.unsqueeze(dim), index.unsqueeze(dim)
    return scatter_op(None, index, grad, dim=dim, combine="assign", size=input_shape)


def select(op, structure, input, dim, keepdim, out, **params):
    """The checked call of such an op; the result has named members."""
    dim = shapes.wrap_dim(dim, len(input.shape))
    check_ordered(op.name, input)
    check_not_empty(op.name, input, (dim,))
    params = {"dim": dim, "keepdim": keepdim, **params}
    if out is None:
        return structure(op(input, **params))
    results = op.call((input.detach(),), params)
    return structure(store(result, target) for result, target in zip(results, out))


def _max_along(values, indices, input, dim):
    devices.kernels(input).arg_reduction.argmax(values, indices, input, dim)


def _min_along(values, indices, input, dim):
    devices.kernels(input).arg_reduction.argmin(values, indices, input, dim)


max_op = declare_selection("max", _max_along)
min_op = declare_selection("min", _min_along)


def _extremum(op, whole_op, pairwise, structure, input, dim, keepdim, out):
    if isinstance(dim, graph.Value):
        return FUNCTIONS[pairwise](input, dim, out=out)
    if dim is not None:
        return select(op, structure, input, dim, keepdim, out)
    check_ordered(op.name, input)
    check_any_element(op.name, input)
    return run(whole_op, input, out, **over(input, None, False))


@function
@numpy_names
def max(input, dim=None, keepdim=False, *, out=None, other=None):
    """The maximum; with `dim`, (values, indices) along it; with a tensor, the pairwise maximum."""
    check_tensor("max", "input", 1, input)
    dim = dim if other is None else other
    return _extremum(max_op, max_all_op, "maximum", return_types.max, input, dim, keepdim, out)


@function
@numpy_names
def min(input, dim=None, keepdim=False, *, out=None, other=None):
    """The minimum; with `dim`, (values, indices) along it; with a tensor, the pairwise minimum."""
    check_tensor("min", "input", 1, input)
    dim = dim if other is None else other
    return _extremum(min_op, min_all_op, "minimum", return_types.min, input, dim, keepdim, out)


@function
def aminmax(input, *, dim=None, keepdim=False, out=None):
    """(minimum, maximum), over `dim` or all elements; tied elements share the gradient."""
    check_ordered("aminmax", input)
    params = over(input, dim, keepdim)
    if dim is None and graph.numel(input) == 0:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no "
            "identity."
        )
    check_not_empty("aminmax", input, params["dims"])
    targets = (None, None) if out is None else out
    results = (run(amin_op, input, targets[0], **params), run(amax_op, input, targets[1], **params))
    return return_types.aminmax(results)


# Indices alone -----------------------------------------------------------------------------------


def _declare_argument(name):
    def infer(input, *, dim, keepdim):
        return Spec(shapes.reduced_shape(input.shape, (dim,), keepdim), dtypes.int64)

    infer.__doc__ = "Where the extremum along `dim` is first met."
    op = primitive(infer, name=name)

    @op.forward
    def _(out, input, *, dim, keepdim):
        find = getattr(devices.kernels(input).arg_reduction, name)
        find(None, out, with_dimension(input), dim)

    return op


argmax_op, argmin_op = _declare_argument("argmax"), _declare_argument("argmin")


def _argument(op, input, dim, keepdim, out):
    if input.dtype.is_complex:
        raise RuntimeError(f"{op.name}(): does not support complex input")
    if input.dtype is dtypes.bool_:
        raise RuntimeError(f"{op.name}(): does not support bool input")
    shape = input.shape
    if dim is None:
        check_any_element(op.name, input, IndexError)
        input, dim = input.reshape(-1), 0
    dim = shapes.wrap_dim(dim, len(input.shape))
    check_not_empty(op.name, input, (dim,))
    if input.shape != shape:
        found = op(input, dim=dim, keepdim=False)
        found = found.reshape((1,) * len(shape)) if keepdim else found
        return found if out is None else store(found, out)
    params = {"dim": dim, "keepdim": keepdim}
    return op(input, **params) if out is None else write_out(op, out, (input,), params)


@function
@numpy_names
def argmax(input, dim=None, keepdim=False, *, out=None):
    """Where the maximum along `dim` (of the flattened input by default) is first met."""
    return _argument(argmax_op, input, dim, keepdim, out)


@function
@numpy_names
def argmin(input, dim=None, keepdim=False, *, out=None):
    """Where the minimum along `dim` (of the flattened input by default) is first met."""
    return _argument(argmin_op, input, dim, keepdim, out)


# Samples -----------------------------------------------------------------------------------------

for _name in ("max", "min"):

    @samples(_name)
    def _(make):
        yield Sample(make(3, 4))
        yield Sample(make(), 0)
        yield Sample(make(2, 3, 4), 1)
        yield Sample(make(2, 3, 4), -1, keepdim=True)
        yield Sample(make(3, 4), make(3, 4))


@samples("aminmax")
def _(make):
    yield Sample(make(3, 4))
    yield Sample(make(2, 3, 4), dim=1, keepdim=True)


for _name in ("argmax", "argmin"):

    @samples(_name)
    def _(make):
        yield Sample(make(3, 4))
        yield Sample(make(2, 3, 4), -1, keepdim=True)
