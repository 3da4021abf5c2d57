"""Sparse tensors in coordinate form (`torch.sparse`): indices of elements, and their values.

A SparseTensor is made of two dense tensors and is none itself: functions that do not know it raise
TypeError. Gradients flow to its values.
"""

from . import dtypes, ops, shapes
from .graph import Value
from .layouts import sparse_coo
from .op import scalar_name
from .tensor import Tensor

__all__ = ["SparseTensor", "addmm", "mm", "spmm", "sum", "to_dense"]


class SparseTensor:
    """Zero but at `indices` (sparse dims, count), where it is `values` (count, *dense dims).

    Values of equal indices are added, which `coalesce` does once and for all.
    """

    is_sparse = True
    is_sparse_csr = False
    layout = sparse_coo

    def __init__(self, indices, values, size, is_coalesced=False):
        self._index, self._value, self.shape = indices, values, shapes.Size(size)
        self._coalesced = is_coalesced

    # Form -----------------------------------------------------------------

    dtype = property(lambda self: self._value.dtype)
    device = property(lambda self: self._value.device)
    form = property(lambda self: None)  # that of no dense value
    grad_fn = property(lambda self: self._value.grad_fn)
    requires_grad = property(lambda self: self._value.requires_grad)
    ndim = property(lambda self: len(self.shape))

    def size(self, dim=None):
        return self.shape if dim is None else self.shape[shapes.wrap_dim(dim, self.ndim)]

    def dim(self):
        return self.ndim

    def sparse_dim(self):
        return self._index.shape[0]

    def dense_dim(self):
        return self.ndim - self.sparse_dim()

    def numel(self):
        return shapes.numel(self.shape)

    def _nnz(self):
        return self._index.shape[1]

    def is_coalesced(self):
        return self._coalesced

    def _indices(self):
        return self._index

    def _values(self):
        return self._value

    def indices(self):
        self._check_coalesced("indices")
        return self._index

    def values(self):
        self._check_coalesced("values")
        return self._value

    def _check_coalesced(self, name):
        if not self._coalesced:
            raise RuntimeError(
                f"Cannot get {name} on an uncoalesced tensor, please call .coalesce() first"
            )

    def __repr__(self):
        values = repr(self._value.detach()).replace("\n", "\n" + " " * 14)
        indices = repr(self._index).replace("\n", "\n" + " " * 15)
        tail = ", requires_grad=True" if self.requires_grad else ""
        return (
            f"tensor(indices={indices},\n       values={values},\n       size={tuple(self.shape)}, "
            f"nnz={self._nnz()}, layout=torch.sparse_coo{tail})"
        )

    # Copies ---------------------------------------------------------------

    def with_values(self, values):
        """A tensor with other values at the same indices."""
        return SparseTensor(self._index, values, self.shape, self._coalesced)

    def detach(self):
        return self.with_values(self._value.detach())

    def clone(self):
        return SparseTensor(self._index.clone(), self._value.clone(), self.shape, self._coalesced)

    def detach_(self):
        self._value = self._value.detach()
        return self

    def is_complex(self):
        return self.dtype.is_complex

    def requires_grad_(self, requires_grad=True):
        self._value.requires_grad_(requires_grad)
        return self

    def to(self, *args, **kwargs):
        values = self._value.to(*args, **kwargs)
        return SparseTensor(self._index.to(values.device), values, self.shape, self._coalesced)

    def cpu(self):
        return self.to("cpu")

    def cuda(self, device="cuda"):
        return self.to(device)

    def float(self):
        return self.to(dtypes.float32)

    def double(self):
        return self.to(dtypes.float64)

    # Forms ----------------------------------------------------------------

    def _positions(self):
        """Where each element lies among the sparse dimensions, counted row by row."""
        strides = shapes.contiguous_strides(self.shape[: self.sparse_dim()])
        weights = ops.tensor(strides, dtype=dtypes.int64, device=self.device)
        return (self._index * weights.unsqueeze(-1)).sum(0)

    def coalesce(self):
        """The same tensor with sorted indices, each of which occurs once."""
        if self._coalesced:
            return self
        unique, place = ops.unique(self._positions(), return_inverse=True)
        zeros = ops.zeros(
            (unique.shape[0], *self._value.shape[1:]), dtype=self.dtype, device=self.device
        )
        values = ops.index_add(zeros, 0, place, self._value)
        rows = []
        for size in reversed(self.shape[: self.sparse_dim()]):
            rows.append(unique % max(size, 1))
            unique = ops.floor_divide(unique, max(size, 1))
        indices = ops.stack(rows[::-1]) if rows else self._index[:, :1]
        return SparseTensor(indices, values, self.shape, True)

    def to_dense(self, dtype=None):
        count = shapes.numel(self.shape[: self.sparse_dim()])
        zeros = ops.zeros((count, *self._value.shape[1:]), dtype=self.dtype, device=self.device)
        found = ops.index_add(zeros, 0, self._positions(), self._value).reshape(self.shape)
        return found if dtype is None else found.to(dtype)

    def to_sparse(self, sparse_dim=None):
        return self

    to_sparse_coo = to_sparse

    def transpose(self, dim0, dim1):
        first, second = (shapes.wrap_dim(d, self.ndim) for d in (dim0, dim1))
        if max(first, second) >= self.sparse_dim():
            raise RuntimeError("transpose of a sparse tensor moves its sparse dimensions only")
        order = list(range(self.sparse_dim()))
        order[first], order[second] = order[second], order[first]
        size = [self.shape[d] for d in order] + list(self.shape[self.sparse_dim() :])
        return SparseTensor(self._index[order], self._value, size)

    def t(self):
        return self.transpose(0, 1) if self.ndim > 1 else self

    T = property(t)

    # Arithmetic -----------------------------------------------------------

    def mm(self, other):
        """The product of a sparse matrix with a dense one."""
        if self.sparse_dim() != 2 or self.dense_dim() or other.dim() != 2:
            raise RuntimeError(
                f"mm: expected a sparse and a dense matrix, but got {self.ndim}-D and {other.dim()}-D"
            )
        if self.shape[1] != other.shape[0]:
            raise RuntimeError(
                f"mat1 and mat2 shapes cannot be multiplied ({self.shape[0]}x{self.shape[1]} and "
                f"{other.shape[0]}x{other.shape[1]})"
            )
        if self.dtype is not other.dtype:
            raise RuntimeError(
                f"expected both matrices to have one dtype, but got {scalar_name(self.dtype)} and "
                f"{scalar_name(other.dtype)}"
            )
        dense = other.to_dense() if isinstance(other, SparseTensor) else other
        rows, columns = self._index[0], self._index[1]
        products = self._value.unsqueeze(-1) * ops.index_select(dense, 0, columns)
        zeros = ops.zeros((self.shape[0], dense.shape[1]), dtype=self.dtype, device=self.device)
        return ops.index_add(zeros, 0, rows, products)

    def matmul(self, other):
        if other.dim() == 1:
            return self.mm(other.unsqueeze(-1)).squeeze(-1)
        return self.mm(other)

    mv = __matmul__ = matmul

    def __mul__(self, other):
        """By a number, or by a dense tensor of the same shape, element by element."""
        if isinstance(other, Value) and other.shape:
            dense = other.expand(self.shape)
            return self.with_values(self._value * dense[tuple(self._index)])
        return self.with_values(self._value * other)

    __rmul__ = mul = __mul__

    def mul_(self, other):
        self._value.mul_(other)
        return self

    def __truediv__(self, other):
        return self.with_values(self._value / other)

    div = __truediv__

    def __neg__(self):
        return self.with_values(-self._value)

    def __add__(self, other):
        if not isinstance(other, SparseTensor):
            raise RuntimeError(
                "add(sparse, dense) is not supported. Use add(dense, sparse) instead."
            )
        if other.shape != self.shape or other.sparse_dim() != self.sparse_dim():
            raise RuntimeError("sparse tensors that are added must have one shape and sparse_dim")
        indices = ops.cat([self._index, other._index], 1)
        values = ops.cat([self._value, other._value], 0)
        return SparseTensor(indices, values, self.shape)

    def __radd__(self, dense):
        return dense.add(self)

    def __rsub__(self, dense):
        return dense.sub(self)

    def add(self, other, *, alpha=1):
        """self + alpha * other; a dense tensor has to stand on the left."""
        return self + (other if alpha == 1 else other * alpha)

    def add_(self, other, *, alpha=1):
        found = self.add(other, alpha=alpha)
        self._index, self._value, self._coalesced = found._index, found._value, False
        return self

    def add_to_(self, dense, *, alpha=1):
        """dense += alpha * self, in place: what `dense.add_(sparse)` does in PyTorch."""
        if dense.shape != self.shape:
            raise RuntimeError(
                f"add: expected 'self' and 'other' to have same size, but self has size "
                f"{list(dense.shape)} while other has size {list(self.shape)}"
            )
        values = self._value if alpha == 1 else self._value * alpha
        return dense.index_put_(tuple(self._index), values, accumulate=True)

    def zero_(self):
        """Forget all elements."""
        self._index, self._value = self._index[:, :0], self._value[:0]
        return self

    def sparse_mask(self, mask):
        return sparse_mask(self.to_dense(), mask)

    def __sub__(self, other):
        return self + -other

    def sum(self):
        return self._value.sum()


def _checked(indices, size):
    """IndexError where an index lies outside `size`."""
    if indices.numel() == 0:
        return
    least, most = indices.amin(1).tolist(), indices.amax(1).tolist()
    for dim, (low, high) in enumerate(zip(least, most)):
        if low < 0:
            raise RuntimeError(f"found negative index {low} for dim {dim}")
        if size is not None and high >= size[dim]:
            raise RuntimeError(
                f"size is inconsistent with indices: for dim {dim}, size is {size[dim]} but found "
                f"index {high}"
            )


def sparse_coo_tensor(
    indices=None, values=None, size=None, *, dtype=None, layout=None, device=None, pin_memory=False,
    requires_grad=False, check_invariants=None, is_coalesced=None,
):  # fmt: skip
    """The sparse tensor with `values` at `indices` (sparse dims, count), of the least size that fits."""
    if indices is None or (values is None and not isinstance(indices, Value | list)):
        shape = size if indices is None else indices
        indices = ops.zeros((len(shape), 0), dtype=dtypes.int64, device=device)
        values, size = (
            ops.zeros((0,), dtype=dtype or dtypes.get_default_dtype(), device=device),
            shape,
        )
    indices = ops.as_tensor(indices, device=device).to(dtypes.int64)
    values = ops.as_tensor(values, dtype=dtype, device=device)
    if indices.dim() == 1 and values.dim() == 0:
        indices, values = indices.unsqueeze(-1), values.reshape(1)
    if indices.dim() != 2:
        raise RuntimeError(f"indices must be sparse_dim x nnz, but got: {list(indices.shape)}")
    if not values.shape or indices.shape[1] != values.shape[0]:
        raise RuntimeError(
            "indices and values must have same nnz, but got nnz from indices: "
            f"{indices.shape[1]}, nnz from values: {values.shape[0] if values.shape else 0}"
        )
    if size is not None and len(size) != indices.shape[0] + values.dim() - 1:
        raise RuntimeError(
            f"number of dimensions must be sparse_dim ({indices.shape[0]}) + dense_dim "
            f"({values.dim() - 1}), but got {len(size)}"
        )
    _checked(indices, size)
    if size is None:
        reach = [n + 1 for n in indices.amax(1).tolist()] if indices.numel() else (
            [0] * indices.shape[0]
        )  # fmt: skip
        size = (*reach, *values.shape[1:])
    values = values.detach().requires_grad_() if requires_grad else values
    return SparseTensor(indices, values, size, bool(is_coalesced))


def to_sparse(input, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
    """The sparse form of a dense tensor, coalesced; its first `sparse_dim` dimensions are sparse."""
    if layout not in (None, sparse_coo):
        raise RuntimeError(f"to_sparse: numbatorch has the layout torch.sparse_coo, not {layout!r}")
    count = input.dim() if sparse_dim is None else sparse_dim
    if not 0 < count <= input.dim():
        raise IndexError(
            f"Dimension out of range (expected to be in range of [1, {input.dim()}], but got {count})"
        )
    filled = input.detach() != 0
    while filled.dim() > count:
        filled = filled.any(-1)
    indices = filled.nonzero().T.contiguous()
    return SparseTensor(indices, input[tuple(indices)], input.shape, True)


def sparse_mask(input, mask):
    """The elements of a dense tensor at the indices of the sparse `mask`."""
    return SparseTensor(mask._indices(), input[tuple(mask._indices())], mask.shape, mask._coalesced)


def mm(sparse, dense):
    """The product of a sparse matrix with a dense one."""
    return sparse.mm(dense)


spmm = mm


def addmm(input, mat1, mat2, *, beta=1, alpha=1):
    """beta * input + alpha * (mat1 @ mat2) with a sparse mat1."""
    return input * beta + mat1.mm(mat2) * alpha


def sum(input, dim=None, dtype=None):
    """The sum of all elements, or the dense sum over `dim`."""
    input = input if dtype is None else input.to(dtype)
    return input.sum() if dim is None else input.to_dense().sum(dim)


def to_dense(input):
    """The dense form of a sparse tensor."""
    return input.to_dense()


def _typed(dtype):
    """The old constructor of sparse tensors of one dtype, such as `torch.sparse.FloatTensor`."""

    def construct(indices=None, values=None, size=None):
        return sparse_coo_tensor(indices, values, size, dtype=dtype)

    return construct


FloatTensor, DoubleTensor = _typed(dtypes.float32), _typed(dtypes.float64)
LongTensor, IntTensor = _typed(dtypes.int64), _typed(dtypes.int32)

Tensor.to_sparse = to_sparse
Tensor.to_sparse_coo = to_sparse
Tensor.sparse_mask = sparse_mask
