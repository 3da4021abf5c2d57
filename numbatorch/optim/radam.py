"""RAdam: Adam with a rectified learning rate."""

from __future__ import annotations

from .. import ops
from ..creation import zeros_like
from ..formulas import optimizer as formulas
from ..tensor import Tensor
from .fused import Rule
from .optimizer import Optimizer
from .rules import (
    add_weight_decay,
    advance,
    check_adam,
    counter,
    scalar,
)


def radam_numbers(group, step):
    """What the formula takes at step number `step`; a factor of 0 where it does not adapt yet."""
    lr, weight_decay = scalar(group["lr"]), scalar(group["weight_decay"])
    beta1, beta2 = group["betas"]
    decoupled = group["decoupled_weight_decay"]
    weight_decay, shrink = (0.0, 1 - lr * weight_decay) if decoupled else (weight_decay, 1.0)
    correction, length, longest = averaged_gradients(beta2, step)
    factor = correction**0.5 * _rectification(length, longest) if length > 5 else 0.0
    return (
        lr / (1 - beta1**step), factor, 1 - beta1, beta2, 1 - beta2, group["eps"], weight_decay,
        shrink,
    )  # fmt: skip


def averaged_gradients(beta2, step):
    """(bias correction, gradients that the mean square rests on, most of them)"""
    correction = 1 - beta2**step
    longest = 2 / (1 - beta2) - 1
    return correction, longest - 2 * step * beta2**step / correction, longest


class RAdam(Optimizer):
    """Adam that adapts its steps only once it has seen enough gradients (Liu et al., 2019).

    While the mean square rests on fewer than about five gradients, the step is along the mean
    alone; afterwards it is Adam's, times a factor that grows to one.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        decoupled_weight_decay=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
    ):
        check_adam(lr, betas, eps, weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def initial_state(self, param, group):
        return {
            "step": counter(0, param, group),
            "exp_avg": zeros_like(param),
            "exp_avg_sq": zeros_like(param),
        }

    def fused_rule(self, group):
        return Rule(formulas.radam, ("exp_avg", "exp_avg_sq"), radam_numbers)

    def update_parameter(self, param, grad, state, group):
        lr, weight_decay = scalar(group["lr"]), group["weight_decay"]
        beta1, beta2 = group["betas"]
        step = advance(state, group)
        if not group["decoupled_weight_decay"]:
            grad = add_weight_decay(grad, param, weight_decay)
        elif weight_decay != 0:
            param.mul_(1 - lr * weight_decay)

        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        direction = mean / (1 - beta1**step) * lr

        correction, length, longest = averaged_gradients(beta2, step)
        counted = isinstance(length, Tensor)
        if counted or length > 5:
            adaptive = correction**0.5 / square.sqrt().add(group["eps"])
            factor = adaptive * _rectification(length, longest)
            direction = direction * (ops.where(length > 5, factor, 1.0) if counted else factor)
        param.add_(direction, alpha=-1)


def _rectification(length, longest: float):
    numerator = (length - 4) * (length - 2) * longest
    return (numerator / ((longest - 4) * (longest - 2) * length)) ** 0.5
