"""Weights divided by their largest singular value."""

from numbatorch import creation, ops
from numbatorch.autograd import no_grad
from numbatorch.nn import functional as F
from numbatorch.nn.modules.conv import _ConvTransposeNd
from numbatorch.nn.modules.module import Module
from numbatorch.nn.parameter import Parameter
from numbatorch.tensor import Tensor


class SpectralNorm:
    """A hook that computes ``name`` from ``name_orig`` before every forward.

    The singular vectors are buffers, improved by power iteration in training.
    """

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float):
        self.name = name
        self.n_power_iterations = n_power_iterations
        self.dim = dim
        self.eps = eps

    def as_matrix(self, weight: Tensor) -> Tensor:
        return weight.movedim(self.dim, 0).reshape(weight.size(self.dim), -1)

    def compute_weight(self, module: Module, iterate: bool) -> Tensor:
        weight = getattr(module, f"{self.name}_orig")
        u, v = getattr(module, f"{self.name}_u"), getattr(module, f"{self.name}_v")
        matrix = self.as_matrix(weight)
        if iterate:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(ops.mv(matrix.t(), u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(ops.mv(matrix, v), dim=0, eps=self.eps))
            u, v = u.clone(), v.clone()  # the next iteration must not change what backward needs
        sigma = ops.dot(u, ops.mv(matrix, v))
        return weight / sigma

    def __call__(self, module: Module, inputs: tuple) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Miyato et al. (2018): divide ``module.name`` by its spectral norm."""
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, SpectralNorm) and hook.name == name:
            raise RuntimeError(
                f"Cannot register two spectral_norm hooks on the same parameter {name}"
            )
    if n_power_iterations <= 0:
        raise ValueError(
            "Expected n_power_iterations to be positive, but got "
            f"n_power_iterations={n_power_iterations}"
        )
    if dim is None:
        dim = 1 if isinstance(module, _ConvTransposeNd) else 0
    hook = SpectralNorm(name, n_power_iterations, dim, eps)
    weight = module._parameters[name]
    rows, columns = hook.as_matrix(weight).shape
    with no_grad():
        u, v = (
            F.normalize(creation.empty(size, dtype=weight.dtype).normal_(0, 1), dim=0, eps=eps)
            for size in (rows, columns)
        )
    delattr(module, name)
    module.register_parameter(f"{name}_orig", weight)
    setattr(module, name, weight.detach())
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make ``module.name`` a plain parameter again."""
    for identity, hook in module._forward_pre_hooks.items():
        if isinstance(hook, SpectralNorm) and hook.name == name:
            with no_grad():
                weight = hook.compute_weight(module, iterate=False)
            delattr(module, name)
            for suffix in ("_u", "_v", "_orig"):
                delattr(module, f"{name}{suffix}")
            module.register_parameter(name, Parameter(weight.detach()))
            del module._forward_pre_hooks[identity]
            return module
    raise ValueError(f"spectral_norm of '{name}' not found in {module}")
