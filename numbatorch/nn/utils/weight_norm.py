"""Weights as a length times a direction."""

from numbatorch import ops
from numbatorch.nn.modules.module import Module
from numbatorch.nn.parameter import Parameter
from numbatorch.tensor import Tensor


class WeightNorm:
    """A hook that computes ``name`` from ``name_g`` and ``name_v`` before every forward."""

    def __init__(self, name: str, dim: int):
        self.name = name
        self.dim = dim

    def compute_weight(self, module: Module) -> Tensor:
        length = getattr(module, f"{self.name}_g")
        direction = getattr(module, f"{self.name}_v")
        return direction * (length / _norm_except(direction, self.dim))

    def __call__(self, module: Module, inputs: tuple) -> None:
        setattr(module, self.name, self.compute_weight(module))


def _norm_except(tensor: Tensor, dim: int) -> Tensor:
    """The norm over all dimensions but ``dim``, kept; over all of them where ``dim`` is -1."""
    if dim == -1:
        return ops.norm(tensor)
    others = [d for d in range(tensor.dim()) if d != dim]
    return ops.norm(tensor, 2, dim=others, keepdim=True)


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Salimans and Kingma (2016): reparametrise ``module.name`` by its length and direction."""
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, WeightNorm) and hook.name == name:
            raise RuntimeError(
                f"Cannot register two weight_norm hooks on the same parameter {name}"
            )
    weight = getattr(module, name)
    hook = WeightNorm(name, -1 if dim is None else dim % weight.dim())
    del module._parameters[name]
    length = _norm_except(weight, hook.dim).detach()
    module.register_parameter(f"{name}_g", Parameter(length))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    setattr(module, name, hook.compute_weight(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make ``module.name`` a plain parameter again."""
    for identity, hook in module._forward_pre_hooks.items():
        if isinstance(hook, WeightNorm) and hook.name == name:
            weight = hook.compute_weight(module).detach()
            delattr(module, name)
            del module._parameters[f"{name}_g"]
            del module._parameters[f"{name}_v"]
            setattr(module, name, Parameter(weight))
            del module._forward_pre_hooks[identity]
            return module
    raise ValueError(f"weight_norm of '{name}' not found in {module}")
