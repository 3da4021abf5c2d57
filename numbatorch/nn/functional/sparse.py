"""Looking up rows by index."""

from numbatorch import creation, dtypes, ops
from numbatorch.autograd import no_grad
from numbatorch.autograd.function import Function
from numbatorch.sparse import SparseTensor
from numbatorch.tensor import Tensor


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Integer labels as rows of a zero-one matrix, along a new last dimension."""
    if tensor.dtype is not dtypes.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if tensor.numel() == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return creation.empty((*tensor.shape, num_classes), dtype=tensor.dtype)
    if tensor.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = int(tensor.max()) + 1
    elif num_classes < 1:
        raise RuntimeError("num_classes should be positive")
    elif tensor.max() >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    result = creation.zeros((*tensor.shape, num_classes), dtype=tensor.dtype, device=tensor.device)
    return result.scatter_(-1, tensor.unsqueeze(-1), 1)


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """``weight[input]``; rows longer than ``max_norm`` are shortened in place first.

    With ``sparse`` the gradient of a ``weight`` that is a leaf holds only the rows that were read.
    """
    padding_idx = _padding_row(padding_idx, weight)
    if max_norm is not None:
        _shorten_rows(weight, input, max_norm, norm_type)
    row = -1 if padding_idx is None else padding_idx
    if sparse and weight.requires_grad and weight.is_leaf:
        return _SparseEmbedding.apply(weight, input, row, scale_grad_by_freq)
    return ops.embedding(weight, input, row, scale_grad_by_freq, sparse)


class _SparseEmbedding(Function):
    """Rows of a table; the gradient is a sparse tensor with a row for every index."""

    @staticmethod
    def forward(ctx, weight, indices, padding_row, scale_grad_by_freq):
        ctx.save_for_backward(indices)
        ctx.size, ctx.padding_row, ctx.scaled = weight.shape, padding_row, scale_grad_by_freq
        return ops.embedding(weight, indices, padding_row)

    @staticmethod
    def backward(ctx, grad):
        if ctx.scaled:
            raise RuntimeError(
                "embedding_backward: scale_grad_by_freq not supported with sparse gradients"
            )
        (indices,) = ctx.saved_tensors
        rows, values = indices.reshape(-1), grad.reshape(-1, ctx.size[1])
        if ctx.padding_row >= 0:
            kept = rows != ctx.padding_row
            rows, values = rows[kept], values[kept]
        rows = rows.to(dtypes.int64).unsqueeze(0)
        return SparseTensor(rows, values, ctx.size), None, None, None


def _padding_row(padding_idx: int | None, weight: Tensor) -> int | None:
    if padding_idx is None:
        return None
    rows = weight.size(0)
    if not -rows <= padding_idx < rows:
        raise AssertionError("Padding_idx must be within num_embeddings")
    return padding_idx % rows


@no_grad()
def _shorten_rows(weight: Tensor, index: Tensor, max_norm: float, norm_type: float) -> None:
    rows = index.reshape(-1).unique()
    values = weight[rows]
    norms = ops.norm(values, norm_type, dim=1, keepdim=True)
    factors = ops.where(norms > max_norm, max_norm / (norms + 1e-7), 1.0)
    weight.detach()[rows] = values * factors


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sums, means or maxima of bags of rows of ``weight``.

    A bag is a row of a 2-dimensional ``input``, or, in a 1-dimensional one, what lies between
    two ``offsets``.
    """
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if per_sample_weights is not None:
        _check_sample_weights(input, per_sample_weights, mode)
        per_sample_weights = per_sample_weights.reshape(-1)
    starts, bags = _bag_starts(input, offsets, include_last_offset)
    indices = input.reshape(-1)
    count = indices.size(0)
    places = creation.arange(count, device=input.device)
    bag = ops.searchsorted(starts, places, right=True) - 1
    rows = embedding(indices, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
    if padding_idx is not None:
        kept = (indices != _padding_row(padding_idx, weight)).nonzero().squeeze(1)
        rows, bag = rows[kept], bag[kept]
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights[kept]
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(1)
    if mode == "max":
        return _bag_maxima(rows, bag, bags)
    sums = creation.zeros((bags, weight.size(1)), dtype=rows.dtype, device=rows.device)
    sums = sums.index_add(0, bag, rows)
    if mode == "sum":
        return sums
    counts = ops.bincount(bag, minlength=bags).clamp(min=1).to(sums.dtype)
    return sums / counts.unsqueeze(1)


def _check_sample_weights(input: Tensor, per_sample_weights: Tensor, mode: str) -> None:
    if per_sample_weights.size() != input.size():
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({list(per_sample_weights.shape)}) is not "
            f"None, then it must have the same shape as the input ({list(input.shape)})"
        )
    if mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
        )


def _bag_starts(input: Tensor, offsets, include_last_offset: bool) -> tuple[Tensor, int]:
    """Where each bag starts in the flat list of indices, and how many bags there are."""
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch "
                "of fixed length sequences. However, found offsets of type "
                f"{type(offsets)}"
            )
        bags, length = input.shape
        return creation.arange(0, max(input.numel(), 1), max(length, 1), device=input.device), bags
    if input.dim() != 1:
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}"
        )
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets.dim() != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    if offsets.numel() and int(offsets[0]) != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from "
            f"position 0. However, got {int(offsets[0])}"
        )
    if offsets.numel() and int(offsets[-1]) > input.size(0):
        raise RuntimeError(
            "offsets[-1] can not be greater than input's length "
            f"({input.size(0)}) but got offsets[-1] of {int(offsets[-1])}"
        )
    if include_last_offset:
        offsets = offsets[:-1]
    return offsets, offsets.size(0)


def _bag_maxima(rows: Tensor, bag: Tensor, bags: int) -> Tensor:
    maxima = []
    for number in range(bags):
        members = rows[bag == number]
        if members.size(0):
            maxima.append(members.max(0).values)
        else:
            maxima.append(creation.zeros(rows.size(1), dtype=rows.dtype, device=rows.device))
    return ops.stack(maxima)
