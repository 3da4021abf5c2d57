"""Densities and moments of distributions against SciPy's."""

import numpy as np
import pytest
from scipy import stats

import numbatorch as torch
from numbatorch import distributions

X = np.array([0.05, 0.3, 0.7, 0.95])
COUNTS = np.array([0.0, 1.0, 3.0, 7.0])


def t(*values):
    return torch.tensor(values, dtype=torch.float64)


CASES = {
    "Normal": (distributions.Normal(t(0.5), t(2.0)), stats.norm(0.5, 2.0), X),
    "Laplace": (distributions.Laplace(t(0.5), t(2.0)), stats.laplace(0.5, 2.0), X),
    "Uniform": (distributions.Uniform(t(-1.0), t(2.0)), stats.uniform(-1, 3), X),
    "Exponential": (distributions.Exponential(t(2.0)), stats.expon(scale=0.5), X),
    "Gamma": (distributions.Gamma(t(1.5), t(2.0)), stats.gamma(1.5, scale=0.5), X),
    "Beta": (distributions.Beta(t(1.5), t(2.0)), stats.beta(1.5, 2.0), X),
    "StudentT": (distributions.StudentT(t(3.5), t(0.5), t(2.0)), stats.t(3.5, 0.5, 2.0), X),
    "Cauchy": (distributions.Cauchy(t(0.5), t(2.0)), stats.cauchy(0.5, 2.0), X),
    "Gumbel": (distributions.Gumbel(t(0.5), t(2.0)), stats.gumbel_r(0.5, 2.0), X),
    "HalfNormal": (distributions.HalfNormal(t(2.0)), stats.halfnorm(scale=2.0), X),
    "HalfCauchy": (distributions.HalfCauchy(t(2.0)), stats.halfcauchy(scale=2.0), X),
    "LogNormal": (distributions.LogNormal(t(0.5), t(0.7)), stats.lognorm(0.7, scale=np.exp(0.5)), X),
    "Pareto": (distributions.Pareto(t(0.04), t(3.0)), stats.pareto(3.0, scale=0.04), X),
    "Weibull": (distributions.Weibull(t(2.0), t(1.5)), stats.weibull_min(1.5, scale=2.0), X),
    "Chi2": (distributions.Chi2(t(3.0)), stats.chi2(3), X),
    "FisherSnedecor": (distributions.FisherSnedecor(t(3.0), t(7.0)), stats.f(3, 7), X),
    "InverseGamma": (distributions.InverseGamma(t(3.5), t(2.0)), stats.invgamma(3.5, scale=2.0), X),
    "VonMises": (distributions.VonMises(t(0.5), t(2.0)), stats.vonmises(2.0, 0.5), X),
    "Poisson": (distributions.Poisson(t(2.5)), stats.poisson(2.5), COUNTS),
    "Geometric": (distributions.Geometric(t(0.3)), stats.geom(0.3, loc=-1), COUNTS),
    "Binomial": (distributions.Binomial(9, t(0.3)), stats.binom(9, 0.3), COUNTS),
    "NegativeBinomial": (distributions.NegativeBinomial(t(4.0), t(0.3)), stats.nbinom(4, 0.7), COUNTS),
}  # fmt: skip


@pytest.mark.parametrize("own, reference, x", CASES.values(), ids=CASES)
def test_densities(own, reference, x):
    logarithm = reference.logpmf if x is COUNTS else reference.logpdf
    np.testing.assert_allclose(own.log_prob(torch.tensor(x)).numpy(), logarithm(x), rtol=1e-9)
    if x is X and type(own).__name__ not in ("VonMises",):
        try:
            found = own.cdf(torch.tensor(x))
        except NotImplementedError:
            return
        np.testing.assert_allclose(found.numpy(), reference.cdf(x), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("own, reference, x", CASES.values(), ids=CASES)
def test_moments_and_samples(own, reference, x):
    name = type(own).__name__
    if name in ("VonMises", "Cauchy", "HalfCauchy"):  # circular, or none
        return
    np.testing.assert_allclose(own.mean.numpy(), reference.mean(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(own.variance.numpy(), reference.var(), rtol=1e-9)
    torch.manual_seed(1)
    drawn = own.sample((4000,)).numpy()
    if x is X:
        assert stats.kstest(drawn.reshape(-1), reference.cdf).pvalue > 1e-4
    spread = np.sqrt(reference.var() / drawn.shape[0])
    assert abs(drawn.mean() - reference.mean()) < 6 * spread


def test_vectors():
    covariance = np.array([[2.0, 0.5], [0.5, 1.0]])
    own = distributions.MultivariateNormal(t(0.0, 1.0), torch.tensor(covariance))
    reference = stats.multivariate_normal([0, 1], covariance)
    x = np.random.default_rng(0).normal(size=(5, 2))
    np.testing.assert_allclose(own.log_prob(torch.tensor(x)).numpy(), reference.logpdf(x))
    np.testing.assert_allclose(own.entropy().item(), reference.entropy())
    own = distributions.Dirichlet(t(0.5, 1.5, 2.0))
    np.testing.assert_allclose(
        own.log_prob(t(0.2, 0.3, 0.5)).item(),
        stats.dirichlet([0.5, 1.5, 2.0]).logpdf([0.2, 0.3, 0.5]),
    )
    own = distributions.Wishart(torch.tensor(4.0, dtype=torch.float64), torch.tensor(covariance))
    value = np.array([[3.0, 1.0], [1.0, 2.0]])
    np.testing.assert_allclose(
        own.log_prob(torch.tensor(value)).item(), stats.wishart(4, covariance).logpdf(value)
    )
