"""Distributions with parameters, written once for PyTorch and for numbatorch."""

#: (name, function of the module that makes the distribution)
CASES = [
    ("Bernoulli", lambda t: t.distributions.Bernoulli(t.tensor([0.5, 0.9]))),
    ("Bernoulli logits", lambda t: t.distributions.Bernoulli(logits=t.tensor([-1.0, 2.0]))),
    ("Beta", lambda t: t.distributions.Beta(t.tensor([0.5, 2.0]), t.tensor([1.5, 3.0]))),
    ("Beta of numbers", lambda t: t.distributions.Beta(0.5, 2.0)),
    ("Binomial", lambda t: t.distributions.Binomial(10, t.tensor([0.2, 0.7]))),
    ("Categorical", lambda t: t.distributions.Categorical(t.tensor([[0.1, 0.2, 0.7], [3.0, 2, 1]]))),
    ("Categorical logits", lambda t: t.distributions.Categorical(logits=t.tensor([0.1, 0.2, -0.7]))),
    ("Cauchy", lambda t: t.distributions.Cauchy(t.tensor([0.0, 1.0]), t.tensor([1.0, 2.0]))),
    ("Chi2", lambda t: t.distributions.Chi2(t.tensor([1.0, 3.0]))),
    ("ContinuousBernoulli", lambda t: t.distributions.ContinuousBernoulli(t.tensor([0.5, 0.9]))),
    ("Dirichlet", lambda t: t.distributions.Dirichlet(t.tensor([[0.5, 1.5, 2.0], [1.0, 3.0, 2.0]]))),
    ("Exponential", lambda t: t.distributions.Exponential(t.tensor([0.5, 2.0]))),
    ("FisherSnedecor", lambda t: t.distributions.FisherSnedecor(t.tensor([2.0, 5.0]), t.tensor([5.0, 7.0]))),
    ("Gamma", lambda t: t.distributions.Gamma(t.tensor([0.5, 2.0]), t.tensor([1.0, 3.0]))),
    ("GeneralizedPareto", lambda t: t.distributions.GeneralizedPareto(
        t.tensor([0.1, 0.0]), t.tensor([2.0, 1.0]), t.tensor([0.4, -0.5]))),
    ("Geometric", lambda t: t.distributions.Geometric(t.tensor([0.3, 0.7]))),
    ("Gumbel", lambda t: t.distributions.Gumbel(t.tensor([0.0, 1.0]), t.tensor([1.0, 2.0]))),
    ("HalfCauchy", lambda t: t.distributions.HalfCauchy(t.tensor([1.0, 2.0]))),
    ("HalfNormal", lambda t: t.distributions.HalfNormal(t.tensor([1.0, 2.0]))),
    ("Independent", lambda t: t.distributions.Independent(
        t.distributions.Normal(t.zeros(2, 3), t.ones(2, 3)), 1)),
    ("InverseGamma", lambda t: t.distributions.InverseGamma(t.tensor([2.5, 4.0]), t.tensor([1.0, 3.0]))),
    ("Kumaraswamy", lambda t: t.distributions.Kumaraswamy(t.tensor([1.5, 2.0]), t.tensor([2.0, 3.0]))),
    ("LKJCholesky", lambda t: t.distributions.LKJCholesky(3, t.tensor([0.5, 2.0]))),
    ("Laplace", lambda t: t.distributions.Laplace(t.tensor([0.0, 1.0]), t.tensor([1.0, 2.0]))),
    ("LogNormal", lambda t: t.distributions.LogNormal(t.tensor([0.0, 1.0]), t.tensor([0.5, 1.0]))),
    ("LogisticNormal", lambda t: t.distributions.LogisticNormal(t.tensor([0.0, 1.0]), t.tensor([0.5, 1.0]))),
    ("LowRankMultivariateNormal", lambda t: t.distributions.LowRankMultivariateNormal(
        t.tensor([0.0, 1.0]), t.tensor([[1.0], [0.5]]), t.tensor([1.0, 2.0]))),
    ("MixtureSameFamily", lambda t: t.distributions.MixtureSameFamily(
        t.distributions.Categorical(t.tensor([0.3, 0.7])),
        t.distributions.Normal(t.tensor([0.0, 2.0]), t.tensor([1.0, 0.5])))),
    ("MixtureSameFamily of vectors", lambda t: t.distributions.MixtureSameFamily(
        t.distributions.Categorical(t.tensor([0.3, 0.7])),
        t.distributions.Independent(t.distributions.Normal(
            t.tensor([[0.0, 2.0], [1.0, 3.0]]), t.ones(2, 2)), 1))),
    ("Multinomial", lambda t: t.distributions.Multinomial(5, t.tensor([0.2, 0.3, 0.5]))),
    ("MultivariateNormal", lambda t: t.distributions.MultivariateNormal(
        t.tensor([0.0, 1.0]), t.tensor([[2.0, 0.5], [0.5, 1.0]]))),
    ("MultivariateNormal precision", lambda t: t.distributions.MultivariateNormal(
        t.zeros(3, 2), precision_matrix=t.tensor([[2.0, 0.5], [0.5, 1.0]]))),
    ("NegativeBinomial", lambda t: t.distributions.NegativeBinomial(t.tensor([3.0, 5.0]), t.tensor([0.3, 0.6]))),
    ("Normal", lambda t: t.distributions.Normal(t.tensor([0.0, 1.0]), t.tensor([1.0, 2.0]))),
    ("Normal of numbers", lambda t: t.distributions.Normal(0.0, 2.0)),
    ("OneHotCategorical", lambda t: t.distributions.OneHotCategorical(t.tensor([0.1, 0.2, 0.7]))),
    ("OneHotCategoricalStraightThrough", lambda t: t.distributions.OneHotCategoricalStraightThrough(
        t.tensor([0.1, 0.2, 0.7]))),
    ("Pareto", lambda t: t.distributions.Pareto(t.tensor([1.0, 2.0]), t.tensor([3.0, 4.0]))),
    ("Poisson", lambda t: t.distributions.Poisson(t.tensor([0.5, 20.0]))),
    ("RelaxedBernoulli", lambda t: t.distributions.RelaxedBernoulli(t.tensor([0.5]), t.tensor([0.3, 0.6]))),
    ("RelaxedOneHotCategorical", lambda t: t.distributions.RelaxedOneHotCategorical(
        t.tensor([0.5]), t.tensor([0.3, 0.6, 0.1]))),
    ("StudentT", lambda t: t.distributions.StudentT(t.tensor([3.0, 5.0]), t.tensor([0.0, 1.0]), 2.0)),
    ("TransformedDistribution", lambda t: t.distributions.TransformedDistribution(
        t.distributions.Uniform(t.zeros(2), t.ones(2)),
        [t.distributions.SigmoidTransform().inv, t.distributions.AffineTransform(1.0, 2.0)])),
    ("Uniform", lambda t: t.distributions.Uniform(t.tensor([0.0, 1.0]), t.tensor([1.0, 4.0]))),
    ("VonMises", lambda t: t.distributions.VonMises(t.tensor([0.0, 1.0]), t.tensor([1.0, 4.0]))),
    ("Weibull", lambda t: t.distributions.Weibull(t.tensor([1.0, 2.0]), t.tensor([1.5, 0.7]))),
    ("Wishart", lambda t: t.distributions.Wishart(t.tensor(4.0), t.tensor([[2.0, 0.5], [0.5, 1.0]]))),
]  # fmt: skip
