"""What the kernel tests share: NumPy arrays as Arrays, and layouts of them."""

import itertools

import numpy as np

from numbatorch.array import Array, empty, initialise, over_numpy
from numbatorch.shapes import Size


def as_array(x):
    """An Array over the memory of a NumPy array."""
    return initialise(Array(), *over_numpy(x))


def like(x, dtype=None):
    """A dense Array of the shape of a NumPy array, filled with rubbish."""
    return blank(x.shape, dtype or as_array(x).dtype)


def blank(shape, dtype):
    """A dense Array, filled with rubbish."""
    array = empty(Size(shape), dtype)
    np.asarray(array.storage)[...] = 0xA5
    return array


def layouts(x):
    """x with its dimensions in every order, and with gaps: the same memory, seen in other ways."""
    for order in itertools.permutations(range(x.ndim)):
        yield x.transpose(order)
    if x.ndim:
        yield x[..., ::2]
        yield x[1:]


def subsets(rank):
    """Every set of dimensions."""
    return itertools.chain.from_iterable(
        itertools.combinations(range(rank), count) for count in range(rank + 1)
    )


def without(shape, dims):
    """The shape reduced over `dims`."""
    return tuple(size for d, size in enumerate(shape) if d not in dims)
