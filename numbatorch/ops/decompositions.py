"""Decompositions into orthogonal factors: QR, Hermitian eigenvectors, singular values.

Signs of vectors are those of the algorithms in `formulas/`; for QR they are LAPACK's.
"""

from .. import devices, dtypes, graph, return_types, shapes
from ..formulas import arithmetic, eigenvalues, orthogonal_factors, singular_values
from ..op import Spec, copy_values, primitive
from .arithmetic import conj_of
from .determinants import hermitian
from .linear_systems import (
    check_matrices,
    conjugated,
    deliver_several,
    dense_copy,
    divide_right,
    for_each_matrix,
    linalg,
    raise_where,
    scratch,
    turned,
)
from .matmul import adjoint, matmul
from .matrices import triu_op
from .output import deliver
from .registry import FUNCTIONS, Sample, function, samples
from .views import transpose

# QR -----------------------------------------------------------------------------------------------


@primitive(name="linalg_qr", node_name="LinalgQrBackward0", materialize_grads=False)
def qr_op(input, *, mode):
    """Q with orthonormal columns and upper triangular R; `mode` is reduced, complete or r."""
    *batch, rows, columns = input.shape
    count = rows if mode == "complete" else min(rows, columns)
    q_shape = (0,) if mode == "r" else (*batch, rows, count)
    return Spec(q_shape, input.dtype), Spec((*batch, count, columns), input.dtype)


@qr_op.forward
def _(out, input, *, mode):
    q, r = out
    *batch, rows, columns = input.shape
    count, items = min(rows, columns), shapes.numel(batch)
    a = dense_copy(input)
    taus = scratch(input, (*batch, count))
    work = scratch(input, (*batch, max(rows, columns)))
    steps = rows * columns * count
    for_each_matrix(orthogonal_factors.qr, items, (a, taus, work), (rows, columns), steps)
    if mode != "r":
        for_each_matrix(
            orthogonal_factors.form_q, items, (q, a, taus, work),
            (rows, columns, q.shape[-1], count), steps,
        )  # fmt: skip
    filled = shapes.Size((*batch, r.shape[-2], columns))
    copy_values(r, graph.alias(a, filled, a.strides))
    devices.kernels(r).indexing.triangle(r, r, 0, True)


@qr_op.gradient("input")
def _(grads, outputs, mode):
    return _qr_gradient(grads, outputs, mode)


def _qr_gradient(grads, outputs, mode):
    """The gradient of Q R (Walter and Lehmann, 2010); wide matrices by their square part."""
    (grad_q, grad_r), (Q, R) = grads, outputs
    rows, columns = R.shape[-2], R.shape[-1]
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please "
            "use linalg.qr(A, mode='reduced') if you are going to require gradients."
        )
    if Q.shape[-1] > columns:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols."
        )
    right = None
    if columns > rows and grad_r is not None:
        right = grad_r[..., rows:]
        rotated = matmul(matmul(Q, R[..., rows:]), adjoint(right))
        grad_q = rotated if grad_q is None else grad_q + rotated
        grad_r = grad_r[..., :rows]
    square = R[..., :rows]
    inside = 0
    if grad_r is not None:
        inside = matmul(grad_r, adjoint(square))
    if grad_q is not None:
        inside = inside - matmul(adjoint(Q), grad_q)
    inside = triu_op(inside, diagonal=0)
    diagonal = inside.diagonal(0, -2, -1)
    inside = inside + adjoint(inside) - _real_part(diagonal).diag_embed()
    total = matmul(Q, inside)
    if grad_q is not None:
        total = total + grad_q
    total = divide_right(total, adjoint(square))
    if columns > rows:
        beside = FUNCTIONS["zeros_like"](R[..., rows:]) if right is None else matmul(Q, right)
        total = FUNCTIONS["cat"]([total, beside], -1)
    return total


def _real_part(x):
    return x.real.to(x.dtype) if x.dtype.is_complex else x


@linalg(name="qr")
def linalg_qr(A, mode="reduced", *, out=None):
    """(Q, R) with A = Q R; mode "complete" makes Q square, "r" leaves it empty."""
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', "
            "or 'complete'"
        )
    check_matrices("linalg.qr", A)
    return deliver_several("linalg_qr", qr_op(A, mode=mode), out, return_types.linalg_qr)


@function
def qr(input, some=True, *, out=None):
    """The old name of `linalg.qr`; `some` is its mode "reduced"."""
    results = linalg_qr(input, "reduced" if some else "complete")
    return deliver_several("qr", results, out, return_types.qr)


# Eigenvalues of Hermitian matrices ----------------------------------------------------------------


def _eigh(out, vectors, input, values, info):
    """Launch the kernel; `vectors` may be None."""
    *batch, n, _ = input.shape
    real = input.dtype.to_real()
    rotated = scratch(input, (*batch, n, n) if vectors is not None else (*batch, 0))
    for_each_matrix(
        eigenvalues.eigh, shapes.numel(batch),
        (dense_copy(input), values, rotated, scratch(input, (*batch, n)),
         scratch(input, (*batch, n), real), scratch(input, (*batch, n)), info),
        (n, int(vectors is not None)), 4 * n * n * n,
    )  # fmt: skip
    if vectors is not None:
        copy_values(vectors, turned(rotated))


@primitive(name="linalg_eigh", node_name="LinalgEighBackward0", materialize_grads=False)
def eigh_op(input):
    """Eigenvalues, ascending, eigenvectors, and 0 where the algorithm converged."""
    *batch, n, _ = input.shape
    return (
        Spec((*batch, n), input.dtype.to_real()),
        Spec(input.shape, input.dtype),
        Spec(batch, dtypes.int32),
    )


@eigh_op.forward
def _(out, input):
    values, vectors, info = out
    _eigh(out, vectors, input, values, info)


@eigh_op.gradient("input")
def _(grads, outputs):
    values, vectors = outputs[:2]
    grad_values, grad_vectors = grads[:2]
    inside = 0
    if grad_vectors is not None:
        gaps = values.unsqueeze(-2) - values.unsqueeze(-1)
        gaps = gaps + _eye_like(gaps)
        inside = _skew(matmul(adjoint(vectors), grad_vectors)) / (2 * gaps)
    if grad_values is not None:
        inside = inside + grad_values.to(vectors.dtype).diag_embed()
    if isinstance(inside, int):
        return None
    return matmul(matmul(vectors, inside), adjoint(vectors))


def _eye_like(x):
    return FUNCTIONS["eye"](*x.shape[-2:], dtype=x.dtype, device=devices.of(x))


NOT_CONVERGED = (
    "The algorithm failed to converge because the input matrix is ill-conditioned or has too many "
    "repeated {what} (error code: {{info}})."
)


def of_one_triangle(name, A, UPLO):
    """The Hermitian matrix with the triangle of A that `UPLO` names."""
    check_matrices(name, A, square=True)
    if not isinstance(UPLO, str) or UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return hermitian_of(A, upper=UPLO.upper() == "U")


@linalg
def eigh(input, UPLO="L", *, out=None):
    """(eigenvalues, ascending; eigenvectors as columns) of Hermitian matrices."""
    values, vectors, info = eigh_op(of_one_triangle("linalg.eigh", input, UPLO))
    raise_where(info, "linalg.eigh", NOT_CONVERGED.format(what="eigenvalues"))
    return deliver_several("linalg_eigh", (values, vectors), out, return_types.linalg_eigh)


@linalg
def eigvalsh(input, UPLO="L", *, out=None):
    """The eigenvalues, ascending, of Hermitian matrices."""
    values, _, info = eigh_op(of_one_triangle("linalg.eigvalsh", input, UPLO))
    raise_where(info, "linalg.eigh", NOT_CONVERGED.format(what="eigenvalues"))
    return deliver("linalg_eigvalsh", values, out)


@primitive(name="hermitian_of_triangle", node_name="LinalgEighBackward0")
def hermitian_of(input, *, upper):
    """The Hermitian matrix with this triangle; the gradient goes to the whole of it, as PyTorch's."""
    return Spec(input.shape, input.dtype)


@hermitian_of.forward
def _(out, input, *, upper):
    kernels = devices.kernels(out)
    strict = scratch(input, input.shape)
    kernels.indexing.triangle(out, input, 0, upper)
    kernels.indexing.triangle(strict, input, 1 if upper else -1, upper)
    kernels.elementwise.apply(arithmetic.add, out, out, conjugated(turned(strict)))


@hermitian_of.gradient("input")
def _(grad):
    return grad


# Singular values ----------------------------------------------------------------------------------


@primitive(name="linalg_svd", node_name="LinalgSvdBackward0", materialize_grads=False)
def svd_op(input, *, full_matrices):
    """U, S (descending) and V^H with input = U diag(S) V^H, and 0 where the algorithm converged."""
    *batch, rows, columns = input.shape
    count = min(rows, columns)
    left, right = (rows, columns) if full_matrices else (count, count)
    return (
        Spec((*batch, rows, left), input.dtype),
        Spec((*batch, count), input.dtype.to_real()),
        Spec((*batch, right, columns), input.dtype),
        Spec(batch, dtypes.int32),
    )


@svd_op.forward
def _(out, input, *, full_matrices):
    U, S, Vh, info = out
    *batch, rows, columns = input.shape
    tall = rows >= columns
    short, long = min(rows, columns), max(rows, columns)
    total = long if full_matrices else short
    w = scratch(input, (*batch, total, long))
    source = turned(input) if tall else conjugated(input)
    copy_values(graph.alias(w, shapes.Size((*batch, short, long)), w.strides), source)
    v = scratch(input, (*batch, short, short))
    known = scratch(input, (*batch, total), dtypes.int32)
    for_each_matrix(
        singular_values.svd, shapes.numel(batch), (w, S, v, known, info), (short, long, 1),
        10 * long * short * short,
    )  # fmt: skip
    left, right = (w, v) if tall else (v, w)
    copy_values(U, turned(left))
    copy_values(Vh, conjugated(right))


@svd_op.gradient("input")
def _(grads, outputs, full_matrices):
    return _svd_gradient(grads[:3], outputs[:3], full_matrices)


def _svd_gradient(grads, outputs, full_matrices):
    """The gradient of U S V^H, for what does not depend on the signs of the vectors."""
    grad_u, grad_s, grad_vh = grads
    U, S, Vh = outputs
    if grad_u is None and grad_vh is None:
        if grad_s is None:
            return None
        count = S.shape[-1]
        return matmul(U[..., :count] * grad_s.to(U.dtype).unsqueeze(-2), Vh[..., :count, :])
    rows, columns, count = U.shape[-2], Vh.shape[-1], S.shape[-1]
    if full_matrices:  # what is beside the first vectors is not unique, so it may not matter
        U, Vh = U[..., :count], Vh[..., :count, :]
        grad_u = None if grad_u is None else grad_u[..., :count]
        grad_vh = None if grad_vh is None else grad_vh[..., :count, :]
    weights = S.unsqueeze(-2)
    squares = S * S
    gaps = squares.unsqueeze(-2) - squares.unsqueeze(-1)
    gaps = gaps + _eye_like(gaps)
    inside = 0
    if grad_u is not None:
        turn = _skew(matmul(adjoint(U), grad_u))
        inside = turn / gaps * weights
        if U.dtype.is_complex:
            inside = inside + (turn.diagonal(0, -2, -1) / (2 * S)).diag_embed()
    if grad_vh is not None:
        inside = inside + _skew(matmul(Vh, adjoint(grad_vh))) / gaps * S.unsqueeze(-1)
    inside = inside - (inside.diagonal(0, -2, -1) * 0).diag_embed()
    if grad_s is not None:
        inside = inside + grad_s.to(U.dtype).diag_embed()
    total = matmul(matmul(U, inside), Vh)
    if grad_u is not None and rows > count:
        outside = grad_u - matmul(U, matmul(adjoint(U), grad_u))
        total = total + matmul(outside / weights, Vh)
    if grad_vh is not None and columns > count:
        outside = grad_vh - matmul(matmul(grad_vh, adjoint(Vh)), Vh)
        total = total + matmul(U, outside / S.unsqueeze(-1))
    return total


def _skew(x):
    return x - adjoint(x)


def _svd(name, A, full_matrices):
    check_matrices(name, A)
    U, S, Vh, info = svd_op(A, full_matrices=full_matrices)
    raise_where(info, "linalg.svd", NOT_CONVERGED.format(what="singular values"))
    return U, S, Vh


@linalg(name="svd")
def linalg_svd(A, full_matrices=True, *, driver=None, out=None):
    """(U, S, Vh) with A = U diag(S) Vh, singular values descending; `driver` is for CUDA."""
    results = _svd("linalg.svd", A, full_matrices)
    return deliver_several("linalg_svd", results, out, return_types.linalg_svd)


@linalg
def svdvals(A, *, driver=None, out=None):
    """The singular values, descending."""
    return deliver("linalg_svdvals", _svd("linalg.svdvals", A, False)[1], out)


@function
def svd(input, some=True, compute_uv=True, *, out=None):
    """(U, S, V) with input = U diag(S) V^H; the old form of `linalg.svd`."""
    check_matrices("linalg.svd", input)
    if compute_uv:
        U, S, Vh = _svd("linalg.svd", input, not some)
        results = U, S, conj_of(transpose(Vh, -2, -1))
    else:
        *batch, rows, columns = input.shape
        S = svdvals(input)
        results = (
            FUNCTIONS["zeros"](*batch, rows, rows, dtype=input.dtype, device=devices.of(input)),
            S,
            FUNCTIONS["zeros"](
                *batch, columns, columns, dtype=input.dtype, device=devices.of(input)
            ),
        )
    return deliver_several("svd", results, out, return_types.svd)


# Samples ------------------------------------------------------------------------------------------


@samples("linalg_qr")
def _(make):
    yield Sample(make(3, 3))
    yield Sample(make(2, 5, 3))
    yield Sample(make(3, 5))
    yield Sample(make(3, 3), mode="complete")
    yield Sample(make(0, 3))
    yield Sample(make(3, 2, dtype=dtypes.complex128))


def up_to_phase(results):
    """Eigenvalues, and what of eigenvectors does not depend on their signs or phases."""
    values, vectors = results
    return values, vectors.abs()


@samples("linalg_eigh")
def _(make):
    for dtype in (dtypes.float64, dtypes.complex128):
        yield Sample(make(3, 3, dtype=dtype)).between(hermitian, up_to_phase)
        yield Sample(make(2, 4, 4, dtype=dtype), "U").between(hermitian, up_to_phase)
    yield Sample(make(0, 0))
    yield Sample(make(1, 1)).between(hermitian, up_to_phase)


@samples("linalg_eigvalsh")
def _(make):
    yield Sample(make(4, 4)).between(hermitian)


def _phases_of_svd(results):
    U, S, Vh = results
    return U.abs(), S, Vh.abs()


@samples("linalg_svd")
def _(make):
    for dtype in (dtypes.float64, dtypes.complex128):
        for shape in ((3, 3), (4, 2), (2, 4), (2, 3, 2)):
            yield Sample(make(*shape, dtype=dtype), full_matrices=False).between(
                None, _phases_of_svd
            )
    yield Sample(make(0, 3), full_matrices=False)


@samples("linalg_svdvals")
def _(make):
    yield Sample(make(2, 3, 4))
