"""Sine and cosine; in float32 on the CPU free of branches, so that loops vectorise.

An angle is brought to quarter turns in float64: x * 2 / pi, with 2 / pi in pieces of 29 bits, so that
the product with a float32 of 24 is exact, and so is what is left of it modulo 4. That holds for every
float32, however large. The rest is Cephes' polynomials, within 2 units in the last place.
"""

import cmath
import math

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from .exponential import fma
from .library import library
from .typed import formula

sin = library("sin", np.sin, math.sin, cmath.sin)
cos = library("cos", np.cos, math.cos, cmath.cos)

_F, _D = np.float32, np.float64

#: The pieces of 2 / pi, the first from bit 1 on.
_PIECES = tuple(
    _D(float.fromhex(piece))
    for piece in (
        "0x1.45f306dp-1", "0x1.9391054p-30", "0x1.4fe13abp-59", "0x1.d1f534dp-88",
        "0x1.b81b6c5p-117", "0x1.5993c4p-148", "0x1.c820ff2p-175",
    )
)  # fmt: skip
_QUARTER_TURN = _D(math.pi / 2)


@intrinsic
def _nearest(typing_context, x):
    """The float64 integer next to x."""

    def generate(context, builder, signature, values):
        number = ir.DoubleType()
        function_type = ir.FunctionType(number, [number])
        name = "llvm.nearbyint.f64"
        function = cgutils.get_or_insert_function(builder.module, function_type, name)
        return builder.call(function, values)

    return types.float64(types.float64), generate


@formula
def _modulo_4(product):
    return product - _D(4.0) * _nearest(product * _D(0.25))


@formula
def _quarter_turns(x):
    """(whole quarter turns, the angle that is left): x = whole * pi / 2 + angle, modulo 2 pi."""
    angle = _D(x)
    p0, p1 = _modulo_4(angle * _PIECES[0]), _modulo_4(angle * _PIECES[1])
    p2, p3 = _modulo_4(angle * _PIECES[2]), _modulo_4(angle * _PIECES[3])
    p4, p5 = _modulo_4(angle * _PIECES[4]), _modulo_4(angle * _PIECES[5])
    p6 = angle * _PIECES[6]
    whole = _nearest(p0 + (p1 + (p2 + (p3 + (p4 + (p5 + p6))))))
    rest = ((((((p0 - whole) + p1) + p2) + p3) + p4) + p5) + p6  # exact where it nearly cancels
    return np.int32(whole), _F(rest * _QUARTER_TURN)


@formula
def _sine(a):
    """For an angle of at most an eighth of a turn."""
    square = a * a
    p = fma(_F(-1.9515295891e-4), square, _F(8.3321608736e-3))
    p = fma(p, square, _F(-1.6666654611e-1))
    return fma(p * square, a, a)


@formula
def _cosine(a):
    """For an angle of at most an eighth of a turn."""
    square = a * a
    p = fma(_F(2.443315711809948e-5), square, _F(-1.388731625493765e-3))
    p = fma(p, square, _F(4.166664568298827e-2))
    return fma(p * square, square, fma(_F(-0.5), square, _F(1.0)))


@formula
def _wave(x, quarters):
    """The sine of x and so many quarter turns."""
    whole, angle = _quarter_turns(x)
    turns = np.int32(whole + quarters)
    value = _cosine(angle) if turns & np.int32(1) else _sine(angle)
    return -value if turns & np.int32(2) else value


@formula
def _sin(x):
    return x if x == 0 else _wave(x, np.int32(0))  # keeps the sign of a zero


@formula
def _cos(x):
    return _wave(x, np.int32(1))


def _vectorise(function, of_float32):
    """Let CPU code compute `function` of a float32 as above."""

    def choose(x):
        return of_float32 if x == types.float32 else None

    overload(function, target="cpu", jit_options={"forceinline": True})(choose)


_vectorise(sin, _sin)
_vectorise(cos, _cos)
