"""Adamax."""

from __future__ import annotations

from .. import ops
from ..creation import zeros_like
from ..formulas import optimizer as formulas
from .fused import Rule
from .optimizer import Optimizer
from .rules import (
    add_quotient,
    add_weight_decay,
    advance,
    check_adam,
    counter,
    kept_for_backward,
    scalar,
)


def adamax_numbers(group, step):
    """What the formula takes at step number `step`."""
    beta1, beta2 = group["betas"]
    step_size = scalar(group["lr"]) / (1 - beta1**step)
    return step_size, 1 - beta1, beta2, group["eps"], scalar(group["weight_decay"])


class Adamax(Optimizer):
    """Adam with the maximum in place of the mean square (Kingma and Ba, 2014, section 7).

    mean = beta1 * mean + (1 - beta1) * grad; norm = max(beta2 * norm, |grad| + eps);
    param -= lr / (1 - beta1^step) * mean / norm.
    """

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        check_adam(lr, betas, eps, weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def initial_state(self, param, group):
        return {
            "step": counter(0, param, group),
            "exp_avg": zeros_like(param),
            "exp_inf": zeros_like(param),
        }

    def fused_rule(self, group):
        return Rule(formulas.adamax, ("exp_avg", "exp_inf"), adamax_numbers)

    def update_parameter(self, param, grad, state, group):
        beta1, beta2 = group["betas"]
        step = advance(state, group)
        grad = add_weight_decay(grad, param, group["weight_decay"])
        mean, norm = state["exp_avg"], state["exp_inf"]
        mean.lerp_(grad, 1 - beta1)
        norm.copy_(ops.maximum(norm * beta2, grad.abs().add_(group["eps"])))
        mean, norm = (kept_for_backward(value, group) for value in (mean, norm))
        add_quotient(param, mean, norm, -scalar(group["lr"]) / (1 - beta1**step))
