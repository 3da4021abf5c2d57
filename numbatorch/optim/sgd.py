"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from ..creation import zeros_like
from ..formulas import optimizer as formulas
from ..tensor import Tensor
from . import fused
from .optimizer import Optimizer
from .rules import (
    add_weight_decay,
    check_fused,
    check_learning_rate,
    check_non_negative,
    kept_for_backward,
    scalar,
    scalar_with_gradient,
)


def sgd_numbers(group, step):
    """What the formula without momentum takes."""
    return scalar(group["lr"]), scalar(group["weight_decay"])


def momentum_numbers(group, step):
    """What the formula with momentum takes."""
    momentum = group["momentum"]
    lookahead = momentum if group["nesterov"] else 0.0
    return *sgd_numbers(group, step), momentum, 1 - group["dampening"], lookahead


def first_momentum_numbers(group, step):
    """The same at the first step, when the buffer holds nothing yet and becomes the gradient."""
    lr, weight_decay, _, _, lookahead = momentum_numbers(group, step)
    return lr, weight_decay, 0.0, 1.0, lookahead


class SGD(Optimizer):
    """Gradient descent: param -= lr * (grad + weight_decay * param), with optional momentum.

    buffer = momentum * buffer + (1 - dampening) * grad; the step is along the buffer, or with
    `nesterov` along grad + momentum * buffer (Sutskever et al., 2013).
    """

    complex_as_real = False  # the rule is linear, so complex numbers need no splitting

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum=0,
        dampening=0,
        weight_decay=0,
        nesterov=False,
        *,
        maximize=False,
        foreach=None,
        differentiable=False,
        fused=None,
    ):
        check_learning_rate(lr)
        check_non_negative(momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        check_fused(foreach, fused, differentiable)

    def initial_state(self, param, group):
        return {"momentum_buffer": None} if group["momentum"] != 0 else {}

    def fused_rule(self, group):
        if group["momentum"] == 0:
            return fused.Rule(formulas.sgd, (), sgd_numbers)
        return fused.Rule(formulas.sgd_momentum, ("momentum_buffer",), momentum_numbers)

    def update_group(self, params, grads, states, group):
        fresh = [state.get("momentum_buffer", group) is None for state in states]
        if not any(fresh):
            super().update_group(params, grads, states, group)
            return
        for first in (True, False):
            chosen = [i for i, was_fresh in enumerate(fresh) if was_fresh == first]
            columns = [[column[i] for i in chosen] for column in (params, grads, states)]
            if first:
                self._first_update(*columns, group)
            else:
                super().update_group(*columns, group)

    def _first_update(self, params, grads, states, group):
        """The buffers become the gradients."""
        rule = fused.Rule(formulas.sgd_momentum, ("momentum_buffer",), first_momentum_numbers)
        if not fused.is_possible(params, grads, group, states, rule._replace(states=())):
            Optimizer.update_group(self, params, grads, states, group, may_fuse=False)
            return
        for param, state in zip(params, states):
            state["momentum_buffer"] = zeros_like(param)
        self.move_together(rule, params, grads, states, group)

    def update_parameter(self, param, grad, state, group):
        grad = add_weight_decay(grad, param, scalar_with_gradient(group["weight_decay"]))
        grad = _with_momentum(grad, state, group)
        lr = scalar_with_gradient(group["lr"])
        if isinstance(lr, Tensor):
            param.addcmul_(kept_for_backward(grad, group), lr, value=-1)
        else:
            param.add_(grad, alpha=-lr)

    def update_sparse_parameter(self, param, grad, state, group):
        if group["fused"]:
            raise RuntimeError("`_fused_sgd` does not support sparse gradients")
        if group["weight_decay"] != 0:
            grad.add(param)  # says that this cannot be
        grad = _with_momentum(grad, state, group)
        grad.add_to_(param, alpha=-scalar(group["lr"]))


def _with_momentum(grad, state, group):
    """The direction of a step, dense or sparse, and the buffer moved."""
    momentum = group["momentum"]
    if momentum == 0:
        return grad
    buffer = state["momentum_buffer"]
    if buffer is None:
        buffer = state["momentum_buffer"] = grad.detach().clone()
    else:
        buffer.mul_(momentum).add_(grad, alpha=1 - group["dampening"])
    return grad.add(buffer, alpha=momentum) if group["nesterov"] else buffer
