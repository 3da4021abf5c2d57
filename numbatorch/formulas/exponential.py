"""Exponentials, logarithms and their relatives, branch-free in float32 so that loops vectorise.

Without Intel's SVML, `math.exp` in a loop stays scalar. In float32 these are polynomials
(coefficients from Cephes and from minimax fits), within 2 units in the last place (sigmoid 2.5),
right at infinities, NaN, zero and denormals; in float64 and complex they are the library's.
As plain Python, in the CUDA simulator say, they are NumPy's.

Every product that must not be rounded is an `fma`.
"""

import cmath
import math

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from .conversion import bits_to_float, float_to_bits
from .typed import formula

_F = np.float32
_ONE, _HALF = _F(1.0), _F(0.5)
_INFINITY, _NAN = _F(np.inf), _F(np.nan)
_LOG2_E, _LN2 = _F(1.44269504), _F(0.69314718)
#: ln 2 = _LN2_HIGH - _LN2_LOW, the first exact in so few bits that n * _LN2_HIGH is exact too.
_LN2_HIGH, _LN2_LOW = _F(0.693359375), _F(2.12194440e-4)
_SQRT_HALF_BITS = np.int32(0x3F3504F3)


@intrinsic
def fma(typing_context, x, y, z):
    """x * y + z in float32, rounded once."""

    def generate(context, builder, signature, values):
        number = ir.FloatType()
        function_type = ir.FunctionType(number, [number] * 3)
        function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.fma.f32")
        return builder.call(function, values)

    return types.float32(types.float32, types.float32, types.float32), generate


@formula
def power_of_two(exponent):
    """2 to an int32 power between -126 and 127, as a float32."""
    return bits_to_float(np.uint32(np.int32(exponent + np.int32(127)) << np.int32(23)))


@formula
def nearest_integer(x):
    """The int32 next to a float32 of modest size."""
    return np.int32(x + (_HALF if x >= _F(0.0) else -_HALF))


def _native(function, real, complex_number=None):
    """Decorate the float32 formula of `function`: compiled code takes it, or the library's."""

    def register(float32_formula):
        def of_real(x):
            return real(x)

        def of_complex(x):
            return complex_number(x)

        def choose(x):
            if x == types.float32:
                return float32_formula
            if isinstance(x, types.Complex):
                return of_complex if complex_number is not None else None
            return of_real

        overload(function, jit_options={"forceinline": True})(choose)
        return float32_formula

    return register


def _quietly(function, x):
    with np.errstate(all="ignore"):
        return function(x)


# Exponentials -----------------------------------------------------------------------------------


@formula
def _exp_minus_one_reduced(r):
    """exp(r) - 1 for a float32 |r| <= ln(2) / 2."""
    p = fma(_F(1.9875691500e-4), r, _F(1.3981999507e-3))
    p = fma(p, r, _F(8.3334519073e-3))
    p = fma(p, r, _F(4.1665795894e-2))
    p = fma(p, r, _F(1.6666665459e-1))
    p = fma(p, r, _F(5.0000001201e-1))
    return fma(p, r * r, r)


@formula
def _reduce_by_ln2(x, n):
    """x - n ln(2), exact to float32 even where the two nearly cancel."""
    whole = _F(n)
    return fma(whole, _LN2_LOW, fma(whole, -_LN2_HIGH, x))


def exp(x):
    """e to the power x."""
    return _quietly(np.exp, x)


@_native(exp, math.exp, cmath.exp)
def _exp(x):
    clamped = x if x > _F(-104.0) else _F(0.0)  # what underflows is slow to compute
    clamped = clamped if clamped < _F(88.8) else _F(88.8)
    n = nearest_integer(clamped * _LOG2_E)
    y = _exp_minus_one_reduced(_reduce_by_ln2(clamped, n)) + _ONE
    half = np.int32(n >> np.int32(1))  # 2**n itself may be out of range
    y = y * power_of_two(half) * power_of_two(np.int32(n - half))
    y = y if x > _F(-104.0) else _F(0.0)
    return x if x != x else y


def exp2(x):
    """2 to the power x."""
    return _quietly(np.exp2, x)


@formula
def _exp2_of_real(x):
    return 2.0**x


@formula
def _exp2_of_complex(x):
    return cmath.exp(x * math.log(2.0))


@_native(exp2, _exp2_of_real, _exp2_of_complex)
def _exp2(x):
    clamped = x if x > _F(-151.0) else _F(-151.0)
    clamped = clamped if clamped < _F(129.0) else _F(129.0)
    n = nearest_integer(clamped)
    y = _exp_minus_one_reduced((clamped - _F(n)) * _LN2) + _ONE
    half = np.int32(n >> np.int32(1))
    y = y * power_of_two(half) * power_of_two(np.int32(n - half))
    return x if x != x else y


def expm1(x):
    """exp(x) - 1, accurate near zero."""
    return _quietly(np.expm1, x)


@formula
def _expm1_of_complex(x):
    return cmath.exp(x) - 1.0


@_native(expm1, math.expm1, _expm1_of_complex)
def _expm1(x):
    clamped = x if x > _F(-18.0) else _F(-18.0)
    clamped = clamped if clamped < _F(88.8) else _F(88.8)
    n = nearest_integer(clamped * _LOG2_E)
    reduced = _exp_minus_one_reduced(_reduce_by_ln2(clamped, n))
    scale = power_of_two(np.int32(n - np.int32(1)))  # half of 2**n, which may be out of range
    y = _F(2.0) * fma(reduced, scale, scale - _HALF)
    return x if (x != x or x == _F(0.0)) else y  # keeps -0


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return type(x)(1) / (type(x)(1) + exp(-x))


@formula
def _sigmoid_of_real(x):
    return 1.0 / (1.0 + math.exp(-x))


@formula
def _sigmoid_of_complex(x):
    return 1.0 / (1.0 + cmath.exp(-x))


@_native(sigmoid, _sigmoid_of_real, _sigmoid_of_complex)
def _sigmoid(x):
    e = exp(-abs(x))
    return (_ONE if x >= _F(0.0) else e) / (_ONE + e)


# Logarithms -------------------------------------------------------------------------------------


@formula
def _log_reduced(f):
    """log(1 + f) - f for a float32 f between sqrt(1/2) - 1 and sqrt(2) - 1."""
    p = fma(_F(7.0376836292e-2), f, _F(-1.1514610310e-1))
    p = fma(p, f, _F(1.1676998740e-1))
    p = fma(p, f, _F(-1.2420140846e-1))
    p = fma(p, f, _F(1.4249322787e-1))
    p = fma(p, f, _F(-1.6668057665e-1))
    p = fma(p, f, _F(2.0000714765e-1))
    p = fma(p, f, _F(-2.4999993993e-1))
    p = fma(p, f, _F(3.3333331174e-1))
    square = f * f
    return fma(_F(-0.5), square, p * f * square)


@formula
def _at_domain_border(x, y):
    """y, but what a logarithm of x is where x is negative, zero, infinite or NaN."""
    y = x if x == _INFINITY else y
    y = -_INFINITY if x == _F(0.0) else y
    return y if x >= _F(0.0) else _NAN


@formula
def _exponent_of(bits):
    """The e for which a float32 with these int32 bits is 2**e times a number next to one."""
    return np.int32(np.int32(bits - _SQRT_HALF_BITS) >> np.int32(23))


@formula
def _split(x):
    """(e, f) with x = 2**e * (1 + f), both float32, 1 + f between sqrt(1/2) and sqrt(2)."""
    denormal = x < _F(1.17549435e-38)
    bits = np.int32(float_to_bits(x * _F(8388608.0) if denormal else x))
    e = _exponent_of(bits)
    mantissa = bits_to_float(np.uint32(np.int32(bits - np.int32(e << np.int32(23)))))
    return _F(e) + (_F(-23.0) if denormal else _F(0.0)), mantissa - _ONE


@formula
def _log_sum(e, f):
    """e ln(2) + log(1 + f)."""
    tail = fma(e, -_LN2_LOW, _log_reduced(f))
    return fma(e, _LN2_HIGH, f + tail)


def log(x):
    """The natural logarithm."""
    return _quietly(np.log, x)


@_native(log, math.log, cmath.log)
def _log(x):
    e, f = _split(x)
    return _at_domain_border(x, _log_sum(e, f))


def log2(x):
    """The logarithm to base 2."""
    return _quietly(np.log2, x)


@formula
def _log2_of_complex(x):
    return cmath.log(x) / math.log(2.0)


@_native(log2, math.log2, _log2_of_complex)
def _log2(x):
    e, f = _split(x)
    return _at_domain_border(x, fma(f + _log_reduced(f), _LOG2_E, e))


def log10(x):
    """The logarithm to base 10."""
    return _quietly(np.log10, x)


@_native(log10, math.log10, cmath.log10)
def _log10(x):
    return _F(math.log10(np.float64(x)))


def log1p(x):
    """log(1 + x), accurate near zero."""
    return _quietly(np.log1p, x)


@formula
def _log1p_of_complex(x):
    return cmath.log(1.0 + x)


@_native(log1p, math.log1p, _log1p_of_complex)
def _log1p(x):
    e = _exponent_of(np.int32(float_to_bits(_ONE + x)))
    scale = power_of_two(np.int32(np.int32(2) - e)) * _F(0.25)  # 2**-e, which may be denormal
    f = fma(x, scale, scale - _ONE)
    y = _log_sum(_F(e), f)
    y = _at_domain_border(_ONE + x, y)
    return x if x == _F(0.0) else y  # keeps -0


# Sigmoids ---------------------------------------------------------------------------------------


def tanh(x):
    """The hyperbolic tangent."""
    return _quietly(np.tanh, x)


@_native(tanh, math.tanh, cmath.tanh)
def _tanh(x):
    square = x * x
    p = fma(_F(-5.70498872745e-3), square, _F(2.06390887954e-2))
    p = fma(p, square, _F(-5.37397155531e-2))
    p = fma(p, square, _F(1.33314422036e-1))
    p = fma(p, square, _F(-3.33332819422e-1))
    small = fma(p * square, x, x)
    size = abs(x)
    clamped = size if size < _F(10.0) else _F(10.0)
    large = _ONE - _F(2.0) / (exp(clamped + clamped) + _ONE)
    large = -large if x < _F(0.0) else large
    y = small if size < _F(0.625) else large
    return x if (x != x or x == _F(0.0)) else y  # keeps -0


def erf(x):
    """The error function."""
    return type(x)(math.erf(x))


@_native(erf, math.erf)
def _erf(x):
    size, square = abs(x), x * x
    t = size if size < _F(4.0) else _F(4.0)
    p = fma(_F(-1.72853470e-5), t, _F(3.83197126e-4))
    q = fma(_F(-3.88396438e-3), t, _F(2.42546219e-2))
    p = fma(p, t * t, q)
    p = fma(p, t, _F(-1.06777877e-1))
    p = fma(p, t, _F(-6.34846687e-1))
    p = fma(p, t, _F(-1.28717512e-1))
    p = fma(p, t, -t)
    large = _ONE - exp(p)
    large = -large if x < _F(0.0) else large
    p = fma(_F(-5.96761703e-4), square, _F(4.99119423e-3))
    p = fma(p, square, _F(-2.67681349e-2))
    p = fma(p, square, _F(1.12819925e-1))
    p = fma(p, square, _F(-3.76125336e-1))
    p = fma(p, square, _F(1.28379166e-1))
    small = fma(p, x, x)
    y = large if size > _F(0.927734375) else small
    return x if x != x else y
