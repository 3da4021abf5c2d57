"""Powers."""

from .. import devices, dtypes, graph
from ..formulas import arithmetic, conversion, roots
from ..formulas import power as formulas
from ..op import repeated
from . import scalars
from .arithmetic import conj_of, mul
from .autocast import full_precision
from .casting import cast
from .comparison import eq, ge
from .copying import copy, zeros_like_meta
from .elementwise import BOOL, Elementwise, binary, elementwise, promote
from .exponential import log
from .logic import bitwise_or, logical_and
from .registry import function, method
from .selection import where_op

#: Exponents that have a formula of their own.
_SPECIAL = {
    -2: formulas.reciprocal_square, -1: arithmetic.reciprocal, -0.5: roots.rsqrt, 0.5: roots.sqrt,
    1: conversion.identity, 2: formulas.square, 3: formulas.cube,
}  # fmt: skip


class _NumberPower(Elementwise):
    """The power to an exponent that is a number; common exponents have formulas of their own."""

    def compute(self, out, input, *, exponent):
        special = _SPECIAL.get(exponent)
        if special is None or (exponent < 0 and not _inexact(input.dtype)):
            super().compute(out, input, exponent=exponent)
        else:
            devices.kernels(out).elementwise.apply(special, out, input)


def _number_power(input, *, exponent):
    """input ** exponent"""


pow_number = _NumberPower(
    _number_power, formulas.power, name="pow_number", node_name="PowBackward0", rejects=BOOL,
    sampled=False,
)  # fmt: skip
pow_op = binary(
    "pow_tensor", formulas.power, publish=False, node_name="PowBackward1", rejects=BOOL,
    domain=((0.3, 3.0), (-2.0, 2.0)),
)  # fmt: skip


def _inexact(dtype):
    return dtype.is_floating_point or dtype.is_complex


@pow_number.gradient("input")
def _(grad, input, exponent):
    if exponent == 0:
        return zeros_like_meta(graph.metadata_of(grad))
    if exponent == 1:
        return grad
    return mul(grad, conj_of(mul(pow_number(input, exponent=exponent - 1), exponent)))


@pow_op.gradient("input")
def _(grad, input, other):
    slope = other * pow_op(input, other - 1)
    return mul(grad, conj_of(where_op(eq(other, 0), 0, slope)))


@pow_op.gradient("other")
def _(grad, input, other, output):
    slope = output * log(input)
    vanishes = eq(input, 0)
    if not other.dtype.is_complex:
        vanishes = logical_and(vanishes, ge(other, 0))
    return mul(grad, conj_of(where_op(vanishes, 0, slope)))


@function
@repeated
@full_precision(devices=("cuda",))
def pow(input, exponent, *, out=None):
    """input to the power `exponent`; either may be a number."""
    if isinstance(input, graph.Value) and _is_real_number(exponent):
        if isinstance(exponent, bool) and input.dtype is dtypes.bool_:
            return bitwise_or(input, not exponent, out=out)
        base, exponent = _number_power_operands(input, exponent)
        return pow_number(base, exponent=exponent, out=out)
    return pow_op(input, exponent, out=out)


@method
def pow_(self, exponent):
    """Raise this tensor to the power `exponent`."""
    if not _is_real_number(exponent):
        return pow_op.inplace(self, exponent)
    base, exponent = _number_power_operands(self, exponent)
    if base is self:
        return pow_number.inplace(self, exponent=exponent)
    return copy.inplace(self, pow_number(base, exponent=exponent))


def _is_real_number(value):
    return scalars.is_number(value) and not isinstance(value, complex)


def _number_power_operands(base, exponent):
    """The base in the dtype of the result, and the exponent as a Python number."""
    scalars.check_word(exponent)
    operands = [(base.dtype, 2 if base.shape else 1), (dtypes.of_scalar(exponent), 0)]
    dtype = dtypes.result_type(operands)
    if not _inexact(dtype) and exponent < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return cast(base, dtype), exponent.item() if hasattr(exponent, "item") else exponent


@function(inplace=True)
def float_power(input, exponent, *, out=None):
    """The power computed in float64, or complex128 where an operand is complex."""
    is_complex = any(
        x.dtype.is_complex if isinstance(x, graph.Value) else isinstance(x, complex)
        for x in (input, exponent)
    )
    dtype = dtypes.complex128 if is_complex else dtypes.float64
    operands = [cast(x, dtype) if isinstance(x, graph.Value) else x for x in (input, exponent)]
    return pow(*operands, out=out)


def _bool_to_int(dtype):
    return promote(dtypes.int64 if dtype is dtypes.bool_ else dtype)


@elementwise(formulas.square, _bool_to_int, node_name="PowBackward0", name="square", publish=True)
def square(input):
    pass


@square.gradient("input")
def _(grad, input):
    return mul(grad, conj_of(input * 2))
