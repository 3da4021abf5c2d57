"""Adam for tables of which a step reads few rows."""

from __future__ import annotations

import math

from ..creation import zeros_like
from ..tensor import Tensor
from .optimizer import Optimizer
from .rules import scalar


class SparseAdam(Optimizer):
    """Adam that takes sparse gradients, and moves and decays only the rows that they hold."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, maximize=False):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not lr > 0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not eps > 0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        for index, beta in enumerate(betas):
            if not 0 <= beta < 1:
                raise ValueError(f"Invalid beta parameter at index {index}: {beta}")
        defaults = {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize}
        super().__init__(params, defaults)
        where = [
            [i, j]
            for i, group in enumerate(self.param_groups)
            for j, param in enumerate(group["params"])
            if param.is_complex()
        ]
        if where:
            raise ValueError(
                f"Complex params at indices {where}: SparseAdam does not support complex parameters"
            )

    def _check_parameter(self, param):
        if getattr(param, "is_sparse", False):
            raise ValueError(
                "SparseAdam requires dense parameter tensors, but one of the params is sparse"
            )
        super()._check_parameter(param)

    def initial_state(self, param, group):
        return {"step": 0, "exp_avg": zeros_like(param), "exp_avg_sq": zeros_like(param)}

    def _make_counters_tensors(self, param, group):
        """The number of steps stays a Python number."""

    def update_parameter(self, param, grad, state, group):
        raise RuntimeError(
            "SparseAdam does not support dense gradients, please consider Adam instead"
        )

    def update_sparse_parameter(self, param, grad, state, group):
        state["step"] += 1
        grad = grad.coalesce()  # the update is not linear in the gradient
        if grad.values().numel() == 0:
            return
        beta1, beta2 = group["betas"]
        numerator = _moved_average(state["exp_avg"], grad, grad.values(), beta1)
        square = _moved_average(state["exp_avg_sq"], grad, grad.values() ** 2, beta2)
        correction = math.sqrt(1 - beta2 ** state["step"]) / (1 - beta1 ** state["step"])
        step = numerator / square.sqrt_().add_(group["eps"])
        grad.with_values(step).add_to_(param, alpha=-scalar(group["lr"]) * correction)


def _moved_average(average, grad, values, beta):
    """Move the rows of `average` that `grad` holds towards `values`; returns those rows."""
    old = average.sparse_mask(grad).values()
    change = (values - old) * (1 - beta)
    grad.with_values(change).add_to_(average)
    return old + change
