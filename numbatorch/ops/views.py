"""View ops: another shape, other strides, another offset over the same memory."""

import operator

from .. import devices, dtypes, graph, shapes
from ..array import initialise
from ..op import Layout, Spec, copy_values, primitive, repeated, view
from ..shapes import Size, as_indices, contiguous_strides, reach, wrap_dim
from .copying import clone_op, fresh_full
from .registry import function, method


def sizes_of(arguments, name="shape", keyword=None):
    """Sizes given as separate ints, as one sequence, or as a keyword argument."""
    arguments = arguments if keyword is None else (keyword,)
    if len(arguments) == 1 and isinstance(arguments[0], list | tuple):
        arguments = arguments[0]
    try:
        return tuple(operator.index(size) for size in arguments)
    except TypeError:
        raise TypeError(
            f"{name}(): sizes must be ints, but got {[type(a).__name__ for a in arguments]}"
        ) from None


# as_strided: the most general view -----------------------------------------------------------------


@view(name="as_strided")
def as_strided_op(input, *, source, size, stride, storage_offset):
    """A view of the storage with any shape, strides and offset; `source` is the input's geometry."""
    return Layout(size, stride, storage_offset)


@as_strided_op.gradient("input")
def _(grad, source, size, stride, storage_offset):
    return strided_gradient(
        grad, source=source, size=size, stride=stride, storage_offset=storage_offset
    )


@function(name="as_strided")
def as_strided(input, size, stride, storage_offset=None):
    """A view of the storage of `input` with the given shape, strides and offset."""
    size, stride = Size(as_indices(size)), as_indices(stride)
    offset = input.offset if storage_offset is None else operator.index(storage_offset)
    if len(size) != len(stride):
        raise RuntimeError(
            f"mismatch in length of strides and shape: {list(size)} and {list(stride)}"
        )
    if any(s < 0 for s in size):
        raise RuntimeError(f"Trying to create tensor with negative dimension: {list(size)}")
    if any(s < 0 for s in stride):
        raise RuntimeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}"
        )
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    needed = (reach(size, stride) + offset) * input.dtype.itemsize
    if shapes.numel(size) and needed > input.storage.nbytes:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and "
            f"itemsize {input.dtype.itemsize} requiring a storage size of {needed} are out of "
            f"bounds for storage of size {input.storage.nbytes}"
        )
    return as_strided_op(
        input, source=geometry(input), size=size, stride=stride, storage_offset=offset
    )


def geometry(value):
    """(shape, strides, offset) of a value."""
    return value.shape, value.strides, value.offset


def _in_memory(base_geometry, part, dtype, place):
    """(whole, part view): zeroed memory laid out as `base_geometry`, and a part of the same memory.

    Both geometries are (shape, strides, offset) over the storage of the original.
    """
    shape, strides, offset = base_geometry
    start = min(offset, part[2])
    elements = max(offset + reach(shape, strides), part[2] + reach(part[0], part[1])) - start
    flat = fresh_full((elements,), 0, dtype, place)
    whole = graph.alias(flat, shape, strides, offset - start)
    return whole, graph.alias(flat, Size(part[0]), tuple(part[1]), part[2] - start)


@primitive
def strided_gradient(grad, *, source, size, stride, storage_offset):
    """The gradient of as_strided: `grad` added into zeros where the view looked.

    `source` is the geometry of the tensor that was viewed, whose own elements must not overlap.
    """
    if shapes.has_overlap(source[0], source[1]):
        raise RuntimeError("as_strided: no gradient for an input whose elements overlap in memory")
    return Spec(source[0], grad.dtype)


@strided_gradient.forward
def _(out, grad, *, source, size, stride, storage_offset):
    whole, part = _in_memory(source, (size, stride, storage_offset), grad.dtype, devices.of(grad))
    if shapes.has_overlap(size, stride):
        devices.kernels(out).indexing.accumulate(part, grad)
    else:
        copy_values(part, grad)
    copy_values(out, whole)


@strided_gradient.gradient("grad")
def _(grad, source, size, stride, storage_offset):
    return strided_read(
        grad, source=source, size=size, stride=stride, storage_offset=storage_offset
    )


@primitive
def strided_read(input, *, source, size, stride, storage_offset):
    """as_strided on a tensor that has the shape, but not the memory, of the geometry `source`."""
    return Spec(size, input.dtype)


@strided_read.forward
def _(out, input, *, source, size, stride, storage_offset):
    whole, part = _in_memory(source, (size, stride, storage_offset), input.dtype, devices.of(input))
    copy_values(whole, input)
    copy_values(out, part)


@strided_read.gradient("input")
def _(grad, source, size, stride, storage_offset):
    return strided_gradient(
        grad, source=source, size=size, stride=stride, storage_offset=storage_offset
    )


@primitive(node_name="CopySlices")
def strided_scatter(input, part, *, source, size, stride, storage_offset):
    """`input`, of geometry `source`, with the elements that a view looks at replaced by `part`."""
    return Spec(input.shape, input.dtype)


@strided_scatter.forward
def _(out, input, part, *, source, size, stride, storage_offset):
    place = devices.of(input)
    whole, target = _in_memory(source, (size, stride, storage_offset), input.dtype, place)
    copy_values(whole, input)
    copy_values(target, part)
    copy_values(out, whole)


@strided_scatter.gradient("input")
def _(grad, source, size, stride, storage_offset):
    zeros = fresh_full(size, 0, grad.dtype, devices.of(grad))
    return strided_scatter(
        grad, zeros, source=source, size=size, stride=stride, storage_offset=storage_offset
    )


@strided_scatter.gradient("part")
def _(grad, source, size, stride, storage_offset):
    return strided_read(
        grad, source=source, size=size, stride=stride, storage_offset=storage_offset
    )


def _node_of_view(base, view_value):
    """The node that reads `view_value` out of `base` as it is now."""
    _check_same_dtype(base, view_value)
    size, stride, offset = geometry(view_value)
    params = {
        "source": geometry(base), "size": size, "stride": stride, "storage_offset": offset,
    }  # fmt: skip
    node = as_strided_op.make_node((base,), params, [graph.edge_of(base)])
    node.output_metas = [graph.metadata_of(view_value)]
    return node


def _check_same_dtype(base, view_value):
    if view_value.dtype is not base.dtype:
        raise NotImplementedError(
            "writing in place where autograd follows a tensor through a view of another dtype "
            f"({base.dtype!r} seen as {view_value.dtype!r}) is not implemented"
        )


def _scatter_into_base(base, view_value, node):
    """The node of `base` after `view_value`, a view of it, was overwritten by `node`'s output."""
    _check_same_dtype(base, view_value)
    size, stride, offset = geometry(view_value)
    params = {
        "source": geometry(base), "size": size, "stride": stride, "storage_offset": offset,
    }  # fmt: skip
    edges = [graph.edge_of(base), (node, 0)]
    scatter = strided_scatter.make_node((base, view_value), params, edges)
    scatter.input_metas = [graph.metadata_of(base), graph.metadata_of(view_value)]
    scatter.output_metas = [graph.metadata_of(base)]
    return scatter


graph.node_of_view = _node_of_view
graph.scatter_into_base = _scatter_into_base


# Shape ---------------------------------------------------------------------------------------------


@view(name="view")
def view_op(input, *, size):
    """The same elements in another shape."""
    size = shapes.infer_size(size, shapes.numel(input.shape))
    strides = shapes.view_strides(input.shape, input.strides, size)
    if strides is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead. "
            f"view {list(size)} of a tensor of shape {list(input.shape)}, strides {input.strides}"
        )
    return Layout(size, strides, input.offset)


@view_op.gradient("input")
def _(grad, input_shape):
    return reshape(grad, input_shape)


@function
@repeated
def reshape(input, *sizes, shape=None):
    """`input` in another shape: a view where the strides allow it, else a copy."""
    size = shapes.infer_size(sizes_of(sizes, "reshape", shape), shapes.numel(input.shape))
    if shapes.view_strides(input.shape, input.strides, size) is None:
        input = clone_op(input, strides=None)
    return view_op(input, size=size)


@view(name="expand")
def expand_op(input, *, size):
    """Dimensions of size 1 repeated without a copy."""
    return Layout(size, shapes.broadcast_strides(input.shape, input.strides, size), input.offset)


@expand_op.gradient("input")
def _(grad):
    return grad  # the engine sums it to the shape of the input


@method
@repeated
def expand(self, *sizes, size=None, implicit=False):
    """Repeat dimensions of size 1 without a copy; -1 keeps a size."""
    sizes = sizes_of(sizes, "expand", size)
    first = len(sizes) - len(self.shape)
    if first < 0:
        raise RuntimeError(
            f"expand({list(self.shape)}, size={list(sizes)}): the number of sizes provided "
            f"({len(sizes)}) must be greater or equal to the number of dimensions in the tensor "
            f"({len(self.shape)})"
        )
    target = list(sizes)
    for d, size in enumerate(sizes):
        own = self.shape[d - first] if d >= first else None
        if size == -1:
            if own is None:
                raise RuntimeError(
                    f"The expanded size of the tensor ({size}) isn't allowed in a leading, "
                    f"non-existing dimension {d}"
                )
            target[d] = own
        elif own not in (None, 1, size) or size < 0:
            raise RuntimeError(
                f"The expanded size of the tensor ({size}) must match the existing size ({own}) at "
                f"non-singleton dimension {d}.  Target sizes: {list(sizes)}.  Tensor sizes: "
                f"{list(self.shape)}"
            )
    return expand_op(self, size=Size(target))


@view(name="permute")
def permute_op(input, *, dims):
    """Dimensions in another order."""
    return Layout([input.shape[d] for d in dims], [input.strides[d] for d in dims], input.offset)


@permute_op.gradient("input")
def _(grad, dims):
    inverse = sorted(range(len(dims)), key=dims.__getitem__)
    return permute_op(grad, dims=tuple(inverse))


@function
@repeated
def permute(input, *order, dims=None):
    """Dimensions in the order `dims`."""
    dims = sizes_of(order, "permute", dims)
    rank = len(input.shape)
    if len(dims) != rank:
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length"
            f" of the desired ordering of dimensions i.e. input.dim() = {rank} is not equal to "
            f"len(dims) = {len(dims)}"
        )
    wrapped = tuple(wrap_dim(d, rank) for d in dims)
    if len(set(wrapped)) != rank:
        raise RuntimeError(f"permute(): duplicate dims are not allowed: {list(dims)}")
    return permute_op(input, dims=wrapped)


@function(aliases=("swapdims",))
@repeated
def transpose(input, dim0, dim1):
    """Dimensions dim0 and dim1 swapped."""
    rank = len(input.shape)
    dim0, dim1 = wrap_dim(dim0, rank), wrap_dim(dim1, rank)
    order = list(range(rank))
    if rank:
        order[dim0], order[dim1] = dim1, dim0
    return permute_op(input, dims=tuple(order))


@function
def swapaxes(input, axis0, axis1):
    """`transpose` with NumPy's names."""
    return transpose(input, axis0, axis1)


@view(name="select")
def select_op(input, *, dim, index):
    """One index of a dimension, which goes away."""
    shape, strides = list(input.shape), list(input.strides)
    del shape[dim]
    step = strides.pop(dim)
    return Layout(shape, strides, input.offset + index * step)


@select_op.gradient("input")
def _(grad, input_shape, dim, index):
    return _embed(grad, input_shape, dim, index)


@function
@repeated
def select(input, dim, index):
    """The slice at `index` of dimension `dim`, which goes away."""
    if not input.shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim = wrap_dim(dim, len(input.shape))
    size = input.shape[dim]
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at "
            f"dimension {dim}"
        )
    return select_op(input, dim=dim, index=index % size)


@view(name="slice")
def slice_op(input, *, dim, start, end, step):
    """Every step-th index from start to end of a dimension; 0 <= start <= end <= size."""
    shape, strides = list(input.shape), list(input.strides)
    shape[dim] = (end - start + step - 1) // step
    offset = input.offset + start * strides[dim]
    strides[dim] *= step
    return Layout(shape, strides, offset)


@slice_op.gradient("input")
def _(grad, input_shape, dim, start, end, step):
    return slice_gradient(grad, input_shape=input_shape, dim=dim, start=start, end=end, step=step)


@primitive(node_name="SliceBackward1")
def slice_gradient(grad, *, input_shape, dim, start, end, step):
    """Zeros of `input_shape` with `grad` in the slice."""
    return Spec(input_shape, grad.dtype)


@slice_gradient.forward
def _(out, grad, *, input_shape, dim, start, end, step):
    copy_values(out, fresh_full((), 0, grad.dtype, devices.of(grad)))
    layout = slice_op.infer(out, dim=dim, start=start, end=end, step=step)
    copy_values(graph.alias(out, layout.shape, layout.strides, layout.offset), grad)


@slice_gradient.gradient("grad")
def _(grad, dim, start, end, step):
    return slice_op(grad, dim=dim, start=start, end=end, step=step)


def _embed(grad, input_shape, dim, index):
    """Zeros of `input_shape` with `grad` at one index of dimension `dim`."""
    return slice_gradient(
        unsqueeze(grad, dim), input_shape=input_shape, dim=dim, start=index, end=index + 1, step=1
    )


@function
@repeated
def narrow(input, dim, start, length):
    """`length` indices of dimension `dim` from `start` on."""
    if not input.shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    dim = wrap_dim(dim, len(input.shape))
    size = input.shape[dim]
    if isinstance(start, graph.Value) and (start.shape or start.dtype.category != dtypes.INTEGRAL):
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    start, length = int(start), operator.index(length)
    if not -size <= start <= size:
        raise IndexError(
            f"start out of range (expected to be in range of [{-size}, {size}], but got {start})"
        )
    start = start + size if start < 0 else start
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return slice_op(input, dim=dim, start=start, end=start + length, step=1)


@view(name="unsqueeze")
def unsqueeze_op(input, *, dim):
    """A dimension of size 1 put in."""
    shape, strides = input.shape, input.strides
    step = shape[dim] * strides[dim] if dim < len(shape) else 1
    return Layout(
        (*shape[:dim], 1, *shape[dim:]), (*strides[:dim], step, *strides[dim:]), input.offset
    )


@unsqueeze_op.gradient("input")
def _(grad, dim):
    return squeeze_op(grad, dims=(dim,))


@function
@repeated
def unsqueeze(input, dim):
    """A dimension of size 1 put in at `dim`."""
    return unsqueeze_op(input, dim=wrap_dim(dim, len(input.shape) + 1))


@view(name="squeeze")
def squeeze_op(input, *, dims):
    """Dimensions of size 1 taken out."""
    kept = [d for d in range(len(input.shape)) if d not in dims]
    return Layout([input.shape[d] for d in kept], [input.strides[d] for d in kept], input.offset)


@squeeze_op.gradient("input")
def _(grad, input_shape):
    return reshape(grad, input_shape)


@function
@repeated
def squeeze(input, dim=None):
    """Dimensions of size 1 (all, or those named) taken out."""
    dims = () if dim == () else shapes.wrap_dims(dim, len(input.shape))
    return squeeze_op(input, dims=tuple([d for d in dims if input.shape[d] == 1]))


@view(name="diagonal")
def diagonal_op(input, *, offset, dim1, dim2):
    """The diagonal of two dimensions, as the last one."""
    rows, columns = input.shape[dim1], input.shape[dim2]
    length = min(rows + min(offset, 0), columns - max(offset, 0))
    length = max(length, 0)
    start = input.offset
    if length:
        start += max(offset, 0) * input.strides[dim2] + max(-offset, 0) * input.strides[dim1]
    others = [d for d in range(len(input.shape)) if d not in (dim1, dim2)]
    return Layout(
        [input.shape[d] for d in others] + [length],
        [input.strides[d] for d in others] + [input.strides[dim1] + input.strides[dim2]],
        start,
    )


@diagonal_op.gradient("input")
def _(grad, input_shape, offset, dim1, dim2):
    return diagonal_gradient(grad, input_shape=input_shape, offset=offset, dim1=dim1, dim2=dim2)


@primitive
def diagonal_gradient(grad, *, input_shape, offset, dim1, dim2):
    """Zeros of `input_shape` with `grad` on a diagonal."""
    return Spec(input_shape, grad.dtype)


@diagonal_gradient.forward
def _(out, grad, *, input_shape, offset, dim1, dim2):
    copy_values(out, fresh_full((), 0, grad.dtype, devices.of(grad)))
    layout = diagonal_op.infer(out, offset=offset, dim1=dim1, dim2=dim2)
    copy_values(graph.alias(out, layout.shape, layout.strides, layout.offset), grad)


@diagonal_gradient.gradient("grad")
def _(grad, offset, dim1, dim2):
    return diagonal_op(grad, offset=offset, dim1=dim1, dim2=dim2)


@function
@repeated
def diagonal(input, offset=0, dim1=0, dim2=1):
    """The diagonal of dimensions dim1 and dim2, `offset` above the main one, as the last dimension."""
    rank = len(input.shape)
    dim1, dim2 = wrap_dim(dim1, rank), wrap_dim(dim2, rank)
    if dim1 == dim2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return diagonal_op(input, offset=operator.index(offset), dim1=dim1, dim2=dim2)


@view(name="unfold")
def unfold_op(input, *, dimension, size, step):
    """Windows along a dimension, as a new last dimension."""
    shape, strides = list(input.shape), list(input.strides)
    count = (shape[dimension] - size) // step + 1
    shape[dimension] = count
    window_stride = strides[dimension]
    strides[dimension] *= step
    return Layout([*shape, size], [*strides, window_stride], input.offset)


@unfold_op.gradient("input")
def _(grad, input_shape, dimension, size, step):
    strides = contiguous_strides(input_shape)
    blank = initialise(graph.blank(), None, grad.dtype, input_shape, strides)
    layout = unfold_op.infer(blank, dimension=dimension, size=size, step=step)
    return strided_gradient(
        grad, source=(input_shape, strides, 0), size=layout.shape, stride=layout.strides,
        storage_offset=0,
    )  # fmt: skip


@method(name="unfold")
def unfold(self, dimension, size, step):
    """Windows of `size` every `step` along `dimension`, as a new last dimension."""
    size, step = as_indices((size, step))
    if not self.shape:
        if size not in (0, 1):
            raise RuntimeError(f"maximum size for tensor at dimension 0 is 1 but size is {size}")
        return as_strided(self, (size,), (1,))
    dimension = wrap_dim(dimension, len(self.shape))
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > self.shape[dimension]:
        raise RuntimeError(
            f"maximum size for tensor at dimension {dimension} is {self.shape[dimension]} but "
            f"size is {size}"
        )
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    return unfold_op(self, dimension=dimension, size=size, step=step)


@view(name="alias")
def alias_op(input):
    """The same memory."""
    return Layout(input.shape, input.strides, input.offset)


@alias_op.gradient("input")
def _(grad):
    return grad


@method
def detach(self):
    """The same memory without history."""
    return graph.alias(self)


# Several views -------------------------------------------------------------------------------------


def _split_op(name, **attributes):
    """Declare an op that takes a tensor apart into sizes; its name shows in the graph."""

    def split(input, *, dim, sizes):
        """Parts of the given sizes along a dimension."""
        layouts, start = [], input.offset
        for size in sizes:
            shape = (*input.shape[:dim], size, *input.shape[dim + 1 :])
            layouts.append(Layout(shape, input.strides, start))
            start += size * input.strides[dim]
        return layouts

    op = view(split, name=name, **attributes)

    @op.gradient("input")
    def _(grads, dim):
        from .joining import cat_op

        return cat_op(*grads, dim=dim, sizes=tuple([grad.shape[dim] for grad in grads]))

    return op


split_op = _split_op("split")
split_with_sizes_op = _split_op("split_with_sizes")
unsafe_split_op = _split_op("unsafe_split", unsafe=True)
unsafe_split_with_sizes_op = _split_op("unsafe_split_with_sizes", unsafe=True)


@view(name="unbind")
def unbind_op(input, *, dim):
    """The slices at every index of a dimension, which goes away."""
    shape = (*input.shape[:dim], *input.shape[dim + 1 :])
    strides = (*input.strides[:dim], *input.strides[dim + 1 :])
    step = input.strides[dim]
    return [Layout(shape, strides, input.offset + i * step) for i in range(input.shape[dim])]


@unbind_op.gradient("input")
def _(grads, dim):
    from .joining import stack_op

    return stack_op(*grads, dim=dim) if grads else None
