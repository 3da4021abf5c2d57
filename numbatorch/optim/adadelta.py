"""Adadelta."""

from __future__ import annotations

from ..creation import zeros_like
from ..formulas import optimizer as formulas
from .fused import Rule
from .optimizer import Optimizer
from .rules import (
    add_weight_decay,
    advance,
    check_learning_rate,
    check_non_negative,
    counter,
    scalar,
)


def adadelta_numbers(group, step):
    """What the formula takes."""
    lr, rho, eps, weight_decay = [scalar(group[n]) for n in ("lr", "rho", "eps", "weight_decay")]
    return lr, rho, 1 - rho, eps, weight_decay


class Adadelta(Optimizer):
    """Steps in units of the parameters (Zeiler, 2012).

    square = rho * square + (1 - rho) * grad^2;
    delta = sqrt(accumulated + eps) / sqrt(square + eps) * grad; param -= lr * delta;
    accumulated = rho * accumulated + (1 - rho) * delta^2.
    """

    def __init__(
        self,
        params,
        lr=1.0,
        rho=0.9,
        eps=1e-6,
        weight_decay=0,
        foreach=None,
        *,
        capturable=False,
        maximize=False,
        differentiable=False,
    ):
        check_learning_rate(lr)
        if not 0 <= rho <= 1:
            raise ValueError(f"Invalid rho value: {rho}")
        check_non_negative(eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def initial_state(self, param, group):
        return {
            "step": counter(0, param, group),
            "square_avg": zeros_like(param),
            "acc_delta": zeros_like(param),
        }

    def fused_rule(self, group):
        return Rule(formulas.adadelta, ("square_avg", "acc_delta"), adadelta_numbers)

    def update_parameter(self, param, grad, state, group):
        rho, eps = group["rho"], group["eps"]
        advance(state, group)
        grad = add_weight_decay(grad, param, group["weight_decay"])
        square, accumulated = state["square_avg"], state["acc_delta"]
        square.mul_(rho).addcmul_(grad, grad, value=1 - rho)
        delta = accumulated.add(eps).sqrt_() / square.add(eps).sqrt_() * grad
        accumulated.mul_(rho).addcmul_(delta, delta, value=1 - rho)
        param.add_(delta, alpha=-scalar(group["lr"]))
