"""Singular values of matrices of low rank, from the image of random vectors (Halko et al., 2009)."""

from .. import devices
from .matmul import adjoint, matmul
from .reduction import mean
from .registry import FUNCTIONS, function


def _basis(A, count, rounds):
    """`count` orthonormal columns that nearly span the image of A, sharpened `rounds` times."""
    qr = FUNCTIONS["linalg_qr"]
    start = FUNCTIONS["randn"](A.shape[-1], count, dtype=A.dtype, device=devices.of(A))
    Q = qr(matmul(A, start))[0]
    for _ in range(rounds):
        Q = qr(matmul(adjoint(A), Q))[0]
        Q = qr(matmul(A, Q))[0]
    return Q


@function(method=False)
def svd_lowrank(A, q=6, niter=2, M=None):
    """(U, S, V) with A - M about U diag(S) V^H, from `q` random vectors and `niter` rounds."""
    A = A if M is None else A - M.broadcast_to(A.shape)
    wide = A.shape[-2] < A.shape[-1]
    A = adjoint(A) if wide else A
    Q = _basis(A, 6 if q is None else q, 2 if niter is None else niter)
    U, S, Vh = FUNCTIONS["linalg_svd"](matmul(adjoint(Q), A), full_matrices=False)
    U, V = matmul(Q, U), adjoint(Vh)
    return (V, S, U) if wide else (U, S, V)


@function(method=False)
def pca_lowrank(A, q=None, center=True, niter=2):
    """`svd_lowrank` of A less the mean of its rows: the columns of V are the principal directions."""
    least = min(A.shape[-2:])
    q = min(6, least) if q is None else q
    if not 0 <= q <= least:
        raise ValueError(
            f"q(={q}) must be non-negative integer and not greater than min(m, n)={least}"
        )
    if not niter >= 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - mean(A, -2, keepdim=True) if center else A, q, niter)
