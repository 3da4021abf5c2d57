"""MT19937 in a block of memory, its words drawn many at a time.

The block holds 32-bit words: the 624 words of the state, then the fields below, then scratch space
for the words that were drawn last. `next` is the place of the next word; a state whose words are
used up, or were never made (a fresh seed), is twisted before the next draw.
"""

import numpy as np
from numba import types
from numba.extending import register_jitable

from ..formulas import box_muller
from ..formulas.random import unit_float64
from .native import span

N, M = 624, 397
NEXT, EXHAUSTED, HAS_DOUBLE, HAS_FLOAT = 624, 625, 626, 627
DOUBLE, FLOAT, SEED = 628, 630, 632  # a cached normal sample in float64, in float32; two words
SCRATCH = 640
#: The most words of one draw.
BLOCK = 1024
#: More scratch space, as large; a draw may overwrite it.
SPARE = SCRATCH + BLOCK
BLOCK_WORDS = SPARE + BLOCK


@register_jitable
def block_at(address):
    """The generator's block at an address."""
    return span(address, BLOCK_WORDS, types.uint32)


@register_jitable
def _twisted(word, following, other):
    mixed = (word & np.uint32(0x80000000)) | (following & np.uint32(0x7FFFFFFF))
    odd = np.uint32(0) - (following & np.uint32(1))
    return np.uint32(other ^ (mixed >> np.uint32(1)) ^ (odd & np.uint32(0x9908B0DF)))


@register_jitable
def twist(block):
    """Make the next 624 words of the state.

    From a copy, in stretches that do not overlap what they are made from: only so do the loops
    run in vector registers.
    """
    old, new = block[SPARE : SPARE + N], block[:N]
    for i in range(N):
        old[i] = new[i]
    _twist_stretch(new[: N - M], old[:N], old[M:])
    _twist_stretch(new[N - M : 2 * (N - M)], old[N - M :], new[: N - M])
    _twist_stretch(new[2 * (N - M) : N - 1], old[2 * (N - M) :], new[N - M :])
    new[N - 1] = _twisted(old[N - 1], new[0], new[M - 1])


@register_jitable
def _twist_stretch(new, old, other):
    following = old[1:]
    for i in range(new.size):
        new[i] = _twisted(old[i], following[i], other[i])


@register_jitable
def _tempered(word):
    word ^= word >> np.uint32(11)
    word ^= (word << np.uint32(7)) & np.uint32(0x9D2C5680)
    word ^= (word << np.uint32(15)) & np.uint32(0xEFC60000)
    word ^= word >> np.uint32(18)
    return np.uint32(word)


@register_jitable
def draw(block, count):
    """The next `count` words of the stream (BLOCK at most), in the block's scratch space."""
    words = block[SCRATCH : SCRATCH + count]
    drawn = 0
    while drawn < count:
        if block[EXHAUSTED]:
            twist(block)
            block[NEXT] = 0
            block[EXHAUSTED] = 0
        place = np.int64(block[NEXT])
        taken = min(count - drawn, N - place)
        state, target = block[place : place + taken], words[drawn : drawn + taken]
        for i in range(taken):
            target[i] = _tempered(state[i])
        drawn += taken
        block[NEXT] = place + taken
        block[EXHAUSTED] = place + taken == N
    return words


@register_jitable
def wide(high, low):
    """Two words as 64 bits."""
    return (np.uint64(high) << np.uint64(32)) | np.uint64(low)


@register_jitable
def draw_bits(block):
    """The next 64 bits of the stream."""
    words = draw(block, 2)
    return wide(words[0], words[1])


@register_jitable
def draw_uniform(block):
    """A float64 in [0, 1)."""
    return unit_float64(draw_bits(block))


@register_jitable
def draw_normal(block):
    """A standard normal sample; they come in pairs, and the second waits in the block."""
    waiting = block[DOUBLE : DOUBLE + 2].view(np.float64)
    if block[HAS_DOUBLE]:
        block[HAS_DOUBLE] = 0
        return waiting[0]
    first = draw_uniform(block)
    second = draw_uniform(block)
    sample, waiting[0] = box_muller.standard_pair(first, second)
    block[HAS_DOUBLE] = 1
    return sample
