"""Adagrad."""

from __future__ import annotations

from ..creation import full_like
from ..formulas import optimizer as formulas
from .fused import Rule
from .optimizer import Optimizer
from .rules import (
    add_weight_decay,
    advance,
    check_fused,
    check_learning_rate,
    check_non_negative,
    counter,
    kept_for_backward,
    scalar,
)


def adagrad_numbers(group, step):
    """What the formula takes at step number `step`."""
    lr = scalar(group["lr"]) / (1 + (step - 1) * group["lr_decay"])
    return lr, group["eps"], scalar(group["weight_decay"])


class Adagrad(Optimizer):
    """Learning rates that fall with the sum of squared gradients (Duchi et al., 2011).

    sum += grad^2; param -= lr / (1 + (step - 1) * lr_decay) * grad / (sqrt(sum) + eps).
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        lr_decay=0,
        weight_decay=0,
        initial_accumulator_value=0,
        eps=1e-10,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        fused=None,
    ):
        check_learning_rate(lr)
        check_non_negative(
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        check_fused(foreach, fused, differentiable)
        for group in self.param_groups:
            for param in group["params"]:
                self.state[param] = self.initial_state(param, group)

    def initial_state(self, param, group):
        value = self.defaults["initial_accumulator_value"]
        start = complex(value, value) if param.is_complex() else value
        return {"step": counter(0, param, group), "sum": full_like(param, start)}

    def share_memory(self) -> None:
        """Move the sums to memory that other processes can see."""
        for state in self.state.values():
            state["sum"].share_memory_()

    def fused_rule(self, group):
        return Rule(formulas.adagrad, ("sum",), adagrad_numbers)

    def update_parameter(self, param, grad, state, group):
        step = advance(state, group)
        grad = add_weight_decay(grad, param, group["weight_decay"])
        lr = scalar(group["lr"]) / (1 + (step - 1) * group["lr_decay"])
        total = state["sum"].addcmul_(grad, grad, value=1)
        scale = kept_for_backward(total.sqrt(), group).add_(group["eps"])
        param.addcdiv_(grad, scale, value=-lr)

    def update_sparse_parameter(self, param, grad, state, group):
        if group["weight_decay"] != 0:
            raise RuntimeError("weight_decay option is not compatible with sparse gradients")
        lr, eps, _ = adagrad_numbers(group, advance(state, group))
        grad = grad.coalesce()  # the square of a sum is no sum of squares
        grad.with_values(grad.values() ** 2).add_to_(state["sum"])
        scale = state["sum"].sparse_mask(grad).values().sqrt_().add_(eps)
        grad.with_values(grad.values() / scale).add_to_(param, alpha=-lr)
