"""Gradients of gamma and Dirichlet samples, held to numerical derivatives of the quantiles."""

import numpy as np
import pytest
from scipy import special

import numbatorch as nt
from numbatorch.formulas import reparameterization


def _parameters(seed, count=400):
    random = np.random.default_rng(seed)
    return np.exp(random.uniform(-1.5, 4.5, count)), random.uniform(0.02, 0.98, count)


def _numerically(quantile, parameter):
    step = 1e-4 * parameter
    return (quantile(parameter + step) - quantile(parameter - step)) / (2 * step)


def test_gamma_gradient_is_that_of_the_quantile():
    alpha, level = _parameters(0)
    x = special.gammaincinv(alpha, level)
    found = nt._standard_gamma_grad(nt.from_numpy(alpha), nt.from_numpy(x)).numpy()
    expected = _numerically(lambda a: special.gammaincinv(a, level), alpha)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_dirichlet_gradient_is_that_of_the_beta_quantile():
    alpha, level = _parameters(1)
    beta = _parameters(2)[0]
    x = special.betaincinv(alpha, beta, level)
    kept = (x > 1e-3) & (x < 1 - 1e-3)
    alpha, beta, level, x = alpha[kept], beta[kept], level[kept], x[kept]
    arguments = (nt.from_numpy(a) for a in (x, alpha, alpha + beta))
    found = nt._dirichlet_grad(*arguments).numpy() * (1 - x)
    expected = _numerically(lambda a: special.betaincinv(a, beta, level), alpha)
    assert np.median(np.abs(found / expected - 1)) < 2e-3
    assert np.quantile(np.abs(found / expected - 1), 0.99) < 0.05


def test_formulas_as_plain_python():
    """The series, the saddle points and the fits between them, number by number."""
    alpha, level = _parameters(5, 150)
    beta = _parameters(6, 150)[0]
    for a, b, u in zip(alpha, beta, level):
        x = special.gammaincinv(a, u)
        expected = _numerically(lambda a: special.gammaincinv(a, u), a)  # noqa: B023
        assert reparameterization.standard_gamma_gradient(a, x) == pytest.approx(expected, 2e-3)
        x = special.betaincinv(a, b, u)
        if 1e-3 < x < 1 - 1e-3:
            expected = _numerically(lambda a: special.betaincinv(a, b, u), a)  # noqa: B023
            found = reparameterization.dirichlet_gradient(x, a, a + b) * (1 - x)
            assert found == pytest.approx(expected, 0.06)


@pytest.mark.parametrize("mean", [0.15, 0.5, 0.85])
def test_the_beta_fit_at_the_mean(mean):
    """Where the saddle point's two sides meet it is 0 / 0, and a fit stands in."""
    alpha, beta = 40.0 * mean, 40.0 * (1 - mean)
    level = special.betainc(alpha, beta, mean)
    expected = _numerically(lambda a: special.betaincinv(a, beta, level), alpha)
    found = reparameterization.dirichlet_gradient(mean, alpha, alpha + beta) * (1 - mean)
    assert found == pytest.approx(expected, 1e-2)


def test_digamma():
    for x in (0.1, 1.0, 2.5, 10.0, 300.0):
        assert reparameterization.digamma(x) == pytest.approx(special.digamma(x), 1e-12)


def test_a_sample_is_differentiable():
    concentration = nt.tensor([0.5, 2.0, 9.0], requires_grad=True)
    sample = nt._standard_gamma(concentration)
    sample.sum().backward()
    expected = nt._standard_gamma_grad(concentration, sample).tolist()
    assert concentration.grad.tolist() == expected


def test_gradients_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    alpha, level = _parameters(3, 5000)
    beta = _parameters(4, 5000)[0]
    x = special.gammaincinv(alpha, level)
    z = np.clip(special.betaincinv(alpha, beta, level), 1e-6, 1 - 1e-6)
    for name, arguments in (
        ("_standard_gamma_grad", (alpha, x)),
        ("_dirichlet_grad", (z, alpha, alpha + beta)),
    ):
        theirs = getattr(torch, name)(*map(torch.from_numpy, arguments)).numpy()
        ours = getattr(nt, name)(*map(nt.from_numpy, arguments)).numpy()
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dirichlet_samples_are_those_of_pytorch(dtype):
    torch = pytest.importorskip("torch")
    concentration = np.random.default_rng(0).uniform(0.01, 3, (50, 4)).astype(dtype)
    torch.manual_seed(1)
    nt.manual_seed(1)
    theirs = torch._sample_dirichlet(torch.from_numpy(concentration)).numpy()
    ours = nt._sample_dirichlet(nt.from_numpy(concentration)).numpy()
    np.testing.assert_array_equal(ours, theirs)
