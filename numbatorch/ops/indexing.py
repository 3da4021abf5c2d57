"""Reading and writing at positions that tensors hold: index, gather, scatter and their kin."""

import functools
import inspect

from .. import devices, dtypes, graph, shapes
from ..formulas import combining
from ..op import Spec, copy_values, primitive
from ..shapes import Size, wrap_dim
from . import lookup, scalars
from .casting import cast, to_device
from .output import store
from .registry import Sample, function, samples
from .selection import where_op
from .views import reshape, slice_op, view_op

#: How a value joins what is there already, by name.
COMBINATIONS = {
    "assign": combining.assign, "add": combining.add, "multiply": combining.multiply,
    "amax": combining.maximum, "amin": combining.minimum,
}  # fmt: skip


# Primitives ---------------------------------------------------------------------------------------


@primitive(name="index")
def index_op(input, *indices, dims, negative=True):
    """The elements at `indices` of the dimensions `dims` (advanced indexing)."""
    shape = lookup.looked_up_shape(input.shape, lookup.broadcast_index_shape(indices), dims)
    return Spec(shape, input.dtype)


@index_op.forward
def _(out, input, *indices, dims, negative=True):
    view, offsets = lookup.find(input, indices, dims, negative=negative)
    devices.kernels(out).indexing.read(out, view, offsets)


@index_op.gradient("input")
def _(grad, indices, input_shape, dims):
    return index_put_op(None, grad, *indices, dims=dims, accumulate=True, size=input_shape)


@primitive(name="index_put", inplace_safe=True)
def index_put_op(input, values, *indices, dims, accumulate=False, negative=True, size=None):
    """`input` with `values` written, or added, at `indices` of the dimensions `dims`.

    Without an input, zeros of `size`.
    """
    if input is None:
        return Spec(size, values.dtype)
    if values.dtype is not input.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{input.dtype} for the destination and {values.dtype} for the source."
        )
    return Spec(input.shape, input.dtype)


@index_put_op.forward
def _(out, input, values, *indices, dims, accumulate=False, negative=True, size=None):
    _check_apart(out, values)
    view, offsets = lookup.find(out, indices, dims, negative=negative)
    _start_from(out, input)
    combine = combining.add if accumulate else combining.assign
    devices.kernels(out).indexing.write(view, values, offsets, combine)


@index_put_op.gradient("input")
def _(grad, indices, dims, accumulate):
    if accumulate:
        return grad
    zero = scalars.full_scalar(0, grad.dtype, devices.of(grad))
    return index_put_op(grad, zero, *indices, dims=dims)


@index_put_op.gradient("values")
def _(grad, indices, dims):
    return index_op(grad, *indices, dims=dims)


def _check_apart(out, source):
    """RuntimeError where values would be overwritten before they are read."""
    if out.storage is source.storage:
        raise RuntimeError(
            "unsupported operation: some elements of the input tensor and the written-to tensor "
            "refer to a single memory location. Please clone() the tensor before performing the "
            "operation."
        )


def _start_from(out, input):
    """Fill `out` with `input`, where it is another value, or with zeros, where there is none."""
    if input is None:
        copy_values(out, scalars.constant(0, out.dtype, devices.of(out)))
    elif input is not out:
        copy_values(out, input)


@primitive(name="gather")
def gather_op(input, index, *, dim):
    """out[i][j] = input[index[i][j]][j] for dim 0, and likewise for others."""
    return Spec(index.shape, input.dtype)


@gather_op.forward
def _(out, input, index, *, dim):
    view, offsets = _along(input, index, dim)
    devices.kernels(out).indexing.read(out, view, offsets)


@gather_op.gradient("input")
def _(grad, index, input_shape, dim):
    return scatter_op(None, index, grad, dim=dim, combine="add", size=input_shape)


@primitive(name="scatter", inplace_safe=True)
def scatter_op(input, index, src, *, dim, combine="assign", size=None):
    """`input` with out[index[i][j]][j] = src[i][j] for dim 0, and likewise for others.

    Without an input, zeros of `size`. `src` has the shape of `index` or none.
    """
    return Spec(size, src.dtype) if input is None else Spec(input.shape, input.dtype)


@scatter_op.forward
def _(out, input, index, src, *, dim, combine="assign", size=None):
    _check_apart(out, src)
    view, offsets = _along(out, index, dim)
    _start_from(out, input)
    devices.kernels(out).indexing.write(view, src, offsets, COMBINATIONS[combine])


@scatter_op.gradient("input")
def _(grad, index, dim, combine):
    if combine == "add":
        return grad
    _check_differentiable(combine)
    zero = scalars.full_scalar(0, grad.dtype, devices.of(grad))
    return scatter_op(grad, index, zero, dim=dim)


@scatter_op.gradient("src")
def _(grad, index, dim, combine):
    _check_differentiable(combine)
    return gather_op(grad, index, dim=dim)


def _check_differentiable(combine):
    if combine not in ("assign", "add"):
        raise NotImplementedError(f"the derivative for 'scatter' with {combine} is not implemented")


def _along(value, index, dim):
    """(view, offsets) of the elements of `value` that `index` chooses along one dimension."""
    size = value.shape[dim] if value.shape else 1
    strides = value.strides or (1,)
    offsets = lookup.locate(
        [index], index.shape, [size], [strides[dim]], [dim], RuntimeError, negative=False
    )
    standing = tuple([0 if d == dim else stride for d, stride in enumerate(strides)])
    if not graph.numel(index):  # of any rank
        standing = (0,) * len(index.shape)
    return graph.alias(value, index.shape, standing[: len(index.shape)]), offsets


# Checks -------------------------------------------------------------------------------------------


def check_gather(name, input, dim, index, src=None):
    """The wrapped dimension; RuntimeError where shapes or dtypes do not fit."""
    lookup.check_index_dtype(name, index)
    dim = wrap_dim(dim, len(input.shape))
    if not graph.numel(index):
        return dim
    if max(len(index.shape), 1) != max(len(input.shape), 1):
        raise RuntimeError(
            "Index tensor must have the same number of dimensions as input tensor: got "
            f"{list(index.shape)} and {list(input.shape)}"
        )
    for d, (size, bound) in enumerate(zip(index.shape, input.shape)):
        if d != dim and size > bound:
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(index.shape)} to be no "
                f"larger than self {list(input.shape)} apart from dimension {dim}"
            )
    if src is not None:
        if len(src.shape) < len(index.shape):
            wrap_dim(len(src.shape), len(src.shape))
        if max(len(src.shape), 1) != max(len(index.shape), 1):
            raise RuntimeError(
                "Index tensor must have the same number of dimensions as src tensor: got "
                f"{list(index.shape)} and {list(src.shape)}"
            )
        if any(size > bound for size, bound in zip(index.shape, src.shape)):
            raise RuntimeError(
                f"Expected index {list(index.shape)} to be no larger than self "
                f"{list(input.shape)} apart from dimension {dim} and to be no larger than src "
                f"{list(src.shape)}"
            )
    return dim


def check_same_dtype(name, input, source, argument="src"):
    if input.dtype is not source.dtype:
        raise RuntimeError(
            f"{name}(): Expected self.dtype to be equal to {argument}.dtype, but got {input.dtype} "
            f"and {source.dtype}"
        )


def check_line(name, input, dim, index):
    """(dimension, index of one dimension) for an op with one list of indices along a dimension."""
    lookup.check_index_dtype(name, index)
    if len(index.shape) > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector, but got {list(index.shape)}")
    return wrap_dim(dim, len(input.shape)), index if index.shape else reshape(index, (1,))


# Publishing ---------------------------------------------------------------------------------------


def plain(op, *inputs, **params):
    return op(*inputs, **params)


def inplace(op, *inputs, **params):
    return op.inplace(*inputs, **params)


def writer(implementation):
    """Publish implementation(run, input, ...) as `name` and, in place, as `name_`.

    `run(op, input, ...)` makes the result, fresh or in the memory of `input`.
    """
    parameters = list(inspect.signature(implementation).parameters.values())[1:]

    @functools.wraps(implementation)
    def written(*args, out=None, **kwargs):
        result = implementation(plain, *args, **kwargs)
        return result if out is None else store(result, out)

    written.__signature__ = inspect.Signature(parameters)
    written.inplace = functools.partial(implementation, inplace)
    written.body = implementation
    return function(written, inplace=True)


# Along one dimension ------------------------------------------------------------------------------


@function
def index_select(input, dim, index, *, out=None):
    """The slices of `input` at `index` of dimension `dim`."""
    dim, index = check_line("index_select", input, dim, index)
    if input.shape and input.shape[dim] == 0 and graph.numel(index) and dim != 1:
        raise RuntimeError("index_select(): self indexing axis dim should be positive")
    line = input if input.shape else view_op(input, size=(1,))
    try:
        result = index_op(line, index, dims=(dim,), negative=False)
    except IndexError as error:
        raise _as_runtime_error(error) if dim == 1 else error from None
    if not input.shape:
        result = reshape(result, ())
    return result if out is None else store(result, out, (input, index))


def _put_slices(run, name, input, dim, index, source, **params):
    """Write `source` into the slices at `index` of dimension `dim`."""
    dim, index = check_line(name, input, dim, index)
    check_same_dtype(name, input, source, "source")
    if not source.shape and graph.numel(index) != 1:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if name == "index_copy_" and not source.shape and len(input.shape) == 1:
        source = view_op(source, size=(1,))
    if name == "index_copy_" and source.shape and len(source.shape) == len(input.shape):
        indices, slices = graph.numel(index), source.shape[dim]
        if indices != slices:
            raise IndexError(
                f"{name}(): Number of indices ({indices}) should be equal to source.size(dim) "
                f"({slices})"
            )
    expected = Size((*input.shape[:dim], *index.shape, *input.shape[dim + 1 :]))
    if not input.shape:
        fits = source.shape in (((), (1,)) if name == "index_copy_" else ((),))
    else:
        fits = source.shape == expected
    if not fits:
        raise RuntimeError(
            f"{name}(): the shape of source, {list(source.shape)}, must be {list(expected)}: that of "
            f"self, {list(input.shape)}, with the number of indices at dimension {dim}"
        )
    if input.shape:
        return run(index_put_op, input, source, index, dims=(dim,), **params)
    line = view_op(input, size=(1,))
    result = run(index_put_op, line, source, index, dims=(0,), **params)
    return input if result is line else reshape(result, ())


@writer
def index_add(run, input, dim, index, source, *, alpha=1):
    """`input` with alpha * source[i] added to its slice index[i] of dimension `dim`."""
    if alpha != 1:
        source = source * alpha
    try:
        return _put_slices(
            run, "index_add", input, dim, index, source, accumulate=True, negative=False
        )
    except IndexError as error:
        raise _as_runtime_error(error) from None


def _as_runtime_error(error):
    """What index_add, index_reduce, and index_select along dimension 1 make of an index out of bounds."""
    return RuntimeError(str(error)) if "out of bounds" in str(error) else error


@writer
def index_copy(run, input, dim, index, source):
    """`input` with source[i] in its slice index[i] of dimension `dim`."""
    return _put_slices(run, "index_copy_", input, dim, index, source, negative=False)


@writer
def index_fill(run, input, dim, index, value):
    """`input` with one number in its slices at `index` of dimension `dim`."""
    if isinstance(index, graph.Value):
        if index.dtype is not dtypes.int64:
            raise IndexError("index_fill_(): Expected dtype int64 for index.")
        if len(index.shape) > 1:
            raise RuntimeError("Index has to be a vector/scalar")
    dim, index = check_line("index_fill_", input, dim, index)
    if isinstance(value, graph.Value) and value.shape:
        raise RuntimeError(
            "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{len(value.shape)} dimension(s)."
        )
    if isinstance(value, graph.Value):  # a place counts once in the gradient of the value
        index = _distinct(index, input.shape[dim] if input.shape else 1)
    value = _as_element(value, input)
    if input.shape:
        return run(index_put_op, input, value, index, dims=(dim,))
    line = view_op(input, size=(1,))
    result = run(index_put_op, line, value, index, dims=(0,))
    return input if result is line else reshape(result, ())


def _distinct(index, size):
    from .sorting import unique

    return unique(where_op(index < 0, index + size, index))


def _as_element(value, input):
    """A number or a tensor as a value of the dtype and device of `input`."""
    if isinstance(value, graph.Value):
        return cast(to_device(value, devices.of(input)), input.dtype)
    if dtypes.of_scalar(value).is_complex and not input.dtype.is_complex:
        raise RuntimeError(f"value cannot be converted to type {input.dtype} without overflow")
    return scalars.constant(value, input.dtype, devices.of(input))


# gather and scatter -------------------------------------------------------------------------------


@function
def gather(input, dim, index, *, sparse_grad=False, out=None):
    """out[i][j] = input[index[i][j]][j] for dim 0, and likewise for other dimensions."""
    dim = check_gather("gather", input, dim, index)
    if out is not None and out.dtype is not input.dtype:
        raise RuntimeError(
            f"Expected out tensor to have dtype {input.dtype.name}, but got {out.dtype.name} instead"
        )
    result = gather_op(input, index, dim=dim)
    return result if out is None else store(result, out, (input, index))


def fitted(src, index):
    """The part of `src` that `index` covers, and `src` itself where that is all."""
    for d, size in enumerate(index.shape):
        if d < len(src.shape) and src.shape[d] != size:
            src = slice_op(src, dim=d, start=0, end=size, step=1)
    return src if src.shape == index.shape else reshape(src, index.shape)


@writer
def scatter(run, input, dim, index, src=None, *, value=None, reduce=None):
    """`input` with out[index[i][j]][j] = src[i][j] for dim 0, and likewise for other dimensions.

    `src` may be one number; `reduce` is "add" or "multiply" to combine with what is there.
    """
    if reduce not in (None, "add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    src = value if src is None else src
    if isinstance(src, graph.Value):
        dim = check_gather("scatter", input, dim, index, src)
        check_same_dtype("scatter", input, src)
        src = fitted(src, index)
    elif scalars.is_number(src):
        dim = check_gather("scatter", input, dim, index)
        src = _as_element(src, input)
    else:
        raise TypeError(
            f"scatter(): argument 'src' must be Tensor or Number, not {type(src).__name__}"
        )
    return run(scatter_op, input, index, src, dim=dim, combine=reduce or "assign")


@writer
def scatter_add(run, input, dim, index, src):
    """`input` with src[i][j] added to out[index[i][j]][j] for dim 0, and likewise for others."""
    dim = check_gather("scatter_add", input, dim, index, src)
    check_same_dtype("scatter", input, src)
    return run(scatter_op, input, index, fitted(src, index), dim=dim, combine="add")


# Flat and advanced --------------------------------------------------------------------------------


@function
def take(input, index, *, out=None):
    """The elements of `input`, seen as one row, at `index`."""
    lookup.check_index_dtype("take", index)
    if graph.numel(input) == 0 and graph.numel(index):
        raise IndexError("take(): tried to take from an empty tensor")
    result = index_op(reshape(input, (-1,)), index, dims=(0,))
    return result if out is None else store(result, out)


@function(inplace=True)
def put(input, index, source, accumulate=False):
    """`input` with `source` written, or added, at `index` of its elements seen as one row."""
    lookup.check_index_dtype("put", index)
    check_same_dtype("put_", input, source, "source")
    if graph.numel(index) != graph.numel(source):
        raise RuntimeError(
            "put_(): Expected source and index to have the same number of elements, but got "
            f"{graph.numel(source)} and {graph.numel(index)}"
        )
    flat, source = reshape(input, (-1,)), reshape(source, index.shape)
    result = index_put_op(flat, source, index, dims=(0,), accumulate=accumulate)
    return reshape(result, input.shape)


@function
def take_along_dim(input, indices, dim=None, *, out=None):
    """The elements of `input` at `indices` along `dim`; the other dimensions broadcast."""
    lookup.check_index_dtype("take_along_dim", indices, "indices")
    if dim is None:
        result = gather(reshape(input, (-1,)), 0, reshape(indices, (-1,)))
    else:
        if len(input.shape) != len(indices.shape):
            raise RuntimeError(
                "take_along_dim(): input and indices should have the same number of dimensions, "
                f"but got {len(input.shape)} dimensions for input, and {len(indices.shape)} "
                "dimensions for indices"
            )
        dim = wrap_dim(dim, len(input.shape))
        shape = shapes.broadcast_shapes(
            Size(1 if d == dim else n for d, n in enumerate(input.shape)),
            Size(1 if d == dim else n for d, n in enumerate(indices.shape)),
        )
        own, chosen = list(shape), list(shape)
        own[dim], chosen[dim] = input.shape[dim], indices.shape[dim]
        indices = where_op(indices < 0, indices + input.shape[dim], indices)
        result = gather(input.expand(own), dim, indices.expand(chosen))
    return result if out is None else store(result, out)


@writer
def index_put(run, input, indices, values, accumulate=False):
    """`input` with `values` written, or added, where input[indices] looks."""
    from .getitem import pair_with_dims, put_items

    for i, index in enumerate(indices):
        if not isinstance(index, graph.Value):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(index).__name__}"
            )
    return put_items(run, input, pair_with_dims(input, indices), values, accumulate)


# Samples ------------------------------------------------------------------------------------------


@samples("index_select")
def _(make):
    yield Sample(make(4, 3), 0, make.tensor([2, 0, 2]))
    yield Sample(make(4, 3), -1, make.tensor([1]))
    yield Sample(make(4, 3), 1, make.tensor([], dtype=dtypes.int64))
    yield Sample(make(), 0, make.tensor([0]))


@samples("index_add")
def _(make):
    yield Sample(make(4, 3), 0, make.tensor([2, 0, 2]), make(3, 3))
    yield Sample(make(4, 3), 1, make.tensor([1, 1]), make(4, 2), alpha=3)


@samples("index_copy")
def _(make):
    yield Sample(make(4, 3), 0, make.tensor([2, 0]), make(2, 3))
    yield Sample(make(4, 3), 1, make.tensor([1]), make(4, 1))


@samples("index_fill")
def _(make):
    yield Sample(make(4, 3), 0, make.tensor([2, 0]), 1.5)
    yield Sample(make(4, 3), 1, make.tensor([-1, 2, 0]), make())


@samples("gather")
def _(make):
    yield Sample(make(4, 3), 0, make.index(2, 3, high=4))
    yield Sample(make(4, 3), 1, make.index(3, 7, high=3))
    yield Sample(make(2, 3, 4), -2, make.index(2, 5, 3, high=3))
    yield Sample(make(), 0, make.tensor(0))


@samples("scatter")
def _(make):
    index = make.tensor([[0, 1], [2, 0], [1, 2]])
    yield Sample(make(4, 3), 1, index, make(3, 2))
    yield Sample(make(4, 3), 1, index, make(4, 3))
    yield Sample(make(4, 3), 1, index, 2.5)
    yield Sample(make(4, 3), 1, index, make(3, 2), reduce="add")


@samples("scatter_add")
def _(make):
    yield Sample(make(4, 3), 0, make.index(5, 3, high=4), make(5, 3))
    yield Sample(make(4, 3), 1, make.index(4, 7, high=3), make(4, 7))


@samples("take")
def _(make):
    yield Sample(make(4, 3), make.tensor([[0, -1], [5, 5]]))


@samples("put")
def _(make):
    yield Sample(make(4, 3), make.tensor([[0, -1], [5, 6]]), make(2, 2))
    yield Sample(make(4, 3), make.tensor([0, 3, 3]), make(3), accumulate=True)


@samples("take_along_dim")
def _(make):
    yield Sample(make(4, 3), make.index(4, 2, high=3), 1)
    yield Sample(make(4, 3), make.index(1, 3, high=4), 0)
    yield Sample(make(4, 3), make.index(5, high=12))


@samples("index_put")
def _(make):
    yield Sample(make(4, 3), (make.tensor([0, 3]), make.tensor([1, 1])), make(2))
    yield Sample(make(4, 3), (make.tensor([0, 2]),), make(3))
    yield Sample(make(4, 3), (make.tensor([1, 1, 0]),), make(3, 3), accumulate=True)
