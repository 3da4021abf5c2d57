"""Random numbers on a CUDA device: those of the host's generator, brought over.

So a seed gives the same numbers on both. (PyTorch has another generator, Philox, on CUDA.)
"""

from .. import devices
from ..array import Array, empty
from ..cuda_memory import transfer


def _on_host(name, out, generator, *arguments):
    """Draw into memory on the host and copy it to `out`; tensor arguments are brought there too."""
    drawn = empty(out.shape, out.dtype)
    on_host = [_to_host(x) if isinstance(x, Array) else x for x in arguments]
    getattr(devices.kernels(drawn).random, name)(drawn, generator, *on_host)
    transfer(out, drawn)


def _to_host(x):
    copy = empty(x.shape, x.dtype)
    transfer(copy, x)
    return copy


def uniform(out, generator, low, high):
    """Samples of [low, high)."""
    _on_host("uniform", out, generator, low, high)


def bernoulli(out, generator, p, value=None):
    """Ones (or `value`, where the output is floating) with probability p, else zeros."""
    _on_host("bernoulli", out, generator, p, value)


def bernoulli_each(out, generator, p):
    """Ones with the probabilities in `p`, laid out as `out` is."""
    _on_host("bernoulli_each", out, generator, p)


def integers(out, generator, low, count):
    """Integers in [low, low + count); a count of 2**64 means any int64."""
    _on_host("integers", out, generator, low, count)


def any_integers(out, generator):
    """Integers in the whole range that `random_()` without bounds has for the dtype."""
    _on_host("any_integers", out, generator)


def exponential(out, generator, rate):
    _on_host("exponential", out, generator, rate)


def geometric(out, generator, p):
    _on_host("geometric", out, generator, p)


def cauchy(out, generator, median, sigma):
    _on_host("cauchy", out, generator, median, sigma)


def normal(out, generator, mean, std, singly=False):
    """Normal samples; `singly` by the rule for tensors that are not contiguous."""
    _on_host("normal", out, generator, mean, std, singly)


def log_normal(out, generator, mean, std):
    _on_host("log_normal", out, generator, mean, std)


def poisson(out, generator, rate):
    _on_host("poisson", out, generator, rate)


def standard_gamma(out, generator, concentration):
    """Samples of a gamma distribution of rate 1, not below the smallest normal number."""
    _on_host("standard_gamma", out, generator, concentration)


def binomial(out, generator, count, p):
    _on_host("binomial", out, generator, count, p)


def randperm(out, generator):
    """A permutation of 0 ... n - 1."""
    _on_host("randperm", out, generator)


def multinomial(out, generator, weights, cumulative):
    """Columns of `weights` (rows, columns), drawn with replacement in proportion to the weights.

    `cumulative` is scratch space: a row in the compute type.
    """
    _on_host("multinomial", out, generator, weights, cumulative)


def random_slopes(out, generator, x, lower, upper):
    """The factor of randomised leaky ReLU for every element of `x`."""
    _on_host("random_slopes", out, generator, x, lower, upper)
