"""Multiply and add with one rounding, spelt out where the last bit matters."""

from fractions import Fraction

import numpy as np
from numba import types
from numba.extending import intrinsic, overload


def fma(x, y, z):
    """x * y + z, rounded once."""
    if isinstance(x, np.float32):
        return np.float32(np.float64(x) * np.float64(y) + np.float64(z))
    return float(Fraction(x) * Fraction(y) + Fraction(z))


@intrinsic
def _fma(typing_context, x, y, z):
    def generate(context, builder, signature, values):
        return builder.fma(*values)

    return signature_of[x], generate


signature_of = {kind: kind(kind, kind, kind) for kind in (types.float32, types.float64)}


@overload(fma)
def _fma_of_type(x, y, z):
    if x in signature_of:
        return lambda x, y, z: _fma(x, y, z)
    return None
