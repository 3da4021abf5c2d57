"""Eigenvalues and eigenvectors of square matrices that need not be Hermitian."""

from .. import devices, dtypes, return_types, shapes
from ..formulas import schur
from ..op import Spec, primitive
from .arithmetic import conj_of
from .checks import any_set
from .closeness import isclose
from .decompositions import NOT_CONVERGED, up_to_phase
from .linear_systems import (
    check_matrices,
    deliver_several,
    dense_copy,
    for_each_matrix,
    linalg,
    raise_where,
    scratch,
)
from .matmul import adjoint, matmul
from .output import deliver
from .registry import FUNCTIONS, Sample, samples


@primitive(name="linalg_eig", node_name="LinalgEigBackward0", materialize_grads=False)
def eig_op(input):
    """Complex eigenvalues, eigenvectors as columns, and 0 where the algorithm converged."""
    *batch, n, _ = input.shape
    dtype = input.dtype.to_complex()
    return Spec((*batch, n), dtype), Spec(input.shape, dtype), Spec(batch, dtypes.int32)


@eig_op.forward
def _(out, input):
    values, vectors, info = out
    *batch, n, _ = input.shape
    a, z = dense_copy(input), scratch(input, input.shape)
    taus, work = (scratch(input, (*batch, n)) for _ in range(2))
    if input.dtype.is_complex:
        formula, arrays = schur.eig_of_complex, (a, z, values, vectors, taus, work, info)
    else:
        t, u = (scratch(values, input.shape) for _ in range(2))
        arrays = (a, z, t, u, values, vectors, taus, work, scratch(values, (*batch, n)), info)
        formula = schur.eig_of_real
    for_each_matrix(formula, shapes.numel(batch), arrays, (n,), 25 * n * n * n)


@eig_op.gradient("input")
def _(grads, outputs, input):
    found = _eig_gradient(grads[:2], outputs[:2])
    return found if found is None or input.dtype.is_complex else found.real


def _eig_gradient(grads, outputs):
    """V^-H (diag(grad of values) + (V^H G - V^H V diag(V^H G)) / gaps) V^H, G the grad of V."""
    (grad_values, grad_vectors), (values, vectors) = grads, outputs
    if grad_values is None and grad_vectors is None:
        return None
    if grad_vectors is None:
        inside = grad_values.diag_embed()
    else:
        turned = matmul(adjoint(vectors), grad_vectors)
        diagonal = turned.diagonal(0, -2, -1)
        _refuse_phases(diagonal)
        moved = turned - matmul(
            adjoint(vectors), vectors * diagonal.real.to(vectors.dtype).unsqueeze(-2)
        )
        inverse = conj_of(values)
        eye = FUNCTIONS["eye"](values.shape[-1], dtype=values.dtype, device=devices.of(values))
        gaps = inverse.unsqueeze(-2) - inverse.unsqueeze(-1) + eye
        inside = moved / gaps * (1 - eye)
        if grad_values is not None:
            inside = inside + grad_values.diag_embed()
    return FUNCTIONS["linalg_solve"](adjoint(vectors), matmul(inside, adjoint(vectors)))


def _refuse_phases(diagonal):
    """RuntimeError where the loss depends on the phases of eigenvectors, which mean nothing."""
    imaginary = diagonal.detach().imag
    if not isclose(imaginary, imaginary * 0, 1e-2, 1e-2).all():
        raise RuntimeError(
            "linalg_eig_backward: The eigenvectors in the complex case are specified up to "
            "multiplication by e^{i phi}. The specified loss function depends on this quantity, so "
            "it is ill-defined."
        )


def _eig(name, A):
    check_matrices(name, A, square=True)
    if any_set(FUNCTIONS["isfinite"](A.detach()).logical_not()):
        raise RuntimeError(f"torch.{name}: input tensor should not contain infs or NaNs.")
    values, vectors, info = eig_op(A)
    raise_where(info, "linalg.eig", NOT_CONVERGED.format(what="eigenvalues"))
    return values, vectors


@linalg
def eig(input, *, out=None):
    """(eigenvalues, eigenvectors as columns), complex, of square matrices."""
    return deliver_several("linalg_eig", _eig("linalg.eig", input), out, return_types.linalg_eig)


@linalg
def eigvals(input, *, out=None):
    """The eigenvalues, complex, of square matrices."""
    return deliver("linalg_eigvals", _eig("linalg.eigvals", input)[0], out)


@samples("linalg_eig")
def _(make):
    for dtype in (dtypes.float64, dtypes.complex128):
        yield Sample(make(3, 3, dtype=dtype)).between(None, up_to_phase)
        yield Sample(make(2, 4, 4, dtype=dtype)).between(None, up_to_phase)
    yield Sample(make(0, 0))
    yield Sample(make(1, 1)).between(None, up_to_phase)


@samples("linalg_eigvals")
def _(make):
    yield Sample(make(4, 4))
