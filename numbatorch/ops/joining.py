"""Tensors joined into one: cat, stack and their kin."""

from .. import devices, dtypes, graph
from ..op import Spec, copy_values, primitive, same_launches
from ..shapes import Size, wrap_dim
from .casting import cast
from .output import store
from .registry import Sample, function, samples
from .views import reshape, slice_op, unbind_op


@primitive(name="cat")
def cat_op(*tensors, dim, sizes):
    """`tensors` one after the other along `dim`, where their sizes are `sizes`."""
    shape = list(tensors[0].shape)
    shape[dim] = sum(sizes)
    return Spec(shape, tensors[0].dtype)


@cat_op.forward
def _(out, *tensors, dim, sizes):
    offset = out.offset
    for x in tensors:
        copy_values(graph.alias(out, x.shape, offset=offset), x)
        offset += x.shape[dim] * out.strides[dim]


@cat_op.gradient()
def _(grad, needs, dim, sizes):
    grads, end = [], 0
    for size, needed in zip(sizes, needs):
        start, end = end, end + size
        grads.append(slice_op(grad, dim=dim, start=start, end=end, step=1) if needed else None)
    return grads


@primitive(name="stack")
def stack_op(*tensors, dim):
    """`tensors` of one shape along a new dimension."""
    shape = tensors[0].shape
    return Spec((*shape[:dim], len(tensors), *shape[dim:]), tensors[0].dtype)


@stack_op.forward
def _(out, *tensors, dim):
    shape, step = tensors[0].shape, out.strides[dim]
    strides = out.strides[:dim] + out.strides[dim + 1 :]
    for i, x in enumerate(tensors):
        copy_values(graph.alias(out, shape, strides, out.offset + i * step), x)


@stack_op.gradient()
def _(grad, dim):
    return unbind_op(grad, dim=dim)


same_launches(cat_op, stack_op)


def _prepared(name, tensors, empty_error):
    """The tensors in a list, in their promoted dtype."""
    if isinstance(tensors, graph.Value):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor"
        )
    tensors = list(tensors)
    if not tensors:
        raise empty_error
    for i, x in enumerate(tensors):
        if not isinstance(x, graph.Value):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}"
            )
    dtype = tensors[0].dtype
    if any([x.dtype is not dtype for x in tensors]):
        dtype = dtypes.result_type([(x.dtype, 2 if x.shape else 1) for x in tensors])
        tensors = [cast(x, dtype) for x in tensors]
    return tensors


@function(method=False, aliases=("concat", "concatenate"))
def cat(tensors, dim=0, *, out=None):
    """`tensors` one after the other along `dim`; their other sizes are equal."""
    error = ValueError("torch.cat(): expected a non-empty list of Tensors")
    tensors = _prepared("cat", tensors, error)
    for i, x in enumerate(tensors):
        if not x.shape:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    joined = [x for x in tensors if x.shape != (0,)] or tensors[:1]  # as ever, (0,) joins anything
    shape = joined[0].shape
    dim = wrap_dim(dim, len(shape))
    for i, x in enumerate(joined):
        _check_joins(shape, x.shape, dim, i)
    result = cat_op(*joined, dim=dim, sizes=tuple([x.shape[dim] for x in joined]))
    return result if out is None else store(result, out, tensors)


def _check_joins(expected, shape, dim, position):
    if len(shape) != len(expected):
        raise RuntimeError(
            f"Tensors must have same number of dimensions: got {len(expected)} and {len(shape)}"
        )
    if shape == expected:
        return
    for d, (wanted, size) in enumerate(zip(expected, shape)):
        if d != dim and wanted != size:
            raise RuntimeError(
                f"Sizes of tensors must match except in dimension {dim}. Expected size {wanted} but "
                f"got size {size} for tensor number {position} in the list."
            )


@function(method=False)
def stack(tensors, dim=0, *, out=None):
    """`tensors` of one shape along a new dimension `dim`."""
    error = RuntimeError("stack expects a non-empty TensorList")
    tensors = _prepared("stack", tensors, error)
    shape = tensors[0].shape
    dim = wrap_dim(dim, len(shape) + 1)
    for i, x in enumerate(tensors):
        if x.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(x.shape)} at entry {i}"
            )
    result = stack_op(*tensors, dim=dim)
    return result if out is None else store(result, out)


# In two and three dimensions ----------------------------------------------------------------------


def _with_rank(rank, tensors):
    from .shape import at_least

    return [at_least(rank, x) for x in tensors]


@function(method=False)
def hstack(tensors, *, out=None):
    """`tensors` side by side: along dimension 1, or 0 where they have only one."""
    tensors = _with_rank(1, tensors)
    return cat(tensors, 0 if tensors and len(tensors[0].shape) == 1 else 1, out=out)


@function(method=False, aliases=("row_stack",))
def vstack(tensors, *, out=None):
    """`tensors` one below the other; one of one dimension is a row."""
    return cat(_with_rank(2, tensors), 0, out=out)


@function(method=False)
def dstack(tensors, *, out=None):
    """`tensors` one behind the other, along dimension 2."""
    return cat(_with_rank(3, tensors), 2, out=out)


@function(method=False)
def column_stack(tensors, *, out=None):
    """`tensors` side by side; one of one dimension is a column."""
    columns = [reshape(x, (graph.numel(x), 1)) if len(x.shape) < 2 else x for x in tensors]
    return cat(columns, 1, out=out)


@function(method=False)
def block_diag(*tensors):
    """Matrices along the diagonal of one, zeros elsewhere."""
    from .copying import copy, fresh_full

    if not tensors:
        return fresh_full((1, 0), 0, dtypes.get_default_dtype(), devices.CPU)
    matrices = []
    for i, x in enumerate(tensors):
        if len(x.shape) > 2:
            raise RuntimeError(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input "
                f"{i} has {len(x.shape)} dimensions"
            )
        matrices.append(x if len(x.shape) == 2 else reshape(x, (1, graph.numel(x))))
    matrices = _prepared("block_diag", matrices, None)
    shape = Size(sum(m.shape[d] for m in matrices) for d in (0, 1))
    result = fresh_full(shape, 0, matrices[0].dtype, devices.of(matrices[0]))
    row = column = 0
    for m in matrices:
        part = slice_op(result, dim=0, start=row, end=row + m.shape[0], step=1)
        part = slice_op(part, dim=1, start=column, end=column + m.shape[1], step=1)
        copy.inplace(part, m)
        row, column = row + m.shape[0], column + m.shape[1]
    return result


# Samples ------------------------------------------------------------------------------------------


@samples("cat")
def _(make):
    yield Sample([make(2, 3), make(4, 3)])
    yield Sample([make(2, 3), make(2, 1), make(2, 0)], 1)
    yield Sample([make(2, 3), make(3, 2).transpose(0, 1)], -2)


@samples("stack")
def _(make):
    yield Sample([make(2, 3), make(2, 3)])
    yield Sample([make(2, 3), make(3, 2).transpose(0, 1), make(2, 3)], -1)
    yield Sample([make(), make()])


@samples("hstack")
def _(make):
    yield Sample([make(3), make(2)])
    yield Sample([make(3, 1), make(3, 2)])


@samples("dstack")
def _(make):
    yield Sample([make(3), make(3)])


@samples("column_stack")
def _(make):
    yield Sample([make(3), make(3, 2)])


@samples("block_diag")
def _(make):
    yield Sample(make(2, 3), make(4), make())
