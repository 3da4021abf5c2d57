"""What the update rules share: counters, options as numbers, common terms, checks of options."""

from __future__ import annotations

from .. import creation, dtypes
from ..tensor import Tensor


def counter(value: float, param: Tensor, group: dict) -> Tensor:
    """A scalar of the state, such as the number of steps; beside the parameter only if it must."""
    device = param.device if group.get("capturable") or group.get("fused") else None
    double = dtypes.get_default_dtype() == dtypes.float64 and not group.get("fused")
    return creation.tensor(
        float(value), dtype=dtypes.float64 if double else dtypes.float32, device=device
    )


def scalar(value):
    """An option as a Python number; a learning rate may be kept in a one-element tensor."""
    return value.item() if isinstance(value, Tensor) else value


def scalar_with_gradient(value):
    """Like `scalar`, but a tensor that autograd follows stays one (0-d)."""
    followed = isinstance(value, Tensor) and value.requires_grad
    return value.squeeze() if followed else scalar(value)


def advance(state: dict, group: dict):
    """Count a step; returns the count: a number, or the tensor if it may not leave its device."""
    state["step"] += 1
    return state["step"] if group.get("capturable") else state["step"].item()


def add_weight_decay(grad: Tensor, param: Tensor, weight_decay) -> Tensor:
    """The gradient of the loss with the penalty weight_decay / 2 * |param|^2 added."""
    if isinstance(weight_decay, Tensor):
        return grad.addcmul(param.clone(), weight_decay)
    return grad.add(param, alpha=weight_decay) if weight_decay != 0 else grad


def kept_for_backward(tensor: Tensor, group: dict) -> Tensor:
    """State that autograd reads after the next step has overwritten it has to be copied."""
    return tensor.clone() if group["differentiable"] else tensor


def add_quotient(param: Tensor, numerator: Tensor, denominator: Tensor, factor) -> None:
    """param += factor * numerator / denominator, where the factor may be a 0-d tensor."""
    if isinstance(factor, Tensor):
        param.addcdiv_(numerator, denominator / factor)
    else:
        param.addcdiv_(numerator, denominator, value=factor)


# Checks of options, with PyTorch's messages.

_SPOKEN_NAMES = {"lr": "learning rate", "eps": "epsilon value"}


def check_learning_rate(lr) -> None:
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    check_non_negative(lr=lr)


def check_non_negative(**options) -> None:
    for name, value in options.items():
        if not value >= 0:
            raise ValueError(f"Invalid {_SPOKEN_NAMES.get(name, f'{name} value')}: {value}")


def check_adam(lr, betas, eps, weight_decay) -> None:
    """What Adam and its kin ask of their options, in the order in which they complain."""
    check_learning_rate(lr)
    check_non_negative(eps=eps)
    for index, beta in enumerate(betas):
        if not 0 <= beta < 1:
            raise ValueError(f"Invalid beta parameter at index {index}: {beta}")
    check_non_negative(weight_decay=weight_decay)


def check_fused(foreach, fused, differentiable) -> None:
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
