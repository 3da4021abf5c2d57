"""Distances and similarities between vectors."""

from numbatorch import ops
from numbatorch.tensor import Tensor


def normalize(
    input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """``input`` divided by its p-norm along ``dim`` (by ``eps`` where the norm is smaller)."""
    norm = input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    if out is None:
        return input / norm
    return ops.div(input, norm, out=out)


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of ``x1 - x2 + eps`` along the last dimension."""
    if x1.dim() < x2.dim():
        x1 = x1.expand_as(x2) if x1.dim() == 0 else x1
    return ops.norm(x1 - x2 + eps, p, dim=-1, keepdim=keepdim)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between ``x1`` and ``x2`` along ``dim``."""
    dtype = x1.dtype if x1.dtype is x2.dtype else ops.result_type(x1, x2)
    if not dtype.is_floating_point:
        raise RuntimeError(
            f"expected common dtype to be floating point, yet common dtype is {dtype}"
        )
    x1, x2 = x1.to(dtype), x2.to(dtype)
    x1, x2 = ops.broadcast_tensors(x1, x2)
    norm1 = ops.norm(x1, 2, dim=dim, keepdim=True)
    norm2 = ops.norm(x2, 2, dim=dim, keepdim=True)
    return ((x1 / norm1.clamp_min(eps)) * (x2 / norm2.clamp_min(eps))).sum(dim)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm distances between all pairs of rows, each pair once."""
    if input.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.dim()}D")
    rows, columns = ops.triu_indices(input.size(0), input.size(0), 1)
    return ops.norm(input[rows] - input[columns], p, dim=-1)
