"""RMSprop."""

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
    kept_for_backward,
    scalar,
)


def rmsprop_numbers(group, step):
    """What the formulas take."""
    alpha, momentum = group["alpha"], group["momentum"]
    numbers = scalar(group["lr"]), alpha, 1 - alpha, group["eps"], scalar(group["weight_decay"])
    return (*numbers, momentum) if momentum > 0 else numbers


#: (whether with momentum, whether centered) -> (formula, names of its state)
_RULES = {
    (False, False): (formulas.rmsprop, ("square_avg",)),
    (False, True): (formulas.rmsprop_centered, ("square_avg", "grad_avg")),
    (True, False): (formulas.rmsprop_momentum, ("square_avg", "momentum_buffer")),
    (True, True): (
        formulas.rmsprop_centered_momentum, ("square_avg", "grad_avg", "momentum_buffer"),
    ),
}  # fmt: skip


class RMSprop(Optimizer):
    """Gradients divided by their running root mean square (Hinton, 2012).

    With `centered` the mean is taken out: the root is of the variance (Graves, 2013). The epsilon
    is added after the root.
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        alpha=0.99,
        eps=1e-8,
        weight_decay=0,
        momentum=0,
        centered=False,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        check_learning_rate(lr)
        check_non_negative(eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def initial_state(self, param, group):
        state = {"step": counter(0, param, group), "square_avg": zeros_like(param)}
        if group["momentum"] > 0:
            state["momentum_buffer"] = zeros_like(param)
        if group["centered"]:
            state["grad_avg"] = zeros_like(param)
        return state

    def fused_rule(self, group):
        return Rule(*_RULES[group["momentum"] > 0, bool(group["centered"])], rmsprop_numbers)

    def update_parameter(self, param, grad, state, group):
        alpha, lr = group["alpha"], scalar(group["lr"])
        advance(state, group)
        grad = add_weight_decay(grad, param, group["weight_decay"])
        square = state["square_avg"].mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        if group["centered"]:
            mean = kept_for_backward(state["grad_avg"].lerp_(grad, 1 - alpha), group)
            square = square.addcmul(mean, mean, value=-1)
        scale = square.sqrt().add(group["eps"])
        if group["momentum"] > 0:
            buffer = state["momentum_buffer"].mul_(group["momentum"]).addcdiv_(grad, scale)
            param.add_(buffer, alpha=-lr)
        else:
            param.addcdiv_(grad, scale, value=-lr)
