"""Keys: unsigned integers in the order of the numbers whose bits they are made from.

Sorting then needs no comparison of its own for a dtype. NaN comes last, and both zeros are equal.
"""

from functools import cache

from numba import types

from .typed import formula


@formula
def identity_key(bits):
    return bits


@cache
def _signed_key(unsigned, sign):
    @formula
    def signed_key(bits):
        return unsigned(bits) ^ unsigned(sign)

    return signed_key


@cache
def _float_key(unsigned, sign, infinity, last):
    @formula
    def float_key(bits):
        magnitude = unsigned(bits) & unsigned(last ^ sign)
        if magnitude > unsigned(infinity):
            return unsigned(last)
        if magnitude == unsigned(0):
            return unsigned(sign)
        if bits & unsigned(sign):
            return unsigned(bits ^ unsigned(last))
        return unsigned(bits | unsigned(sign))

    return float_key


_UNSIGNED = {1: types.uint8, 2: types.uint16, 4: types.uint32, 8: types.uint64}
_INFINITY = {
    "float16": 0x7C00, "bfloat16": 0x7F80, "float32": 0x7F800000, "float64": 0x7FF << 52,
}  # fmt: skip


def bits_of(dtype):
    """The unsigned type of the size of a dtype's elements."""
    return _UNSIGNED[dtype.itemsize]


def key(dtype):
    """The formula from the bits of an element of `dtype` to its key, an integer of the same size."""
    bits = 8 * dtype.itemsize
    sign, last = 1 << (bits - 1), (1 << bits) - 1
    if dtype.is_floating_point:
        return _float_key(bits_of(dtype), sign, _INFINITY[dtype.name], last)
    return _signed_key(bits_of(dtype), sign) if dtype.is_signed else identity_key
