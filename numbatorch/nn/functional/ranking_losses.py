"""Losses that push distances or scores apart."""

from collections.abc import Callable

from numbatorch import dtypes, ops
from numbatorch.nn.functional.distance import pairwise_distance
from numbatorch.nn.functional.mixed_dtypes import written_as
from numbatorch.nn.functional.reduction import check_reduction, current_reduction, reduce_loss
from numbatorch.ops.autocast import full_precision
from numbatorch.tensor import Tensor


@full_precision
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, -target (input1 - input2) + margin)"""
    reduction = current_reduction(size_average, reduce, reduction)
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    return reduce_loss((-target * (input1 - input2) + margin).clamp_min(0), reduction)


@full_precision
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The input where the target is 1, max(0, margin - input) where it is -1."""
    reduction = current_reduction(size_average, reduce, reduction)
    margin = margin if input.is_floating_point() else int(margin)  # integers stay integers
    far = (margin - input).clamp_min(0)
    loss = ops.where(target != 1, far, 0) + ops.where(target != -1, input, 0)
    return reduce_loss(loss, reduction)


@full_precision
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + exp(-target input))"""
    reduction = current_reduction(size_average, reduce, reduction)
    factor = target.to(input.dtype) if target.dtype is dtypes.bool_ else target
    return reduce_loss(written_as((-factor * input).exp().log1p(), input), reduction)


@full_precision
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1."""
    reduction = current_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    if target.dim() > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if target.dim() != input1.dim() - 1 or target.dim() != input2.dim() - 1:
        raise RuntimeError(
            f"{target.dim()}D target tensor expects {target.dim() + 1}D input tensors, but found "
            f"inputs with sizes {list(input1.shape)} and {list(input2.shape)}."
        )
    epsilon = 1e-12
    product = (input1 * input2).sum(-1)
    square1 = (input1 * input1).sum(-1) + epsilon
    square2 = (input2 * input2).sum(-1) + epsilon
    cosine = product / (square1 * square2).sqrt()
    near = ops.where(target == 1, 1 - cosine, 0.0)
    far = ops.where(target == -1, (cosine - margin).clamp_min(0), 0.0)
    return reduce_loss(near + far, reduction)


@full_precision
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + |anchor - positive| - |anchor - negative|), Balntas et al. (2016)."""
    reduction = current_reduction(size_average, reduce, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    _check_same_dims(anchor, positive, negative)
    nearby = pairwise_distance(anchor, positive, p, eps)
    distant = pairwise_distance(anchor, negative, p, eps)
    if swap:
        distant = ops.minimum(distant, pairwise_distance(positive, negative, p, eps))
    return reduce_loss((margin + nearby - distant).clamp_min(0), reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with a distance of one's own."""
    check_reduction(reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    distance = pairwise_distance if distance_function is None else distance_function
    _check_same_dims(anchor, positive, negative)
    nearby = distance(anchor, positive)
    distant = distance(anchor, negative)
    if swap:
        distant = ops.minimum(distant, distance(positive, negative))
    return reduce_loss((margin + nearby - distant).clamp_min(0), reduction)


def _check_same_dims(anchor: Tensor, positive: Tensor, negative: Tensor) -> None:
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor.dim()}D, positive {positive.dim()}D, and "
            f"negative {negative.dim()}D inputs"
        )
