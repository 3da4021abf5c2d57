"""Saving a module's parameters and buffers to a state dict, and loading them back."""

import itertools
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping

from numbatorch.autograd import no_grad
from numbatorch.nn.parameter import Parameter, is_lazy
from numbatorch.tensor import Tensor
from numbatorch.utils.hooks import RemovableHandle, register

EXTRA_STATE_KEY = "_extra_state"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What `load_state_dict` could not match: keys the dict lacks, and keys it has too many."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class ModuleState:
    """The part of Module that reads and writes state dicts."""

    _version = 1

    def get_extra_state(self):
        """Override (with `set_extra_state`) to keep more than tensors in the state dict."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called."
        )

    def set_extra_state(self, state) -> None:
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called."
        )

    # saving

    def state_dict(self, *args, destination=None, prefix: str = "", keep_vars: bool = False):
        """An ordered dict of dotted name to tensor: parameters and persistent buffers.

        The tensors share memory with the module's and are detached unless ``keep_vars``.
        """
        if args:  # the deprecated positional form
            named = {"destination": destination, "prefix": prefix, "keep_vars": keep_vars}
            return self.state_dict(**named | dict(zip(named, args)))
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook in self._state_dict_hooks.values():
            result = hook(self, destination, prefix, local_metadata)
            if getattr(hook, "_from_public_api", False):
                if result is not None:
                    raise RuntimeError("state_dict post-hook must return None")
            elif result is not None:
                destination = result
        return destination

    def _save_to_state_dict(self, destination, prefix: str, keep_vars: bool) -> None:
        for name, tensor in self._persistent_members():
            destination[prefix + name] = tensor if keep_vars or is_lazy(tensor) else tensor.detach()
        if type(self).get_extra_state is not ModuleState.get_extra_state:
            destination[prefix + EXTRA_STATE_KEY] = self.get_extra_state()

    def _persistent_members(self) -> list[tuple[str, Tensor]]:
        """This module's own parameters and persistent buffers that are not None."""
        members = itertools.chain(self._parameters.items(), self._buffers.items())
        return [
            (name, member)
            for name, member in members
            if member is not None and name not in self._non_persistent_buffers_set
        ]

    # loading

    def load_state_dict(
        self, state_dict: Mapping[str, object], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy (or, with ``assign``, adopt) the tensors of ``state_dict`` into this module.

        With ``strict`` the keys must match exactly. RuntimeError lists everything that is
        missing, unexpected or of the wrong shape.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        incompatible = _IncompatibleKeys([], [])
        errors: list[str] = []
        metadata = getattr(state_dict, "_metadata", None)
        state_dict = OrderedDict(state_dict)
        if metadata is not None:
            state_dict._metadata = metadata
        self._load_tree(state_dict, "", metadata, assign, incompatible, errors)
        if strict:
            if incompatible.unexpected_keys:
                errors.insert(0, _list_keys("Unexpected", incompatible.unexpected_keys))
            if incompatible.missing_keys:
                errors.insert(0, _list_keys("Missing", incompatible.missing_keys))
        if errors:
            details = "\n\t".join(errors)
            raise RuntimeError(
                f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{details}"
            )
        return incompatible

    def _load_tree(self, state_dict, prefix, metadata, assign, incompatible, errors) -> None:
        local_metadata = {} if metadata is None else metadata.get(prefix[:-1], {})
        if assign:
            local_metadata["assign_to_params_buffers"] = True
        missing, unexpected = incompatible
        self._load_from_state_dict(
            state_dict, prefix, local_metadata, True, missing, unexpected, errors
        )
        for name, module in self._modules.items():
            if module is not None:
                below = f"{prefix}{name}."
                part = {key: value for key, value in state_dict.items() if key.startswith(below)}
                module._load_tree(part, below, metadata, assign, incompatible, errors)
        for hook in self._load_state_dict_post_hooks.values():
            if hook(self, incompatible) is not None:
                raise AssertionError(
                    "Hooks registered with ``register_load_state_dict_post_hook`` are not "
                    "expected to return new values, if incompatible_keys need to be modified, "
                    "it should be done inplace."
                )

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ) -> None:
        """Load this module's own entries; subclasses override it to migrate old formats."""
        for hook in self._load_state_dict_pre_hooks.values():
            hook(
                state_dict,
                prefix,
                local_metadata,
                strict,
                missing_keys,
                unexpected_keys,
                error_msgs,
            )
        assign = local_metadata.get("assign_to_params_buffers", False)
        members = self._persistent_members()
        for name, member in members:
            key = prefix + name
            if key in state_dict:
                problem = self._load_member(name, member, key, state_dict[key], assign)
                if problem:
                    error_msgs.append(problem)
            elif strict:
                missing_keys.append(key)

        extra_key = prefix + EXTRA_STATE_KEY
        keeps_extra = type(self).set_extra_state is not ModuleState.set_extra_state
        if extra_key in state_dict and keeps_extra:
            self.set_extra_state(state_dict[extra_key])
        elif strict and keeps_extra:
            missing_keys.append(extra_key)
        elif strict and extra_key in state_dict:
            unexpected_keys.append(extra_key)

        if strict:
            own_names = {name for name, _ in members}
            for key in state_dict:
                if key.startswith(prefix) and key != extra_key:
                    head, dot, _ = key[len(prefix) :].partition(".")
                    known = self._modules if dot else own_names
                    if head not in known:
                        unexpected_keys.append(key)

    def _load_member(self, name: str, member, key: str, value, assign: bool) -> str | None:
        """Copy or assign one tensor; the return value says what went wrong, if anything."""
        if not isinstance(value, Tensor):
            return (
                f'While copying the parameter named "{key}", expected torch.Tensor or '
                f"Tensor-like object from checkpoint but received {type(value)}"
            )
        if is_lazy(member) and is_lazy(value):
            return None
        if not is_lazy(member) and not is_lazy(value):
            if member.dim() == 0 and tuple(value.shape) == (1,):
                value = value[0]  # how very old checkpoints store scalars
            if value.shape != member.shape:
                return (
                    f"size mismatch for {key}: copying a param with shape {value.shape} from "
                    f"checkpoint, the shape in current model is {member.shape}."
                )
        try:
            with no_grad():
                if assign:
                    self._assign_member(name, member, value)
                else:
                    member.copy_(value)
        except Exception as error:
            return (
                f'While copying the parameter named "{key}", whose dimensions in the model are '
                f"{member.size()} and whose dimensions in the checkpoint are {value.size()}, "
                f"an exception occurred : {error.args}."
            )
        return None

    def _assign_member(self, name: str, member, value) -> None:
        if isinstance(member, Parameter):
            if isinstance(value, Parameter):
                value.requires_grad_(member.requires_grad)
            else:
                value = Parameter(value, requires_grad=member.requires_grad)
        setattr(self, name, value)

    # hooks

    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Run ``hook(module, prefix, keep_vars)`` before this module writes its state."""
        return register(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Run ``hook(module, state_dict, prefix, local_metadata)`` after; it edits in place."""
        hook._from_public_api = True
        return register(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook: Callable) -> RemovableHandle:
        """The older form, whose hook may return a dict to use instead."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was "
                "previously registered via register_state_dict_post_hook"
            )
        return register(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Run ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)`` before this module reads its state."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable, with_module: bool = False
    ) -> RemovableHandle:
        return register(
            self._load_state_dict_pre_hooks,
            _LoadHook(hook, self if with_module else None),
        )

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Run ``hook(module, incompatible_keys)`` after loading; it may edit the key lists."""
        return register(self._load_state_dict_post_hooks, hook)


class _LoadHook:
    """A load hook together with the module it wants as its first argument, if any."""

    def __init__(self, hook: Callable, module):
        self.hook = hook
        self.module = module

    def __call__(self, *args):
        if self.module is None:
            return self.hook(*args)
        return self.hook(self.module, *args)


def _list_keys(kind: str, keys: list[str]) -> str:
    listed = ", ".join(f'"{key}"' for key in keys)
    return f"{kind} key(s) in state_dict: {listed}. "
