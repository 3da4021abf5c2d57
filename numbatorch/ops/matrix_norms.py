"""Norms of matrices and vectors, and what is told by singular values: rank, condition, pseudo-inverse."""

import math

from .. import devices, dtypes, graph, return_types
from ..op import Spec, copy_values, primitive, scalar_name
from ..shapes import as_indices, wrap_dim
from . import reduction
from .autocast import full_precision
from .decompositions import eigh, eigvalsh, linalg_svd, svdvals
from .linear_systems import (
    check_matrices,
    check_same_dtype,
    deliver_several,
    inv_op,
    linalg,
    regular,
)
from .matmul import adjoint, matmul
from .output import deliver
from .registry import FUNCTIONS, Sample, function, samples


@linalg
@full_precision(devices=("cuda",))
def vector_norm(input, ord=2, dim=None, keepdim=False, *, dtype=None, out=None):
    """The norm (sum |x|**ord)**(1/ord) over `dim`, of the flattened input by default."""
    return reduction.vector_norm(input, ord, dim, keepdim, dtype=dtype, out=out)


# Matrix norms -------------------------------------------------------------------------------------


def _of_last_two(A, dim):
    """A with the two dimensions of its matrices at the end, and where these were."""
    first, second = (wrap_dim(d, len(A.shape)) for d in dim)
    if first == second:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got {tuple(dim)}")
    return FUNCTIONS["movedim"](A, (first, second), (-2, -1)), sorted((first, second))


def _check_order(ord):
    known = ("fro", "nuc") if isinstance(ord, str) else (1, 2, math.inf)
    if (ord if isinstance(ord, str) else abs(ord)) not in known:
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")


@linalg
@full_precision(devices=("cuda",))
def matrix_norm(input, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None, out=None):
    """A norm of matrices: fro, nuc, 1, 2, inf and their negatives, over the dimensions `dim`."""
    if len(input.shape) < 2:
        raise RuntimeError(
            "linalg.matrix_norm: The input tensor A must have at least 2 dimensions."
        )
    if input.dtype.category < dtypes.FLOATING:
        raise RuntimeError(
            "linalg.matrix_norm: Expected a floating point or complex tensor as input. Got "
            f"{scalar_name(input.dtype)}"
        )
    dim = as_indices(dim)
    if len(dim) != 2:
        raise RuntimeError("linalg.matrix_norm: dim must be a 2-tuple")
    _check_order(ord)
    input = input if dtype is None else input.to(dtype)
    if ord == "fro":
        result = reduction.vector_norm(input, 2, dim, keepdim)
    else:
        moved, places = _of_last_two(input, dim)
        result = _norm_of_matrices(moved, ord)
        if keepdim:
            for place in places:
                result = result.unsqueeze(place)
    return deliver("linalg_matrix_norm", result, out)


def _norm_of_matrices(A, ord):
    if ord == "nuc":
        return svdvals(A).sum(-1)
    if abs(ord) == 2:
        values = svdvals(A)
        return values.amax(-1) if ord > 0 else values.amin(-1)
    sums = A.abs().sum(-2 if abs(ord) == 1 else -1)
    return sums.amax(-1) if ord > 0 else sums.amin(-1)


@linalg(name="norm")
def linalg_norm(input, ord=None, dim=None, keepdim=False, *, out=None, dtype=None):
    """A norm of vectors or of matrices, by how many dimensions `dim` names; flattened without `ord`."""
    if dim is not None:
        dim = as_indices(dim)
    if ord is None:
        return reduction.vector_norm(input, 2, dim, keepdim, dtype=dtype, out=out)
    if dim is None and len(input.shape) not in (1, 2):
        raise RuntimeError(
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
            f"{len(input.shape)}D."
        )
    count = len(input.shape) if dim is None else len(dim)
    if isinstance(ord, str):
        if count != 2:
            raise RuntimeError(f"linalg.norm: order {ord} needs two dimensions, but got {count}")
    elif count == 1:
        return reduction.vector_norm(input, ord, dim, keepdim, dtype=dtype, out=out)
    elif count != 2:
        raise RuntimeError(
            "linalg.norm: If dim is specified, it must be of length 1 or 2. Got " + str(dim)
        )
    return matrix_norm(input, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype, out=out)


@function(method=False)
def nuclear_norm(input, dim=(-2, -1), keepdim=False, *, out=None):
    """The sum of the singular values."""
    return matrix_norm(input, "nuc", dim, keepdim, out=out)


@function(method=False)
def frobenius_norm(input, dim=(), keepdim=False, *, out=None):
    """The square root of the sum of squares over `dim`."""
    return reduction.vector_norm(input, 2, dim, keepdim, out=out)


@linalg
def cond(input, p=None, *, out=None):
    """The condition number in the norm `p`: 2 where it is None; infinite for singular matrices."""
    if len(input.shape) < 2:
        raise RuntimeError("linalg.cond: The input tensor A must have at least 2 dimensions.")
    if p is None or (not isinstance(p, str) and abs(p) == 2):
        values = svdvals(input)
        largest, least = values[..., 0], values[..., -1]
        result = largest / least if p in (None, 2) else least / largest
        return deliver("linalg_cond", result, out)
    check_matrices("linalg.cond", input, square=True)
    _check_order(p)
    inverse, info = inv_op(input)
    singular = (info != 0).unsqueeze(-1).unsqueeze(-1)
    inverse = inverse.masked_fill(singular, math.inf)
    return deliver("linalg_cond", matrix_norm(input, p) * matrix_norm(inverse, p), out)


# Rank and pseudo-inverse --------------------------------------------------------------------------


def _threshold(A, largest, atol, rtol):
    """Below which singular values count as zero: max(atol, rtol * largest)."""
    if rtol is None:
        known_atol = atol is not None and (isinstance(atol, graph.Value) or atol > 0)
        rtol = 0.0 if known_atol and not isinstance(atol, graph.Value) else (
            max(A.shape[-2:]) * dtypes.finfo(A.dtype).eps
        )  # fmt: skip
        if known_atol and isinstance(atol, graph.Value):
            rtol = FUNCTIONS["where"](atol > 0, 0.0, rtol)
    relative = largest * rtol
    if atol is None:
        return relative
    if isinstance(atol, graph.Value):
        return FUNCTIONS["maximum"](relative, atol.to(relative.dtype))
    return relative.clamp(min=atol)


@linalg
def matrix_rank(input, tol=None, hermitian=False, *, atol=None, rtol=None, out=None):
    """How many singular values lie above max(atol, rtol * the largest)."""
    check_matrices("linalg.matrix_rank", input, square=hermitian)
    atol = tol if atol is None and tol is not None else atol
    if tol is not None and rtol is None:
        rtol = 0.0
    detached = input.detach()
    values = eigvalsh(detached).abs() if hermitian else svdvals(detached)
    if values.shape[-1] == 0:
        zero = FUNCTIONS["zeros"](input.shape[:-2], dtype=dtypes.int64, device=devices.of(input))
        return deliver("linalg_matrix_rank", zero, out)
    limit = _threshold(input, values.amax(-1), atol, rtol)
    limit = limit.unsqueeze(-1) if isinstance(limit, graph.Value) else limit
    return deliver("linalg_matrix_rank", (values > limit).sum(-1), out)


@primitive(name="linalg_pinv", node_name="LinalgPinvBackward0")
def pinv_op(input, computed):
    """The pseudo-inverse of `input`, computed already: this op gives it its gradient."""
    return Spec(computed.shape, computed.dtype)


@pinv_op.forward
def _(out, input, computed):
    copy_values(out, computed)


@pinv_op.gradient("input")
def _(grad, input, output):
    """Golub and Pereyra (1973), equation 4.12."""
    P, Ph, G = output, adjoint(output), adjoint(grad)
    found = -matmul(matmul(Ph, grad), Ph)
    outside = matmul(G, P)
    found = found + matmul(outside - matmul(input, matmul(P, outside)), Ph)
    inside = matmul(P, G)
    return found + matmul(Ph, inside - matmul(matmul(inside, P), input))


@linalg
def pinv(input, rcond=None, hermitian=False, *, atol=None, rtol=None, out=None):
    """The Moore-Penrose pseudo-inverse, by singular values above max(atol, rtol * the largest)."""
    check_matrices("linalg.pinv", input, square=hermitian)
    rtol = rcond if rtol is None else rtol
    source = input.detach()
    if 0 in input.shape[-2:]:
        return adjoint(input).clone()
    if hermitian:
        S, U = eigh(source)
        right = U
    else:
        U, S, Vh = linalg_svd(source, full_matrices=False)
        right = adjoint(Vh)
    size = S.abs()
    limit = _threshold(input, size.amax(-1), atol, rtol).unsqueeze(-1)
    reciprocals = FUNCTIONS["where"](size > limit, 1 / S, 0).to(input.dtype)
    computed = matmul(right * reciprocals.unsqueeze(-2), adjoint(U))
    return deliver("linalg_pinv", pinv_op(input, computed), out)


@function(name="pinverse")
def pinverse(input, rcond=1e-15):
    """The pseudo-inverse, by singular values above rcond * the largest."""
    return pinv(input, rtol=rcond)


@linalg
def lstsq(input, b, rcond=None, *, driver=None):
    """The X of least norm that minimises |A X - B|, with residuals, rank and singular values.

    All drivers solve by singular values; they differ in which of the other results they fill.
    """
    name = "torch.linalg.lstsq"
    check_matrices(name, input)
    check_same_dtype(name, input, b)
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
        )
    vector = len(b.shape) == 1 or b.shape == input.shape[:-1]
    right = b.unsqueeze(-1) if vector else b
    if right.shape[-2] != input.shape[-2]:
        raise RuntimeError(f"{name}: input.size(-2) should match other.size(-2)")
    rows, columns = input.shape[-2:]
    solution = matmul(pinv(input, rtol=rcond), right)
    rank = matrix_rank(input, rtol=rcond)
    full = bool((rank == min(rows, columns)).all())
    empty = FUNCTIONS["empty"]((0,), dtype=input.dtype.to_real(), device=devices.of(input))
    residuals = solution.abs().reshape(-1)[:0]
    if rows > columns and (driver == "gels" or (full and driver not in (None, "gelsy"))):
        residuals = (matmul(input, solution) - right).abs().square().sum(-2)
    if driver == "gels":
        rank = FUNCTIONS["empty"]((0,), dtype=dtypes.int64, device=devices.of(input))
    values = svdvals(input.detach()) if driver in ("gelsd", "gelss") else empty
    results = solution.squeeze(-1) if vector else solution, residuals, rank, values
    return deliver_several("linalg_lstsq", results, None, return_types.linalg_lstsq)


# Samples ------------------------------------------------------------------------------------------


@samples("linalg_matrix_norm")
def _(make):
    for ord in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf):
        yield Sample(make(3, 4), ord)
    yield Sample(make(2, 3, 4), "nuc", (0, 2), True)
    yield Sample(make(2, 3, 3, dtype=dtypes.complex128), "nuc")


@samples("linalg_pinv")
def _(make):
    for shape in ((3, 3), (4, 2), (2, 4), (2, 3, 2)):
        yield Sample(make(*shape))
    yield Sample(make(3, 2, dtype=dtypes.complex128))


@samples("linalg_lstsq")
def _(make):
    yield Sample(make(4, 2), make(4, 3)).between(None, lambda results: results[0])
    yield Sample(make(2, 4), make(2)).between(None, lambda results: results[0])


@samples("linalg_cond")
def _(make):
    yield Sample(regular(make, 3, 3))
    yield Sample(regular(make, 3, 3), "fro")
    yield Sample(regular(make, 2, 3, 3), 1)
