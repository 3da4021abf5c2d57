"""Averages of a model's weights over training: SWA (Izmailov et al., 2018) and EMA."""

from __future__ import annotations

import math
from collections import defaultdict
from copy import deepcopy
from itertools import chain

from .. import creation, dtypes
from ..autograd import no_grad
from ..nn import Module
from ..nn.modules.batchnorm import _BatchNorm
from .lr_scheduler.base import LRScheduler, value_per_group

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def get_ema_avg_fn(decay=0.999):
    """average(averaged, current, count) = decay * averaged + (1 - decay) * current."""
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param, current_param, num_averaged):
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn():
    """average(averaged, current, count): the mean of all models so far."""

    @no_grad()
    def swa_update(averaged_param, current_param, num_averaged):
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_ema_multi_avg_fn(decay=0.999):
    """Like `get_ema_avg_fn`, in place on lists of tensors."""
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param_list, current_param_list, _):
        for averaged, current in zip(ema_param_list, current_param_list, strict=True):
            if averaged.is_floating_point() or averaged.is_complex():
                averaged.lerp_(current, 1 - decay)
            else:
                averaged.copy_(averaged * decay + current * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn():
    """Like `get_swa_avg_fn`, in place on lists of tensors."""

    @no_grad()
    def swa_update(averaged_param_list, current_param_list, num_averaged):
        weight = 1 / (float(num_averaged) + 1)
        for averaged, current in zip(averaged_param_list, current_param_list, strict=True):
            if averaged.is_floating_point() or averaged.is_complex():
                averaged.lerp_(current, weight)
            else:
                averaged.copy_(averaged + (current - averaged) * weight)

    return swa_update


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )


class AveragedModel(Module):
    """A copy of `model` whose parameters are averages of those given to `update_parameters`.

    The average is that of `avg_fn` (one tensor) or `multi_avg_fn` (lists, in place); the mean
    if neither is given. Buffers are copied, or averaged too with `use_buffers`.
    """

    def __init__(self, model, device=None, avg_fn=None, multi_avg_fn=None, use_buffers=False):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", creation.tensor(0, dtype=dtypes.int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model) -> None:
        """Take the parameters of `model` into the average."""
        averaged = [tensor.detach() for tensor in self._averaged_tensors(self.module)]
        current = [
            tensor.detach().to(mine.device)
            for tensor, mine in zip(self._averaged_tensors(model), averaged)
        ]
        count = self.n_averaged
        if count == 0:
            for mine, theirs in zip(averaged, current):
                mine.copy_(theirs)
        elif self.multi_avg_fn is not None:
            for mine, theirs in _by_kind(averaged, current):
                self.multi_avg_fn(mine, theirs, count.to(mine[0].device))
        else:
            average = self.avg_fn or get_swa_avg_fn()
            for mine, theirs in zip(averaged, current):
                mine.copy_(average(mine, theirs, count.to(mine.device)))
        if not self.use_buffers:
            for mine, theirs in zip(self.module.buffers(), model.buffers(), strict=True):
                mine.detach().copy_(theirs.detach().to(mine.device))
        self.n_averaged += 1

    def _averaged_tensors(self, module):
        if self.use_buffers:
            return chain(module.parameters(), module.buffers())
        return module.parameters()


def _by_kind(averaged: list, current: list) -> list[tuple[list, list]]:
    """Split a pair of lists into lists of one device and dtype."""
    kinds = defaultdict(lambda: ([], []))
    for mine, theirs in zip(averaged, current):
        pair = kinds[mine.device, mine.dtype]
        pair[0].append(mine)
        pair[1].append(theirs)
    return list(kinds.values())


@no_grad()
def update_bn(loader, model, device=None) -> None:
    """Recompute the statistics of all batch norms by one pass over the data."""
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    was_training = model.training
    model.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
    for batch in loader:
        input = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(input if device is None else input.to(device))
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Anneals the rate to `swa_lr` within `anneal_epochs`, then keeps it."""

    def __init__(self, optimizer, swa_lr, anneal_epochs=10, anneal_strategy="cos", last_epoch=-1):
        values = value_per_group("swa_lr", optimizer, swa_lr)
        for group, value in zip(optimizer.param_groups, values):
            group["swa_lr"] = value
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        self._warn_if_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            start = group["swa_lr"]
            if before != 1:  # undo the last step to find where the annealing began
                start = (group["lr"] - before * group["swa_lr"]) / (1 - before)
            rates.append(group["swa_lr"] * now + start * (1 - now))
        return rates

    def _share(self, step: int) -> float:
        """How much of the way to `swa_lr` is done."""
        done = max(0, min(1, step / max(1, self.anneal_epochs)))
        return done if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * done)) / 2
