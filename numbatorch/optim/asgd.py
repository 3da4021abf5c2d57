"""Averaged stochastic gradient descent."""

from __future__ import annotations

from .. import ops
from ..creation import ones_like, zeros_like
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


def asgd_numbers(group, step, eta, mu):
    """What the formula takes at step number `step`; eta and mu then become those of the next."""
    lr, lambd = scalar(group["lr"]), group["lambd"]
    numbers = 1 - lambd * eta.value, eta.value, mu.value, scalar(group["weight_decay"])
    mu.value = 1 / max(1, step - group["t0"])
    eta.value = lr / ((1 + lambd * lr * step) ** group["alpha"])
    return numbers


class ASGD(Optimizer):
    """Gradient descent that also averages the parameters (Polyak and Juditsky, 1992).

    The average of each parameter, from step `t0` on, is its state "ax"; the learning rate falls
    as lr / (1 + lambd * lr * step)^alpha.
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        lambd=1e-4,
        alpha=0.75,
        t0=1e6,
        weight_decay=0,
        foreach=None,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        check_learning_rate(lr)
        check_non_negative(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
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
            "eta": counter(scalar(group["lr"]), param, group),
            "mu": counter(1, param, group),
            "ax": zeros_like(param),
        }

    def fused_rule(self, group):
        return Rule(formulas.asgd, ("ax",), asgd_numbers, counters=("eta", "mu"))

    def update_parameter(self, param, grad, state, group):
        lr, lambd = scalar(group["lr"]), group["lambd"]
        step = advance(state, group)
        eta, mu, average = state["eta"], state["mu"], state["ax"]
        grad = add_weight_decay(grad, param, group["weight_decay"])
        if group["capturable"]:
            param.mul_(1 - lambd * eta).addcmul_(grad, eta, value=-1)
            average.add_(param.sub(average).mul_(mu))
            mu.copy_(1 / ops.maximum(step - group["t0"], ones_like(step)))
        else:
            param.mul_(1 - lambd * eta.item()).add_(grad, alpha=-eta.item())
            if mu.item() == 1:
                average.copy_(param)
            else:
                average.add_(param.sub(average).mul_(mu))
            mu.fill_(1 / max(1, step - group["t0"]))
        eta.fill_(lr / ((1 + lambd * lr * step) ** group["alpha"]))
