"""What all learning rate schedules share."""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable
from functools import wraps
from weakref import ref

from ...recording import repeatable
from ...tensor import Tensor
from ..optimizer import Optimizer

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where "
    "possible. Please use `scheduler.step()` to step the scheduler. During the deprecation, if "
    "epoch is different from None, the closed form is used instead of the new chainable form, "
    "where available."
)


class LRScheduler:
    """Sets the learning rate of every parameter group at each `step()`.

    A schedule gives `get_lr()`, the next rates from the current ones, and where there is one
    `_get_closed_form_lr()`, the rates at epoch `last_epoch`. `last_epoch=-1` starts afresh; any
    other value resumes and needs "initial_lr" in each parameter group.
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for index, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{index}] when resuming "
                    "scheduler with last_epoch >= 0: load the optimizer's state first"
                )
        self.base_lrs = group_values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        _note_steps_of(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict:
        """Everything but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict) -> None:
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list:
        """The rates that the last step set, one per parameter group."""
        return self._last_lr

    def get_lr(self) -> list:
        """The rates of this step, one per parameter group."""
        raise NotImplementedError

    @repeatable
    def step(self, epoch: int | None = None) -> None:
        """Go on to the next epoch; call it after the optimizer's own step."""
        if self._step_count == 1:
            self._warn_if_optimizer_has_not_stepped()
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self._get_lr_called_within_step = True
        try:
            if epoch is None:
                self.last_epoch += 1
                values = self.get_lr()
            else:
                self.last_epoch = epoch
                closed_form = getattr(self, "_get_closed_form_lr", None)
                values = closed_form() if closed_form is not None else self.get_lr()
        finally:
            self._get_lr_called_within_step = False
        self._set_lr(values)

    def _set_lr(self, values: list) -> None:
        for group, value in zip(self.optimizer.param_groups, values, strict=True):
            set_group_value(group, "lr", value)
        self._last_lr = self._current_lr()

    def _current_lr(self) -> list:
        return group_values(self.optimizer, "lr")

    def _scaled_lr(self, factor: float) -> list:
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _scaled_base_lr(self, factor: float) -> list:
        return [base_lr * factor for base_lr in self.base_lrs]

    def _warn_if_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use "
                "`get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )

    def _warn_if_optimizer_has_not_stepped(self) -> None:
        if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
            warnings.warn(
                "Seems like `optimizer.step()` has been overridden after learning rate scheduler "
                "initialization. Please, make sure to call `optimizer.step()` before "
                "`lr_scheduler.step()`. See more details at "
                "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate",
                UserWarning,
                stacklevel=3,
            )
        elif not getattr(self.optimizer, "_opt_called", False):
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch "
                "1.1.0 and later, you should call them in the opposite order: `optimizer.step()` "
                "before `lr_scheduler.step()`.  Failure to do this will result in PyTorch "
                "skipping the first value of the learning rate schedule. See more details at "
                "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate",
                UserWarning,
                stacklevel=3,
            )


class _LRScheduler(LRScheduler):
    """The old name of `LRScheduler`."""


def check_optimizer(optimizer) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def copied(value):
    return value.clone() if isinstance(value, Tensor) else value


def group_values(optimizer: Optimizer, key: str) -> list:
    """group[key] of every parameter group; tensors are copied, since groups change in place."""
    return [copied(group[key]) for group in optimizer.param_groups]


def set_group_value(group: dict, key: str, value) -> None:
    """group[key] = value, in place if it is a tensor."""
    if isinstance(group[key], Tensor):
        group[key].fill_(value.item() if isinstance(value, Tensor) else value)
    else:
        group[key] = value


def value_per_group(name: str, optimizer: Optimizer, value) -> list:
    """A list with one value per parameter group from one value for all, or from such a list."""
    groups = len(optimizer.param_groups)
    values = value if isinstance(value, (list, tuple)) else [value] * groups
    if len(values) != groups:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has "
            f"{len(values)} values, param_groups has {groups}."
        )
    return [copied(value) for value in values]


def saved_function(function: Callable | None) -> dict | None:
    """What a checkpoint keeps of a function: the attributes of a callable object."""
    plain = function is None or isinstance(function, types.FunctionType)
    return None if plain else function.__dict__.copy()


def set_cycled_momentum(group: dict, momentum) -> None:
    """Adam's family keeps its momentum as the first beta."""
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


def start_momentum_cycle(optimizer: Optimizer, base, maximum, last_epoch: int) -> tuple:
    """Check the options of a momentum cycle and put them into the groups; returns lists."""
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError(
            "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
        )
    base = value_per_group("base_momentum", optimizer, base)
    maximum = value_per_group("max_momentum", optimizer, maximum)
    if last_epoch == -1:
        for group, least, most in zip(optimizer.param_groups, base, maximum):
            set_cycled_momentum(group, most)
            group["max_momentum"] = most
            group["base_momentum"] = least
    return base, maximum


def _note_steps_of(optimizer: Optimizer) -> None:
    """Let the optimizer remember that it has stepped."""
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return
    step = optimizer.step.__func__
    reference = ref(optimizer)  # no cycle: optimizers hold large state

    @wraps(step)
    def noted_step(*args, **kwargs):
        optimizer = reference()
        optimizer._opt_called = True
        return step.__get__(optimizer, type(optimizer))(*args, **kwargs)

    noted_step._wrapped_by_lr_sched = True
    optimizer.step = noted_step
