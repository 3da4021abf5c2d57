"""Linear algebra against NumPy, and the matrices that it refuses."""

import numpy as np
import pytest

import numbatorch as torch

RANDOM = np.random.default_rng(0)
DTYPES = [np.float32, np.float64, np.complex64, np.complex128]
SHAPES = [(1, 1), (3, 3), (5, 3), (3, 5), (2, 4, 4), (0, 3), (3, 0), (0, 2, 2), (40, 25)]


def matrix(shape, dtype):
    values = RANDOM.normal(size=shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * RANDOM.normal(size=shape)
    return values.astype(dtype)


def close(found, expected, dtype):
    tolerance = 2e-4 if np.finfo(dtype).eps > 1e-10 else 1e-10
    np.testing.assert_allclose(found.numpy(), expected, rtol=tolerance, atol=tolerance)


def adjoint(x):
    return np.conj(np.swapaxes(x, -1, -2))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_orthogonal_factors_multiply_to_the_matrix(shape, dtype):
    a = matrix(shape, dtype)
    for mode in ("reduced", "complete"):
        q, r = torch.linalg.qr(torch.tensor(a), mode)
        close(q @ r, a, dtype)
        np.testing.assert_allclose((q.mH @ q).numpy(), np.broadcast_to(
            np.eye(q.shape[-1]), (*shape[:-2], q.shape[-1], q.shape[-1])), atol=1e-5)  # fmt: skip
    for full in (False, True):
        u, s, vh = torch.linalg.svd(torch.tensor(a), full_matrices=full)
        count = s.shape[-1]
        close((u[..., :count] * s.to(u.dtype).unsqueeze(-2)) @ vh[..., :count, :], a, dtype)
        close(s, np.linalg.svd(a, compute_uv=False), dtype)
        eye = np.eye(u.shape[-1])
        np.testing.assert_allclose(
            (u.mH @ u).numpy(), np.broadcast_to(eye, u.shape[:-2] + eye.shape), atol=1e-5
        )
        assert u.shape[-1] == (shape[-2] if full else count)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [s for s in SHAPES if s[-1] == s[-2]])
def test_square_matrices(shape, dtype):
    a = matrix(shape, dtype) + 3 * np.eye(shape[-1], dtype=dtype)
    x = torch.tensor(a)
    close(torch.linalg.inv(x), np.linalg.inv(a), dtype)
    close(torch.linalg.det(x), np.linalg.det(a), dtype)
    for found, expected in zip(torch.linalg.slogdet(x), np.linalg.slogdet(a)):
        close(found, expected, dtype)
    hermitian = a + adjoint(a)
    values, vectors = torch.linalg.eigh(torch.tensor(hermitian))
    close(values, np.linalg.eigvalsh(hermitian), dtype)
    close((vectors * values.to(vectors.dtype).unsqueeze(-2)) @ vectors.mH, hermitian, dtype)
    definite = a @ adjoint(a) + np.eye(shape[-1], dtype=dtype)
    close(torch.linalg.cholesky(torch.tensor(definite)), np.linalg.cholesky(definite), dtype)
    permutation, lower, upper = torch.linalg.lu(x)
    close(permutation @ lower @ upper, a, dtype)


def test_matrices_of_lower_rank_have_orthonormal_vectors_too():
    for a in (np.zeros((4, 3)), np.ones((4, 4)), np.diag([1.0, 0.0, 1e-200])):
        u, s, vh = torch.linalg.svd(torch.tensor(a))
        np.testing.assert_allclose((u.mT @ u).numpy(), np.eye(a.shape[0]), atol=1e-12)
        np.testing.assert_allclose((vh @ vh.mT).numpy(), np.eye(a.shape[1]), atol=1e-12)
        np.testing.assert_allclose(s.numpy(), np.linalg.svd(a, compute_uv=False), atol=1e-14)


def test_the_second_singular_matrix_of_a_batch_is_named():
    batch = torch.stack([torch.eye(2), torch.zeros(2, 2)])
    for call in (
        torch.linalg.inv,
        torch.inverse,
        lambda x: torch.linalg.solve(x, torch.ones(2, 1)),
        torch.linalg.lu_factor,
        torch.linalg.cholesky,
    ):
        with pytest.raises(torch.linalg.LinAlgError, match=r"\(Batch element 1\)"):
            call(batch)
    assert torch.linalg.inv_ex(batch).info.tolist() == [0, 1]
    assert torch.linalg.cholesky_ex(batch).info.tolist() == [0, 1]


def test_values_that_are_not_finite_do_not_converge():
    for call in (torch.linalg.eigh, torch.linalg.svd):
        with pytest.raises(torch.linalg.LinAlgError, match="failed to converge"):
            call(torch.full((3, 3), float("nan")))


@pytest.mark.parametrize("call", [torch.linalg.inv, torch.linalg.svd, torch.linalg.qr])
def test_dtypes_that_are_refused(call):
    with pytest.raises(RuntimeError, match="Expected a floating point or complex"):
        call(torch.eye(2, dtype=torch.int64))
    with pytest.raises(RuntimeError, match="Low precision"):
        call(torch.eye(2, dtype=torch.float16))
    with pytest.raises(RuntimeError, match="at least 2 dimensions"):
        call(torch.ones(2))


def test_singular_matrices_have_a_gradient_of_the_determinant():
    x = torch.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=torch.float64, requires_grad=True)
    torch.linalg.det(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), [[4, -2], [-2, 1]], atol=1e-12)


def test_least_squares_and_rank():
    a, b = matrix((6, 3), np.float64), matrix((6, 2), np.float64)
    for driver in ("gels", "gelsy", "gelsd", "gelss"):
        found = torch.linalg.lstsq(torch.tensor(a), torch.tensor(b), driver=driver)
        expected, residuals, _, values = np.linalg.lstsq(a, b)
        close(found.solution, expected, np.float64)
        if driver in ("gelsd", "gelss"):
            close(found.residuals, residuals, np.float64)
            close(found.singular_values, values, np.float64)
    a[:, 2] = a[:, 0] + a[:, 1]
    assert torch.linalg.matrix_rank(torch.tensor(a)).item() == 2
    close(torch.linalg.pinv(torch.tensor(a)), np.linalg.pinv(a), np.float64)


@pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_norms(ord):
    a = matrix((4, 3), np.float64)
    close(torch.linalg.norm(torch.tensor(a), ord), np.linalg.norm(a, ord), np.float64)
    if ord not in ("fro", "nuc", None):
        close(torch.linalg.norm(torch.tensor(a[0]), ord), np.linalg.norm(a[0], ord), np.float64)


def test_covariance():
    a = matrix((3, 8), np.float64)
    close(torch.cov(torch.tensor(a)), np.cov(a), np.float64)
    close(torch.corrcoef(torch.tensor(a)), np.corrcoef(a), np.float64)
    weights = np.arange(1, 9)
    close(torch.cov(torch.tensor(a), fweights=torch.tensor(weights)), np.cov(a, fweights=weights),
          np.float64)  # fmt: skip
