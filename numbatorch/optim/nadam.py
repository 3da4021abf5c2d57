"""NAdam: Adam with Nesterov momentum."""

from __future__ import annotations

from ..creation import zeros_like
from ..formulas import optimizer as formulas
from .fused import Rule
from .optimizer import Optimizer
from .rules import (
    add_quotient,
    add_weight_decay,
    advance,
    check_adam,
    check_non_negative,
    counter,
    kept_for_backward,
    scalar,
)


def nadam_numbers(group, step, product):
    """What the formula takes at step number `step`; `product` is that of all momenta."""
    lr, weight_decay, decay = [
        scalar(group[name]) for name in ("lr", "weight_decay", "momentum_decay")
    ]
    beta1, beta2 = group["betas"]
    decoupled = group["decoupled_weight_decay"]
    weight_decay, shrink = (0.0, 1 - lr * weight_decay) if decoupled else (weight_decay, 1.0)
    momentum, following = [beta1 * (1 - 0.5 * 0.96 ** (t * decay)) for t in (step, step + 1)]
    product.value *= type(product)(momentum).value
    return (
        lr * (1 - momentum) / (1 - product.value),
        lr * following / (1 - product.value * following),
        1 - beta2**step, 1 - beta1, beta2, 1 - beta2, group["eps"], weight_decay, shrink,
    )  # fmt: skip


class NAdam(Optimizer):
    """Adam that looks one step ahead along its mean (Dozat, 2016).

    The momentum of step t is mu_t = beta1 * (1 - 0.5 * 0.96^(t * momentum_decay)); the mean is
    corrected by the product of all of them, kept as `mu_product`.
    """

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        momentum_decay=4e-3,
        decoupled_weight_decay=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
    ):
        check_adam(lr, betas, eps, weight_decay)
        check_non_negative(momentum_decay=momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def initial_state(self, param, group):
        return {
            "step": counter(0, param, group),
            "mu_product": counter(1, param, group),
            "exp_avg": zeros_like(param),
            "exp_avg_sq": zeros_like(param),
        }

    def fused_rule(self, group):
        names = "exp_avg", "exp_avg_sq"
        return Rule(formulas.nadam, names, nadam_numbers, counters=("mu_product",))

    def update_parameter(self, param, grad, state, group):
        lr, weight_decay = scalar(group["lr"]), group["weight_decay"]
        beta1, beta2 = group["betas"]
        step = advance(state, group)
        if not group["decoupled_weight_decay"]:
            grad = add_weight_decay(grad, param, weight_decay)
        elif weight_decay != 0:
            param.mul_(1 - lr * weight_decay)

        momentum = beta1 * (1 - 0.5 * 0.96 ** (step * group["momentum_decay"]))
        next_momentum = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * group["momentum_decay"]))
        state["mu_product"] *= momentum
        product = state["mu_product"]
        product = product.clone() if group["capturable"] else product.item()

        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        scale = square.div(1 - beta2**step).sqrt().add(group["eps"])
        add_quotient(param, grad, scale, -lr * (1 - momentum) / (1 - product))
        mean = kept_for_backward(mean, group)
        add_quotient(param, mean, scale, -lr * next_momentum / (1 - product * next_momentum))
