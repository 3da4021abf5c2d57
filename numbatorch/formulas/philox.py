"""Philox4x32-10, PyTorch's generator on CUDA: a block of random words for every counter.

Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011). There is no state to advance: the
words are a function of (seed, counter, stream), so every thread computes its own. From the words to
uniform and normal samples the arithmetic is cuRAND's, whose unit interval is (0, 1].
"""

import math

import numpy as np

from .fused import fma
from .typed import formula

_WORD = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_FIRST_FACTOR, _SECOND_FACTOR = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_FIRST_KEY_STEP, _SECOND_KEY_STEP = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)

ROUNDS = 10


@formula
def four_words(seed, counter, stream):
    """Four words of 32 bits: block `counter` of the stream that `seed` and `stream` name."""
    key0, key1 = np.uint64(seed) & _WORD, np.uint64(seed) >> _HALF
    a, b = np.uint64(counter) & _WORD, np.uint64(counter) >> _HALF
    c, d = np.uint64(stream) & _WORD, np.uint64(stream) >> _HALF
    for _ in range(ROUNDS):
        left, right = a * _FIRST_FACTOR, c * _SECOND_FACTOR
        a, b = (right >> _HALF) ^ b ^ key0, right & _WORD
        c, d = (left >> _HALF) ^ d ^ key1, left & _WORD
        key0, key1 = (key0 + _FIRST_KEY_STEP) & _WORD, (key1 + _SECOND_KEY_STEP) & _WORD
    return np.uint32(a), np.uint32(b), np.uint32(c), np.uint32(d)


@formula
def two_wide(seed, counter, stream):
    """Two words of 64 bits."""
    a, b, c, d = four_words(seed, counter, stream)
    return np.uint64(a) << _HALF | np.uint64(b), np.uint64(c) << _HALF | np.uint64(d)


# Uniform: the middle of one of 2**32, or 2**53, intervals; rounding may bring it up to 1 -----------


@formula
def unit_float32(word):
    return fma(np.float32(word), np.float32(2.0**-32), np.float32(2.0**-33))


@formula
def unit_float64(low, high):
    return np.float64(np.uint64(low) ^ (np.uint64(high) << np.uint64(21))) * 2.0**-53 + 2.0**-54


@formula
def four_uniform(seed, counter, stream):
    """Four float32 of (0, 1]."""
    a, b, c, d = four_words(seed, counter, stream)
    return unit_float32(a), unit_float32(b), unit_float32(c), unit_float32(d)


@formula
def two_uniform(seed, counter, stream):
    """Two float64 of (0, 1]."""
    a, b, c, d = four_words(seed, counter, stream)
    return unit_float64(a, b), unit_float64(c, d)


# Normal, by Box and Muller ------------------------------------------------------------------------


@formula
def normal_pair_float32(first, second):
    radius = math.sqrt(np.float32(-2.0) * math.log(unit_float32(first)))
    turn = np.float32(2.0**-31 * math.pi)
    angle = fma(np.float32(second), turn, turn * np.float32(0.5))
    return radius * math.sin(angle), radius * math.cos(angle)


@formula
def four_normal(seed, counter, stream):
    """Four float32 of the standard normal distribution."""
    a, b, c, d = four_words(seed, counter, stream)
    x, y = normal_pair_float32(a, b)
    z, w = normal_pair_float32(c, d)
    return x, y, z, w


@formula
def two_normal(seed, counter, stream):
    """Two float64 of the standard normal distribution."""
    u, v = two_uniform(seed, counter, stream)
    radius, angle = math.sqrt(-2.0 * math.log(u)), 2.0 * math.pi * v
    return radius * math.sin(angle), radius * math.cos(angle)


# A stream that is read value by value, for samplers that draw until they accept -------------------

#: A stream's state, an array of 64-bit words: its name, the next block, and what that one left over.
SEED, COUNTER, STREAM, WAITING, HAS_WAITING = range(5)
STATE_WORDS = 5


@formula
def begin(state, seed, counter, stream):
    """Make `state` that of a stream of which nothing from block `counter` on was drawn."""
    state[SEED], state[COUNTER], state[STREAM] = seed, counter, stream
    state[HAS_WAITING] = np.uint64(0)


@formula
def draw_bits(state):
    """The next 64 bits of a stream."""
    if state[HAS_WAITING]:
        state[HAS_WAITING] = np.uint64(0)
        return state[WAITING]
    bits, waiting = two_wide(state[SEED], state[COUNTER], state[STREAM])
    state[COUNTER] += np.uint64(1)
    state[WAITING] = waiting
    state[HAS_WAITING] = np.uint64(1)
    return bits


@formula
def draw_uniform(state):
    """A float64 in [0, 1)."""
    return np.float64(np.int64(draw_bits(state) >> np.uint64(11))) * 2.0**-53


@formula
def draw_normal(state):
    """A sample of the standard normal distribution, in float64."""
    radius = math.sqrt(-2.0 * math.log(1.0 - draw_uniform(state)))
    return radius * math.cos(2.0 * math.pi * draw_uniform(state))
