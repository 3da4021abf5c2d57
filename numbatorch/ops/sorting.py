"""Order: sort, topk, unique, searchsorted and their kin."""

from .. import devices, dtypes, graph, return_types
from ..op import Spec, dynamic, primitive, scalar_name
from ..shapes import Size, wrap_dim
from . import scalars
from .casting import cast
from .indexing import gather_op, index_op, index_put_op, scatter_op
from .output import store
from .registry import Sample, also_called, function, samples
from .shape import movedim
from .views import reshape, transpose

# Sorting ------------------------------------------------------------------------------------------


def _with_rows(input, dim, find):
    """Index tensor that `find` makes for the rows along `dim`: find(rows as a matrix) -> matrix."""
    if not input.shape:
        return reshape(find(reshape(input, (1, 1))), ())
    last = dim == len(input.shape) - 1
    moved = input if last else transpose(input, dim, -1)
    size = moved.shape[-1]
    rows = graph.numel(input) // size if size else 0
    found = find(reshape(moved, (rows, size)).contiguous())
    found = reshape(found, (*moved.shape[:-1], found.shape[1]))
    return found if last else transpose(found, dim, -1).contiguous()


@dynamic(name="argsort")
def argsort_op(input, *, dim, descending):
    """The indices that sort `input` along a dimension; equal elements keep their order."""

    def order(rows):
        out = graph.allocate(rows.shape, dtypes.int64, devices.of(rows))
        devices.kernels(out).sorting.argsort(out, rows, descending)
        return out

    return _with_rows(input.detach(), dim, order)


@dynamic(name="top_indices")
def top_indices_op(input, *, dim, k, largest):
    """Where the k largest, or smallest, elements along a dimension lie, in order."""

    def order(rows):
        out = graph.allocate(Size((rows.shape[0], k)), dtypes.int64, devices.of(rows))
        devices.kernels(out).sorting.topk(out, rows, largest)
        return out

    return _with_rows(input.detach(), dim, order)


def _selection(name):
    """An op (input, indices) -> (values at the indices along a dimension, indices)."""

    def infer(input, indices, *, dim):
        return Spec(indices.shape, input.dtype)

    op = primitive(infer, name=name)
    op.forward(gather_op.compute)

    @op.gradient("input")
    def _(grad, indices, input_shape, dim):
        return scatter_op(None, indices, grad, dim=dim, combine="add", size=input_shape)

    return op


sort_op, topk_op = _selection("sort"), _selection("topk")


def _check_sortable(name, input):
    if input.dtype.is_complex:
        raise RuntimeError(f"\"{name}\" not implemented for '{scalar_name(input.dtype)}'")


@function
def sort(input, dim=-1, descending=False, stable=False, *, out=None):
    """(values, indices) sorted along `dim`; equal elements always keep their order, NaN is largest."""
    _check_sortable("sort", input)
    dim = wrap_dim(dim, len(input.shape))
    indices = argsort_op(input, dim=dim, descending=bool(descending))
    return _with_out(return_types.sort, (sort_op(input, indices, dim=dim), indices), out)


def _with_out(kind, results, out):
    if out is not None:
        results = [store(result, place) for result, place in zip(results, out)]
    return kind(results)


@function
def argsort(input, dim=-1, descending=False, stable=False):
    """The indices that sort `input` along `dim`."""
    _check_sortable("sort", input)
    dim = wrap_dim(dim, len(input.shape))
    return argsort_op(input, dim=dim, descending=bool(descending))


@function
def msort(input, *, out=None):
    """The values of `input` sorted along the first dimension."""
    values = sort(input, 0 if input.shape else -1).values
    return values if out is None else store(values, out)


@function
def topk(input, k, dim=-1, largest=True, sorted=True, *, out=None):
    """(values, indices) of the k largest, or smallest, elements along `dim`, in order."""
    _check_sortable("topk", input)
    dim = wrap_dim(dim, len(input.shape))
    k = k.item() if isinstance(k, graph.Value) else k
    if not 0 <= k <= (input.shape[dim] if input.shape else 1):
        raise RuntimeError("selected index k out of range")
    if not input.shape and k == 0:
        raise RuntimeError("topk(): k must not be 0 for a 0-d tensor")
    indices = top_indices_op(input, dim=dim, k=k, largest=bool(largest))
    return _with_out(return_types.topk, (topk_op(input, indices, dim=dim), indices), out)


# Unique -------------------------------------------------------------------------------------------


@dynamic(name="consecutive_groups")
def consecutive_groups(input):
    """(number of each row's run of equal rows, how many runs) of a matrix."""
    input = input.detach().contiguous()
    groups = graph.allocate(input.shape[:1], dtypes.int64, devices.of(input))
    return groups, devices.kernels(groups).sorting.consecutive_groups(groups, input)


def _lexicographic_order(rows):
    """The order that sorts rows by their first column, then by their second, and so on."""
    order = None
    for column in range(rows.shape[1] - 1, -1, -1):
        keys = rows.select(1, column)
        if order is not None:
            keys = index_op(keys, order, dims=(0,))
        step = argsort_op(keys, dim=0, descending=False)
        order = step if order is None else index_op(order, step, dims=(0,))
    return order


def _uniques(rows, order):
    """(distinct rows, inverse, counts), taken in `order`, or as they come where it is None."""
    source = rows if order is None else index_op(rows, order, dims=(0,))
    groups, count = consecutive_groups(source)
    place = devices.of(rows)
    distinct = index_put_op(None, source, groups, dims=(0,), size=Size((count, *rows.shape[1:])))
    inverse = groups
    if order is not None:
        inverse = index_put_op(None, groups, order, dims=(0,), size=groups.shape)
    one = scalars.constant(1, dtypes.int64, place)
    counts = index_put_op(None, one, groups, dims=(0,), accumulate=True, size=Size((count,)))
    return distinct, inverse, counts


def _unique(name, input, ordered, return_inverse, return_counts, dim):
    if input.dtype.is_complex:
        raise RuntimeError(f"\"{name}\" not implemented for '{scalar_name(input.dtype)}'")
    input = input.detach()
    if dim is None:
        rows = reshape(input, (-1, 1))
        order = argsort_op(reshape(rows, (-1,)), dim=0, descending=False) if ordered else None
        distinct, inverse, counts = _uniques(rows, order)
        distinct, inverse = reshape(distinct, (-1,)), reshape(inverse, input.shape)
    else:
        dim = wrap_dim(dim, len(input.shape))
        front = movedim(input, dim, 0)
        if 0 in front.shape[1:] and front.shape[0]:
            raise RuntimeError(
                f"{name}: There are 0 sized dimensions, and they aren't selected, so unique cannot "
                "be applied"
            )
        rows = (
            reshape(front, (front.shape[0], -1)) if graph.numel(front) else reshape(front, (0, 1))
        )
        distinct, inverse, counts = _uniques(rows, _lexicographic_order(rows) if ordered else None)
        distinct = reshape(distinct, (distinct.shape[0], *front.shape[1:]))
        distinct = movedim(distinct, 0, dim).contiguous()
    results = [distinct]
    if return_inverse:
        results.append(inverse)
    if return_counts:
        results.append(counts)
    return results[0] if len(results) == 1 else tuple(results)


@function
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct elements, or slices along `dim`, in order; also where each went, and how many."""
    return _unique("unique", input, True, return_inverse, return_counts, dim)


@function
def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """`input` with runs of equal elements, or slices along `dim`, made one."""
    return _unique("unique_consecutive", input, False, return_inverse, return_counts, dim)


# Searching ----------------------------------------------------------------------------------------


@primitive(name="searchsorted")
def search_op(boundaries, values, sorter, *, right, dtype):
    """How many boundaries of its row lie before each value."""
    return Spec(values.shape, dtype)


@search_op.forward
def _(out, boundaries, values, sorter, *, right, dtype):
    sorter = None if sorter is None else sorter.contiguous()
    devices.kernels(out).sorting.search(
        out, boundaries.contiguous(), values.contiguous(), right, sorter
    )


def _search(name, boundaries, values, out_int32, right, sorter=None):
    for x in (boundaries, values):
        _check_sortable(name, x)
    if graph.numel(boundaries) == 0 and graph.numel(values) and 0 in boundaries.shape[:-1]:
        raise RuntimeError(f"{name}: boundaries tensor should not have rows of no elements")
    dtype = dtypes.promote_types(boundaries.dtype, values.dtype)
    return search_op(
        cast(boundaries.detach(), dtype),
        cast(values.detach(), dtype),
        sorter,
        right=right,
        dtype=dtypes.int32 if out_int32 else dtypes.int64,
    )


def _as_values(values, like):
    if isinstance(values, graph.Value):
        return values
    if not scalars.is_number(values):
        raise TypeError(f"expected a Tensor or a Number, but got {type(values).__name__}")
    dtype = dtypes.of_scalar(values)
    dtype = like.dtype if dtype.category <= like.dtype.category else dtype
    return scalars.constant(values, dtype, devices.of(like))


@function(method=False)
def searchsorted(
    sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None, out=None
):
    """Where in the last dimension of `sorted_sequence` each value belongs, so that it stays sorted."""
    if side not in (None, "left", "right"):
        raise RuntimeError(
            f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}"
        )
    if side == "left" and right:
        raise RuntimeError("torch.searchsorted(): side and right can't be set to opposites")
    values = _as_values(input, sorted_sequence)
    rows = sorted_sequence.shape
    if not rows:
        raise RuntimeError("torch.searchsorted(): boundaries tensor should have positive dimension")
    if len(rows) != 1 and (rows[:-1] != values.shape[:-1] or len(rows) != len(values.shape)):
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 "
            "dimensions of boundaries tensor and input value tensor must match, but we got "
            f"boundaries tensor {list(rows)} and input value tensor {list(values.shape)}"
        )
    if sorter is not None:
        _check_sorter(sorter, rows)
    result = _search(
        "searchsorted", sorted_sequence, values, out_int32, right or side == "right", sorter
    )
    return result if out is None else store(result, out)


def _check_sorter(sorter, shape):
    if sorter.shape != shape:
        raise RuntimeError(
            "torch.searchsorted(): boundary and sorter must have the same size, but got boundary "
            f"tensor {list(shape)} and got sorter tensor {list(sorter.shape)}"
        )
    if sorter.dtype is not dtypes.int64:
        raise RuntimeError(
            "torch.searchsorted(): sorter must be a tensor of long dtype but got dtype "
            f"{scalar_name(sorter.dtype)}"
        )
    if graph.numel(sorter) and (int(sorter.amin()) < 0 or int(sorter.amax()) >= shape[-1]):
        raise RuntimeError("torch.searchsorted(): sorter index out of range")


@function(method=False)
def bucketize(input, boundaries, *, out_int32=False, right=False, out=None):
    """The interval between sorted `boundaries` that each value lies in."""
    if len(boundaries.shape) != 1:
        raise RuntimeError(
            f"bucketize: boundaries tensor must be 1 dimension, but got dim({len(boundaries.shape)})"
        )
    values = _as_values(input, boundaries)
    result = _search("bucketize", boundaries, values, out_int32, right)
    return result if out is None else store(result, out)


@function(method=False)
@also_called(element="elements", test_element="test_elements")
def isin(elements, test_elements, *, assume_unique=False, invert=False, out=None):
    """Whether each element is among `test_elements`."""
    if not isinstance(elements, graph.Value):
        elements = _as_values(elements, test_elements)
    test_elements = _as_values(test_elements, elements)
    dtype = dtypes.promote_types(elements.dtype, test_elements.dtype)
    elements = cast(elements.detach(), dtype)
    known = sort(reshape(cast(test_elements.detach(), dtype), (-1,))).values
    if not known.shape[0]:
        result = cast(elements, dtypes.bool_).logical_xor(cast(elements, dtypes.bool_))
    else:
        place = _search("isin", known, elements, False, False).clamp(max=known.shape[0] - 1)
        result = index_op(known, place, dims=(0,)) == elements
    result = result.logical_not() if invert else result
    return result if out is None else store(result, out)


# Samples ------------------------------------------------------------------------------------------


@samples("sort")
def _(make):
    yield Sample(make(3, 5))
    yield Sample(make(3, 5), 0, descending=True)
    yield Sample(make(2, 50))
    yield Sample(make())


@samples("topk")
def _(make):
    yield Sample(make(3, 5), 2)
    yield Sample(make(5, 3), 3, 0, largest=False)
    yield Sample(make(2, 90), 70)


@samples("msort")
def _(make):
    yield Sample(make(4, 3))
