"""Adam, and the base of AdamW."""

from __future__ import annotations

from .. import ops
from ..creation import zeros_like
from ..formulas import optimizer as formulas
from ..tensor import Tensor
from .fused import Rule
from .optimizer import Optimizer
from .rules import (
    add_quotient,
    add_weight_decay,
    advance,
    check_adam,
    check_fused,
    counter,
    kept_for_backward,
    scalar,
    scalar_with_gradient,
)

_NAMES = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")


def adam_numbers(group, step):
    """What the formula takes at step number `step`."""
    lr, weight_decay = scalar(group["lr"]), scalar(group["weight_decay"])
    beta1, beta2 = [scalar(beta) for beta in group["betas"]]
    decoupled = group["decoupled_weight_decay"]
    decay, shrink = (0.0, 1 - lr * weight_decay) if decoupled else (weight_decay, 1.0)
    return (
        lr / (1 - beta1**step), (1 - beta2**step) ** 0.5, 1 - beta1, beta2, 1 - beta2,
        group["eps"], decay, shrink,
    )  # fmt: skip


class Adam(Optimizer):
    """Adaptive moments (Kingma and Ba, 2014; amsgrad: Reddi et al., 2018).

    mean = beta1 * mean + (1 - beta1) * grad, square = beta2 * square + (1 - beta2) * grad^2;
    param -= lr * mean' / (sqrt(square') + eps), where ' divides by 1 - beta^step.
    """

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        amsgrad=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
        fused=None,
        decoupled_weight_decay=False,
    ):
        check_adam(lr, betas, eps, weight_decay)
        _check_tensor_options(lr, betas, foreach, capturable)
        defaults = {
            "lr": lr,
            "betas": tuple(beta.squeeze() if isinstance(beta, Tensor) else beta for beta in betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)
        check_fused(foreach, fused, differentiable)

    def initial_state(self, param, group):
        state = {
            "step": counter(0, param, group),
            "exp_avg": zeros_like(param),
            "exp_avg_sq": zeros_like(param),
        }
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = zeros_like(param)
        return state

    def fused_rule(self, group):
        if group["amsgrad"]:
            return Rule(formulas.adam_amsgrad, _NAMES, adam_numbers)
        return Rule(formulas.adam, _NAMES[:2], adam_numbers)

    def update_parameter(self, param, grad, state, group):
        lr, weight_decay = (scalar_with_gradient(group[name]) for name in ("lr", "weight_decay"))
        beta1, beta2 = (scalar_with_gradient(beta) for beta in group["betas"])
        step = advance(state, group)
        if not group["decoupled_weight_decay"]:
            grad = add_weight_decay(grad, param, weight_decay)
        elif weight_decay != 0:
            param.mul_(1 - lr * weight_decay)

        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean.lerp_(grad, 1 - beta1)
        if isinstance(beta2, Tensor):
            square.lerp_(grad * grad, 1 - beta2)
        else:
            square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        if group["amsgrad"]:
            largest = state["max_exp_avg_sq"]
            square = kept_for_backward(square, group)
            largest.copy_(ops.maximum(kept_for_backward(largest, group), square))
            square = largest

        scale = (square.sqrt() / (1 - beta2**step) ** 0.5).add_(group["eps"])
        add_quotient(param, kept_for_backward(mean, group), scale, -lr / (1 - beta1**step))

    def update_sparse_parameter(self, param, grad, state, group):
        raise RuntimeError(
            "Adam does not support sparse gradients, please consider SparseAdam instead"
        )


def _check_tensor_options(lr, betas, foreach, capturable) -> None:
    kinds = {"lr": lr, "betas[0]": betas[0], "betas[1]": betas[1]}
    for name, value in kinds.items():
        if isinstance(value, Tensor) and foreach and not capturable:
            raise ValueError(
                f"{name} as a Tensor is not supported for capturable=False and foreach=True"
            )
    if not any(all(isinstance(beta, kind) for beta in betas) for kind in (float, Tensor)):
        raise ValueError("betas must be either both floats or both Tensors")
    for name, value in kinds.items():
        if isinstance(value, Tensor) and value.numel() != 1:
            raise ValueError(f"Tensor {name} must be 1-element")
