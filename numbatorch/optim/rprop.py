"""Resilient backpropagation."""

from __future__ import annotations

from ..creation import full_like, ones_like, zeros_like
from ..formulas import optimizer as formulas
from .fused import Rule
from .optimizer import Optimizer
from .rules import (
    advance,
    check_learning_rate,
    counter,
    kept_for_backward,
    scalar,
)


def rprop_numbers(group, step):
    """What the formula takes."""
    return *group["etas"], *group["step_sizes"]


class Rprop(Optimizer):
    """Steps that look only at the signs of the gradients (Riedmiller and Braun, 1993).

    A step size grows by etas[1] while the sign stays, and shrinks by etas[0] when it flips; after
    a flip the parameter rests for one step.
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        etas=(0.5, 1.2),
        step_sizes=(1e-6, 50),
        *,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        check_learning_rate(lr)
        if not 0 < etas[0] < 1 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def initial_state(self, param, group):
        lr = scalar(group["lr"])
        first_step = complex(lr, lr) if param.is_complex() else lr
        return {
            "step": counter(0, param, group),
            "prev": zeros_like(param),
            "step_size": full_like(param, first_step),
        }

    def fused_rule(self, group):
        return Rule(formulas.rprop, ("prev", "step_size"), rprop_numbers)

    def update_parameter(self, param, grad, state, group):
        shrink, grow = group["etas"]
        advance(state, group)
        previous, step_size = state["prev"], state["step_size"]
        agreement = grad * kept_for_backward(previous, group)
        flipped = agreement < 0
        factor = ones_like(grad).masked_fill_(agreement > 0, grow).masked_fill_(flipped, shrink)
        step_size.mul_(factor).clamp_(*group["step_sizes"])
        grad = grad.masked_fill(flipped, 0)
        param.addcmul_(grad.sign(), kept_for_backward(step_size, group), value=-1)
        previous.copy_(grad)
