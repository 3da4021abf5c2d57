"""Arithmetic: add, sub, mul, div, pow, neg and their kin."""

from .. import dtypes, graph
from ..formulas import arithmetic as formulas
from .elementwise import binary, promote, to_float, unary
from .registry import function, method
from .scalars import is_number

add_op = binary("add", formulas.add, publish=False)
sub_op = binary("sub", formulas.sub, publish=False, rejects=(dtypes.bool_,))
mul = binary("mul", formulas.mul, aliases=("multiply",))
true_divide = binary("true_divide", formulas.div, to_float, node_name="DivBackward0")
floor_divide = binary("floor_divide", formulas.floor_divide)
trunc_divide = binary("trunc_divide", formulas.trunc_divide, publish=False)
neg = unary("neg", formulas.neg, aliases=("negative",), rejects=(dtypes.bool_,))
reciprocal = unary("reciprocal", formulas.reciprocal, to_float)


def conj_of(x):
    """The conjugate of a complex value; a real one itself."""
    return conj(x) if x.dtype.is_complex else x


conj = unary("conj_physical", formulas.conj)


@conj.gradient("input")
def _(grad):
    return conj(grad)


@add_op.gradient("input", "other")
def _(grad):
    return grad


@sub_op.gradient("input")
def _(grad):
    return grad


@sub_op.gradient("other")
def _(grad):
    return neg(grad)


@mul.gradient("input")
def _(grad, other):
    return mul(grad, conj_of(other))


@mul.gradient("other")
def _(grad, input):
    return mul(grad, conj_of(input))


@true_divide.gradient("input")
def _(grad, other):
    return true_divide(grad, conj_of(other))


@true_divide.gradient("other")
def _(grad, input, other):
    return neg(mul(grad, conj_of(true_divide(true_divide(input, other), other))))


@neg.gradient("input")
def _(grad):
    return neg(grad)


@reciprocal.gradient("input")
def _(grad, output):
    return neg(mul(grad, conj_of(mul(output, output))))


def _scaled(other, alpha, *, dtype_of):
    """alpha * other; an int alpha with integer tensors only where it must be."""
    if alpha == 1 and not isinstance(alpha, bool):
        return other
    if isinstance(alpha, float) and all(
        not isinstance(x, float | complex)
        and (is_number(x) or not (x.dtype.is_floating_point or x.dtype.is_complex))
        for x in dtype_of
    ):
        raise RuntimeError(
            "For integral input tensors, argument alpha must not be a floating point number."
        )
    return alpha * other if is_number(other) else mul(other, alpha)


@function(inplace=True)
def add(input, other, *, alpha=1, out=None):
    """input + alpha * other"""
    return add_op(input, _scaled(other, alpha, dtype_of=(input, other)), out=out)


@function(inplace=True, aliases=("subtract",))
def sub(input, other, *, alpha=1, out=None):
    """input - alpha * other"""
    return sub_op(input, _scaled(other, alpha, dtype_of=(input, other)), out=out)


add.inplace = lambda self, other, *, alpha=1: add_op.inplace(
    self, _scaled(other, alpha, dtype_of=(self, other))
)


@function(inplace=True, aliases=("divide",))
def div(input, other, *, rounding_mode=None, out=None):
    """input / other, rounded down ("floor"), towards zero ("trunc") or not at all."""
    return _division(rounding_mode)(input, other, out=out)


def _division(rounding_mode):
    divisions = {None: true_divide, "floor": floor_divide, "trunc": trunc_divide}
    if rounding_mode not in divisions:
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"'{rounding_mode}'"
        )
    return divisions[rounding_mode]


for _op in (floor_divide, trunc_divide):

    @_op.gradient("input", "other")
    def _(grad):
        return None


@function
def rsub(input, other, *, alpha=1):
    """other - alpha * input"""
    return sub_op(other, _scaled(input, alpha, dtype_of=(input, other)))


@method
def __rpow__(self, other):
    return graph.tensor_type.__pow__(other, self)


_ = promote
