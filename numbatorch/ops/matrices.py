"""Diagonals and triangles of matrices."""

import operator

import numpy as np

from .. import devices, dtypes, graph
from ..op import Spec, primitive
from ..shapes import Size, wrap_dim
from . import lookup
from .autocast import full_precision
from .casting import cast
from .copying import clone, copy, fill_
from .output import store
from .reduction import sum_op
from .registry import Sample, function, method, samples
from .views import as_strided, diagonal, diagonal_gradient, diagonal_op, select, slice_op

# Triangles ----------------------------------------------------------------------------------------


def _triangle(name, upper):
    def infer(input, *, diagonal):
        return Spec(input.shape, input.dtype)

    side = "above" if upper else "below"
    infer.__doc__ = f"What lies {side} and on a diagonal, zeros elsewhere."
    op = primitive(infer, name=name, inplace_safe=True)

    @op.forward
    def _(out, input, *, diagonal):
        devices.kernels(out).indexing.triangle(out, input, diagonal, upper)

    @op.gradient("input")
    def _(grad, diagonal):
        return op(grad, diagonal=diagonal)

    return op


tril_op, triu_op = _triangle("tril", upper=False), _triangle("triu", upper=True)


def _check_matrix(name, input):
    if len(input.shape) < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")


@function
def tril(input, diagonal=0, *, out=None):
    """The lower triangles of matrices, up to `diagonal` above the main one; zeros elsewhere."""
    _check_matrix("tril", input)
    result = tril_op(input, diagonal=diagonal)
    return result if out is None else store(result, out)


@function
def triu(input, diagonal=0, *, out=None):
    """The upper triangles of matrices, from `diagonal` above the main one on; zeros elsewhere."""
    _check_matrix("triu", input)
    result = triu_op(input, diagonal=diagonal)
    return result if out is None else store(result, out)


@method
def tril_(self, diagonal=0):
    """In-place version of :func:`tril`."""
    _check_matrix("tril", self)
    return tril_op.inplace(self, diagonal=diagonal)


@method
def triu_(self, diagonal=0):
    """In-place version of :func:`triu`."""
    _check_matrix("triu", self)
    return triu_op.inplace(self, diagonal=diagonal)


def _triangle_indices(name, find, row, col, offset, dtype, device):
    if row < 0 or col < 0:
        raise RuntimeError(f"{name}: row and col must be non-negative, got {row} and {col}")
    found = np.stack(find(row, offset, col)) if row and col else np.zeros((2, 0))
    place = graph.allocate(Size(()), dtypes.int64, devices.resolve(device))
    return cast(lookup.index_tensor(found, place), dtype or dtypes.int64)


@function(method=False)
def tril_indices(
    row, col, offset=0, *, dtype=None, layout=None, device=None, pin_memory=None
):  # fmt: skip
    """The positions, (2, count), in the lower triangle of a row x col matrix, row by row."""
    return _triangle_indices("tril_indices", np.tril_indices, row, col, offset, dtype, device)


@function(method=False)
def triu_indices(
    row, col, offset=0, *, dtype=None, layout=None, device=None, pin_memory=None
):  # fmt: skip
    """The positions, (2, count), in the upper triangle of a row x col matrix, row by row."""
    return _triangle_indices("triu_indices", np.triu_indices, row, col, offset, dtype, device)


# Diagonals ----------------------------------------------------------------------------------------


@function
def diag_embed(input, offset=0, dim1=-2, dim2=-1):
    """Matrices in dimensions dim1 and dim2 with the last dimension of `input` on a diagonal."""
    rank, offset = len(input.shape) + 1, operator.index(offset)
    dim1, dim2 = wrap_dim(dim1, rank), wrap_dim(dim2, rank)
    if dim1 == dim2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    size = input.shape[-1] + abs(offset)
    shape = list(input.shape[:-1])
    for d in sorted((dim1, dim2)):
        shape.insert(d, size)
    return diagonal_gradient(input, input_shape=Size(shape), offset=offset, dim1=dim1, dim2=dim2)


@function
def diag(input, diagonal=0, *, out=None):
    """The matrix with the vector `input` on a diagonal, or a diagonal of the matrix `input`."""
    if len(input.shape) == 1:
        result = diag_embed(input, diagonal)
    elif len(input.shape) == 2:
        result = clone(diagonal_op(input, offset=operator.index(diagonal), dim1=0, dim2=1))
    else:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {len(input.shape)}D")
    return result if out is None else store(result, out)


@function
def diagflat(input, offset=0):
    """The matrix with all elements of `input` on a diagonal."""
    return diag_embed(input.reshape(-1), offset)


@function
@full_precision
def trace(input):
    """The sum of the main diagonal of a matrix."""
    if len(input.shape) != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {len(input.shape)}")
    if input.dtype.category < dtypes.FLOATING:
        input = cast(input, dtypes.int64)
    return sum_op(diagonal_op(input, offset=0, dim1=0, dim2=1), dims=(0,), keepdim=False)


@method(name="fill_diagonal_")
def fill_diagonal_(self, fill_value, wrap=False):
    """Write one number on the main diagonal; with `wrap`, again below a tall matrix's end."""
    rank = len(self.shape)
    if rank < 2:
        raise RuntimeError("dimensions must larger than 1")
    if rank > 2 and len(set(self.shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    step = sum(self.strides)
    length = min(self.shape)
    if rank == 2 and wrap and self.shape[0] > self.shape[1] + 1:
        rows, columns = self.shape
        start = 0
        while start < rows:
            block = slice_op(self, dim=0, start=start, end=rows, step=1)
            count = min(rows - start, columns)
            fill_(as_strided(block, (count,), (step,), block.offset), fill_value)
            start += columns + 1
        return self
    fill_(as_strided(self, (length,), (step,), self.offset), fill_value)
    return self


# A view of a copy, overwritten ----------------------------------------------------------------------


def _with_part(input, src, part_of):
    """A copy of `input` in which the view that part_of(copy) makes holds `src`."""
    result = clone(input)
    part = part_of(result)
    if part.shape != src.shape:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(part.shape)}"
        )
    copy.inplace(part, src)
    return result


@function
def select_scatter(input, src, dim, index):
    """A copy of `input` with `src` at `index` of dimension `dim`."""
    return _with_part(input, src, lambda whole: select(whole, dim, index))


@function
def slice_scatter(input, src, dim=0, start=None, end=None, step=1):
    """A copy of `input` with `src` in a slice of dimension `dim`."""
    dim = wrap_dim(dim, len(input.shape))
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    start, end, step = slice(start, end, step).indices(input.shape[dim])
    end = max(start, end)
    return _with_part(
        input, src, lambda whole: slice_op(whole, dim=dim, start=start, end=end, step=step)
    )


@function
def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1):
    """A copy of `input` with `src` on a diagonal."""
    return _with_part(input, src, lambda whole: diagonal(whole, offset, dim1, dim2))


@function
def as_strided_scatter(input, src, size, stride, storage_offset=None):
    """A copy of `input` with `src` where a strided view of it looks."""
    return _with_part(input, src, lambda whole: as_strided(whole, size, stride, storage_offset))


# Samples ------------------------------------------------------------------------------------------


for _name in ("tril", "triu"):

    @samples(_name)
    def _(make):
        for offset in (-1, 0, 2):
            yield Sample(make(3, 4), offset)
        yield Sample(make(2, 4, 3).transpose(0, 2))


@samples("diag")
def _(make):
    yield Sample(make(3), 1)
    yield Sample(make(3, 4), -1)


@samples("diag_embed")
def _(make):
    yield Sample(make(2, 3), 1, 0, -1)


@samples("diagflat")
def _(make):
    yield Sample(make(2, 2), -1)


@samples("trace")
def _(make):
    yield Sample(make(3, 4))


@samples("select_scatter")
def _(make):
    yield Sample(make(3, 4), make(3), 1, -1)


@samples("slice_scatter")
def _(make):
    yield Sample(make(3, 4), make(3, 2), 1, 0, None, 2)


@samples("diagonal_scatter")
def _(make):
    yield Sample(make(3, 4), make(2), -1)


@samples("as_strided_scatter")
def _(make):
    yield Sample(make(3, 4), make(2, 2), (2, 2), (5, 2), 1)
