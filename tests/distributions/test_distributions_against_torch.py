"""Distributions beside PyTorch's: the same numbers from the same seed, and the same attributes."""

import warnings

import numpy as np
import pytest
from distributions.cases import CASES

import numbatorch

torch = pytest.importorskip("torch")

NAMED = [pytest.param(make, id=name) for name, make in CASES]


@pytest.fixture(autouse=True)
def quietly():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def host(x):
    return np.asarray(x.detach().numpy()) if hasattr(x, "detach") else np.asarray(x)


def ours(x):
    return numbatorch.from_numpy(x.detach().numpy().copy())


def compare(found, expected, tolerance=2e-5):
    found, expected = host(found), host(expected)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def attempt(call):
    """(result, None) or (None, the type of what it raised)."""
    try:
        return call(), None
    except (NotImplementedError, ValueError, RuntimeError) as error:
        return None, type(error)


def agree(ours_call, theirs_call, tolerance=2e-5):
    expected, raised = attempt(theirs_call)
    found, ours_raised = attempt(ours_call)
    assert ours_raised is raised
    if raised is None:
        compare(found, expected, tolerance)


@pytest.mark.parametrize("make", NAMED)
def test_samples(make):
    for shape in ((), (4,), (2, 3)):
        torch.manual_seed(3)
        expected = make(torch).sample(shape)
        numbatorch.manual_seed(3)
        compare(make(numbatorch).sample(shape), expected)


@pytest.mark.parametrize("make", NAMED)
def test_shapes_moments_and_entropy(make):
    own, other = make(numbatorch), make(torch)
    assert tuple(own.batch_shape) == tuple(other.batch_shape)
    assert tuple(own.event_shape) == tuple(other.event_shape)
    assert own.has_rsample == other.has_rsample
    assert own.has_enumerate_support == other.has_enumerate_support
    assert repr(own) == repr(other)
    for name in ("mean", "variance", "stddev", "mode"):
        agree(lambda name=name: getattr(own, name), lambda name=name: getattr(other, name))
    agree(own.entropy, other.entropy)
    if own.has_enumerate_support and other.batch_shape != ():
        agree(own.enumerate_support, other.enumerate_support)


@pytest.mark.parametrize("make", NAMED)
def test_densities(make):
    torch.manual_seed(5)
    own, other = make(numbatorch), make(torch)
    value = other.sample((6,))
    agree(lambda: own.log_prob(ours(value)), lambda: other.log_prob(value), 2e-4)
    agree(lambda: own.cdf(ours(value)), lambda: other.cdf(value), 1e-4)
    probability = torch.rand(6, *other.batch_shape)
    agree(lambda: own.icdf(ours(probability)), lambda: other.icdf(probability), 1e-3)


@pytest.mark.parametrize("make", NAMED)
def test_expanded(make):
    shape = (2, *make(torch).batch_shape)
    own, other = make(numbatorch).expand(shape), make(torch).expand(shape)
    assert tuple(own.batch_shape) == tuple(other.batch_shape)
    torch.manual_seed(7)
    value = other.sample()
    numbatorch.manual_seed(7)
    compare(own.sample(), value)
    compare(own.log_prob(ours(value)), other.log_prob(value), 2e-4)


GRADIENTS = {
    "Normal": ("Normal", [[0.5, -1.0], [1.0, 2.0]]),
    "Laplace": ("Laplace", [[0.5, -1.0], [1.0, 2.0]]),
    "Gamma": ("Gamma", [[0.5, 3.0], [1.0, 2.0]]),
    "Beta": ("Beta", [[0.5, 3.0], [1.0, 2.0]]),
    "Dirichlet": ("Dirichlet", [[0.5, 3.0, 1.0]]),
    "StudentT": ("StudentT", [[2.5, 3.0], [0.0, 1.0], [1.0, 2.0]]),
    "Weibull": ("Weibull", [[0.5, 3.0], [1.0, 2.0]]),
    "Gumbel": ("Gumbel", [[0.5, 3.0], [1.0, 2.0]]),
    "Uniform": ("Uniform", [[0.5, 3.0], [1.0, 4.0]]),
    "Exponential": ("Exponential", [[0.5, 3.0]]),
    "Cauchy": ("Cauchy", [[0.5, 3.0], [1.0, 2.0]]),
    "LogNormal": ("LogNormal", [[0.5, 1.0], [1.0, 0.5]]),
}


@pytest.mark.parametrize("name, parameters", GRADIENTS.values(), ids=GRADIENTS)
def test_gradients_of_samples_and_densities(name, parameters):
    results = []
    for module in (torch, numbatorch):
        module.manual_seed(11)
        leaves = [module.tensor(p, requires_grad=True) for p in parameters]
        made = getattr(module.distributions, name)(*leaves)
        value = made.rsample((3,))
        total = (value * value).sum() + made.log_prob(value.detach()).sum()
        total.backward()
        results.append([leaf.grad for leaf in leaves])
    for expected, found in zip(*results):
        compare(found, expected, 1e-3)


def _pairs():
    for p, q in sorted(torch.distributions.kl._KL_REGISTRY, key=lambda pair: str(pair)):
        names = p.__name__, q.__name__
        if "ExponentialFamily" not in names and "TransformedDistribution" not in names:
            yield names


@pytest.mark.parametrize("p, q", list(_pairs()))
def test_divergences(p, q):
    makers = dict(CASES)

    def pair(module):
        return makers[p](module), makers[q](module)

    agree(
        lambda: numbatorch.distributions.kl_divergence(*pair(numbatorch)),
        lambda: torch.distributions.kl_divergence(*pair(torch)), 1e-4,
    )  # fmt: skip


def test_the_same_pairs_are_registered():
    names = {(p.__name__, q.__name__) for p, q in numbatorch.distributions.kl._KL_REGISTRY}
    expected = {(p.__name__, q.__name__) for p, q in torch.distributions.kl._KL_REGISTRY}
    assert names == expected


def test_the_same_names():
    assert set(torch.distributions.__all__) <= set(dir(numbatorch.distributions))


BAD = {
    "scale": lambda t: t.distributions.Normal(0.0, t.tensor([1.0, -1.0])),
    "simplex": lambda t: t.distributions.Categorical(t.tensor([-1.0, 0.5])),
    "both": lambda t: t.distributions.Bernoulli(0.5, 0.5),
    "neither": lambda t: t.distributions.Bernoulli(),
    "value": lambda t: t.distributions.Bernoulli(0.5).log_prob(t.tensor(0.3)),
    "shape": lambda t: t.distributions.Normal(t.zeros(3), 1.0).log_prob(t.zeros(2)),
    "order": lambda t: t.distributions.Uniform(2.0, 1.0),
    "nan": lambda t: t.distributions.Normal(t.tensor(float("nan")), 1.0),
    "kl": lambda t: t.distributions.kl_divergence(
        t.distributions.Normal(0.0, 1.0), t.distributions.Bernoulli(0.5)),
}  # fmt: skip


@pytest.mark.parametrize("call", BAD.values(), ids=BAD)
def test_what_is_refused_is_refused_in_the_same_words(call):
    errors = []
    for module in (torch, numbatorch):
        with pytest.raises((ValueError, NotImplementedError)) as caught:
            call(module)
        errors.append(caught)
    assert errors[0].type is errors[1].type
    words = [str(error.value).split() for error in errors]
    assert words[1] == words[0]


TRANSFORMS = {
    "exp": lambda t: t.ExpTransform(),
    "power": lambda t: t.PowerTransform(2.0),
    "sigmoid": lambda t: t.SigmoidTransform(),
    "tanh": lambda t: t.TanhTransform(),
    "softplus": lambda t: t.SoftplusTransform(),
    "affine": lambda t: t.AffineTransform(1.0, -2.0),
    "compose": lambda t: t.ComposeTransform([t.AffineTransform(1.0, 2.0), t.ExpTransform()]),
    "stick": lambda t: t.StickBreakingTransform(),
    "correlations": lambda t: t.CorrCholeskyTransform(),
    "independent": lambda t: t.IndependentTransform(t.ExpTransform(), 1),
    "reshape": lambda t: t.ReshapeTransform((3,), (1, 3)),
    "cat": lambda t: t.CatTransform([t.ExpTransform(), t.AffineTransform(0.0, 2.0)], -1, [1, 2]),
    "stack": lambda t: t.StackTransform([t.ExpTransform()] * 3, -1),
}


@pytest.mark.parametrize("make", TRANSFORMS.values(), ids=TRANSFORMS)
def test_transforms(make):
    own, other = make(numbatorch.distributions), make(torch.distributions)
    x = torch.rand(2, 3) * 0.8 + 0.1
    y = other(x)
    compare(own(ours(x)), y)
    compare(own.inv(ours(y)), other.inv(y), 1e-4)
    compare(own.log_abs_det_jacobian(ours(x), ours(y)), other.log_abs_det_jacobian(x, y), 1e-4)
    assert own.bijective == other.bijective
    assert tuple(own.forward_shape((2, 3))) == tuple(other.forward_shape((2, 3)))
    assert own.domain.event_dim == other.domain.event_dim
    assert own.codomain.event_dim == other.codomain.event_dim


@pytest.mark.parametrize("name", ["positive", "unit_interval", "simplex", "real", "nonnegative"])
def test_constraints_are_reached(name):
    x = torch.randn(4, 3)
    for registry in ("biject_to", "transform_to"):
        expected = getattr(torch.distributions, registry)(
            getattr(torch.distributions.constraints, name)
        )(x)
        constraint = getattr(numbatorch.distributions.constraints, name)
        found = getattr(numbatorch.distributions, registry)(constraint)(ours(x))
        compare(found, expected)
        assert bool(constraint.check(found).all())
