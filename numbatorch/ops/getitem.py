"""Tensor.__getitem__ and __setitem__.

Ints, slices, None and Ellipsis make a view; what is left, index tensors and masks, is then looked
up in it. As in PyTorch, and unlike NumPy, an int never counts as an index tensor.
"""

import numpy as np

from .. import devices, dtypes, graph
from ..shapes import view_strides
from . import lookup, scalars
from .casting import cast, to_device
from .copying import copy, fill_, fresh_full
from .indexing import index_op, index_put_op, inplace
from .masking import nonzero_op
from .registry import Sample, method, samples
from .selection import masked_fill, masked_fill_
from .views import alias_op, reshape, select_op, slice_op, unsqueeze, view_op


@method(name="__getitem__")
def getitem(self, item):
    """The part of a tensor that an index expression names: a view, or with index tensors a copy."""
    kind = item.__class__
    if kind is int:
        return _select(self, 0, item)
    if kind is slice and self.shape:
        return _slice(self, 0, item)
    part, indices = _views(self, _as_tuple(item))
    if indices:
        return _look_up(part, indices)
    return alias_op(part) if part is self else part


@method(name="__setitem__")
def setitem(self, item, value):
    """Write a number or a tensor into the part that an index expression names."""
    if not isinstance(value, graph.Value) and not scalars.is_number(value):
        raise TypeError(f"can't assign a {_type_name(value)} to a {graph.type_name(self)}")
    if item is False:
        return
    part, indices = _views(self, _as_tuple(item))
    if indices:
        put_items(inplace, part, indices, value)
        return
    part = alias_op(part) if part is self else part
    if not isinstance(value, graph.Value):
        fill_(part, value)
    else:
        value = _without_leading_ones(value, len(part.shape))
        copy.inplace(part, to_device(value, devices.of(part)))


def _type_name(value):
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


# What an index expression says --------------------------------------------------------------------


def _as_tuple(item):
    """The items of an index expression; a list of indices counts as a tuple, as in old NumPy."""
    if item.__class__ is tuple:
        return item
    if isinstance(item, list) and len(item) < 32 and any(_makes_tuple(entry) for entry in item):
        return tuple(item)
    return (item,)


def _makes_tuple(entry):
    return (
        entry is None
        or entry is Ellipsis
        or isinstance(entry, slice | list | tuple | graph.Value | np.ndarray)
    )


def _views(input, items):
    """(view, indices): ints, slices, None and Ellipsis applied.

    `indices` has an index tensor or a mask, or None, for every dimension that it starts at.
    """
    if len(items) > 1 or items and items[0].__class__ not in (int, slice):
        items = [_prepared(item) for item in items]
    rank = len(input.shape)
    named = sum([_dimensions_of(item) for item in items])
    if named > rank:
        if rank == 0:
            raise _zero_dim_error()
        raise IndexError(f"too many indices for tensor of dimension {rank}")
    view, dim, indices = input, 0, []
    for item in items:
        kind = item.__class__
        if kind is int:
            view = _select(view, dim, item)
        elif kind is slice:
            view = _slice(view, dim, item)
            dim += 1
        elif item is None:
            view = unsqueeze(view, dim)
            dim += 1
        elif item is Ellipsis:
            dim += rank - named
        elif kind is bool:
            view = unsqueeze(view, dim)
            indices.append((dim, fresh_full((int(item),), 0, dtypes.int64, devices.of(input))))
            dim += 1
        else:
            indices.append((dim, item))
            dim += _dimensions_of(item)
    return view, indices


_KINDS = "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices"
_MASKS = (dtypes.bool_, dtypes.uint8)
_INDEX_DTYPES = (dtypes.int64, dtypes.int32, dtypes.bool_, dtypes.uint8)


def _prepared(item):
    """An item as an int, a bool, a slice, None, Ellipsis, or an index tensor."""
    if item is None or item is Ellipsis or isinstance(item, slice | bool):
        return item
    if isinstance(item, int | np.integer):
        return int(item)
    if isinstance(item, np.bool_):
        return bool(item)
    if not isinstance(item, graph.Value):
        if not isinstance(item, np.ndarray | list | tuple | range | str):
            raise IndexError(f"{_KINDS} (got {type(item).__name__})")
        item = _tensor_of(item)
    if not item.shape and item.dtype in _MASKS:
        return bool(item)
    if not item.shape and item.dtype.category == dtypes.INTEGRAL:
        return int(item)
    if item.dtype not in _INDEX_DTYPES:
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    return item


def _tensor_of(sequence):
    """Nested sequences as an index tensor or a mask."""
    from ..creation import tensor

    found = tensor(list(sequence) if isinstance(sequence, range) else sequence)
    kept = _MASKS if isinstance(sequence, np.ndarray) else (dtypes.bool_,)
    return found if found.dtype in kept else cast(found, dtypes.int64)


def _dimensions_of(item):
    """How many dimensions of the tensor an item speaks for."""
    kind = item.__class__
    if kind is int or kind is slice:
        return 1
    if item is None or item is Ellipsis or kind is bool:
        return 0
    return len(item.shape) if item.dtype in _MASKS else 1


def _select(view, dim, index):
    if not view.shape:
        raise _zero_dim_error()
    size = view.shape[dim]
    if not -size <= index < size:
        if not -(1 << 63) <= index < 1 << 63:
            raise ValueError("Overflow when unpacking long long")
        raise IndexError(f"index {index} is out of bounds for dimension {dim} with size {size}")
    return select_op.call((view,), {"dim": dim, "index": index + size if index < 0 else index})


def _zero_dim_error():
    return IndexError(
        "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ "
        "to convert a 0-dim tensor to a number"
    )


def _slice(view, dim, item):
    size = view.shape[dim]
    start, end, step = item.indices(size) if item.step != 0 else (0, 0, 0)
    if step <= 0:
        raise ValueError("step must be greater than zero")
    if start == 0 and end == size and step == 1:
        return view
    params = {"dim": dim, "start": start, "end": max(start, end), "step": step}
    return slice_op.call((view,), params)


# Index tensors ------------------------------------------------------------------------------------


def pair_with_dims(input, indices):
    """[(dimension, index tensor)] of one index tensor or mask, or None, a dimension."""
    pairs, dim = [], 0
    for index in indices:
        if index is None:
            dim += 1
            continue
        if index.dtype not in _INDEX_DTYPES:
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        pairs.append((dim, index))
        dim += _dimensions_of(index)
    if dim > len(input.shape):
        raise IndexError(f"too many indices for tensor of dimension {len(input.shape)} (got {dim})")
    return pairs


def _look_up(view, indices):
    view, dims, indices = _resolved(view, indices)
    return index_op(view, *indices, dims=dims)


def put_items(run, view, indices, values, accumulate=False):
    """Write `values` where index tensors look, broadcast; run(op, ...) writes in place or afresh."""
    place, dtype = devices.of(view), view.dtype
    single = len(indices) == 1 and indices[0][1].dtype in _MASKS
    if single and not accumulate and _is_one(values):
        return _fill(run, view, *indices[0], values)
    if not isinstance(values, graph.Value):
        if dtypes.of_scalar(values).is_complex and not dtype.is_complex:
            raise RuntimeError(f"value cannot be converted to type {dtype} without overflow")
        values = scalars.constant(values, dtype, place)
    elif not values.shape:
        values = to_device(cast(values, dtype) if single else values, place)
    flat, dims, found = _resolved(view, indices)
    shape = lookup.looked_up_shape(flat.shape, lookup.broadcast_index_shape(found), dims)
    values = _without_leading_ones(values, len(shape))
    if not _fits(values.shape, shape):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(values.shape)} cannot be broadcast to "
            f"indexing result of shape {list(shape)}"
        )
    result = run(index_put_op, flat, values, *found, dims=dims, accumulate=accumulate)
    return view if result is flat else reshape(result, view.shape)


def _is_one(values):
    return not isinstance(values, graph.Value) or not values.shape


def _fill(run, view, dim, mask, value):
    """Write one value where a mask is true, without looking for its positions."""
    _check_mask(mask, dim, view.shape)
    ones = len(view.shape) - dim - len(mask.shape)
    mask = to_device(cast(mask, dtypes.bool_), devices.of(view))
    mask = reshape(mask, mask.shape + (1,) * ones)
    return (masked_fill_ if run is inplace else masked_fill)(view, mask, value)


def _fits(shape, target):
    """Whether `shape` broadcasts to `target`."""
    return len(shape) <= len(target) and all(
        size in (1, wanted) for size, wanted in zip(reversed(shape), reversed(target))
    )


def _without_leading_ones(value, rank):
    """`value` without the leading dimensions of size 1 that it has beyond `rank`."""
    extra = 0
    while len(value.shape) - extra > rank and value.shape[extra] == 1:
        extra += 1
    return view_op(value, size=value.shape[extra:]) if extra else value


def _resolved(view, indices):
    """(view, dims, index tensors), masks replaced by the positions where they are true.

    The dimensions that a mask covers become one where the memory of `view` allows it.
    """
    dims, found, merged = [], [], 0
    place = devices.of(view)
    for dim, index in indices:
        dim -= merged
        index = to_device(index, place)
        if index.dtype not in _MASKS:
            dims.append(dim)
            found.append(index)
            continue
        rank = len(index.shape)
        _check_mask(index, dim, view.shape)
        flat_shape = (*view.shape[:dim], graph.numel(index), *view.shape[dim + rank :])
        if rank > 1 and view_strides(view.shape, view.strides, flat_shape) is None:
            positions = nonzero_op(index)
            dims += range(dim, dim + rank)
            found += [select_op(positions, dim=1, index=d) for d in range(rank)]
            continue
        if rank > 1:
            view = view_op(view, size=flat_shape)
            merged += rank - 1
        positions = nonzero_op(reshape(index, (-1,)))
        dims.append(dim)
        found.append(view_op(positions, size=positions.shape[:1]))
    if 0 in view.shape:
        _check_not_empty(view.shape, dims, found)
    return view, tuple(dims), found


def _check_not_empty(shape, dims, indices):
    if any(shape[d] == 0 for d in dims) and all(0 not in index.shape for index in indices):
        raise IndexError("index is out of bounds for dimension with size 0")


def _check_mask(mask, dim, shape):
    covered = shape[dim : dim + len(mask.shape)]
    if mask.shape != covered:
        raise IndexError(
            f"The shape of the mask {list(mask.shape)} at index {dim} does not match the shape of "
            f"the indexed tensor {list(shape)} at index {dim}"
        )


# Samples ------------------------------------------------------------------------------------------


@samples("__getitem__")
def _(make):
    yield Sample(make(4, 3), -1)
    yield Sample(make(4, 3), slice(None, None, 2))
    yield Sample(make(4, 3, 2), (slice(1, None), None, 0, Ellipsis))
    yield Sample(make(4, 3, 2), (make.tensor([1, 1, 3]), slice(None), make.tensor([0, 1, 1])))
    yield Sample(make(4, 3, 2), (slice(None), make.tensor([[1, 1], [0, 2]])))
    yield Sample(make(4, 3), make.tensor([True, False, True, True]))
    yield Sample(make(2, 3), make.tensor([[True, False, True], [False, False, True]]))
