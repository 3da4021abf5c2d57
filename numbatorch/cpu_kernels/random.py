"""Random numbers from the Mersenne Twister, in PyTorch's order of draws.

A kernel runs on one thread and takes the address of the generator's block. Elements are drawn in
the order in which they lie in memory.
"""

import math

import numpy as np
from numba import types
from numba.extending import register_jitable

from .. import cpu_target
from ..formulas import box_muller, conversion, rejection
from ..formulas import random as formulas
from .mersenne_twister import (
    BLOCK,
    SPARE,
    block_at,
    draw,
    draw_bits,
    draw_normal,
    draw_uniform,
    wide,
)
from .native import integer, real, span

# Independent elements ---------------------------------------------------------------------------


@register_jitable
def one_word(words, i):
    return words[i]


@register_jitable
def two_words(words, i):
    return wide(words[2 * i], words[2 * i + 1])


_BITS = {1: one_word, 2: two_words}


@register_jitable
def read_real(arguments, first):
    return (real(arguments, first),)


@register_jitable
def read_two_reals(arguments, first):
    return real(arguments, first), real(arguments, first + 1)


@register_jitable
def read_interval_float64(arguments, first):
    return (
        real(arguments, first), real(arguments, first + 1),
        real(arguments, first + 2), real(arguments, first + 3),
    )  # fmt: skip


@register_jitable
def read_interval_float32(arguments, first):
    return (
        np.float32(real(arguments, first)), np.float32(real(arguments, first + 1)),
        np.float32(real(arguments, first + 2)), np.float32(real(arguments, first + 3)),
    )  # fmt: skip


@register_jitable
def read_integer(arguments, first):
    return (integer(arguments, first),)


@register_jitable
def read_threshold_and_float64(arguments, first):
    return integer(arguments, first), real(arguments, first + 1)


@register_jitable
def read_threshold_and_float32(arguments, first):
    return integer(arguments, first), np.float32(real(arguments, first + 1))


@register_jitable
def read_count32_and_low(arguments, first):
    return np.uint32(integer(arguments, first)), integer(arguments, first + 1)


@register_jitable
def read_count64_and_low(arguments, first):
    return np.uint64(np.int64(integer(arguments, first))), integer(arguments, first + 1)


def independent(formula, words_each, bits, read, convert, store, out_type, out_bytes):
    """out[i] = formula(bits of element i, *parameters): every element takes as many words."""
    most = BLOCK // words_each

    def independent_kernel(begin, end, arguments):
        block = block_at(integer(arguments, 0))
        out = integer(arguments, 1)
        parameters = read(arguments, 2)
        for first in range(begin, end, most):
            count = min(most, end - first)
            words = draw(block, count * words_each)
            samples = span(out + out_bytes * first, count, out_type)
            for i in range(count):
                samples[i] = store(convert(formula(bits(words, i), *parameters)))

    return independent_kernel


def _launch(kernel, items, generator, *integers, reals=()):
    """Run all items on this thread, one draw after the other."""
    if items:
        with generator.lock:
            kernel(items, items, generator.address, *integers, reals=reals)


def _fill(out, generator, formula, words_each, read, integers=(), reals=()):
    dtype = out.dtype
    kernel = cpu_target.specialise(
        independent, formula, words_each, _BITS[words_each], read,
        conversion.cast(dtype), conversion.store(dtype), dtype.numba, dtype.itemsize,
        flags=EXACT,
    )  # fmt: skip
    count = out.shape.numel()
    _launch(kernel, count, generator, out.address, *integers, reals=reals)


#: Results are to the last bit PyTorch's: what is fused stands in the formulas.
EXACT = frozenset()

_UNIFORM = {
    "float64": (formulas.uniform_float64, 2, read_interval_float64),
    "float32": (formulas.uniform_float32, 1, read_interval_float32),
    "float16": (formulas.uniform_float16, 1, read_interval_float32),
    "bfloat16": (formulas.uniform_bfloat16, 1, read_interval_float32),
}


def uniform(out, generator, low, high):
    """Samples of [low, high)."""
    formula, words_each, read = _UNIFORM[out.dtype.name]
    interval = (low, high, out.dtype.rounded(low), out.dtype.rounded(high))
    _fill(out, generator, formula, words_each, read, reals=interval)


def bernoulli(out, generator, p, value=None):
    """Ones (or `value`, where the output is floating) with probability p, else zeros."""
    threshold = math.ceil(p * 2.0**53)
    if value is None:
        _fill(out, generator, formulas.bernoulli, 2, read_integer, (threshold,))
        return
    double = out.dtype.itemsize == 8
    read = read_threshold_and_float64 if double else read_threshold_and_float32
    _fill(out, generator, formulas.bernoulli_scaled, 2, read, (threshold,), (value,))


def integers(out, generator, low, count):
    """Integers in [low, low + count); a count of 2**64 means any int64."""
    if count >= 1 << 64:
        _fill(out, generator, formulas.any_integer, 2, read_count64_and_low, (0, 0))
        return
    words_each = 2 if count >= 1 << 28 else 1
    _integers(out, generator, low, count, words_each)


def _integers(out, generator, low, count, words_each):
    read = read_count64_and_low if words_each == 2 else read_count32_and_low
    signed = count - (1 << 64) if count >= 1 << 63 else count
    _fill(out, generator, formulas.integer_below, words_each, read, (signed, low))


def any_integers(out, generator):
    """Integers in the whole range that `random_()` without bounds has for the dtype."""
    dtype = out.dtype
    words_each = 2 if dtype.itemsize == 8 else 1
    _integers(out, generator, 0, dtype.count_of_integers, words_each)


def exponential(out, generator, rate):
    _fill(out, generator, formulas.exponential, 2, read_real, reals=(rate,))


def geometric(out, generator, p):
    _fill(out, generator, formulas.geometric, 2, read_real, reals=(p,))


def cauchy(out, generator, median, sigma):
    _fill(out, generator, formulas.cauchy, 2, read_two_reals, reals=(median, sigma))


# Normal samples ---------------------------------------------------------------------------------


def normal_blocks(unit, pair, words_each, bits, compute, store, out_type, out_bytes):
    """Sixteen samples at a time, from eight pairs of uniform samples a block."""
    most = BLOCK // (16 * words_each)

    def normal_blocks_kernel(begin, end, arguments):
        block = block_at(integer(arguments, 0))
        mean, std = compute(real(arguments, 2)), compute(real(arguments, 3))
        spare = block[SPARE:].view(compute)
        for first in range(begin, end, most):
            count = min(most, end - first)
            words = draw(block, 16 * count * words_each)
            left, right = spare[: 8 * count], spare[8 * count : 16 * count]
            for b in range(count):
                for i in range(8):
                    left[8 * b + i] = unit(bits(words, 16 * b + i))
                    right[8 * b + i] = unit(bits(words, 16 * b + 8 + i))
            for i in range(8 * count):
                left[i], right[i] = pair(left[i], right[i], mean, std)
            out = span(integer(arguments, 1) + 16 * out_bytes * first, 16 * count, out_type)
            for b in range(count):
                for i in range(8):
                    out[16 * b + i] = store(left[8 * b + i])
                    out[16 * b + 8 + i] = store(right[8 * b + i])

    return normal_blocks_kernel


def discard():
    """Draw words (BLOCK at most) and forget them."""

    def discard_kernel(begin, end, arguments):
        draw(block_at(integer(arguments, 0)), end - begin)

    return discard_kernel


def normal_singly(finish, convert, store, out_type):
    """Samples one by one, as PyTorch makes them for fewer than sixteen."""

    def normal_singly_kernel(begin, end, arguments):
        block = block_at(integer(arguments, 0))
        samples = span(integer(arguments, 1), end, out_type)
        mean, std = real(arguments, 2), real(arguments, 3)
        for i in range(begin, end):
            samples[i] = store(convert(finish(formulas.scaled(draw_normal(block), mean, std))))

    return normal_singly_kernel


def normal(out, generator, mean, std, singly=False):
    """Normal samples; `singly` by the rule for tensors that are not contiguous."""
    count = out.shape.numel()
    if singly or count < 16:
        _normal_singly(out, generator, mean, std, conversion.identity)
        return
    dtype = out.dtype
    wide_samples = dtype.itemsize == 8
    words_each = 2 if wide_samples else 1
    kernel = cpu_target.specialise(
        normal_blocks,
        formulas.unit_float64 if wide_samples else formulas.unit_float32,
        box_muller.pair_float64 if wide_samples else box_muller.pair_float32,
        words_each, _BITS[words_each], dtype.compute, conversion.store(dtype),
        dtype.numba, dtype.itemsize, flags=EXACT,
    )  # fmt: skip
    blocks, ragged = divmod(count, 16)
    parameters = (mean, std)
    _launch(kernel, blocks, generator, out.address, reals=parameters)
    if ragged:  # the last sixteen are made once more
        if not dtype.is_half:
            _launch(cpu_target.specialise(discard), ragged * words_each, generator)
        last = out.address + (count - 16) * dtype.itemsize
        _launch(kernel, 1, generator, last, reals=parameters)


def log_normal(out, generator, mean, std):
    _normal_singly(out, generator, mean, std, formulas.exponential_of)


def _normal_singly(out, generator, mean, std, finish):
    dtype = out.dtype
    kernel = cpu_target.specialise(
        normal_singly, finish, conversion.cast(dtype), conversion.store(dtype), dtype.numba,
        flags=EXACT,
    )  # fmt: skip
    count = out.shape.numel()
    _launch(kernel, count, generator, out.address, reals=(mean, std))


# Samples whose parameters are elements of a tensor ------------------------------------------------


@register_jitable
def read_nothing(arguments, first):
    return ()


def elementwise(sampler, read, load, convert, store, x_type, out_type):
    """out[i] = sampler(block, x[i], *parameters)."""

    def elementwise_kernel(begin, end, arguments):
        block = block_at(integer(arguments, 0))
        out = span(integer(arguments, 1), end, out_type)
        x = span(integer(arguments, 2), end, x_type)
        parameters = read(arguments, 3)
        for i in range(begin, end):
            out[i] = store(convert(sampler(block, load(x[i]), *parameters)))

    return elementwise_kernel


def elementwise_of_two(sampler, read, load, convert, store, x_type, out_type):
    """out[i] = sampler(block, x[i], y[i])."""

    def elementwise_of_two_kernel(begin, end, arguments):
        block = block_at(integer(arguments, 0))
        out = span(integer(arguments, 1), end, out_type)
        x = span(integer(arguments, 2), end, x_type)
        y = span(integer(arguments, 3), end, x_type)
        for i in range(begin, end):
            out[i] = store(convert(sampler(block, load(x[i]), load(y[i]))))

    return elementwise_of_two_kernel


def _sample(template, sampler, out, generator, *operands, read=read_nothing, reals=()):
    x, dtype = operands[0].dtype, out.dtype
    kernel = cpu_target.specialise(
        template, sampler, read, conversion.load(x), conversion.cast(dtype), conversion.store(dtype),
        x.numba, dtype.numba, flags=EXACT,
    )  # fmt: skip
    count = out.shape.numel()
    addresses = [operand.address for operand in operands]
    _launch(kernel, count, generator, out.address, *addresses, reals=reals)


@register_jitable
def bernoulli_float64(block, p):
    return draw_uniform(block) < p


@register_jitable
def bernoulli_float32(block, p):
    return formulas.unit_float32(draw(block, 1)[0]) < p


def bernoulli_each(out, generator, p):
    """Ones with the probabilities in `p`, laid out as `out` is."""
    sampler = bernoulli_float64 if p.dtype.itemsize == 8 else bernoulli_float32
    _sample(elementwise, sampler, out, generator, p)


_poisson = rejection.poisson_sampler(draw_uniform)
_gamma = rejection.gamma_sampler(draw_uniform, draw_normal)
_binomial = rejection.binomial_sampler(draw_uniform)


def poisson(out, generator, rate):
    _sample(elementwise, _poisson, out, generator, rate)


@register_jitable
def gamma_float64(block, concentration):
    return max(_gamma(block, concentration), 2.0**-1022)


@register_jitable
def gamma_float32(block, concentration):
    return max(_gamma(block, concentration), 2.0**-126)


def standard_gamma(out, generator, concentration):
    """Samples of a gamma distribution of rate 1, not below the smallest normal number."""
    sampler = gamma_float64 if concentration.dtype.itemsize == 8 else gamma_float32
    _sample(elementwise, sampler, out, generator, concentration)


def binomial(out, generator, count, p):
    _sample(elementwise_of_two, _binomial, out, generator, count, p)


@register_jitable
def random_slope(block, x, lower, upper):
    """The factor of randomised leaky ReLU: 1 for positive x, else uniform."""
    if x <= 0:
        return draw_uniform(block) * (upper - lower) + lower
    return 1.0


def random_slopes(out, generator, x, lower, upper):
    """The factor of randomised leaky ReLU for every element of `x`."""
    bounds = (_rounded_to_compute(lower, out.dtype), _rounded_to_compute(upper, out.dtype))
    _sample(elementwise, random_slope, out, generator, x, read=read_two_reals, reals=bounds)


def _rounded_to_compute(number, dtype):
    return float(number) if dtype.itemsize == 8 else float(np.float32(number))


# Permutations and choices -------------------------------------------------------------------------


def permutation(out_type, store, convert):
    """Fisher-Yates from the front, on 32-bit words."""

    def permutation_kernel(begin, end, arguments):
        block = block_at(integer(arguments, 0))
        out = span(integer(arguments, 1), end, out_type)
        for i in range(end):
            out[i] = store(convert(i))
        for first in range(0, end - 1, BLOCK):
            count = min(BLOCK, end - 1 - first)
            words = draw(block, count)
            for k in range(count):
                i = first + k
                j = i + np.int64(words[k]) % (end - i)
                out[i], out[j] = out[j], out[i]

    return permutation_kernel


def large_permutation(out_type, store, convert):
    """The inside-out shuffle on 64 bits, for so many elements that 32 bits would be skewed."""

    def large_permutation_kernel(begin, end, arguments):
        block = block_at(integer(arguments, 0))
        out = span(integer(arguments, 1), end, out_type)
        for i in range(end):
            j = np.int64(draw_bits(block) % np.uint64(i + 1))
            out[i] = out[j]
            out[j] = store(convert(i))

    return large_permutation_kernel


def randperm(out, generator):
    """A permutation of 0 ... n - 1."""
    count, dtype = out.shape.numel(), out.dtype
    template = permutation if count < (1 << 32) // 20 else large_permutation
    kernel = cpu_target.specialise(
        template, dtype.numba, conversion.store(dtype), conversion.cast(dtype)
    )
    _launch(kernel, count, generator, out.address)


def choices(load, compute, element):
    """Indices drawn with replacement, row by row, by bisection of the cumulative probabilities."""

    def choices_kernel(begin, end, arguments):
        block = block_at(integer(arguments, 0))
        columns, samples = integer(arguments, 4), integer(arguments, 5)
        out = span(integer(arguments, 1), end * samples, types.int64)
        weights = span(integer(arguments, 2), end * columns, element)
        cumulative = span(integer(arguments, 3), columns, compute)
        for row in range(begin, end):
            total = compute(0)
            for j in range(columns):
                total += load(weights[row * columns + j])
                cumulative[j] = total
            for j in range(columns):
                cumulative[j] /= total
            cumulative[columns - 1] = compute(1)
            for k in range(samples):
                u = draw_uniform(block)
                low, high = 0, columns
                while low < high:
                    middle = low + (high - low) // 2
                    if cumulative[middle] < u:
                        low = middle + 1
                    else:
                        high = middle
                out[row * samples + k] = low

    return choices_kernel


def multinomial(out, generator, weights, cumulative):
    """Columns of `weights` (rows, columns), drawn with replacement in proportion to the weights.

    `cumulative` is scratch space of the shape of `weights`, in the compute type; a row is used.
    """
    rows, columns = weights.shape
    kernel = cpu_target.specialise(
        choices, conversion.load(weights.dtype), weights.dtype.compute, weights.dtype.numba,
        flags=EXACT,
    )  # fmt: skip
    _launch(
        kernel, rows, generator, out.address, weights.address, cumulative.address,
        columns, out.shape[-1],
    )  # fmt: skip
