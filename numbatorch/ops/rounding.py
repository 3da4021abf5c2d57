"""Rounding to whole numbers."""

from .. import devices, dtypes
from ..formulas import conversion
from ..formulas import rounding as formulas
from .elementwise import BOOL, COMPLEX, NOT_REAL, Elementwise, elementwise, no_gradient
from .registry import function, method


class _Rounding(Elementwise):
    """Rounding: integers stay as they are."""

    def compute(self, out, input):
        if input.dtype.category == dtypes.INTEGRAL:
            devices.kernels(out).elementwise.apply(conversion.identity, out, input)
        else:
            super().compute(out, input)


def _rounding(name, formula, publish=True, aliases=()):
    def signature(input):
        pass

    signature.__doc__ = formula.__doc__
    # Whole numbers are where the numerical check would see a step.
    op = _Rounding(signature, formula, name=name, rejects=BOOL + COMPLEX, domain=(0.55, 0.95))
    return function(op, inplace=True, aliases=aliases) if publish else op


floor = _rounding("floor", formulas.floor)
ceil = _rounding("ceil", formulas.ceil)
trunc = _rounding("trunc", formulas.trunc, aliases=("fix",))
round_op = _rounding("round", formulas.round, publish=False)


@elementwise(formulas.round_to, rejects=BOOL + COMPLEX, sampled=False, node_name="RoundBackward1")
def round_to(input, *, scale):
    pass


@elementwise(
    formulas.round_to_multiple, rejects=BOOL + COMPLEX, sampled=False, node_name="RoundBackward1"
)
def round_to_multiple(input, *, scale):
    pass


no_gradient(floor, ceil, trunc, round_op, round_to, round_to_multiple)


@elementwise(formulas.frac, publish=True, rejects=NOT_REAL, domain=(0.1, 0.9))
def frac(input):
    pass


@frac.gradient("input")
def _(grad):
    return grad


def _round(input, decimals):
    """(op, params) that rounds to `decimals` places."""
    if decimals == 0:
        return round_op, {}
    if input.dtype.category < dtypes.FLOATING:
        raise NotImplementedError(
            f'"round_cpu" not implemented for dtype {input.dtype.name} with decimals'
        )
    if decimals > 0:
        return round_to, {"scale": 10.0**decimals}
    return round_to_multiple, {"scale": 10.0**-decimals}


@function
def round(input, *, decimals=0, out=None):
    """The nearest number with `decimals` places, the even one of two."""
    op, params = _round(input, decimals)
    return op(input, **params, out=out)


@method
def round_(input, *, decimals=0):
    """Round this tensor to `decimals` places."""
    op, params = _round(input, decimals)
    return op.inplace(input, **params)
