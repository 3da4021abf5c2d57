"""Determinants, and Cholesky's factor of positive definite matrices."""

from .. import devices, dtypes, return_types, shapes
from ..formulas import triangular_factors as formulas
from ..op import Spec, copy_values, primitive
from .arithmetic import conj_of
from .linear_systems import (
    broadcast_batches,
    check_matrices,
    check_same_dtype,
    conjugated,
    deliver_several,
    dense_copy,
    divide_right,
    for_each_matrix,
    inv_op,
    linalg,
    raise_where,
    regular,
    scratch,
    solve_op,
    triangular_op,
    turned,
)  # fmt: skip
from .matmul import adjoint, matmul
from .matrices import tril_op
from .output import deliver
from .registry import FUNCTIONS, Sample, function, samples

# Determinants -------------------------------------------------------------------------------------


@primitive(name="linalg_det", node_name="LinalgDetBackward0")
def det_op(input):
    """The determinant of each matrix."""
    return Spec(input.shape[:-2], input.dtype)


@det_op.forward
def _(out, input):
    batch, n = input.shape[:-2], input.shape[-1]
    for_each_matrix(
        formulas.determinant, shapes.numel(batch),
        (out, dense_copy(input), scratch(input, (*batch, n), dtypes.int32),
         scratch(input, batch, dtypes.int32)),
        (n,), n * n * n,
    )  # fmt: skip


@det_op.gradient("input")
def _(grad, input, output):
    return spread(grad) * adjoint(cofactors(input, output))


def spread(x):
    """A number per matrix, to be multiplied with matrices."""
    return x.unsqueeze(-1).unsqueeze(-1)


def cofactors(input, determinant):
    """The adjugate: det(A) A^-1, also where A is singular.

    There it comes from the singular values: what each of them leaves is the product of the others.
    """
    if not bool((determinant == 0).any()):
        return spread(determinant) * inv_op(input)[0]
    U, S, Vh = FUNCTIONS["linalg_svd"](input, full_matrices=False)
    n = input.shape[-1]
    others = S.unsqueeze(-2).expand(*S.shape, n).masked_fill(
        FUNCTIONS["eye"](n, dtype=dtypes.bool_, device=devices.of(S)), 1
    ).prod(-1)  # fmt: skip
    phase = det_op(U) * det_op(Vh)
    return spread(phase) * matmul(adjoint(Vh) * others.unsqueeze(-2), adjoint(U))


@linalg
def det(A, *, out=None):
    """The determinant of square matrices."""
    check_matrices("linalg.det", A, square=True)
    return deliver("linalg_det", det_op(A), out)


@function(name="det")
def _det(input):
    """The determinant of square matrices."""
    return det(input)


@primitive(name="linalg_slogdet", node_name="LinalgSlogdetBackward0", materialize_grads=False)
def slogdet_op(input):
    """The sign of the determinant, and the logarithm of its size."""
    batch = input.shape[:-2]
    return Spec(batch, input.dtype), Spec(batch, input.dtype.to_real())


@slogdet_op.forward
def _(out, input):
    sign, logarithm = out
    batch, n = input.shape[:-2], input.shape[-1]
    for_each_matrix(
        formulas.sign_and_log, shapes.numel(batch),
        (sign, logarithm, dense_copy(input), scratch(input, (*batch, n), dtypes.int32),
         scratch(input, batch, dtypes.int32)),
        (n,), n * n * n,
    )  # fmt: skip


@slogdet_op.gradient("input")
def _(grads, input, outputs):
    turn, slope = grads
    weight = 0 if slope is None else spread(slope)
    if input.dtype.is_complex and turn is not None:
        # only the angle of the sign moves
        angle = (conj_of(turn) * outputs[0]).imag
        weight = weight - 1j * spread(angle)
    elif slope is None:
        return None
    n = input.shape[-1]
    eye = FUNCTIONS["eye"](n, dtype=input.dtype, device=devices.of(input))
    solved, _ = solve_op(adjoint(input), eye.expand(input.shape))
    return weight * solved


@linalg(name="slogdet")
def linalg_slogdet(A, *, out=None):
    """(sign, logabsdet) with sign * exp(logabsdet) = det(A)."""
    check_matrices("linalg.slogdet", A, square=True)
    return deliver_several("linalg_slogdet", slogdet_op(A), out, return_types.linalg_slogdet)


@function
def slogdet(input):
    """(sign, logabsdet) with sign * exp(logabsdet) = det(input)."""
    return return_types.slogdet(linalg_slogdet(input))


@function
def logdet(input):
    """The logarithm of the determinant: NaN where that is negative, -inf where it is 0."""
    check_matrices("logdet", input, square=True)
    sign, logarithm = slogdet_op(input)
    if input.dtype.is_complex:
        return sign.log() + logarithm
    return FUNCTIONS["where"](sign == -1, float("nan"), logarithm)


# Cholesky -----------------------------------------------------------------------------------------


@primitive(name="linalg_cholesky_ex", node_name="LinalgCholeskyExBackward0")
def cholesky_op(input):
    """The lower L with L L^H = input, and 0 or the order of the minor that is not positive."""
    return Spec(input.shape, input.dtype), Spec(input.shape[:-2], dtypes.int32)


@cholesky_op.forward
def _(out, input):
    factor, info = out
    n = input.shape[-1]
    copy_values(factor, input)
    for_each_matrix(
        formulas.cholesky, shapes.numel(info.shape), (factor, info), (n,), n * n * n // 3
    )


@cholesky_op.gradient("input")
def _(grads, outputs):
    L = outputs[0]
    inside = tril_op(matmul(adjoint(L), grads[0]), diagonal=0)
    inside = inside - (inside.diagonal(0, -2, -1) / 2).diag_embed()
    inside = (inside + adjoint(inside)) / 2
    turned = adjoint(L)
    return divide_right(triangular_op(turned, inside, upper=True, unit=False), L)


_NOT_POSITIVE = (
    "The factorization could not be completed because the input is not positive-definite (the "
    "leading minor of order {info} is not positive-definite)."
)


def _cholesky_ex(name, A, upper):
    check_matrices(name, A, square=True)
    factor, info = cholesky_op(adjoint(A) if upper else A)
    return adjoint(factor) if upper else factor, info


@linalg(name="cholesky")
def linalg_cholesky(input, *, upper=False, out=None):
    """The lower L with L L^H = A, or the upper U with U^H U = A, of positive definite matrices."""
    factor, info = _cholesky_ex("linalg.cholesky", input, upper)
    raise_where(info, "linalg.cholesky", _NOT_POSITIVE)
    return deliver("linalg_cholesky", factor, out)


@linalg
def cholesky_ex(input, *, upper=False, check_errors=False, out=None):
    """As `cholesky`, with the order of the minor that is not positive (0: none) beside it."""
    results = _cholesky_ex("linalg.cholesky_ex", input, upper)
    if check_errors:
        raise_where(results[1], "torch.linalg.cholesky_ex", _NOT_POSITIVE)
    return deliver_several("linalg_cholesky_ex", results, out, return_types.linalg_cholesky_ex)


@function
def cholesky(input, upper=False, *, out=None):
    """The old name of `linalg.cholesky`."""
    factor, info = _cholesky_ex("cholesky", input, upper)
    raise_where(info, "cholesky", _NOT_POSITIVE)
    return deliver("cholesky", factor, out)


@primitive(name="cholesky_solve")
def cholesky_solve_op(B, L, *, upper):
    """The X with L L^H X = B (L^H L X = B where L is upper); the batch dimensions broadcast."""
    return Spec((*broadcast_batches(L, B), *B.shape[-2:]), B.dtype)


@cholesky_solve_op.forward
def _(out, B, L, *, upper):
    n, columns = B.shape[-2:]
    batch = out.shape[:-2]
    own = dense_copy(L, (*batch, n, n))
    other = dense_copy(conjugated(turned(own)))
    copy_values(out, B)
    for factor, is_upper in ((other, 0), (own, 1)) if upper else ((own, 0), (other, 1)):
        for_each_matrix(
            formulas.solve_triangular, shapes.numel(batch), (factor, out), (n, columns, is_upper, 0),
            n * n * columns // 2,
        )  # fmt: skip


@cholesky_solve_op.gradient("B")
def _(grad, L, upper):
    return cholesky_solve_op(grad, L, upper=upper)


@cholesky_solve_op.gradient("L")
def _(grad, L, output, upper):
    product = matmul(cholesky_solve_op(grad, L, upper=upper), adjoint(output))
    product = product + adjoint(product)
    return -matmul(L, product) if upper else -matmul(product, L)


@function
def cholesky_solve(input, input2, upper=False, *, out=None):
    """The X with A X = B, where L is Cholesky's factor of A."""
    check_matrices("cholesky_solve", input2, square=True)
    check_matrices("cholesky_solve", input, "B")
    if input.shape[-2] != input2.shape[-1]:
        raise RuntimeError(
            f"Incompatible matrix sizes for cholesky_solve: each A matrix is {input2.shape[-1]} by "
            f"{input2.shape[-1]} but each b matrix is {input.shape[-2]} by {input.shape[-1]}"
        )
    check_same_dtype("cholesky_solve", input2, input)
    return deliver("cholesky_solve", cholesky_solve_op(input, input2, upper=upper), out)


@function
def cholesky_inverse(input, upper=False, *, out=None):
    """The inverse of the matrix whose Cholesky factor is L."""
    check_matrices("cholesky_inverse", input, square=True)
    n = input.shape[-1]
    eye = FUNCTIONS["eye"](n, dtype=input.dtype, device=devices.of(input)).expand(input.shape)
    return deliver("cholesky_inverse", cholesky_solve_op(eye, input, upper=upper), out)


# Samples ------------------------------------------------------------------------------------------


for _name in ("linalg_det", "linalg_slogdet"):

    @samples(_name)
    def _(make):
        yield Sample(regular(make, 3, 3))
        yield Sample(regular(make, 2, 2, 3, 3))
        yield Sample(make(2, 0, 0))
        yield Sample(regular(make, 2, 2, dtype=dtypes.complex128))


def definite(make, *shape, dtype=dtypes.float64):
    """A positive definite matrix, or a batch."""
    x = make(*shape, dtype=dtype).detach()
    eye = FUNCTIONS["eye"](shape[-1], dtype=dtype, device=devices.of(x))
    return (matmul(x, adjoint(x)) + eye).requires_grad_()


def lower_triangle(x):
    """What a lower factor is made of."""
    return tril_op(x, diagonal=0)


def hermitian(x):
    """The Hermitian part of a matrix."""
    return (x + adjoint(x)) / 2


@samples("linalg_cholesky")
def _(make):
    for upper in (False, True):
        yield Sample(definite(make, 3, 3), upper=upper).between(hermitian)
        yield Sample(definite(make, 2, 3, 3), upper=upper).between(hermitian)
        yield Sample(make(0, 0), upper=upper)
    yield Sample(definite(make, 2, 2, dtype=dtypes.complex128)).between(hermitian)


@samples("cholesky_inverse")
def _(make):
    yield Sample(regular(make, 3, 3)).between(lower_triangle)


@samples("cholesky_solve")
def _(make):
    yield Sample(make(3, 2), regular(make, 3, 3).detach().tril().requires_grad_(False))
    yield Sample(make(2, 3, 2), regular(make, 3, 3).detach().triu().requires_grad_(False), True)
