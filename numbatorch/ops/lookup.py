"""What the indexing primitives share: where index tensors lead, checked."""

from functools import lru_cache

import numpy as np

from .. import devices, dtypes, graph
from ..shapes import Size, broadcast_shapes, contiguous_strides
from .casting import to_device


def broadcast_index_shape(indices):
    """The shape that index tensors broadcast to; IndexError where they do not."""
    if len(indices) == 1:
        return indices[0].shape
    try:
        return broadcast_shapes(*[index.shape for index in indices])
    except RuntimeError:
        listed = ", ".join(str(list(index.shape)) for index in indices)
        raise IndexError(
            "shape mismatch: indexing tensors could not be broadcast together with shapes " + listed
        ) from None


@lru_cache(maxsize=8192)
def looked_up_shape(shape, index_shape, dims):
    """The shape after indexing the dimensions `dims` with tensors of `index_shape`."""
    return Size(_replace(shape, index_shape, dims))


def _replace(sizes, new, dims):
    """`sizes` with the entries `dims` taken out, and `new` in their place, or first where they are apart."""
    first = dims[0] if dims[-1] - dims[0] == len(dims) - 1 else 0
    kept = [size for d, size in enumerate(sizes) if d not in dims]
    return (*kept[:first], *new, *kept[first:])


@lru_cache(maxsize=8192)
def _standing_and_moving(strides, index_shape, dims):
    """The strides of the view that `find` makes, and those of its offsets."""
    standing = _replace(strides, (0,) * len(index_shape), dims)
    return standing, _replace((0,) * len(strides), contiguous_strides(index_shape), dims)


def find(value, indices, dims, error=IndexError, negative=True):
    """(view, offsets): the elements of `value` that index tensors choose, for the kernels.

    Both have the shape of the result. The view stands still where the offsets move.
    """
    index_shape = broadcast_index_shape(indices)
    sizes, steps = [value.shape[d] for d in dims], [value.strides[d] for d in dims]
    shape = looked_up_shape(value.shape, index_shape, dims)
    if 0 in shape and 0 not in sizes:  # nothing is looked up, and as in PyTorch nothing checked
        offsets = graph.allocate(index_shape, dtypes.int64, devices.of(value))
    else:
        offsets = locate(indices, index_shape, sizes, steps, dims, error, negative)
    standing, moving = _standing_and_moving(value.strides, index_shape, dims)
    return graph.alias(value, shape, standing), graph.alias(offsets, shape, moving)


def locate(indices, shape, sizes, strides, dims, error=IndexError, negative=True):
    """The offsets that index tensors stand for, checked against the sizes of the dimensions."""
    offsets = graph.allocate(shape, dtypes.int64, devices.of(indices[0]))
    kernels = devices.kernels(offsets).indexing
    wrong = kernels.locate(offsets, indices, sizes, strides, negative)
    if wrong is not None:
        values = to_device(indices[wrong], devices.CPU).as_numpy()
        size = sizes[wrong]
        outside = values[(values >= size) | (values < (-size if negative else 0))]
        raise error(
            f"index {outside.flat[0]} is out of bounds for dimension {dims[wrong]} with size {size}"
        )
    return offsets


def check_index_dtype(name, index, argument="index"):
    """RuntimeError where `index` cannot count elements."""
    if not isinstance(index, graph.Value):
        raise TypeError(
            f"{name}(): argument '{argument}' must be Tensor, not {type(index).__name__}"
        )
    if index.dtype not in (dtypes.int64, dtypes.int32) and graph.numel(index):
        raise RuntimeError(
            f"{name}(): Expected dtype int32/int64 for {argument}, but got {index.dtype}"
        )


def index_tensor(numbers, like):
    """An index tensor with these numbers (a sequence or an array), on the device of `like`."""
    numbers = np.asarray(numbers, np.int64)
    host = graph.allocate(Size(numbers.shape), dtypes.int64)
    host.as_numpy()[...] = numbers
    return to_device(host, devices.of(like))


def find_grid(value, indices):
    """(view, offsets): the elements of `value` at `indices`, an array for some of the dimensions."""
    dims = sorted(indices)
    sizes = Size(len(indices[d]) for d in dims)
    tensors = [
        index_tensor(indices[d].reshape([-1 if e == d else 1 for e in dims]), value) for d in dims
    ]
    shape, strides, moving = list(value.shape), list(value.strides), [0] * len(value.shape)
    if dims:
        offsets = locate(
            tensors, sizes, [value.shape[d] for d in dims], [value.strides[d] for d in dims], dims
        )
    else:
        offsets = index_tensor(0, value)
    for d, size, step in zip(dims, sizes, contiguous_strides(sizes)):
        shape[d], strides[d], moving[d] = size, 0, step
    shape = Size(shape)
    return graph.alias(value, shape, tuple(strides)), graph.alias(offsets, shape, tuple(moving))
