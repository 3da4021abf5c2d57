"""The base class of all optimizers: parameter groups, state, hooks, checkpoints.

A concrete optimizer says two things: what state a parameter starts with (`initial_state`) and
how it moves (`update_parameter`; with `fused_rule`, a kernel may take a whole list).
Everything else lives here.
"""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from copy import deepcopy
from itertools import chain

from .. import dtypes, ops, recording
from ..autograd import enable_grad
from ..cuda_streams import is_capturing
from ..graph import modes
from ..tensor import Tensor
from ..utils.hooks import RemovableHandle, register
from . import fused
from .rules import counter

_global_step_pre_hooks: OrderedDict = OrderedDict()
_global_step_post_hooks: OrderedDict = OrderedDict()


class _RequiredParameter:
    """The default of an option that every parameter group has to give itself."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _RequiredParameter()

# Options younger than some checkpoints: what a checkpoint without them means.
_LATER_OPTIONS = {
    "nesterov": False,
    "momentum": 0,
    "centered": False,
    "amsgrad": False,
    "decoupled_weight_decay": False,
    "maximize": False,
    "foreach": None,
    "fused": None,
    "capturable": False,
    "differentiable": False,
}


def register_optimizer_step_pre_hook(hook) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` before every step of every optimizer."""
    return register(_global_step_pre_hooks, hook)


def register_optimizer_step_post_hook(hook) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` after every step of every optimizer."""
    return register(_global_step_post_hooks, hook)


class Optimizer:
    """Holds parameters in groups with their options, and the state that belongs to each.

    `params` is an iterable of tensors, of (name, tensor) pairs, or of dicts that hold a
    "params" entry and options of their own; `defaults` fills in what a group leaves out.
    """

    # Elementwise rules see a complex tensor as pairs of real numbers.
    complex_as_real = True

    def __init__(self, params, defaults: dict) -> None:
        self.defaults = defaults
        self._make_hook_tables()
        self._wrap_step()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or "
                f"dicts, but got {params.type()}"
            )
        self.state: defaultdict = defaultdict(dict)
        self.param_groups: list[dict] = []
        param_groups = list(params)
        if not param_groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(param_groups[0], dict):
            param_groups = [{"params": param_groups}]
        for param_group in param_groups:
            self.add_param_group(param_group)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for index, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {index}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join(lines) + "\n)"

    # What a concrete optimizer gives.

    def initial_state(self, param: Tensor, group: dict) -> dict:
        """The state of a parameter before its first step, under PyTorch's names."""
        raise NotImplementedError

    def update_parameter(self, param: Tensor, grad: Tensor, state: dict, group: dict) -> None:
        """Move `param` in place, given its gradient, and bring its state up to date."""
        raise NotImplementedError

    def update_sparse_parameter(self, param: Tensor, grad, state: dict, group: dict) -> None:
        """Move `param` where its sparse gradient has rows."""
        raise RuntimeError(f"{type(self).__name__} does not support sparse gradients")

    def fused_rule(self, group: dict):
        """The `fused.Rule` of the kernel that can move a whole list of parameters at once; None where
        there is no such kernel."""
        return

    def update_group(self, params, grads, states, group: dict, may_fuse=True) -> None:
        """Move a list of parameters, by one launch where that is possible."""
        rule = self.fused_rule(group) if may_fuse else None
        if rule is not None and fused.is_possible(params, grads, group, states, rule):
            self.move_together(rule, params, grads, states, group)
            return
        for param, grad, state in zip(params, grads, states):
            self.update_parameter(param, grad, state, group)

    def move_together(self, rule, params, grads, states, group: dict) -> None:
        """Move a list of parameters by the kernel of a fused rule."""
        columns = [params, grads, *[[state[name] for state in states] for name in rule.states]]
        fused.move(self, rule, columns, group, states)

    # Stepping.

    def step(self, closure=None):
        """Move every parameter that has a gradient; returns what `closure()` returned."""
        if recording.recorder is not None:
            recording.recorder.optimizer_step(self)
        recorded, modes.grad_enabled = (
            modes.grad_enabled,
            bool(self.defaults.get("differentiable", False)),
        )
        try:
            loss = None
            if closure is not None:
                with enable_grad():
                    loss = closure()
            for group in self.param_groups:
                params, grads, states = self._gather(group)
                if any([grad.is_sparse for grad in grads]):
                    params, grads, states = self._move_sparse(params, grads, states, group)
                _check_capturable(params, group, type(self).__name__)
                self.update_group(params, grads, states, group)
            return loss
        finally:
            modes.grad_enabled = recorded

    def _move_sparse(self, params, grads, states, group: dict) -> list[list]:
        """Move the parameters whose gradients are sparse; returns the columns of the others."""
        dense = [i for i, grad in enumerate(grads) if not grad.is_sparse]
        for param, grad, state in zip(params, grads, states):
            if grad.is_sparse:
                self.update_sparse_parameter(param, grad, state, group)
        return [[column[i] for i in dense] for column in (params, grads, states)]

    def _gather(self, group: dict) -> tuple[list, list, list]:
        """The parameters of a group that have a gradient, with gradients and states."""
        params, grads, states = [], [], []
        maximize = group.get("maximize")
        for param in group["params"]:
            grad = param.grad
            if grad is None:
                continue
            state = self._state_of(param, group)
            if maximize:
                grad = -grad
            if self.complex_as_real and param.dtype.is_complex:
                state = {name: _as_real(value) for name, value in state.items()}
                param, grad = ops.view_as_real(param), ops.view_as_real(grad)
            params.append(param)
            grads.append(grad)
            states.append(state)
        return params, grads, states

    def _state_of(self, param: Tensor, group: dict) -> dict:
        state = self.state.get(param)
        if not state:
            state = self.initial_state(param, group)
            if state:  # a stateless optimizer leaves no entries in its checkpoint
                self.state[param] = state
        return state

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        for param in chain.from_iterable(group["params"] for group in self.param_groups):
            if param.grad is None:
                continue
            if set_to_none:
                param.grad = None
                continue
            if param.grad.grad_fn is not None:
                param.grad.detach_()
            else:
                param.grad.requires_grad_(False)
            param.grad.zero_()

    # Parameter groups.

    def add_param_group(self, param_group: dict) -> None:
        """Add a group of parameters, e.g. a layer that is unfrozen while training goes on."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        _unpack_names(param_group)
        for param in param_group["params"]:
            self._check_parameter(param)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    "parameter group didn't specify a value of required optimization "
                    f"parameter {name}"
                )
            param_group.setdefault(name, default)
        if len(param_group["params"]) != len(set(param_group["params"])):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, "
                "this will cause an error; see github.com/pytorch/pytorch/issues/40967 for "
                "more information",
                stacklevel=3,
            )
        self._check_against_other_groups(param_group)
        self.param_groups.append(param_group)

    def _check_parameter(self, param) -> None:
        if not isinstance(param, Tensor):
            raise TypeError(
                f"optimizer can only optimize Tensors, but one of the params is {_type_name(param)}"
            )
        if not self.defaults.get("differentiable") and not (param.is_leaf or param.retains_grad):
            raise ValueError("can't optimize a non-leaf Tensor")

    def _check_against_other_groups(self, param_group: dict) -> None:
        named = "param_names" in param_group
        for group in self.param_groups:
            if named != ("param_names" in group):
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param "
                    f"group {'with names' if named else 'without names'} to the optimizer"
                )
            if not set(group["params"]).isdisjoint(param_group["params"]):
                raise ValueError("some parameters appear in more than one parameter group")

    # Checkpoints.

    def state_dict(self) -> dict:
        """{"state": {index: state}, "param_groups": [...]}, parameters replaced by indices."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        index_of: dict[Tensor, int] = {}
        position = 0
        packed_groups = []
        for group in self.param_groups:
            for param in group["params"]:
                index_of.setdefault(param, position)
                position += 1
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [index_of[param] for param in group["params"]]
            packed_groups.append(packed)
        packed_state = {
            index_of[key] if isinstance(key, Tensor) else key: value
            for key, value in self.state.items()
        }
        state_dict = {"state": packed_state, "param_groups": packed_groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            replaced = hook(self, state_dict)
            if replaced is not None:
                state_dict = replaced
        return state_dict

    def load_state_dict(self, state_dict: dict) -> None:
        """Take over a `state_dict()`; parameters are matched by their order alone."""
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            replaced = hook(self, state_dict)
            if replaced is not None:
                state_dict = replaced
        loaded_groups = deepcopy(state_dict["param_groups"])
        self._check_same_sizes(loaded_groups)

        state = defaultdict(dict)
        place = {
            key: (param, loaded)
            for group, loaded in zip(self.param_groups, loaded_groups)
            for key, param in zip(loaded["params"], group["params"])
        }
        for key, value in state_dict["state"].items():
            if key in place:
                param, loaded = place[key]
                state[param] = _moved_to(param, value, loaded)
            else:
                state[key] = value
        for group, loaded in zip(self.param_groups, loaded_groups):
            loaded["params"] = group["params"]
            if "param_names" in group:
                loaded.setdefault("param_names", group["param_names"])
        self.__setstate__({"state": state, "param_groups": loaded_groups})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def _check_same_sizes(self, loaded_groups: list[dict]) -> None:
        if len(loaded_groups) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        for group, loaded in zip(self.param_groups, loaded_groups):
            if len(group["params"]) != len(loaded["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size "
                    "of optimizer's group"
                )

    def __getstate__(self) -> dict:
        return {
            "defaults": self.defaults,
            "state": self.state,
            "param_groups": self.param_groups,
        }

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        if "_optimizer_step_pre_hooks" not in self.__dict__:
            self._make_hook_tables()
        self._wrap_step()
        for group in self.param_groups:
            for name, meaning in _LATER_OPTIONS.items():
                if name in self.defaults:
                    group.setdefault(name, meaning)
            for param in group["params"]:
                self._make_counters_tensors(param, group)

    def _make_counters_tensors(self, param: Tensor, group: dict) -> None:
        """Old checkpoints hold counters as Python numbers."""
        state = self.state.get(param, {})
        for name in ("step", "mu_product", "eta", "mu"):
            if name in state and not isinstance(state[name], Tensor):
                state[name] = counter(state[name], param, group)

    # Hooks.

    def _make_hook_tables(self) -> None:
        for moment in ("step_pre", "step_post", "state_dict_pre", "state_dict_post"):
            setattr(self, f"_optimizer_{moment}_hooks", OrderedDict())
        self._optimizer_load_state_dict_pre_hooks = OrderedDict()
        self._optimizer_load_state_dict_post_hooks = OrderedDict()

    def register_step_pre_hook(self, hook) -> RemovableHandle:
        """Before a step: `hook(optimizer, args, kwargs) -> None or (args, kwargs)`."""
        return register(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook) -> RemovableHandle:
        """After a step: `hook(optimizer, args, kwargs) -> None`."""
        return register(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook, prepend: bool = False) -> RemovableHandle:
        """Before `state_dict()`: `hook(optimizer) -> None`."""
        return register(self._optimizer_state_dict_pre_hooks, hook, prepend=prepend)

    def register_state_dict_post_hook(self, hook, prepend: bool = False) -> RemovableHandle:
        """After `state_dict()`: `hook(optimizer, state_dict) -> None or state_dict`."""
        return register(self._optimizer_state_dict_post_hooks, hook, prepend=prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend: bool = False) -> RemovableHandle:
        """Before `load_state_dict()`: `hook(optimizer, state_dict) -> None or state_dict`."""
        return register(self._optimizer_load_state_dict_pre_hooks, hook, prepend=prepend)

    def register_load_state_dict_post_hook(self, hook, prepend: bool = False) -> RemovableHandle:
        """After `load_state_dict()`: `hook(optimizer) -> None`."""
        return register(self._optimizer_load_state_dict_post_hooks, hook, prepend=prepend)

    def _wrap_step(self) -> None:
        """Put the hooks around the class's own `step`, whoever wrote it."""
        cls = type(self)
        if not getattr(cls.step, "hooked", False):
            cls.step = _with_hooks(cls.step)


def _with_hooks(step):
    @functools.wraps(step)
    def hooked_step(self, *args, **kwargs):
        for hook in (*_global_step_pre_hooks.values(), *self._optimizer_step_pre_hooks.values()):
            replaced = hook(self, args, kwargs)
            if replaced is None:
                continue
            if not (isinstance(replaced, tuple) and len(replaced) == 2):
                raise RuntimeError(
                    f"{step} must return None or a tuple of (new_args, new_kwargs), but got "
                    f"{replaced}."
                )
            args, kwargs = replaced
        result = step(self, *args, **kwargs)
        for hook in (*self._optimizer_step_post_hooks.values(), *_global_step_post_hooks.values()):
            hook(self, args, kwargs)
        return result

    hooked_step.hooked = True
    return hooked_step


def _check_capturable(params: list, group: dict, name: str) -> None:
    """Only on a device can a step be captured into a graph, and only if its counters lie there too."""
    if is_capturing() and group.get("capturable") is False:
        raise RuntimeError(
            f"Attempting CUDA graph capture of step() for an instance of {name} but param_groups' "
            "capturable is False."
        )
    if group.get("capturable") and any(param.device.type != "cuda" for param in params):
        raise AssertionError(
            "If capturable=True, params and state_steps must be on supported devices: ['cuda']."
        )


def _unpack_names(param_group: dict) -> None:
    """Make "params" a list of tensors; (name, tensor) pairs also give "param_names"."""
    params = param_group["params"]
    if isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering "
            "of tensors in sets will change between runs. Please use a list instead."
        )
    params = [params] if isinstance(params, Tensor) else list(params)
    names = [param[0] for param in params if isinstance(param, tuple)]
    if names and len(names) != len(params):
        raise ValueError(
            "all optimizer params should be with/without names. Some param names are missing"
        )
    if names:
        param_group["param_names"] = names
        params = [param for _, param in params]
    param_group["params"] = params


def _type_name(value) -> str:
    cls = value if isinstance(value, type) else type(value)
    module = "" if cls.__module__ == "builtins" else f"{cls.__module__}."
    return f"{module}{cls.__qualname__}"


def _as_real(value):
    return ops.view_as_real(value) if isinstance(value, Tensor) and value.is_complex() else value


def _moved_to(param: Tensor, value, group: dict, key=None):
    """Loaded state on the parameter's device, in its dtype; "step" keeps its own."""
    if isinstance(value, Tensor):
        if key == "step":
            if group.get("capturable") or group.get("fused"):
                return value.to(dtype=dtypes.float32, device=param.device)
            return value
        if param.is_floating_point():
            return value.to(dtype=param.dtype, device=param.device)
        return value.to(device=param.device)
    if isinstance(value, dict):
        return {name: _moved_to(param, item, group, name) for name, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return type(value)(_moved_to(param, item, group) for item in value)
    return value
