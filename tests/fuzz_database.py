"""Targets of the fuzz that need PyTorch: its databases of ops and modules, and the distributions.

Their samples are described as those of the op table are, so the same changes make them odd.
"""

import conformance
import fuzz
import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_modules import module_db

import numbatorch

#: In which dtype an entry's samples are taken: the first that it has.
SAMPLE_DTYPES = (torch.float64, torch.complex128, torch.int64, torch.bool)

#: Samples of an entry at most, and elements of a tensor.
SAMPLES, ELEMENTS = 24, 500

#: Entries with a test of their own: sparse results, memory that nobody has written to.
LEFT_OUT = (
    "to_sparse", "empty", "empty_like", "empty_permuted", "empty_strided", "new_empty",
    "new_empty_strided",
)  # fmt: skip


class Indescribable(Exception):
    """An argument that only one of the frameworks knows."""


def describe(item):
    """A PyTorch argument as a description."""
    if isinstance(item, torch.Tensor):
        if item.layout is not torch.strided or item.numel() > ELEMENTS:
            raise Indescribable
        values = item.detach().resolve_conj().resolve_neg()
        values = values.float() if values.dtype is torch.bfloat16 else values
        dtype = str(item.dtype).removeprefix("torch.")
        return fuzz.Drawn(np.array(values.numpy()), dtype, item.requires_grad)
    if isinstance(item, torch.dtype | torch.layout | torch.memory_format):
        return fuzz.Named(str(item).removeprefix("torch."))
    if isinstance(item, torch.device):
        return str(item)
    if isinstance(item, torch.Size):
        return tuple(item)
    if isinstance(item, list | tuple) and not hasattr(item, "_fields"):
        return type(item)(describe(member) for member in item)
    if isinstance(item, dict):
        return {key: describe(member) for key, member in item.items()}
    if item is None or item is Ellipsis or isinstance(item, bool | int | float | complex | str):
        return item
    if isinstance(item, slice):
        return item
    raise Indescribable(type(item).__name__)


def _calls(samples):
    """The calls of samples that can be described."""
    found = []
    for sample in samples:
        try:
            found.append((describe([sample.input, *sample.args]), describe(sample.kwargs)))
        except Indescribable:
            continue
        if len(found) == SAMPLES:
            break
    return found


def op_targets():
    """Target of every entry of PyTorch's op database that has a function here."""
    for entry in op_db:
        label = conformance.label_of(entry)
        try:
            function = conformance.ADAPTERS.get(label) or conformance.find(entry.name)
        except conformance.NotBuilt:
            continue
        dtype = next((d for d in SAMPLE_DTYPES if d in entry.dtypes), None)
        if dtype is None or entry.name in LEFT_OUT:
            continue

        def calls(entry=entry, dtype=dtype):
            differentiable = entry.supports_autograd and dtype.is_floating_point
            return _calls(entry.sample_inputs("cpu", dtype, requires_grad=differentiable))

        yield fuzz.Target(f"db {label}", function, entry, calls)


def module_targets():
    """Target of every module: a call has the arguments of its constructor, and those of its call."""
    for info in module_db:
        name = info.module_cls.__name__
        kind = getattr(numbatorch.nn, name, None)
        if kind is None or info.is_lazy:
            continue

        def calls(info=info):
            found = []
            for training in (True, False):
                inputs = info.module_inputs_func(
                    info, device="cpu", dtype=torch.float64, requires_grad=True, training=training
                )
                for each in inputs:
                    made, called = each.constructor_input, each.forward_input
                    if called is None:
                        continue
                    try:
                        call = [
                            list(made.args), made.kwargs, list(called.args), called.kwargs, training,
                        ]  # fmt: skip
                        found.append((describe(call), {}))
                    except Indescribable:
                        continue
            return found[: 2 * SAMPLES]

        yield fuzz.Target(
            f"nn.{name}", _call_of_module(kind), _call_of_module(info.module_cls), calls
        )


def _call_of_module(kind):
    """A function that makes the module in float64 and calls it.

    The gradients of its parameters are results too.
    """

    def call(args, kwargs, inputs, keywords, training):
        module = kind(*args, **kwargs)
        module = module.double().train(bool(training))
        result = module(*inputs, **keywords)
        parameters = list(module.parameters())
        outputs = [y for y in fuzz.flatten(result) if getattr(y, "requires_grad", False)]
        if not outputs or not parameters:
            return result
        framework = torch if isinstance(module, torch.nn.Module) else numbatorch
        weights = [fuzz.weights(y, framework) for y in outputs]
        gradients = framework.autograd.grad(
            outputs, parameters, weights, allow_unused=True, retain_graph=True
        )
        return [result, *gradients, *module.buffers()]

    return call


#: Distribution -> its parameters, and a value in its support.
DISTRIBUTIONS = {
    "Bernoulli": ({"probs": np.array([0.2, 0.5, 0.9])}, np.array([0.0, 1.0, 1.0])),
    "Beta": (
        {"concentration1": np.array([0.5, 2.0]), "concentration0": np.array([1.5, 3.0])},
        np.array([0.25, 0.5]),
    ),
    "Binomial": (
        {"total_count": np.array([3.0, 5.0]), "probs": np.array([0.3, 0.6])}, np.array([1.0, 4.0])
    ),
    "Categorical": ({"probs": np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])}, np.array([0.0, 2.0])),
    "Cauchy": ({"loc": np.array([0.0, 1.0]), "scale": np.array([1.0, 0.5])}, np.array([0.3, -2.0])),
    "Chi2": ({"df": np.array([1.0, 4.5])}, np.array([0.5, 2.0])),
    "ContinuousBernoulli": ({"probs": np.array([0.2, 0.5, 0.8])}, np.array([0.1, 0.5, 0.9])),
    "Dirichlet": ({"concentration": np.array([0.5, 1.5, 3.0])}, np.array([0.2, 0.3, 0.5])),
    "Exponential": ({"rate": np.array([0.5, 2.0])}, np.array([0.3, 4.0])),
    "FisherSnedecor": ({"df1": np.array([2.0, 5.0]), "df2": np.array([3.0, 6.0])}, np.array([0.5, 2.0])),
    "Gamma": ({"concentration": np.array([0.5, 2.0]), "rate": np.array([1.0, 3.0])}, np.array([0.5, 2.0])),
    "GeneralizedPareto": (
        {"loc": np.array([0.0, 1.0]), "scale": np.array([1.0, 2.0]), "concentration": np.array([0.1, -0.2])},
        np.array([0.5, 2.0]),
    ),
    "Geometric": ({"probs": np.array([0.3, 0.7])}, np.array([0.0, 3.0])),
    "Gumbel": ({"loc": np.array([0.0, 1.0]), "scale": np.array([1.0, 2.0])}, np.array([0.5, -1.0])),
    "HalfCauchy": ({"scale": np.array([1.0, 2.0])}, np.array([0.5, 3.0])),
    "HalfNormal": ({"scale": np.array([1.0, 2.0])}, np.array([0.5, 3.0])),
    "InverseGamma": (
        {"concentration": np.array([1.5, 3.0]), "rate": np.array([1.0, 2.0])}, np.array([0.5, 2.0])
    ),
    "Kumaraswamy": (
        {"concentration1": np.array([0.5, 2.0]), "concentration0": np.array([1.5, 3.0])},
        np.array([0.25, 0.5]),
    ),
    "LKJCholesky": ({"dim": 3, "concentration": np.array([0.5, 1.5])}, np.eye(3)),
    "Laplace": ({"loc": np.array([0.0, 1.0]), "scale": np.array([1.0, 2.0])}, np.array([0.5, -1.0])),
    "LogNormal": ({"loc": np.array([0.0, 1.0]), "scale": np.array([1.0, 0.5])}, np.array([0.5, 1.0])),
    "LogisticNormal": (
        {"loc": np.array([0.0, 1.0]), "scale": np.array([1.0, 0.5])}, np.array([0.2, 0.3, 0.5])
    ),
    "LowRankMultivariateNormal": (
        {"loc": np.zeros(3), "cov_factor": np.array([[1.0], [0.5], [0.2]]), "cov_diag": np.ones(3)},
        np.array([0.1, 0.2, -0.3]),
    ),
    "Multinomial": ({"total_count": 4, "probs": np.array([0.2, 0.5, 0.3])}, np.array([1.0, 2.0, 1.0])),
    "MultivariateNormal": (
        {"loc": np.zeros(2), "covariance_matrix": np.array([[2.0, 0.5], [0.5, 1.0]])},
        np.array([0.1, 0.2]),
    ),
    "NegativeBinomial": (
        {"total_count": np.array([3.0, 5.0]), "probs": np.array([0.3, 0.6])}, np.array([1.0, 4.0])
    ),
    "Normal": ({"loc": np.array([0.0, 1.0]), "scale": np.array([1.0, 2.0])}, np.array([0.5, -1.0])),
    "OneHotCategorical": ({"probs": np.array([0.2, 0.5, 0.3])}, np.array([0.0, 1.0, 0.0])),
    "OneHotCategoricalStraightThrough": (
        {"probs": np.array([0.2, 0.5, 0.3])}, np.array([0.0, 1.0, 0.0])
    ),
    "Pareto": ({"scale": np.array([1.0, 0.5]), "alpha": np.array([3.0, 4.0])}, np.array([1.5, 2.0])),
    "Poisson": ({"rate": np.array([0.5, 4.0])}, np.array([0.0, 3.0])),
    "RelaxedBernoulli": (
        {"temperature": np.array(0.7), "probs": np.array([0.2, 0.8])}, np.array([0.3, 0.6])
    ),
    "RelaxedOneHotCategorical": (
        {"temperature": np.array(0.7), "probs": np.array([0.2, 0.5, 0.3])}, np.array([0.2, 0.5, 0.3])
    ),
    "StudentT": (
        {"df": np.array([2.5, 5.0]), "loc": np.array([0.0, 1.0]), "scale": np.array([1.0, 2.0])},
        np.array([0.5, -1.0]),
    ),
    "Uniform": ({"low": np.array([0.0, 1.0]), "high": np.array([1.0, 3.0])}, np.array([0.5, 1.0])),
    "VonMises": (
        {"loc": np.array([0.0, 1.0]), "concentration": np.array([1.0, 2.0])}, np.array([0.5, -1.0])
    ),
    "Weibull": ({"scale": np.array([1.0, 2.0]), "concentration": np.array([0.5, 1.5])}, np.array([0.5, 2.0])),
    "Wishart": (
        {"df": np.array(4.0), "covariance_matrix": np.array([[2.0, 0.5], [0.5, 1.0]])},
        np.array([[3.0, 0.2], [0.2, 1.0]]),
    ),
}  # fmt: skip

#: What is asked of a distribution; those of a value first.
OF_VALUES = ("log_prob", "cdf")
ASKED = (
    *OF_VALUES, "entropy", "mean", "variance", "stddev", "mode", "icdf", "sample", "rsample",
    "batch_shape", "event_shape", "expand", "enumerate_support",
)  # fmt: skip


def distribution_targets():
    """Target of every distribution: a call names a question, and has parameters and a value."""
    for name, (parameters, value) in DISTRIBUTIONS.items():

        def calls(parameters=parameters, value=value):
            drawn = {
                key: fuzz.Drawn(x, "float64", requires_grad=True) if np.ndim(x) or hasattr(x, "dtype") else x
                for key, x in parameters.items()
            }  # fmt: skip
            target = fuzz.Drawn(value, "float64")
            return [
                ([question, drawn, target, check], {})
                for question in ASKED
                for check in (True, False)
            ]

        yield fuzz.Target(
            f"distributions.{name}",
            _question_to(getattr(numbatorch.distributions, name)),
            _question_to(getattr(torch.distributions, name)),
            calls,
        )


def _question_to(kind):
    def ask(question, parameters, value, validate):
        made = kind(**parameters, validate_args=bool(validate))
        if question in OF_VALUES:
            return getattr(made, question)(value)
        if question == "icdf":
            return made.icdf(value.clip(0.01, 0.99))
        if question in ("sample", "rsample"):
            return getattr(made, question)((2,))
        if question == "expand":
            batch = tuple(made.batch_shape)
            return made.expand((2, *batch)).log_prob(value)
        answer = getattr(made, question)
        answer = answer() if callable(answer) else answer
        return tuple(answer) if question.endswith("shape") else answer

    return ask


def targets():
    """All targets, by name."""
    found = (*op_targets(), *module_targets(), *distribution_targets())
    return {target.name: target for target in found}
