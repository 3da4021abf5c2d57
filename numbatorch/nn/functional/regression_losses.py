"""Losses between a prediction and a target of the same shape."""

import math
import warnings

from numbatorch import creation, ops
from numbatorch.autograd import no_grad
from numbatorch.nn.functional.mixed_dtypes import check_same, promoted, written_as
from numbatorch.nn.functional.reduction import check_reduction, current_reduction, reduce_loss
from numbatorch.ops.autocast import full_precision, unsafe
from numbatorch.ops.checks import any_set
from numbatorch.ops.loss import binary_cross_entropy_op
from numbatorch.tensor import Tensor

_UNSAFE_TO_AUTOCAST = (
    "torch.nn.functional.binary_cross_entropy and torch.nn.BCELoss are unsafe to autocast.\n"
    "Many models use a sigmoid layer right before the binary cross entropy layer.\n"
    "In this case, combine the two layers using torch.nn.functional.binary_cross_entropy_with_logits\n"
    "or torch.nn.BCEWithLogitsLoss.  binary_cross_entropy_with_logits and BCEWithLogits are\n"
    "safe to autocast."
)


@full_precision
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(input - target)^2"""
    reduction = current_reduction(size_average, reduce, reduction)
    input, target = promoted("mse_cpu", *_broadcast(input, target))
    difference = input - target
    return _weighted_reduction(difference * difference, weight, reduction)


@full_precision
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|input - target|"""
    reduction = current_reduction(size_average, reduce, reduction)
    input, target = _broadcast(input, target)
    return _weighted_reduction((input - target).abs(), weight, reduction)


@full_precision
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Squared below ``beta``, absolute above: d^2 / (2 beta), or d - beta / 2."""
    reduction = current_reduction(size_average, reduce, reduction)
    input, target = promoted("smooth_l1_cpu", *_broadcast(input, target))
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    distance = (input - target).abs()
    if beta == 0.0:
        return reduce_loss(distance, reduction)
    near = ops.clamp(distance, max=beta)  # so that what is infinite has a gradient
    loss = ops.where(distance < beta, 0.5 * near * near / beta, distance - 0.5 * beta)
    return reduce_loss(loss, reduction)


@full_precision
def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Squared up to ``delta``, linear beyond: d^2 / 2, or delta (d - delta / 2)."""
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    own = input
    input, target = promoted("huber_cpu", *_broadcast(input, target))
    distance = (input - target).abs()
    near = ops.clamp(distance, max=delta)  # so that what is infinite has a gradient
    loss = ops.where(distance <= delta, 0.5 * near * near, delta * (distance - 0.5 * delta))
    loss = written_as(loss, own)
    if weight is not None:  # unlike in mse_loss, a mean does not divide by the weights
        loss = loss * _checked_weight(weight, loss)
    return reduce_loss(loss, reduction)


@full_precision
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """exp(input) - target * input; ``full`` adds Stirling's approximation of log(target!)."""
    reduction = current_reduction(size_average, reduce, reduction)
    check_reduction(reduction)
    if log_input:
        loss = input.exp() - target * input
    else:
        loss = input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return reduce_loss(loss, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(log var + (input - target)^2 / var) / 2, the variance at least ``eps``.

    ValueError where ``var`` is negative or of a shape that fits neither input.
    """
    if not isinstance(var, Tensor):
        var = creation.full_like(input, var)
    if (var < 0).any():
        raise ValueError("var has negative entry/entries")
    if var.size() != input.size():
        if input.size()[:-1] == var.size():
            var = var.unsqueeze(-1)
        elif not _differs_in_one_dimension(input, var):
            raise ValueError("var is of incorrect size")
    check_reduction(reduction)
    var = var.clone()
    with no_grad():  # the clamp is not differentiated: small variances still get a gradient
        var.clamp_(min=eps)
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduce_loss(loss, reduction)


def _differs_in_one_dimension(input: Tensor, var: Tensor) -> bool:
    """Whether ``var`` has the shape of ``input`` but for one dimension of size 1."""
    if input.dim() != var.dim():
        return False
    return [b for a, b in zip(input.shape, var.shape) if a != b] == [1]


@unsafe(_UNSAFE_TO_AUTOCAST)
@full_precision
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-(target log input + (1 - target) log(1 - input)), the logarithms at least -100.

    ValueError where the shapes differ, RuntimeError where values lie outside [0, 1].
    """
    reduction = current_reduction(size_average, reduce, reduction)
    if target.size() != input.size():
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size "
            f"({input.size()}) is deprecated. Please ensure they have the same size."
        )
    check_same(input, target)
    promoted("binary_cross_entropy", input, target)
    _check_probabilities("input", input)
    _check_probabilities("target", target)
    loss = binary_cross_entropy_op(input, target)
    if weight is not None:
        loss = written_as(loss * weight, input)
    return reduce_loss(loss, reduction)


def _check_probabilities(name: str, tensor: Tensor) -> None:
    values = tensor.detach()
    if any_set(~((values >= 0) & (values <= 1))):  # also where they are NaN
        raise RuntimeError(f"all elements of {name} should be between 0 and 1")


@full_precision
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross entropy of sigmoid(input), without its overflow."""
    reduction = current_reduction(size_average, reduce, reduction)
    if target.size() != input.size():
        raise ValueError(
            f"Target size ({target.size()}) must be the same as input size ({input.size()})"
        )
    log_probability = ops.logsigmoid(input)
    if pos_weight is not None:
        log_probability = log_probability * ((pos_weight - 1) * target + 1)
    loss = (1 - target) * input - log_probability
    if weight is not None:
        loss = loss * weight
    return reduce_loss(written_as(loss, target), reduction)


@full_precision
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target (log target - input), where ``input`` is a logarithm, and ``target`` may be one."""
    legacy = size_average is not None or reduce is not None
    reduction = current_reduction(size_average, reduce, reduction)
    if reduction == "mean" and not legacy:
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
            "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    if not (input.is_floating_point() and target.is_floating_point()):
        raise RuntimeError("kl_div: Integral inputs not supported.")
    if log_target:
        loss = target.exp() * (target - input)
    else:
        loss = ops.xlogy(target, target) - target * input
    if reduction == "batchmean":
        return loss.sum() / input.size(0) if input.dim() else loss.sum()
    return reduce_loss(loss, reduction)


def _broadcast(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both in one shape, with a warning where they did not have the same to begin with."""
    if target.size() != input.size():
        warnings.warn(
            f"Using a target size ({target.size()}) that is different to the input size "
            f"({input.size()}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=3,
        )
        return tuple(ops.broadcast_tensors(input, target))
    return input, target


def _weighted_reduction(loss: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    if weight is None:
        return reduce_loss(loss, reduction)
    weighted = loss * _checked_weight(weight, loss)
    if reduction == "mean":
        return weighted.sum() / weight.sum()
    return reduce_loss(weighted, reduction)


def _checked_weight(weight: Tensor, loss: Tensor) -> Tensor:
    if weight.size() != loss.size():
        raise ValueError("Weights and input must have the same size.")
    return weight
