"""Losses between scores for classes and the right classes."""

import math

from numbatorch import creation, dtypes, ops
from numbatorch.nn.functional.reduction import check_reduction, current_reduction, reduce_loss
from numbatorch.ops.autocast import full_precision
from numbatorch.tensor import Tensor


@full_precision
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-weight[target] * input[target], for log-probabilities (N, C, ...) and labels (N, ...).

    "mean" divides by the sum of the weights used. IndexError where a label is out of range.
    """
    reduction = current_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    return ops.nll_loss(input, target, weight, ignore_index=ignore_index, reduction=reduction)


@full_precision
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The negative log-likelihood of softmax(input), for logits (N, C, ...) or (C,).

    The target holds class labels (N, ...) or, in the shape of the input, class probabilities.
    """
    reduction = current_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(
            f"label_smoothing must be between 0.0 and 1.0. Got: {float(label_smoothing)}"
        )
    if input.dim() == 0:
        raise RuntimeError("cross_entropy() expects logits of at least one dimension, got a scalar")
    class_dim = 0 if input.dim() == 1 else 1
    if target.size() == input.size() and target.is_floating_point():
        return _soft_label_cross_entropy(
            input, target, weight, class_dim, ignore_index, reduction, label_smoothing
        )
    log_probabilities = ops.log_softmax(input, class_dim)
    loss = nll_loss(
        log_probabilities, target, weight, ignore_index=ignore_index, reduction=reduction
    )
    if label_smoothing == 0.0:
        return loss
    uniform_loss = _uniform_label_loss(
        log_probabilities, target, weight, class_dim, ignore_index, reduction
    )
    classes = input.size(class_dim)
    return (1 - label_smoothing) * loss + (label_smoothing / classes) * uniform_loss


def _soft_label_cross_entropy(
    input, target, weight, class_dim, ignore_index, reduction, label_smoothing
) -> Tensor:
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    classes = input.size(class_dim)
    if weight is not None and tuple(weight.shape) != (classes,):
        raise RuntimeError(
            "cross_entropy: weight tensor should be defined either for all "
            f"{classes} classes or no classes but got weight tensor of shape: "
            f"{list(weight.shape)}"
        )
    log_probabilities = ops.log_softmax(input, class_dim)
    if label_smoothing > 0.0:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    loss = -(log_probabilities * target)
    if weight is not None:
        loss = loss * _along(weight, class_dim, input.dim())
    if reduction == "mean":
        return loss.sum() / (input.numel() // classes)
    return reduce_loss(loss.sum(class_dim) if reduction == "none" else loss, reduction)


def _uniform_label_loss(
    log_probabilities, target, weight, class_dim, ignore_index, reduction
) -> Tensor:
    """The loss that every class being right would give, summed over the classes."""
    ignored = target == ignore_index
    per_class = -log_probabilities
    if weight is not None:
        per_class = per_class * _along(weight, class_dim, log_probabilities.dim())
    loss = per_class.sum(class_dim).masked_fill(ignored, 0)
    if reduction != "mean":
        return reduce_loss(loss, reduction)
    if weight is None:
        return loss.sum() / ignored.logical_not().sum()
    used = weight[target.masked_fill(ignored, 0)].masked_fill(ignored, 0)
    return loss.sum() / used.sum()


def _along(vector: Tensor, dim: int, dims: int) -> Tensor:
    """``vector`` viewed so that it broadcasts along ``dim`` of a tensor of ``dims`` dimensions."""
    shape = [1] * dims
    shape[dim] = vector.numel()
    return vector.reshape(shape)


@full_precision
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over the wrong classes i of max(0, margin - input[target] + input[i])^p."""
    reduction = current_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    unbatched = input.dim() < 2
    scores = input.reshape(1, -1) if unbatched else input
    labels = target.reshape(-1)
    if scores.dim() != 2 or labels.numel() != scores.size(0):
        raise RuntimeError(
            "multi_margin_loss: inconsistent target size, expected "
            f"{scores.size(0)} but got {list(target.shape)}"
        )
    classes = scores.size(1)
    _check_labels(labels, classes)
    column = labels.unsqueeze(1)
    violation = (margin - scores.gather(1, column) + scores).clamp_min(0)
    if p == 2:
        violation = violation * violation
    if weight is not None:
        violation = violation * weight[labels].unsqueeze(1)
    right = creation.arange(classes, device=input.device) == column
    loss = violation.masked_fill(right, 0).sum(1) / classes
    if unbatched and target.dim() == 0:
        loss = loss.squeeze(0)
    return reduce_loss(loss, reduction)


@full_precision
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over labelled j and unlabelled i of max(0, 1 - (input[j] - input[i])).

    A row of ``target`` lists labels up to the first -1.
    """
    reduction = current_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    if input.dim() > 2 or target.size() != input.size():
        raise RuntimeError(
            f"multilabel_margin_loss: inconsistent target size {list(target.shape)} "
            f"for input size {list(input.shape)}"
        )
    scores = input.reshape(-1, input.size(-1)) if input.dim() else input.reshape(1, 1)
    labels = target.reshape(scores.shape)
    classes = scores.size(1)
    listed = (labels < 0).cumsum(1) == 0
    labels = labels.masked_fill(listed.logical_not(), 0)
    _check_labels(labels, classes)
    is_label = creation.zeros(scores.shape, dtype=target.dtype, device=input.device)
    is_label = is_label.scatter_add(1, labels, listed.to(target.dtype)) > 0
    gaps = 1 - scores.gather(1, labels).unsqueeze(2) + scores.unsqueeze(1)
    counted = listed.unsqueeze(2) & is_label.logical_not().unsqueeze(1)
    loss = gaps.clamp_min(0).masked_fill(counted.logical_not(), 0).sum((1, 2)) / classes
    if input.dim() < 2:
        loss = loss.squeeze(0)
    return reduce_loss(loss, reduction)


def _check_labels(labels: Tensor, classes: int) -> None:
    if labels.numel() and bool(((labels < 0) | (labels >= classes)).any()):
        raise RuntimeError(f"target out of range: labels must lie in [0, {classes})")


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Binary cross entropy of sigmoid(input), averaged over the classes."""
    reduction = current_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    loss = -(target * ops.logsigmoid(input) + (1 - target) * ops.logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    classes = input.dim() - 1
    return reduce_loss(loss.sum(classes) / input.size(classes), reduction)


@full_precision
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths,
    target_lengths,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log of the probability of all alignments of the targets, Graves et al. (2006).

    Log-probabilities (T, N, C) or (T, C); targets (N, S), or all of them in one vector.
    """
    check_reduction(reduction)
    batched = log_probs.dim() == 3
    if not batched:
        log_probs = log_probs.unsqueeze(1)
    input_lengths, target_lengths = _as_counts(input_lengths), _as_counts(target_lengths)
    padded = _padded_targets(targets, target_lengths, log_probs)
    _check_ctc_inputs(log_probs, padded, input_lengths, target_lengths, blank)
    losses = _ctc_forward(log_probs, padded, input_lengths, target_lengths, blank)
    if zero_infinity:
        losses = ops.where(losses == math.inf, 0.0, losses)
    if reduction == "mean":
        lengths = creation.tensor(target_lengths, dtype=losses.dtype, device=losses.device)
        return (losses / lengths.clamp_min(1)).mean()
    if reduction == "none" and not batched:
        return losses.squeeze(0)
    return reduce_loss(losses, reduction)


#: The logarithm of nothing: finite, so that no gradient becomes NaN.
_LOG_ZERO = -1e30


def _as_counts(lengths) -> list[int]:
    if isinstance(lengths, Tensor):
        return lengths.reshape(-1).tolist()
    return list(lengths) if isinstance(lengths, (tuple, list)) else [lengths]


def _padded_targets(targets: Tensor, lengths: list[int], log_probs: Tensor) -> Tensor:
    """Targets as (N, S), with zeros after the end of each."""
    longest = max(lengths, default=0)
    if targets.dim() == 2:
        if longest > targets.size(1):
            raise RuntimeError(
                f"Expected tensor to have size at least {longest} at dimension 1, but got size "
                f"{list(targets.shape)} for argument #2 'targets' (while checking arguments for "
                "ctc_loss)"
            )
        rows = [targets[place, :length] for place, length in enumerate(lengths)]
    else:
        if sum(lengths) > targets.numel():
            raise RuntimeError(
                f"Expected tensor to have size at least {sum(lengths)}, but got "
                f"{targets.numel()} for argument #2 'targets' (while checking arguments for "
                "ctc_loss)"
            )
        rows = list(targets[: sum(lengths)].split(lengths))
    padded = creation.zeros((len(rows), longest), dtype=dtypes.int64, device=log_probs.device)
    for place, row in enumerate(rows):
        padded[place, : row.size(0)] = row
    return padded


def _check_ctc_inputs(log_probs, targets, input_lengths, target_lengths, blank: int) -> None:
    steps, batch, classes = log_probs.shape
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    if len(input_lengths) != batch:
        raise RuntimeError("input_lengths must be of size batch_size")
    if len(target_lengths) != batch:
        raise RuntimeError("target_lengths must be of size batch_size")
    if any(length < 0 for length in target_lengths):
        raise RuntimeError("Expected target_lengths to have values at least 0")
    if any(not 0 <= length <= steps for length in input_lengths):
        raise RuntimeError(
            f"Expected input_lengths to have value at most {steps}, but got {max(input_lengths)}"
        )
    _check_labels(targets, classes)


def _ctc_forward(log_probs, targets, input_lengths, target_lengths, blank: int) -> Tensor:
    """The forward recursion over all sequences at once, in logarithms.

    A path runs through the target with a blank around every label; it stays, moves on by one,
    or skips a blank between two different labels.
    """
    device, dtype = log_probs.device, log_probs.dtype
    steps, batch, _ = log_probs.shape
    states = 2 * targets.size(1) + 1
    labels = creation.full((batch, states), blank, dtype=dtypes.int64, device=device)
    labels[:, 1::2] = targets
    can_skip = creation.zeros((batch, states), dtype=dtypes.bool_, device=device)
    can_skip[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
    place = creation.arange(states, device=device)
    ends = 2 * creation.tensor(target_lengths, dtype=dtypes.int64, device=device).unsqueeze(1)
    running = creation.tensor(input_lengths, dtype=dtypes.int64, device=device).unsqueeze(1)

    never = creation.full((batch, 1), _LOG_ZERO, dtype=dtype, device=device)
    # before the first step a path stands before the first blank: it may enter that or the label
    alpha = creation.full((batch, states), _LOG_ZERO, dtype=dtype, device=device)
    outside = ops.where(place < 2, 0.0, _LOG_ZERO).to(dtype).expand(batch, states)
    for step in range(steps):
        if step == 0:
            reached = outside
        else:
            one = ops.cat([never, alpha[:, :-1]], 1)
            two = ops.cat([never, never, alpha[:, :-2]], 1)[:, :states]
            two = ops.where(can_skip, two, _LOG_ZERO)
            reached = ops.logsumexp(ops.stack([alpha, one, two]), 0)
        following = reached + log_probs[step].gather(1, labels)
        alpha = ops.where(running > step, following, alpha)
    last = alpha.gather(1, ends)
    before = ops.where(ends > 0, alpha.gather(1, (ends - 1).clamp_min(0)), _LOG_ZERO)
    total = ops.logsumexp(ops.stack([last, before]), 0).squeeze(1)
    return ops.where(total < _LOG_ZERO / 2, math.inf, -total)


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options=None,
) -> Tensor:
    """The cross entropy of linear(input); ``options``, which saves memory in PyTorch, is accepted."""
    if linear_weight.dim() != 2:
        raise NotImplementedError(
            "linear_cross_entropy: linear_weight of more than two dimensions is not supported, but "
            f"got {list(linear_weight.shape)}"
        )
    logits = ops.linear(input, linear_weight, linear_bias)
    ignored = -100 if ignore_index is None else ignore_index
    return cross_entropy(
        logits, target, weight, ignore_index=ignored, reduction=reduction,
        label_smoothing=label_smoothing,
    )  # fmt: skip
