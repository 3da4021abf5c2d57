"""Other shapes of the same elements, composed from views: flatten, movedim, repeat and their kin."""

import itertools
import math
import warnings

from .. import changes, dtypes, graph, shapes
from ..array import initialise
from ..op import check_writable, repeated
from ..shapes import Size, as_indices, broadcast_shapes, wrap_dim
from .arithmetic import conj_of
from .copying import clone, clone_op
from .reduction import sum_to_size
from .registry import Sample, function, method, samples
from .views import (
    as_strided,
    expand,
    expand_op,
    geometry,
    narrow,
    permute_op,
    reach,
    reshape,
    sizes_of,
    squeeze,
    transpose,
    unsqueeze,
    view_op,
)  # fmt: skip

# Reshaping ----------------------------------------------------------------------------------------


@method
@repeated
def view(self, *shape, size=None, dtype=None):
    """The same memory in another shape, or as elements of another dtype; never a copy."""
    if dtype is not None or len(shape) == 1 and isinstance(shape[0], dtypes.dtype):
        return _view_as_dtype(self, dtype or shape[0])
    size = shapes.infer_size(sizes_of(shape, "view", size), graph.numel(self))
    return view_op(self, size=size)


def _view_as_dtype(value, dtype):
    """The bytes of `value` as elements of `dtype`, without history."""
    shape, strides, offset = value.shape, value.strides, value.offset
    own, other = value.dtype.itemsize, dtype.itemsize
    if own != other:
        if not shape:
            raise RuntimeError(
                f"self.dim() cannot be 0 to view {value.dtype} as {dtype} (different element sizes)"
            )
        last = shape[-1] * own
        if (
            strides[-1] != 1
            or last % other
            or any(step * own % other for step in (*strides[:-1], offset))
        ):
            raise RuntimeError(
                f"a tensor of shape {list(shape)}, strides {strides} and offset {offset} cannot be "
                f"viewed as {dtype}: its last dimension must be dense and divisible"
            )
        shape = Size((*shape[:-1], last // other))
        strides = (*(step * own // other for step in strides[:-1]), 1)
        offset = offset * own // other
    result = graph.alias(value)
    return initialise(result, value.storage, dtype, shape, strides, offset)


@method
@repeated
def view_as(self, other):
    """The same memory in the shape of `other`."""
    return view(self, other.shape)


@method
@repeated
def reshape_as(self, other):
    """This tensor in the shape of `other`."""
    return reshape(self, other.shape)


@function
@repeated
def flatten(input, start_dim=0, end_dim=-1):
    """Dimensions start_dim to end_dim as one; a 0-d tensor gets one dimension."""
    rank = len(input.shape)
    start, end = wrap_dim(start_dim, rank), wrap_dim(end_dim, rank)
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not rank:
        return reshape(input, (1,))
    if start == end:
        return input
    merged = shapes.numel(input.shape[start : end + 1])
    return reshape(input, (*input.shape[:start], merged, *input.shape[end + 1 :]))


@function
@repeated
def unflatten(input, dim, sizes):
    """Dimension `dim` as several dimensions of the given sizes."""
    dim = wrap_dim(dim, len(input.shape))
    sizes = sizes_of((sizes,), "unflatten")
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    try:
        sizes = shapes.infer_size(sizes, input.shape[dim])
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} "
            f"({input.shape[dim]}) in the input tensor"
        ) from None
    return view_op(input, size=(*input.shape[:dim], *sizes, *input.shape[dim + 1 :]))


@function
@repeated
def ravel(input):
    """All elements in one row: a view where the memory is row-major."""
    return reshape(input, (-1,))


# Order of dimensions ------------------------------------------------------------------------------


@function(aliases=("moveaxis",))
@repeated
def movedim(input, source, destination):
    """Dimensions `source` moved to the positions `destination`; the others keep their order."""
    rank = len(input.shape)
    source, destination = as_indices(source), as_indices(destination)
    if len(source) != len(destination):
        raise RuntimeError(
            "movedim: Invalid source or destination dims: source and destination must have the same "
            f"number of dims, but got {list(source)} and {list(destination)}"
        )
    start = [wrap_dim(d, rank) for d in source]
    end = [wrap_dim(d, rank) for d in destination]
    for name, given in (("source", start), ("destination", end)):
        if len(set(given)) != len(given):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({list(given)})")
    if not rank:
        return permute_op(input, dims=())
    others = iter([d for d in range(rank) if d not in start])
    places = dict(zip(end, start))
    order = [places[d] if d in places else next(others) for d in range(rank)]
    return permute_op(input, dims=tuple(order))


@function
@repeated
def t(input):
    """A matrix transposed; tensors of fewer dimensions as they are."""
    if len(input.shape) > 2:
        raise RuntimeError(
            f"t() expects a tensor with <= 2 dimensions, but self is {len(input.shape)}D"
        )
    return transpose(input, 0, -1)


@function
def adjoint(input):
    """The last two dimensions swapped, and complex numbers conjugated."""
    return conj_of(_matrix_transposed(input))


def _matrix_transposed(input):
    if len(input.shape) < 2:
        raise RuntimeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got "
            f"{len(input.shape)}-D tensor."
        )
    return transpose(input, -2, -1)


def _reversed(input):
    rank = len(input.shape)
    if rank not in (0, 2):
        warnings.warn(
            "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is "
            "deprecated and it will throw an error in a future release. Consider `x.mT` to "
            "transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to "
            "reverse the dimensions of a tensor.",
            stacklevel=2,
        )
    return permute_op(input, dims=tuple(range(rank - 1, -1, -1)))


def _conjugate_transposed(input):
    if len(input.shape) not in (0, 2):
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {len(input.shape)}-D tensor."
        )
    return conj_of(transpose(input, 0, -1))


method(property(_reversed), name="T")
method(property(_conjugate_transposed), name="H")
method(property(_matrix_transposed), name="mT")
method(property(adjoint), name="mH")


def at_least(rank, input):
    """`input` with dimensions of size 1 put in until it has `rank`, as atleast_1d, 2d and 3d do."""
    missing = rank - len(input.shape)
    if missing <= 0:
        return input
    if rank == 3 and missing < 3:
        input = input if len(input.shape) == 2 else unsqueeze(input, 0)
        return unsqueeze(input, -1)
    return view_op(input, size=(1,) * missing + input.shape)


def _at_least(rank, tensors):
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tensors[0]
        return tuple([at_least(rank, x) for x in tensors])
    found = tuple([at_least(rank, x) for x in tensors])
    return found[0] if len(found) == 1 else found


@function(method=False)
def atleast_1d(*tensors):
    """Views of at least one dimension."""
    return _at_least(1, tensors)


@function(method=False)
def atleast_2d(*tensors):
    """Views of at least two dimensions; a row where there was one."""
    return _at_least(2, tensors)


@function(method=False)
def atleast_3d(*tensors):
    """Views of at least three dimensions; (1, n, 1) where there was one."""
    return _at_least(3, tensors)


# Repetition ---------------------------------------------------------------------------------------


@method
def expand_as(self, other):
    """Dimensions of size 1 repeated without a copy to the shape of `other`."""
    return expand(self, other.shape)


@function
def broadcast_to(input, size):
    """`input` expanded to a shape that it broadcasts to."""
    return expand(input, *sizes_of((size,), "broadcast_to"))


@function(method=False)
def broadcast_tensors(*tensors):
    """`tensors` expanded to the shape that all broadcast to."""
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tensors[0]
    shape = broadcast_shapes(*[x.shape for x in tensors])
    return tuple([expand_op(x, size=shape) for x in tensors])


@function(method=False, name="broadcast_shapes")
def _broadcast_shapes(*shapes):
    """The shape that shapes (sequences of ints, or ints) broadcast to."""
    return broadcast_shapes(*[Size((s,) if isinstance(s, int) else s) for s in shapes])


@method
def repeat(self, *counts, repeats=None):
    """A copy with the whole tensor repeated along each dimension; new dimensions come first."""
    if not counts and repeats is None:
        raise TypeError('repeat() missing 1 required positional arguments: "repeats"')
    repeats = sizes_of(counts, "repeat", repeats)
    if len(repeats) < len(self.shape):
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
    if any(count < 0 for count in repeats):
        raise RuntimeError(f"Trying to create tensor with negative dimension: {list(repeats)}")
    shape = (1,) * (len(repeats) - len(self.shape)) + self.shape
    if all(count == 1 for count in repeats):
        return reshape(clone_op(self, strides=None), shape)
    spaced = view_op(self, size=tuple(itertools.chain(*[(1, size) for size in shape])))
    wide = expand_op(spaced, size=Size(itertools.chain(*zip(repeats, shape))))
    return reshape(wide, [count * size for count, size in zip(repeats, shape)])


@function
def tile(input, *counts, dims=None):
    """`repeat`, where missing leading counts are 1."""
    dims = sizes_of(counts, "tile", dims)
    return repeat(input, (1,) * (len(input.shape) - len(dims)) + dims)


@function(method=False)
def meshgrid(*tensors, indexing=None):
    """Coordinates of a grid: one tensor of the shape of the grid for each one-dimensional input."""
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tensors[0]
    if not tensors:
        raise ValueError("meshgrid expects a non-empty TensorList")
    if indexing is None:
        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing "
            "argument.",
            stacklevel=2,
        )
        indexing = "ij"
    if indexing not in ("ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    for x in tensors:
        if len(x.shape) > 1:
            raise RuntimeError(
                "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: "
                f"{list(x.shape)}"
            )
        if x.dtype is not tensors[0].dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    swap = indexing == "xy" and len(tensors) >= 2
    if swap:
        tensors = (tensors[1], tensors[0], *tensors[2:])
    count = len(tensors)
    shape = Size(graph.numel(x) for x in tensors)
    grids = [
        expand_op(view_op(x, size=(-1,) + (1,) * (count - 1 - i)), size=shape)
        for i, x in enumerate(tensors)
    ]
    if swap:
        grids[:2] = grids[1::-1]
    return tuple(grids)


@function(method=False)
def cartesian_prod(*tensors):
    """Every choice of one element from each tensor, as rows."""
    from .joining import stack

    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tensors[0]
    for x in tensors:
        if len(x.shape) != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(x.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    grids = meshgrid(*tensors, indexing="ij")
    return stack([flatten(grid) for grid in grids], 1)


@function
def combinations(input, r=2, with_replacement=False):
    """Every choice of `r` elements of a vector, in order, as rows."""
    from .indexing import index_op
    from .lookup import index_tensor

    if len(input.shape) != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return clone(reshape(input, (-1,)).narrow(0, 0, 0))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(input.shape[0]), r))
    count = math.prod((len(rows), r))
    flat = index_tensor(list(itertools.chain(*rows)), input)
    return reshape(index_op(input, flat, dims=(0,)), (count // r, r))


@function
def narrow_copy(input, dim, start, length):
    """A copy of `length` indices of dimension `dim` from `start` on."""
    return clone(narrow(input, dim, start, length))


@method(name="sum_to_size")
def _sum_to_size(self, *sizes, size=None):
    """The sum over the dimensions along which a tensor of `size` broadcasts to this one."""
    size = Size(sizes_of(sizes if size is None else (size,), "sum_to_size"))
    padded = (1,) * (len(self.shape) - len(size)) + size
    if len(size) > len(self.shape) or any(
        wanted not in (1, own) for wanted, own in zip(padded, self.shape)
    ):
        raise RuntimeError(f"size {list(size)} is not expandable to size {list(self.shape)}.")
    return sum_to_size(self, size)


# In place -----------------------------------------------------------------------------------------


def _take_over(self, view_):
    """Make `self` look as `view_`, a view of it, does."""
    check_writable(self)
    self._node, self._output_index = view_._node, view_._output_index
    self._requires_grad = view_._requires_grad
    changes.note()
    initialise(self, self.storage, self.dtype, view_.shape, view_.strides, view_.offset)
    graph.bump_version(self)
    return self


def _reshaper(name, function_):
    def reshaped(self, *args, **kwargs):
        return _take_over(self, function_(self, *args, **kwargs))

    reshaped.__name__ = reshaped.__qualname__ = name
    reshaped.__doc__ = f"In-place version of :func:`{name[:-1]}`: another look at the same memory."
    method(reshaped, name=name)


for _name, _function in (
    ("squeeze_", squeeze), ("unsqueeze_", unsqueeze), ("transpose_", transpose), ("t_", t),
    ("swapaxes_", transpose), ("swapdims_", transpose),
):  # fmt: skip
    _reshaper(_name, _function)


@method
def resize_(self, *sizes, size=None, memory_format=None):
    """Another shape over the same memory, which grows where it must; new elements are arbitrary."""
    size = Size(sizes_of(sizes if size is None else (size,), "resize_"))
    if self._requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    if any(n < 0 for n in size):
        raise RuntimeError(f"Trying to create tensor with negative dimension: {list(size)}")
    strides = shapes.contiguous_strides(size)
    needed = (self.offset + reach(size, strides)) * self.dtype.itemsize
    if needed > self.storage.nbytes:
        self.storage.resize(needed)
    changes.note()
    initialise(self, self.storage, self.dtype, size, strides, self.offset)
    graph.bump_version(self)
    return self


@method
def resize_as_(input, the_template, *, memory_format=None):
    """`resize_` to the shape of another tensor."""
    return resize_(input, the_template.shape)


@method
def set_(self, source=None, storage_offset=0, size=None, stride=None):
    """Make this tensor look at the memory of `source`."""
    check_writable(self)
    if source is None:
        source = graph.allocate(Size((0,)), self.dtype)
    if source.dtype is not self.dtype:
        raise RuntimeError(f"Expected a Tensor of type {self.dtype} but got {source.dtype} in set_")
    if size is not None:
        stride = shapes.contiguous_strides(Size(size)) if stride is None else tuple(stride)
        source = source.as_strided(size, stride, storage_offset)
    changes.note()
    initialise(self, source.storage, self.dtype, source.shape, source.strides, source.offset)
    graph.bump_version(self)
    return self


@method
def as_strided_(input, size, stride, storage_offset=None):
    """In-place version of :func:`as_strided`: another look at the same memory."""
    return _take_over(input, as_strided(input, size, stride, storage_offset))


@method
def is_set_to(self, tensor):
    """Whether both look at the same memory in the same way."""
    return self.storage is tensor.storage and geometry(self) == geometry(tensor)


# Samples ------------------------------------------------------------------------------------------


@samples("repeat")
def _(make):
    yield Sample(make(2, 3), 2, 1, 2)
    yield Sample(make(2, 3), 1, 1)
    yield Sample(make(), 3)


@samples("tile")
def _(make):
    yield Sample(make(2, 3), (2,))


@samples("flatten")
def _(make):
    yield Sample(make(2, 3, 4), 1)
    yield Sample(make())


@samples("unflatten")
def _(make):
    yield Sample(make(2, 6), 1, (2, -1))


@samples("movedim")
def _(make):
    yield Sample(make(2, 3, 4), (0, 1), (-1, 0))


@samples("adjoint")
def _(make):
    yield Sample(make(2, 3, 4))
    yield Sample(make(2, 3, dtype=dtypes.complex128))


@samples("meshgrid")
def _(make):
    yield Sample(make(2), make(3), indexing="ij")
    yield Sample(make(2), make(3), make(), indexing="xy")


@samples("cartesian_prod")
def _(make):
    yield Sample(make(2), make(3))


@samples("combinations")
def _(make):
    yield Sample(make(4), 2, True)
