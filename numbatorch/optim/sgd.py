"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from ..creation import zeros_like
from ..ops.optimizer import sgd_
from ..tensor import Tensor
from .optimizer import Optimizer
from .rules import (
    add_weight_decay,
    check_fused,
    check_learning_rate,
    check_non_negative,
    fusable,
    kept_for_backward,
    scalar,
    scalar_with_gradient,
)


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

    def update_group(self, params, grads, states, group):
        if not fusable(params, grads, group):
            super().update_group(params, grads, states, group)
            return
        options = {name: scalar(group[name]) for name in ("lr", "weight_decay")}
        if group["momentum"] == 0:
            sgd_(params, grads, None, **options)
            return
        options.update({name: group[name] for name in ("momentum", "dampening", "nesterov")})
        fresh = [state["momentum_buffer"] is None for state in states]
        for param, state, first in zip(params, states, fresh):
            if first:
                state["momentum_buffer"] = zeros_like(param)
        buffers = [state["momentum_buffer"] for state in states]
        for first in (True, False):
            chosen = [i for i, was_fresh in enumerate(fresh) if was_fresh == first]
            if chosen:
                columns = [[column[i] for i in chosen] for column in (params, grads, buffers)]
                sgd_(*columns, **options, first=first)

    def update_parameter(self, param, grad, state, group):
        grad = add_weight_decay(grad, param, scalar_with_gradient(group["weight_decay"]))
        momentum = group["momentum"]
        if momentum != 0:
            buffer = state["momentum_buffer"]
            if buffer is None:
                buffer = state["momentum_buffer"] = grad.detach().clone()
            else:
                buffer.mul_(momentum).add_(grad, alpha=1 - group["dampening"])
            grad = grad.add(buffer, alpha=momentum) if group["nesterov"] else buffer
        lr = scalar_with_gradient(group["lr"])
        if isinstance(lr, Tensor):
            param.addcmul_(kept_for_backward(grad, group), lr, value=-1)
        else:
            param.add_(grad, alpha=-lr)
