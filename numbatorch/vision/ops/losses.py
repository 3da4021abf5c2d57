"""Losses of detectors."""

from ... import ops
from ...nn import functional as F
from .boxes import _check, _wide, box_area

_REDUCTIONS = {"none": lambda loss: loss, "mean": ops.mean, "sum": ops.sum}


def _reduced(loss, reduction):
    if reduction not in _REDUCTIONS:
        raise ValueError(
            f"Invalid Value for arg 'reduction': '{reduction} \n"
            " Supported reduction modes: 'none', 'mean', 'sum'"
        )
    if reduction == "mean" and loss.numel() == 0:
        return 0.0 * loss.sum()
    return _REDUCTIONS[reduction](loss)


def generalized_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """1 - generalized_box_iou of each box with its partner: (N, 4) and (N, 4) give (N,).

    Its gradient also draws boxes together that do not meet.
    """
    for boxes in (boxes1, boxes2):
        _check("generalized_box_iou_loss", boxes)
    boxes1, boxes2 = _wide(boxes1), _wide(boxes2)
    inner = ops.minimum(boxes1[..., 2:], boxes2[..., 2:]) - ops.maximum(
        boxes1[..., :2], boxes2[..., :2]
    )
    outer = ops.maximum(boxes1[..., 2:], boxes2[..., 2:]) - ops.minimum(
        boxes1[..., :2], boxes2[..., :2]
    )
    meets = (inner > 0).all(dim=-1)
    intersection = ops.where(meets, inner.prod(dim=-1), 0.0)
    union = box_area(boxes1) + box_area(boxes2) - intersection
    around = outer.prod(dim=-1)
    overlap = intersection / (union + eps)
    return _reduced(1 - overlap + (around - union) / (around + eps), reduction)


def sigmoid_focal_loss(inputs, targets, alpha=0.25, gamma=2, reduction="none"):
    """Binary cross entropy of logits, times (1 - p)^gamma, with p the probability of the truth.

    What is right already counts little. Targets of 1 are weighted with `alpha`, targets of 0 with
    1 - alpha, unless it is negative. Lin et al., "Focal Loss for Dense Object Detection", 2017.
    """
    if not (0 <= alpha <= 1) and alpha != -1:
        raise ValueError(f"Invalid alpha value: {alpha}. alpha must be in the range [0,1] or -1.")
    chance = inputs.sigmoid()
    loss = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    loss = loss * (1 - chance * targets - (1 - chance) * (1 - targets)) ** gamma
    if alpha >= 0:
        loss = loss * (alpha * targets + (1 - alpha) * (1 - targets))
    return _reduced(loss, reduction)
