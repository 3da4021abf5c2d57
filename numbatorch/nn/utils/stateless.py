"""A module called with other parameters and buffers than its own."""

import contextlib

from numbatorch.nn.modules.module import Module
from numbatorch.tensor import Tensor


def functional_call(
    module: Module, parameter_and_buffer_dicts, args=None, kwargs=None, *, tie_weights: bool = True,
    strict: bool = False,
):  # fmt: skip
    """``module(*args, **kwargs)`` with the tensors of a dictionary by name in place of its own.

    With ``tie_weights`` a tensor that has several names is replaced under all of them; ``strict``
    asks for exactly the module's names.
    """
    if not isinstance(parameter_and_buffer_dicts, dict):
        merged: dict = {}
        for part in parameter_and_buffer_dicts:
            repeated = merged.keys() & part.keys()
            if repeated:
                raise ValueError(
                    f"{sorted(repeated)} appeared in multiple dictionaries; behavior of functional call is ambiguous"
                )
            merged.update(part)
        parameter_and_buffer_dicts = merged
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, parameter_and_buffer_dicts, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def _members(module: Module) -> dict[str, Tensor]:
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


@contextlib.contextmanager
def _replaced(module: Module, tensors: dict, tie_weights: bool, strict: bool):
    members = _members(module)
    if strict:
        _check_names(members, tensors)
    tensors = _with_tied_names(members, tensors) if tie_weights else tensors
    previous = []
    try:
        for name, tensor in tensors.items():
            previous.append((name, *_swap(module, name, tensor)))
        yield
    finally:
        for name, registry, old in reversed(previous):
            registry[name.rpartition(".")[2]] = old


def _swap(module: Module, name: str, tensor):
    path, _, last = name.rpartition(".")
    owner = module.get_submodule(path)
    for registry in (owner._parameters, owner._buffers):
        if last in registry:
            old, registry[last] = registry[last], tensor
            return registry, old
    raise AttributeError(f"{type(owner).__name__} has no attribute `{last}`")


def _check_names(members: dict, tensors: dict) -> None:
    missing, unexpected = members.keys() - tensors.keys(), tensors.keys() - members.keys()
    if missing or unexpected:
        raise RuntimeError(
            f"functional_call: Missing key(s): {sorted(missing)}. "
            f"Unexpected key(s): {sorted(unexpected)}."
        )


def _with_tied_names(members: dict, tensors: dict) -> dict:
    """The same tensors under the other names of what they replace."""
    names: dict = {}
    for name, member in members.items():
        names.setdefault(id(member), []).append(name)
    result = dict(tensors)
    for name, tensor in tensors.items():
        for other in names.get(id(members.get(name)), ()):
            if other in tensors and tensors[other] is not tensor:
                raise ValueError(
                    f"functional_call got multiple values for keys {sorted({name, other})}, which "
                    "are tied. Consider using tie_weights=False"
                )
            result.setdefault(other, tensor)
    return result
