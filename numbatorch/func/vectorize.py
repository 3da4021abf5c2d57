"""vmap: a function called for every element of a batch, and its results stacked.

The calls come one after the other. So everything that works in a function works here, differentiation
and control flow by values included; what is won is the form of the program, not time.
"""

import functools

from .. import ops
from ..graph import Value
from ..random import default_generator, get_rng_state, set_rng_state
from ..utils._pytree import tree_flatten, tree_unflatten


def vmap(func, in_dims=0, out_dims=0, randomness="error", *, chunk_size=None):
    """The function that maps `func` over the dimensions `in_dims` of its arguments.

    `in_dims` is an int, or a structure like the arguments of ints and None (not mapped over). Random
    numbers in `func` are an error unless `randomness` is "different" or "same" for all elements.
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}"
        )
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        leaves, structure = tree_flatten(args)
        dims = _dims_of_leaves(args, in_dims)
        size = _batch_size(leaves, dims)
        results = [
            func(*tree_unflatten([_element(x, dim, i) for x, dim in zip(leaves, dims)], structure),
                 **kwargs)
            for i in _draws(randomness, size)
        ]  # fmt: skip
        return _stacked(results, out_dims)

    return wrapper


# Arguments ----------------------------------------------------------------------------------------


def _dims_of_leaves(args, in_dims):
    """For each leaf of the arguments the dimension to map over, or None."""
    if not isinstance(in_dims, int | tuple | list):
        raise ValueError(
            f"vmap: expected `in_dims` to be int or a (potentially nested) tuple matching the "
            f"structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            "vmap: Trying to vmap over a function without any inputs; there is no batch dimension"
        )
    if isinstance(in_dims, list):
        in_dims = tuple(in_dims)
    return _spread(in_dims, args)


def _spread(dims, tree):
    """`dims` for every leaf of `tree`; an int or None holds for a whole subtree."""
    if dims is None or isinstance(dims, int):
        return [dims] * len(tree_flatten(tree)[0])
    children, parts = _children(tree), _children(dims)
    if children is None or parts is None or len(children) != len(parts):
        raise ValueError(
            f"vmap: in_dims is not compatible with the structure of inputs: in_dims is {dims} and "
            f"inputs is {type(tree)}"
        )
    return [dim for part, child in zip(parts, children) for dim in _spread(part, child)]


def _children(tree):
    if isinstance(tree, dict):
        return list(tree.values())
    return list(tree) if isinstance(tree, tuple | list) else None


def _batch_size(leaves, dims):
    sizes = set()
    for x, dim in zip(leaves, dims):
        if dim is None:
            continue
        if not isinstance(x, Value):
            raise ValueError(
                f"vmap: Got in_dim={dim} for an input but the input is of type {type(x)}. We cannot "
                "vmap over non-Tensor arguments, please use None as the respective in_dim"
            )
        if not -x.dim() <= dim < x.dim():
            raise ValueError(
                f"vmap: Got in_dim={dim} for some input, but that input is a Tensor of "
                f"dimensionality {x.dim()} so expected in_dim to satisfy -{x.dim()} <= in_dim < "
                f"{x.dim()}."
            )
        sizes.add(x.shape[dim])
    if not sizes:
        raise ValueError(
            "vmap: at least one input must be mapped over, but all of in_dims are None"
        )
    if len(sizes) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sorted(sizes)} for the mapped dimension"
        )
    return sizes.pop()


def _element(x, dim, i):
    return x if dim is None else x.select(dim, i)


def _draws(randomness, size):
    """The numbers of the calls; random numbers drawn between them are looked after."""
    mark = default_generator.mark()
    before = get_rng_state() if randomness == "same" else None
    for i in range(size):
        if randomness == "same":
            set_rng_state(before)
        yield i
        if randomness == "error" and default_generator.mark() != mark:
            raise RuntimeError(
                "vmap: called random operation while in randomness error mode. Please either use "
                "the 'same' or 'different' randomness flags on vmap or perform the randomness "
                "operation out of vmap"
            )


# Results ------------------------------------------------------------------------------------------


def _stacked(results, out_dims):
    if not results:
        raise RuntimeError("vmap: a batch without elements has no results to stack")
    structure = tree_flatten(results[0])[1]
    columns = zip(*[tree_flatten(result)[0] for result in results])
    dims = _out_dims_of_leaves(results[0], out_dims)
    return tree_unflatten([_stack(column, dim) for column, dim in zip(columns, dims)], structure)


def _out_dims_of_leaves(result, out_dims):
    if out_dims is None or isinstance(out_dims, int):
        return [out_dims] * len(tree_flatten(result)[0])
    if isinstance(result, Value):
        if len(out_dims) != 1:
            raise ValueError(f"vmap: out_dims {out_dims} is not compatible with one result")
        return [out_dims[0]]
    return _spread(tuple(out_dims) if isinstance(out_dims, list) else out_dims, result)


def _stack(column, dim):
    first = column[0]
    if first is None:
        return None
    if not isinstance(first, Value):
        raise ValueError(
            f"vmap: the function must only return Tensors, got type {type(first)}. Did you mean to "
            "set out_dims= to None for output?"
        )
    return first if dim is None else ops.stack(column, dim)
