"""Adafactor."""

from __future__ import annotations

import math

from .. import dtypes
from .optimizer import Optimizer
from .rules import check_learning_rate, check_non_negative, counter, scalar


class Adafactor(Optimizer):
    """Second moments of matrices kept as a row and a column (Shazeer and Stern, 2018).

    The step is relative to the size of the parameter, and falls with the number of steps.
    """

    def __init__(
        self,
        params,
        lr=1e-2,
        beta2_decay=-0.8,
        eps=(None, 1e-3),
        d=1.0,
        weight_decay=0.0,
        *,
        foreach=None,
        maximize=False,
    ):
        check_learning_rate(lr)
        if beta2_decay > 0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        for name, value in (("epsilon1", eps[0]), ("epsilon2", eps[1])):
            if value is not None and value < 0:
                raise ValueError(f"{name} should be >= 0 but is: {value}")
        if d < 1:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        check_non_negative(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def initial_state(self, param, group):
        if param.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")
        state = {"step": counter(0, param, {})}
        if param.dim() > 1:
            state["row_var"] = param.new_zeros((*param.shape[:-1], 1))
            state["col_var"] = param.new_zeros((*param.shape[:-2], 1, param.shape[-1]))
        else:
            state["variance"] = param.new_zeros(param.shape)
        return state

    def update_parameter(self, param, grad, state, group):
        state["step"] += 1
        step = state["step"].item()
        least, relative = group["eps"]
        least = dtypes.finfo(param.dtype).eps if least is None else least
        lr = scalar(group["lr"])
        fresh = step ** group["beta2_decay"]
        size = max(relative, param.norm(2).item() / math.sqrt(param.numel()))
        rate = size * min(lr, 1 / math.sqrt(step))
        if group["weight_decay"]:
            param.mul_(1 - lr * group["weight_decay"])
        update = self._variance(grad, state, fresh, least).clamp_(min=least * least).rsqrt_()
        update.mul_(grad)
        clip = max(1.0, update.norm(2).item() / (math.sqrt(update.numel()) * group["d"]))
        param.add_(update, alpha=-rate / clip)

    @staticmethod
    def _variance(grad, state, fresh, least):
        """The estimate of the second moment: for matrices, from its row and its column."""
        if grad.dim() <= 1:
            return state["variance"].lerp_(grad.square(), fresh).clone()
        rows, columns = state["row_var"], state["col_var"]
        rows.lerp_(grad.norm(2, -1, keepdim=True).square_().div_(grad.size(-1)), fresh)
        columns.lerp_(grad.norm(2, -2, keepdim=True).square_().div_(grad.size(-2)), fresh)
        return (rows @ columns).div_(rows.mean(-2, keepdim=True).clamp_(min=least))
