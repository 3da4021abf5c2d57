"""Random numbers from Philox, drawn on the device as PyTorch draws them there.

A sample is a function of the generator's seed and offset and of the sample's place, so each thread
makes its own. PyTorch's launch decides which: its threads, at most as many as the device holds at a
time, take a block of Philox's words a turn, and thread t's samples of a turn lie as many places apart
as there are threads. The kernels here keep that order whatever their own grid is.
"""

from functools import cache

import numpy as np

from .. import dtypes, shapes
from ..cuda_memory import apart, empty_on
from ..cuda_target import cuda, resident_threads, specialise
from ..formulas import conversion, philox, rejection
from ..formulas import device_random as samples
from ..formulas import random as formulas
from ..formulas.philox import STATE_WORDS
from ..formulas.reduction import add
from ..formulas.typed import formula as shared_formula
from . import scan, sorting
from .native import flat, from_host

# Independent samples ------------------------------------------------------------------------------


def independent(variates, formula, each, has_operand, load, store, convert):
    """out[i] = formula(variate, *parameters), or formula(variate, x[i], *parameters)."""

    def random_kernel(out, x, shift, seed, counter, threads, lane, step, draws, count, parameters):
        for draw in range(cuda.grid(1), draws, cuda.gridsize(1)):
            thread, turn = draw % threads, draw // threads
            values = variates(seed + np.uint64(shift[0]), counter + shift[1] + turn, thread)
            first = turn * threads * each + thread * lane
            for j in range(each):
                i = first + j * step
                if i < count:
                    if has_operand:
                        value = formula(values[j], load(x[i]), *parameters)
                    else:
                        value = formula(values[j], *parameters)
                    out[i] = store(convert(value))

    return random_kernel


@cache
def _no_shift(index):
    """What is added to seed and counter where no graph is captured: nothing."""
    with apart(index):
        return from_host(np.zeros(2), dtypes.int64, index)


def _take(generator, words, index):
    """(shift, seed, counter) as kernels take them."""
    shift, seed, counter = generator.take(words)
    return flat(_no_shift(index) if shift is None else shift), seed, counter


#: Threads of a block of PyTorch's launches.
_BLOCK = 256
#: Words that a thread's turn takes off the generator's stream.
_WORDS = 4


def _draw(out, generator, variates, formula, each, parameters, x=None, packed=False):
    """Fill `out`; where `packed`, the samples of a thread's turn lie side by side."""
    count = shapes.numel(out.shape)
    if count == 0:
        return
    index = out.storage.device_index
    threads = _BLOCK * min(resident_threads(index) // _BLOCK, -(-count // _BLOCK))
    turns = -(-count // (threads * each))
    lane, step = (each, 1) if packed else (1, threads)
    operand = out if x is None else x
    kernel = specialise(
        independent, variates, formula, each, x is not None, conversion.load(operand.dtype),
        conversion.store(out.dtype), conversion.cast(out.dtype),
    )  # fmt: skip
    kernel(
        turns * threads, flat(out), flat(operand), *_take(generator, turns * _WORDS, index),
        threads, lane, step, turns * threads, count, parameters,
    )  # fmt: skip


def _compute(dtype):
    """What samples of `dtype` are computed in: float64 for itself, else float32."""
    return np.float64 if dtype is dtypes.float64 else np.float32


def _uniform(out, generator, formula, *parameters, **options):
    """Draw formula(uniform sample, ..., *parameters)."""
    compute = options.pop("compute", _compute(out.dtype))
    variates, each = (philox.two_uniform, 2) if compute is np.float64 else (philox.four_uniform, 4)
    parameters = tuple([compute(number) for number in parameters])
    _draw(out, generator, variates, formula, each, parameters, **options)


_WITHIN = {"float16": formulas.within_float16, "bfloat16": formulas.within_bfloat16}


def uniform(out, generator, low, high):
    """Samples of [low, high)."""
    least, limit = (out.dtype.rounded(bound) for bound in (low, high))
    formula = _WITHIN.get(out.dtype.name, formulas.within)
    _uniform(out, generator, formula, low, high, least, limit)


def bernoulli(out, generator, p, value=None):
    """Ones (or `value`, where the output is floating) with probability p, else zeros."""
    if value is None:
        _uniform(out, generator, samples.bernoulli, p)
        return
    packed = shapes.numel(out.shape) % 4 == 0 and out.dtype is not dtypes.float64
    _uniform(out, generator, samples.bernoulli_scaled, p, value, packed=packed)


def bernoulli_each(out, generator, p):
    """Ones with the probabilities in `p`, laid out as `out` is."""
    compute = _compute(p.dtype)
    packed = compute is np.float32
    _uniform(out, generator, samples.bernoulli_each, x=p, compute=compute, packed=packed)


def exponential(out, generator, rate):
    _uniform(out, generator, samples.exponential, rate, np.finfo(_compute(out.dtype)).eps)


def geometric(out, generator, p):
    _uniform(out, generator, samples.geometric, p)


def cauchy(out, generator, median, sigma):
    eps = np.finfo(_compute(out.dtype)).eps
    _uniform(out, generator, samples.cauchy, median, sigma, eps)


def random_slopes(out, generator, x, lower, upper):
    """The factor of randomised leaky ReLU for every element of `x`."""
    _uniform(out, generator, samples.slope, lower, upper, x=x)


# Normal samples -----------------------------------------------------------------------------------


def normal(out, generator, mean, std, singly=False):
    """Normal samples; `singly` has no meaning here, where strides do not change the rule."""
    _normal(out, generator, samples.normal, mean, std)


def log_normal(out, generator, mean, std):
    _normal(out, generator, samples.log_normal, mean, std)


def _normal(out, generator, formula, mean, std):
    compute = _compute(out.dtype)
    variates, each = (philox.two_normal, 2) if compute is np.float64 else (philox.four_normal, 4)
    _draw(out, generator, variates, formula, each, (compute(mean), compute(std)))


# Integers -----------------------------------------------------------------------------------------


def integers(out, generator, low, count):
    """Integers in [low, low + count); a count of 2**64 means any int64."""
    if count >= 1 << 64:
        parameters = np.uint64(0), np.int64(0)
        _draw(out, generator, philox.two_wide, formulas.any_integer, 2, parameters)
    else:
        _integers(out, generator, low, count, wide=count >= 1 << 28)


def _integers(out, generator, low, count, wide):
    variates, each = (philox.two_wide, 2) if wide else (philox.four_words, 4)
    parameters = (np.uint64 if wide else np.uint32)(count), np.int64(low)
    _draw(out, generator, variates, formulas.integer_below, each, parameters)


def any_integers(out, generator):
    """Integers in the whole range that `random_()` without bounds has for the dtype."""
    _integers(out, generator, 0, out.dtype.count_of_integers, out.dtype.itemsize == 8)


# Samples that are drawn until one is accepted -----------------------------------------------------

_poisson = rejection.poisson_sampler(philox.draw_uniform)
_gamma = rejection.gamma_sampler(philox.draw_uniform, philox.draw_normal)
_binomial = rejection.binomial_sampler(philox.draw_uniform)

#: Words that are set aside for each sample; none comes near to using them up.
_MOST_WORDS = 1 << 16


def accepted(sampler, load, store, convert):
    """out[i] = sampler(stream i, x[i])."""

    def rejection_kernel(out, x, shift, seed, counter, count):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            state = cuda.local.array(STATE_WORDS, np.uint64)
            philox.begin(state, seed + np.uint64(shift[0]), counter + shift[1], i)
            out[i] = store(convert(sampler(state, load(x[i]))))

    return rejection_kernel


def accepted_of_two(sampler, load, store, convert):
    """out[i] = sampler(stream i, x[i], y[i])."""

    def rejection_of_two_kernel(out, x, y, shift, seed, counter, count):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            state = cuda.local.array(STATE_WORDS, np.uint64)
            philox.begin(state, seed + np.uint64(shift[0]), counter + shift[1], i)
            out[i] = store(convert(sampler(state, load(x[i]), load(y[i]))))

    return rejection_of_two_kernel


def _accept(template, sampler, out, generator, *operands):
    count = shapes.numel(out.shape)
    if count:
        kernel = specialise(
            template, sampler, conversion.load(operands[0].dtype),
            conversion.store(out.dtype), conversion.cast(out.dtype),
        )  # fmt: skip
        arrays = [flat(x) for x in (out, *operands)]
        kernel(count, *arrays, *_take(generator, _MOST_WORDS, out.storage.device_index), count)


def poisson(out, generator, rate):
    _accept(accepted, _poisson, out, generator, rate)


def standard_gamma(out, generator, concentration):
    """Samples of a gamma distribution of rate 1, not below the smallest normal number."""
    double = concentration.dtype is dtypes.float64
    _accept(accepted, gamma_float64 if double else gamma_float32, out, generator, concentration)


@shared_formula
def gamma_float64(state, concentration):
    return max(_gamma(state, concentration), 2.0**-1022)


@shared_formula
def gamma_float32(state, concentration):
    return max(_gamma(state, concentration), 2.0**-126)


def binomial(out, generator, count, p):
    _accept(accepted_of_two, _binomial, out, generator, count, p)


# Permutations and choices -------------------------------------------------------------------------


def randperm(out, generator):
    """A permutation of 0 ... n - 1: the order of as many random keys."""
    count, index = shapes.numel(out.shape), out.storage.device_index
    keys = empty_on(index, (1, count), dtypes.int64)
    integers(keys, generator, 0, 1 << 64)
    order = empty_on(index, (1, count), dtypes.int64)
    sorting.argsort(order, keys, False)
    kernel = specialise(copied, conversion.store(out.dtype), conversion.cast(out.dtype))
    kernel(count, flat(out), flat(order), count)


def copied(store, convert):
    """out[i] = x[i], in another dtype."""

    def permutation_kernel(out, x, count):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            out[i] = store(convert(x[i]))

    return permutation_kernel


def choices():
    """Columns by bisection of the rows of running totals; `units` are uniform samples of (0, 1]."""

    def choices_kernel(out, cumulative, units, columns, each, count):
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            start = item // each * columns
            sought = units[item] * cumulative[start + columns - 1]
            low, high = 0, columns - 1
            while low < high:
                middle = (low + high) // 2
                if cumulative[start + middle] < sought:
                    low = middle + 1
                else:
                    high = middle
            out[item] = low

    return choices_kernel


def multinomial(out, generator, weights, cumulative):
    """Columns of `weights` (rows, columns), drawn with replacement in proportion to the weights.

    `cumulative` is scratch space of the shape of `weights`, in the compute type.
    """
    count = shapes.numel(out.shape)
    if count == 0:
        return
    scan.scan(add, 0, cumulative, weights, 1)
    units = empty_on(out.storage.device_index, out.shape, cumulative.dtype)
    _uniform(units, generator, conversion.identity)
    columns, each = weights.shape[1], out.shape[1]
    arguments = flat(out), flat(cumulative), flat(units), columns, each, count
    specialise(choices)(count, *arguments)
