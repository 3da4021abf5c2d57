"""Samples whose parameters are tensors: bernoulli, poisson, binomial, gamma, normal, multinomial."""

import numpy as np

from .. import devices, dtypes, graph, shapes
from ..formulas import arithmetic as formulas
from ..formulas import reparameterization
from ..op import Spec, primitive, scalar_name
from ..random import for_value
from . import registry, scalars
from .arithmetic import mul, true_divide
from .casting import cast
from .copying import contiguous, preserved_strides
from .drawing import draw_aligned, host_values, zeros_like
from .elementwise import binary, elementwise
from .output import store
from .random import bernoulli_, check_probabilities, exponential_op, require_floating
from .registry import function


def _sampler(name, node_name, kernel):
    """An op that makes one sample for every element of `input`."""

    @primitive(name=name, node_name=node_name)
    def op(input, *, generator):
        return Spec(input.shape, input.dtype)

    @op.forward
    def _(out, input, *, generator):
        draw = getattr(devices.kernels(out).random, kernel)
        draw_aligned(out, lambda dense, parameter: draw(dense, generator, parameter), input)

    return op


bernoulli_op = _sampler("bernoulli", "BernoulliBackward0", "bernoulli_each")
poisson_op = _sampler("poisson", "PoissonBackward0", "poisson")
gamma_op = _sampler("standard_gamma", "StandardGammaBackward0", "standard_gamma")


@bernoulli_op.gradient("input")
def _(grad):
    return zeros_like(grad)


@poisson_op.gradient("input")
def _(grad):
    return zeros_like(grad)


@gamma_op.gradient("input")
def _(grad, input, output):
    return mul(grad, standard_gamma_gradient(input, output))


standard_gamma_gradient = binary(
    "standard_gamma_gradient", reparameterization.standard_gamma_gradient, publish=False
)


@function
def bernoulli(input, p=None, *, generator=None, out=None):
    """Ones with the probabilities in `input` (or with probability `p`), else zeros."""
    if p is not None:
        result = graph.allocate(input.shape, input.dtype, devices.of(input))
        return bernoulli_(result, p, generator=generator)
    check_probabilities(input)
    result = bernoulli_op(input, generator=for_value(generator, input, "bernoulli"))
    return result if out is None else store(result, out, (input,))


@function(method=False)
def poisson(input, generator=None):
    """Samples of Poisson distributions with the rates in `input`."""
    require_floating(input, "poisson_cpu")
    if not (host_values(input) >= 0).all():
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    return poisson_op(input, generator=for_value(generator, input, "poisson"))


def _require_single_or_double(value, kernel):
    if value.dtype not in (dtypes.float32, dtypes.float64):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(value.dtype)}'")


@function(method=False)
def _standard_gamma(input, generator=None):
    """Samples of gamma distributions of rate 1 with the concentrations in `input`."""
    _require_single_or_double(input, "gamma_cpu")
    return gamma_op(input, generator=for_value(generator, input, "_standard_gamma"))


@elementwise(reparameterization.dirichlet_gradient)
def dirichlet_gradient(x, alpha, total):
    pass


@function(method=False)
def _standard_gamma_grad(input, output):
    """How gamma samples `output` of concentration `input` move with it."""
    return standard_gamma_gradient(input, output)


@function(method=False)
def _dirichlet_grad(x, alpha, total):
    """How Dirichlet samples move with their concentrations, before normalisation."""
    return dirichlet_gradient(x, alpha, total)


@function(method=False)
def _sample_dirichlet(input, generator=None):
    """Samples of Dirichlet distributions over the last dimension, with concentrations `input`."""
    _require_single_or_double(input, "dirichlet")
    chosen = for_value(generator, input, "_sample_dirichlet")
    gammas = gamma_op(cast(input.detach(), dtypes.float64), generator=chosen)
    shares = cast(true_divide(gammas, gammas.sum(-1, keepdim=True)), input.dtype)
    limits = np.finfo(input.dtype.numpy)
    below_one = float(np.nextafter(limits.dtype.type(1), limits.dtype.type(0)))
    return shares.clamp(float(limits.smallest_normal), below_one)


@primitive(name="binomial")
def binomial_op(count, prob, *, generator):
    """The successes in `count` trials of probability `prob`."""
    return Spec(shapes.broadcast_shapes(count.shape, prob.shape), count.dtype)


@binomial_op.forward
def _(out, count, prob, *, generator):
    kernels = devices.kernels(out).random
    draw_aligned(out, lambda dense, n, p: kernels.binomial(dense, generator, n, p), count, prob)


@binomial_op.gradient("count", "prob")
def _(grad):
    return zeros_like(grad)


@function(method=False)
def binomial(count, prob, generator=None):
    """Samples of binomial distributions."""
    if count.dtype is not prob.dtype:
        raise RuntimeError(
            f"Found dtype {scalar_name(prob.dtype)} but expected {scalar_name(count.dtype)}"
        )
    _require_single_or_double(count, "binomial_cpu")
    return binomial_op(count, prob, generator=for_value(generator, count, "binomial"))


# Normal samples around tensors --------------------------------------------------------------------


@primitive(node_name="NormalBackward3")
def normal_around(mean, std, *, scale, generator):
    """scale * standard normal samples * std + mean; `std` may be None."""
    shape = mean.shape if std is None else shapes.broadcast_shapes(mean.shape, std.shape)
    return Spec(shape, mean.dtype)


@normal_around.forward
def _(out, mean, std, *, scale, generator):
    kernels = devices.kernels(out)
    kernels.random.normal(out, generator, 0.0, scale)
    if std is not None:
        kernels.elementwise.apply(formulas.mul, out, out, std)
    kernels.elementwise.apply(formulas.add, out, out, mean)


@normal_around.gradient("mean", "std")
def _(grad):
    return zeros_like(grad)


def normal_of_tensors(mean, std, generator):
    """Normal samples where `mean`, `std` or both are tensors, of the dtype of the first of them."""
    if isinstance(mean, graph.Value):
        dtype, place = mean.dtype, devices.of(mean)
    else:
        dtype, place = std.dtype, devices.of(std)
        mean = scalars.full_scalar(mean, dtype, place)
    require_floating(mean, "normal_kernel_cpu")
    chosen = for_value(generator, mean, "normal")
    if not isinstance(std, graph.Value):
        if not std >= 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
        return normal_around(mean, None, scale=float(std), generator=chosen)
    if std.dtype.is_complex:
        raise RuntimeError("normal expects standard deviation to be non-complex")
    if not (host_values(std) >= 0).all():
        raise RuntimeError("normal expects all elements of std >= 0.0")
    return normal_around(mean, cast(std, dtype), scale=1.0, generator=chosen)


# Choices ------------------------------------------------------------------------------------------

_MOST_CATEGORIES = 1 << 24


@primitive(name="multinomial_with_replacement")
def choice_op(input, *, num_samples, generator):
    """Columns of `input` (rows, columns), drawn with replacement in proportion to its elements."""
    return Spec((input.shape[0], num_samples), dtypes.int64)


@choice_op.forward
def _(out, input, *, num_samples, generator):
    compute = dtypes.float64 if input.dtype is dtypes.float64 else dtypes.float32
    cumulative = graph.allocate(input.shape, compute, devices.of(input))
    devices.kernels(out).random.multinomial(out, generator, input, cumulative)


@function
def multinomial(input, num_samples, replacement=False, *, generator=None, out=None):
    """Indices of the last dimension, drawn in proportion to the elements of `input`."""
    _check_weights(input, num_samples, replacement)
    if out is not None and out.dtype is not dtypes.int64:
        raise RuntimeError(f"multinomial expects Long tensor out, got: {scalar_name(out.dtype)}")
    chosen = for_value(generator, input, "multinomial")
    if replacement and num_samples > 1:
        rows = contiguous(input.detach()).reshape(-1, input.shape[-1])
        result = choice_op(rows, num_samples=num_samples, generator=chosen)
        result = result.reshape(*input.shape[:-1], num_samples)
    else:
        result = _without_replacement(input.detach(), num_samples, chosen)
    return result if out is None else store(result, out)


def _without_replacement(input, num_samples, generator):
    """The largest of weights over exponential samples: as likely as successive draws."""
    place = devices.of(input)
    waiting = graph.allocate(input.shape, input.dtype, place, preserved_strides(input))
    exponential_op.inplace(waiting, generator=generator, rate=1.0)
    keys = true_divide(input, waiting)
    if num_samples == 1:
        return registry.FUNCTIONS["argmax"](keys, -1, True)
    return registry.FUNCTIONS["topk"](keys, num_samples)[1]


def _check_weights(input, num_samples, replacement):
    if not 0 < len(input.shape) <= 2:
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if not input.dtype.is_floating_point:
        raise RuntimeError(
            "multinomial only supports floating-point dtypes for input, got: "
            f"{scalar_name(input.dtype)}"
        )
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    columns = input.shape[-1]
    if not replacement and num_samples > columns:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        )
    if columns > _MOST_CATEGORIES:
        raise RuntimeError("number of categories cannot exceed 2^24")
    weights = host_values(input).astype(np.float64)
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if columns == 0 or not (weights.sum(-1) > 0).all():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
