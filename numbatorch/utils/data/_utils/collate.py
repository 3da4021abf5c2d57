"""Make a batch of a list of samples, or tensors of what is not a tensor yet."""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence

import numpy as np

from .... import ops
from ....creation import as_tensor, tensor
from ....dtypes import float64
from ....tensor import Tensor

_NOT_COLLATABLE = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def default_convert(data):
    """NumPy arrays and numbers in a nested structure become tensors; the rest stays."""
    if isinstance(data, Tensor):
        return data
    if isinstance(data, np.ndarray):
        return data if data.dtype.kind in "SUOa" else as_tensor(data)
    if isinstance(data, np.generic) and not isinstance(data, (np.str_, np.bytes_)):
        return as_tensor(data)
    if isinstance(data, Mapping):
        return _rebuilt_mapping(data, {key: default_convert(data[key]) for key in data})
    if _is_namedtuple(data):
        return type(data)(*(default_convert(item) for item in data))
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _rebuilt_sequence(data, [default_convert(item) for item in data])
    return data


def collate(batch, *, collate_fn_map=None):
    """Collate by the type of the first sample: its entry in the map, else its structure.

    The map is type (or tuple of types) -> function(batch, *, collate_fn_map).
    """
    first = batch[0]
    collate_fn_map = collate_fn_map or {}
    if type(first) in collate_fn_map:
        return collate_fn_map[type(first)](batch, collate_fn_map=collate_fn_map)
    for kind, function in collate_fn_map.items():
        if isinstance(first, kind):
            return function(batch, collate_fn_map=collate_fn_map)

    def collate_all(groups):
        return [collate(group, collate_fn_map=collate_fn_map) for group in groups]

    if isinstance(first, Mapping):
        columns = collate_all([sample[key] for sample in batch] for key in first)
        return _rebuilt_mapping(first, dict(zip(first, columns)))
    if _is_namedtuple(first):
        return type(first)(*collate_all(zip(*batch)))
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        return _rebuilt_sequence(first, collate_all(zip(*batch)))
    raise TypeError(_NOT_COLLATABLE.format(type(first)))


def _is_namedtuple(data) -> bool:
    return isinstance(data, tuple) and hasattr(data, "_fields")


def _rebuilt_mapping(original, items: dict):
    """The items in a mapping of the original's type, if that can be built."""
    try:
        if isinstance(original, MutableMapping):
            clone = copy.copy(original)
            clone.update(items)
            return clone
        return type(original)(items)
    except TypeError:
        return items


def _rebuilt_sequence(original, items: list):
    """The items in a sequence of the original's type; tuples become lists."""
    if isinstance(original, tuple):
        return items
    try:
        if isinstance(original, MutableSequence):
            clone = copy.copy(original)
            for index, item in enumerate(items):
                clone[index] = item
            return clone
        return type(original)(items)
    except TypeError:
        return items


def collate_tensor_fn(batch, *, collate_fn_map=None):
    return ops.stack(batch, 0)


def collate_numpy_array_fn(batch, *, collate_fn_map=None):
    if batch[0].dtype.kind in "SUOa":
        raise TypeError(_NOT_COLLATABLE.format(batch[0].dtype))
    return collate([as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch, *, collate_fn_map=None):
    return as_tensor(np.asarray(batch))


def collate_float_fn(batch, *, collate_fn_map=None):
    return tensor(batch, dtype=float64)


def collate_int_fn(batch, *, collate_fn_map=None):
    return tensor(batch)


def collate_str_fn(batch, *, collate_fn_map=None):
    return batch


default_collate_fn_map = {
    Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def default_collate(batch):
    """Stack tensors, arrays and numbers of the samples along a new first dimension.

    Dicts, lists, tuples and named tuples of these are collated entry by entry; strings stay.
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
