"""`linalg.eig` of matrices of every kind: their equation, and beside PyTorch eigenvalues and gradients."""

import numpy as np
import pytest

import numbatorch as torch


def matrices(n, dtype):
    """Random, triangular, defective, cyclic and zero matrices of size n."""
    random = np.random.default_rng(n)
    values = random.standard_normal((n, n))
    if np.dtype(dtype).kind == "c":
        values = values + 1j * random.standard_normal((n, n))
    yield values.astype(dtype)
    yield np.triu(values).astype(dtype)
    yield np.round(values * 2).astype(dtype)
    yield np.eye(n, k=1, dtype=dtype)
    yield np.roll(np.eye(n, dtype=dtype), 1, 0)
    yield np.zeros((n, n), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 12, 30])
def test_eigenvectors_fulfil_their_equation(n, dtype):
    bound = 1e-4 if dtype in ("float32", "complex64") else 1e-12
    for matrix in matrices(n, dtype):
        values, vectors = (x.numpy() for x in torch.linalg.eig(torch.from_numpy(matrix.copy())))
        assert np.abs(matrix @ vectors - vectors * values).max() < bound * n
        assert np.abs(np.linalg.norm(vectors, axis=0) - 1).max() < bound
        if (
            matrix.dtype.kind == "f"
        ):  # complex eigenvalues come in pairs, positive imaginary part first
            pairs = values[values.imag != 0]
            assert (pairs[::2] == pairs[1::2].conj()).all() and (pairs[::2].imag > 0).all()


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_eigenvalues_and_gradients_are_pytorchs(dtype):
    reference = pytest.importorskip("torch")

    def losses(framework, matrix):
        values, vectors = framework.linalg.eig(matrix)
        yield framework.linalg.eigvals(matrix).abs().sum()
        yield (vectors.abs() ** 3).sum() + (values.real**3).sum()

    for n in (1, 2, 4, 7):
        matrix = next(matrices(n, dtype))
        theirs = reference.tensor(matrix, requires_grad=True)
        ours = torch.tensor(matrix, requires_grad=True)
        found, wanted = (
            m.linalg.eigvals(x).detach().numpy() for m, x in ((torch, ours), (reference, theirs))
        )
        assert max(np.abs(wanted - value).min() for value in found) < 1e-12
        for a, b in zip(losses(reference, theirs), losses(torch, ours)):
            (wanted,), (found,) = reference.autograd.grad(a, theirs), torch.autograd.grad(b, ours)
            np.testing.assert_allclose(found.numpy(), wanted.numpy(), atol=1e-10)


def test_losses_of_phases_and_bad_matrices_are_refused():
    matrix = torch.randn(3, 3, dtype=torch.complex128, requires_grad=True)
    with pytest.raises(RuntimeError, match="ill-defined"):
        torch.linalg.eig(matrix)[1].imag.sum().backward()
    with pytest.raises(RuntimeError, match="infs or NaNs"):
        torch.linalg.eig(torch.full((2, 2), float("nan")))
    with pytest.raises(RuntimeError, match="square"):
        torch.linalg.eigvals(torch.ones(2, 3))
