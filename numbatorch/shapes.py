"""Shapes, strides and dimensions: everything about a tensor's layout that needs no memory."""

import math
import operator
from functools import lru_cache


class Size(tuple):
    """A shape (`torch.Size`)."""

    __slots__ = ()

    def __repr__(self):
        return f"torch.Size([{', '.join(map(str, self))}])"

    def numel(self):
        return numel(self)

    def __getitem__(self, index):
        item = tuple.__getitem__(self, index)
        return Size(item) if isinstance(index, slice) else item

    def __add__(self, other):
        return Size(tuple.__add__(self, tuple(other)))

    def __radd__(self, other):
        return Size(tuple(other) + tuple(self))

    def __mul__(self, times):
        return Size(tuple.__mul__(self, times))

    __rmul__ = __mul__

    def __reduce__(self):
        return Size, (tuple(self),)


def numel(shape):
    """How many elements a shape holds."""
    return math.prod(shape)


@lru_cache(maxsize=4096)
def contiguous_strides(shape):
    """The strides (in elements) of a row-major tensor."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def is_contiguous(shape, strides):
    """Whether the elements lie in row-major order without gaps."""
    step = 1
    for size, stride in zip(reversed(shape), reversed(strides)):
        if size != 1:
            if stride != step:
                return 0 in shape
            step *= size
    return True


def is_dense(shape, strides):
    """Whether the elements fill one gapless block, in any order of dimensions."""
    step = 1
    for stride, size in sorted((t, s) for s, t in zip(shape, strides) if s != 1):
        if stride != step:
            return 0 in shape
        step *= size
    return True


def strides_like(shape, strides):
    """Dense strides for `shape` in the order of dimensions that `strides` has (preserve_format)."""
    order = sorted(range(len(shape)), key=lambda d: (strides[d], -d if shape[d] == 1 else 0))
    result, step = [0] * len(shape), 1
    for d in order:
        result[d] = step
        step *= max(shape[d], 1)
    return tuple(result)


def memory_order(shape, operand_strides):
    """Dimensions from the outermost to the innermost, in the order in which PyTorch walks memory.

    The first operand decides; those after it where it has stride 0. Ties keep row-major order.
    """
    order = list(reversed(range(len(shape))))  # innermost first
    for i in range(1, len(order)):
        place = i
        for j in range(i - 1, -1, -1):
            comparison = _compare_strides(shape, operand_strides, order[j], order[place])
            if comparison > 0:
                order[j], order[place] = order[place], order[j]
                place = j
            elif comparison < 0:
                break
    return order[::-1]


def in_memory_order(shape, operand_strides):
    """(shape, [strides of each operand]) with the dimensions in the order of the first operand."""
    first = operand_strides[0]
    if is_contiguous(shape, first):
        return shape, operand_strides
    return reordered(shape, operand_strides, memory_order(shape, [first]))


def reordered(shape, operand_strides, order):
    """(shape, [strides of each operand]) with the dimensions in this order."""
    return (
        tuple([shape[d] for d in order]),
        [tuple([strides[d] for d in order]) for strides in operand_strides],
    )


def elementwise_strides(shape, operands):
    """The strides of a new elementwise result of arrays that broadcast to `shape`, as in PyTorch.

    It is dense, its dimensions in the order in which the operands lie; None for row-major.
    """
    if all([is_contiguous(x.shape, x.strides) for x in operands]):
        return None
    first = operands[0]
    alike = all([x.shape == shape and x.strides == first.strides for x in operands])
    if alike and is_dense(shape, first.strides):
        return first.strides
    walked = [broadcast_strides(x.shape, x.strides, shape) for x in operands]
    strides, step = [0] * len(shape), 1
    for d in reversed(memory_order(shape, walked)):
        strides[d] = step
        step *= max(shape[d], 1)
    return tuple(strides)


def _compare_strides(shape, operand_strides, first, second):
    """1 where dimension `first` lies outside of `second`, -1 where inside, 0 where undecided."""
    for strides in operand_strides:
        if strides[first] == 0 or strides[second] == 0:
            continue
        if strides[first] != strides[second]:
            return -1 if strides[first] < strides[second] else 1
        if shape[first] > shape[second]:
            return 1
    return 0


def has_overlap(shape, strides):
    """Whether two indices may reach the same element (an expanded dimension, say)."""
    reach = 0
    for stride, size in sorted((t, s) for s, t in zip(shape, strides) if s > 1):
        if stride <= reach:
            return True
        reach += stride * (size - 1)
    return False


def broadcast_shapes(*shapes):
    """The shape that all `shapes` broadcast to; RuntimeError where there is none."""
    result = list(max(shapes, key=len, default=()))
    rank = len(result)
    for shape in shapes:
        first = rank - len(shape)
        for d, size in enumerate(shape, first):
            if result[d] == 1:
                result[d] = size
            elif size not in (1, result[d]):
                raise RuntimeError(
                    f"The size of tensor a ({result[d]}) must match the size of tensor b ({size}) "
                    f"at non-singleton dimension {d}: shapes {[list(s) for s in shapes]} do not broadcast"
                )
    return Size(result)


def broadcast_strides(shape, strides, target):
    """The strides that read a tensor of `shape` as if it had the shape `target`."""
    first = len(target) - len(shape)
    expanded = [0] * len(target)
    for d, (size, stride) in enumerate(zip(shape, strides), first):
        expanded[d] = stride if size == target[d] else 0
    return tuple(expanded)


def collapse(shape, operand_strides):
    """Merge dimensions that all operands walk through evenly.

    Returns (shape, [strides of each operand]) with as few dimensions as possible, none of size 1;
    one dimension at least.
    """
    sizes, strides = [], [[] for _ in operand_strides]
    for d, size in enumerate(shape):
        if size == 1:
            continue
        steps = [operand[d] for operand in operand_strides]
        if sizes and all(kept[-1] == step * size for kept, step in zip(strides, steps)):
            sizes[-1] *= size
            for kept, step in zip(strides, steps):
                kept[-1] = step
        else:
            sizes.append(size)
            for kept, step in zip(strides, steps):
                kept.append(step)
    if not sizes:
        return (1,), [(0,) for _ in operand_strides]
    return tuple(sizes), [tuple(kept) for kept in strides]


# Dimensions -------------------------------------------------------------------------------------


def wrap_dim(dim, rank, name="dim"):
    """A dimension counted from the front; IndexError outside [-rank, rank - 1]."""
    try:
        dim = operator.index(dim)
    except TypeError:
        raise TypeError(f"{name} must be an int, but got {type(dim).__name__}") from None
    bound = max(rank, 1)
    if not -bound <= dim < bound:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-bound}, {bound - 1}], but got {dim})"
        )
    return dim % bound


def as_indices(value):
    """One integer, or several, as a tuple; an integer tensor of one element counts as an integer."""
    return tuple(map(operator.index, value if isinstance(value, list | tuple) else (value,)))


def reach(size, stride):
    """How many elements of storage a layout spans."""
    if 0 in size:
        return 0
    return 1 + sum((n - 1) * step for n, step in zip(size, stride))


def wrap_dims(dims, rank):
    """Dimensions counted from the front; None and () mean all of them; no dimension twice."""
    if dims is None or dims in ((), []):
        return tuple(range(rank))
    if rank > 64:
        raise RuntimeError("only tensors with up to 64 dims are supported")
    if not isinstance(dims, tuple | list):
        return (wrap_dim(dims, rank),) if rank else _check_scalar_dim(dims)
    wrapped = [wrap_dim(d, rank) for d in dims]
    for d in wrapped:
        if wrapped.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return tuple(sorted(wrapped)) if rank else ()


def _check_scalar_dim(dim):
    wrap_dim(dim, 0)
    return ()


def reduced_shape(shape, dims, keepdim):
    """The shape after reducing over `dims`."""
    if keepdim:
        return Size(1 if d in dims else size for d, size in enumerate(shape))
    return Size(size for d, size in enumerate(shape) if d not in dims)


def reduced_strides(array, rank, dims):
    """The strides of `array`, reduced over `dims` of `rank`, for each dimension of the input."""
    if len(array.shape) == rank:
        return array.strides
    strides = iter(array.strides)
    return tuple([0 if d in dims else next(strides) for d in range(rank)])


def infer_size(shape, count):
    """`shape` with its one -1 replaced so that it holds `count` elements (reshape, view)."""
    unknown, known = None, 1
    for d, size in enumerate(shape):
        if size == -1:
            if unknown is not None:
                raise RuntimeError("only one dimension can be inferred")
            unknown = d
        elif size < 0:
            raise RuntimeError(f"invalid shape dimension {size}")
        else:
            known *= size
    if unknown is None:
        if known != count:
            raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {count}")
        return Size(shape)
    if known == 0:
        raise RuntimeError(
            f"cannot reshape tensor of {count} elements into shape {list(shape)} because the "
            "unspecified dimension size -1 can be any value and is ambiguous"
        )
    if count % known:
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {count}")
    return Size(count // known if d == unknown else size for d, size in enumerate(shape))


def view_strides(shape, strides, target):
    """The strides that see a tensor of `shape` and `strides` as `target`, or None without a copy."""
    return _view_strides(tuple(shape), tuple(strides), tuple(target))


@lru_cache(maxsize=4096)
def _view_strides(shape, strides, target):
    if 0 in shape:
        return strides if shape == target else contiguous_strides(target)
    result = [0] * len(target)
    chunk_stride = strides[-1] if shape else 1
    place = len(target) - 1
    remaining = 1
    for d in range(len(shape) - 1, -1, -1):
        remaining *= shape[d]
        ends = d == 0 or (shape[d - 1] != 1 and strides[d - 1] != remaining * chunk_stride)
        if not ends:
            continue
        filled = 1
        while place >= 0 and (filled < remaining or target[place] == 1):
            result[place] = filled * chunk_stride
            filled *= target[place]
            place -= 1
        if filled != remaining:
            return None
        if d > 0:
            chunk_stride = strides[d - 1]
            remaining = 1
    while place >= 0:  # a 0-d tensor seen as one of ones
        result[place] = 1
        place -= 1
    return tuple(result)
