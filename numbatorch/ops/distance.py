"""Distances between all pairs of two sets of points."""

from .. import shapes
from .autocast import full_precision
from .matmul import check_dtypes, matmul
from .registry import Sample, function, samples

_MODES = (
    "use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist",
)  # fmt: skip


@function(method=False)
@full_precision
def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """The p-norms of the differences of points (..., P, M) and (..., R, M): (..., P, R)."""
    for x, name in ((x1, "X1"), (x2, "X2")):
        if len(x.shape) < 2:
            raise RuntimeError(
                f"cdist only supports at least 2D tensors, {name} got: {len(x.shape)}D"
            )
        if not x.dtype.is_floating_point:
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {x.dtype}")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}"
        )
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    if compute_mode not in _MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    check_dtypes("expected scalar type {} but found {}", x1, x2)
    many = x1.shape[-2] > 25 or x2.shape[-2] > 25
    if p == 2 and (compute_mode == _MODES[1] or (compute_mode == _MODES[0] and many)):
        return _by_products(x1, x2)
    batch = shapes.broadcast_shapes(tuple(x1.shape[:-2]), tuple(x2.shape[:-2]))
    if not x1.shape[-1]:
        return x1.new_zeros((*batch, x1.shape[-2], x2.shape[-2]))
    return (x1.unsqueeze(-2) - x2.unsqueeze(-3)).norm(p, dim=-1)


def _by_products(x1, x2):
    """|a - b| as the root of |a|^2 - 2 a.b + |b|^2; its gradient at distance 0 is 0."""
    squares = x1.square().sum(-1, keepdim=True) + x2.square().sum(-1).unsqueeze(-2)
    squares = squares - 2 * matmul(x1, x2.transpose(-2, -1))
    apart = squares > 0
    return squares.masked_fill(apart.logical_not(), 1).sqrt().masked_fill(apart.logical_not(), 0)


@samples("cdist")
def _(make):
    yield Sample(make(3, 4), make(5, 4))
    yield Sample(make(2, 3, 4), make(5, 4), p=1.0)
    yield Sample(make(30, 3), make(4, 3))
