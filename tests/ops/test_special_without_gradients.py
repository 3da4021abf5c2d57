"""Bessel and Airy functions and orthogonal polynomials, beside SciPy and PyTorch."""

import numpy as np
import pytest

import numbatorch as torch
from numbatorch.formulas import bessel, orthogonal_polynomials
from numbatorch.ops import special_without_gradients as declared

POINTS = np.concatenate([np.linspace(-30, 30, 601), [0, 1e-8, 7.999, 8.001, 2.0801, -2.0801, 1e4]])


@pytest.mark.parametrize("name", [*declared._OF_ONE, "modified_bessel_i0", "modified_bessel_i1"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_of_one_argument(name, dtype):
    scipy = pytest.importorskip("scipy.special")
    references = {
        "bessel_j0": scipy.j0, "bessel_j1": scipy.j1, "bessel_y0": scipy.y0, "bessel_y1": scipy.y1,
        "modified_bessel_k0": scipy.k0, "modified_bessel_k1": scipy.k1,
        "scaled_modified_bessel_k0": scipy.k0e, "scaled_modified_bessel_k1": scipy.k1e,
        "modified_bessel_i0": scipy.i0, "modified_bessel_i1": scipy.i1,
        "spherical_bessel_j0": lambda x: np.sinc(x / np.pi), "airy_ai": lambda x: scipy.airy(x)[0],
    }  # fmt: skip
    points = POINTS if name != "airy_ai" or dtype == "float64" else POINTS[np.abs(POINTS) <= 30]
    points = points.astype(dtype)
    found = getattr(torch.special, name)(torch.tensor(points))
    assert str(found.dtype) == f"torch.{dtype}" and not found.requires_grad
    wanted = references[name](points.astype("float64")).astype(dtype)
    bounds = {"float32": (2e-5, 2e-5), "float64": (1e-12, 1e-13)}[dtype]
    with np.errstate(all="ignore"):
        real = np.isfinite(wanted)
    np.testing.assert_allclose(found.numpy()[real], wanted[real], *bounds)


@pytest.mark.parametrize("name", declared._POLYNOMIALS)
def test_polynomials_are_pytorchs(name):
    reference = pytest.importorskip("torch")
    points = np.linspace(-2, 2, 41)
    for degree in (0, 1, 2, 5, 9, 30, -1, 2.7):
        found = getattr(torch.special, name)(torch.tensor(points), degree)
        wanted = getattr(reference.special, name)(reference.tensor(points), degree)
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-9, atol=1e-9)
    degrees = torch.special.legendre_polynomial_p(2.0, torch.tensor([1, 2]))
    assert degrees.tolist() == [2, 5.5]


@pytest.mark.parametrize("name", declared._OF_ONE)
def test_formulas_as_plain_python(name):
    points = np.concatenate([np.linspace(-12, 12, 17), [0, 1e-8, 7.999, 8.001, 2.0801, 1e4]])
    found = [getattr(bessel, name)(number) for number in points]
    wanted = getattr(torch.special, name)(torch.tensor(points)).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", declared._POLYNOMIALS)
def test_polynomials_as_plain_python(name):
    formula = getattr(orthogonal_polynomials, name)
    for degree in (0, 1, 2, 5, 30, -1, 2.7, 1e10):
        for number in (-1.5, -1.0, 0.0, 0.3, 1.0, 2.0, float("nan")):
            found = formula(np.float64(number), np.float64(degree))
            x = torch.tensor(number, dtype=torch.float64)
            wanted = getattr(torch.special, name)(x, degree).item()
            np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)
