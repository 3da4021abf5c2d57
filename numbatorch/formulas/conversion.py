"""Between what lies in memory and what is computed with.

float16 and bfloat16 lie in memory as 16 bits and are computed in float32; bool lies as a byte.
Rounding is to nearest, ties to even, as IEEE 754 and PyTorch have it.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from .typed import formula


def bits_to_float(bits):
    """The float32 with these 32 bits."""
    return np.uint32(bits).view(np.float32)


def float_to_bits(x):
    """The 32 bits of a float32."""
    return np.float32(x).view(np.uint32)


@intrinsic
def _as_float(typing_context, bits):
    def generate(context, builder, signature, values):
        return builder.bitcast(values[0], ir.FloatType())

    return types.float32(types.uint32), generate


@intrinsic
def _as_bits(typing_context, x):
    def generate(context, builder, signature, values):
        return builder.bitcast(values[0], ir.IntType(32))

    return types.uint32(types.float32), generate


@overload(bits_to_float, inline="always")
def _bits_to_float(bits):
    return lambda bits: _as_float(np.uint32(bits))


@overload(float_to_bits, inline="always")
def _float_to_bits(x):
    return lambda x: _as_bits(np.float32(x))


@formula
def identity(x):
    return x


@formula
def truth(x):
    """Whether x is not zero."""
    return x != 0


@formula
def truth_byte(x):
    """1 where x is not zero, else 0: how a bool lies in memory."""
    return np.uint8(x != 0)


@formula
def bfloat16_to_float32(bits):
    return bits_to_float(np.uint32(bits) << np.uint32(16))


@formula
def float32_to_bfloat16(x):
    bits = float_to_bits(np.float32(x))
    if (bits & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000):
        return np.uint16(0x7FC0)
    rounding = np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return np.uint16(np.uint32(bits + rounding) >> np.uint32(16))


@formula
def float16_to_float32(half):
    bits = np.uint32(half)
    sign = (bits & np.uint32(0x8000)) << np.uint32(16)
    magnitude = (bits & np.uint32(0x7FFF)) << np.uint32(13)
    if magnitude >= np.uint32(0x0F800000):  # infinity or NaN
        return bits_to_float(np.uint32(sign | magnitude | np.uint32(0x7F800000)))
    scaled = bits_to_float(magnitude) * np.float32(2.0**112)  # also right for denormals
    return bits_to_float(np.uint32(sign | float_to_bits(scaled)))


@formula
def float32_to_float16(x):
    bits = float_to_bits(np.float32(x))
    sign = (bits >> np.uint32(16)) & np.uint32(0x8000)
    magnitude = bits & np.uint32(0x7FFFFFFF)
    if magnitude > np.uint32(0x7F800000):
        return np.uint16(sign | np.uint32(0x7E00))
    if magnitude >= np.uint32(0x47800000):  # 65536 and more
        return np.uint16(sign | np.uint32(0x7C00))
    if magnitude < np.uint32(0x38800000):  # below 2**-14: let the float adder round the denormal
        shifted = bits_to_float(magnitude) + np.float32(0.5)
        return np.uint16(sign | np.uint32(float_to_bits(shifted) - np.uint32(0x3F000000)))
    rounding = np.uint32(0x0FFF) + ((magnitude >> np.uint32(13)) & np.uint32(1))
    rounded = np.uint32(magnitude - np.uint32(0x38000000) + rounding)
    return np.uint16(sign | (rounded >> np.uint32(13)))


@formula
def real_part(x):
    return x.real


#: What turns a stored element into a number to compute with, by dtype name; identity where absent.
LOAD = {"bool": truth, "bfloat16": bfloat16_to_float32, "float16": float16_to_float32}

#: What turns a computed number into a stored element.
STORE = {"bool": truth_byte, "bfloat16": float32_to_bfloat16, "float16": float32_to_float16}


def load(dtype):
    """The formula that reads an element of `dtype`."""
    return LOAD.get(dtype.name, identity)


def store(dtype):
    """The formula that makes an element of `dtype` from a computed number."""
    return STORE.get(dtype.name, identity)


def _via(wide, narrow):
    def cast(x):
        return narrow(wide(x))

    cast.__name__ = cast.__qualname__ = f"cast_to_{narrow.__name__}"
    return formula(cast)


cast_to_uint8, cast_to_int8 = _via(np.int64, np.uint8), _via(np.int32, np.int8)
cast_to_int16, cast_to_uint16 = _via(np.int32, np.int16), _via(np.int32, np.uint16)
cast_to_uint32 = _via(np.int64, np.uint32)


@formula
def cast_to_uint64(x):
    return np.uint64(x) if x > 9223372036854775807 else np.uint64(np.int64(x))


@formula
def cast_to_int32(x):
    return np.int32(x)


@formula
def cast_to_int64(x):
    return np.int64(x)


@formula
def cast_to_float32(x):
    return np.float32(x)


@formula
def cast_to_float64(x):
    return np.float64(x)


@formula
def cast_to_complex64(x):
    return np.complex64(x)


@formula
def cast_to_complex128(x):
    return np.complex128(x)


_CAST = {
    "uint8": cast_to_uint8, "int8": cast_to_int8, "int16": cast_to_int16, "int32": cast_to_int32,
    "int64": cast_to_int64, "float16": cast_to_float32, "bfloat16": cast_to_float32,
    "float32": cast_to_float32, "float64": cast_to_float64, "complex64": cast_to_complex64,
    "complex128": cast_to_complex128, "bool": identity, "uint16": cast_to_uint16,
    "uint32": cast_to_uint32, "uint64": cast_to_uint64,
}  # fmt: skip


def cast(dtype):
    """The formula that brings a computed number (not a complex one, to a real type) to `dtype`.

    Narrow integers go through wider ones, those that C compilers take on common hardware.
    """
    return _CAST[dtype.name]
