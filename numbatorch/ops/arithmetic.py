"""Arithmetic: sums, products, quotients, remainders."""

from .. import dtypes, graph
from ..formulas import arithmetic as formulas
from ..op import copy_values, repeated
from .elementwise import (
    BOOL,
    COMPLEX,
    FLOATING,
    TENSOR_FIRST,
    TENSORS,
    Elementwise,
    binary,
    elementwise,
    no_gradient,
    not_differentiable,
    promote,
    to_float,
    unary,
)  # fmt: skip
from .registry import Sample, function, method, samples
from .scalars import is_number

add_op = binary("add", formulas.add, publish=False)


def _reject_bools(inputs):
    bools = [_dtype_category(x) == dtypes.BOOLEAN for x in inputs]
    if any(bools):
        raise RuntimeError(
            "Subtraction, the `-` operator, with "
            + ("two bool tensors is not supported. Use the `^` or `logical_xor()` operator "
               "instead."
               if all(bools) else
               "a bool tensor is not supported. If you are trying to invert a mask, use the "
               "`~` or `logical_not()` operator instead.")
        )  # fmt: skip


class _Difference(Elementwise):
    """A difference, which bools have none of."""

    def prepare(self, inputs, target=None):
        _reject_bools(inputs)
        return super().prepare(inputs, target)


def _difference_of(input, other):
    """input - other"""


sub_op = _Difference(_difference_of, formulas.sub, name="sub")
mul = binary("mul", formulas.mul, aliases=("multiply",))
true_divide = binary(
    "true_divide",
    formulas.div,
    to_float,
    node_name="DivBackward0",
    domain=((-2.0, 2.0), (0.5, 2.0)),
)
reciprocal = unary("reciprocal", formulas.reciprocal, to_float, domain=(0.5, 2.0))


class _Conjugate(Elementwise):
    """The conjugate, which of real numbers is a copy."""

    def compute(self, out, input):
        if input.dtype.is_complex:
            super().compute(out, input)
        else:
            copy_values(out, input)


conj = unary("conj_physical", formulas.conj, kind=_Conjugate)


def conj_of(x):
    """The conjugate of a complex value; a real one itself."""
    return conj(x) if x.dtype.is_complex else x


# Sums -----------------------------------------------------------------------------------------------


@elementwise(formulas.add_scaled, node_name="AddBackward0")
def add_scaled(input, other, *, alpha=1.0):
    pass


def _dtype_category(x):
    if isinstance(x, graph.Value):
        return x.dtype.category
    return dtypes.of_scalar(x).category if is_number(x) else dtypes.COMPLEX


def _check_alpha(input, other, alpha):
    category = max(_dtype_category(input), _dtype_category(other))
    if isinstance(alpha, bool) and category != dtypes.BOOLEAN:
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if isinstance(alpha, float) and category < dtypes.FLOATING:
        raise RuntimeError(
            "For integral input tensors, argument alpha must not be a floating point number."
        )
    if isinstance(alpha, complex) and category < dtypes.COMPLEX:
        raise RuntimeError(
            "For non-complex input tensors, argument alpha must not be a complex number."
        )


def _sum(input, other, alpha):
    """(op, inputs, params) for input + alpha * other."""
    if isinstance(alpha, graph.Value):
        alpha = alpha.item()
    if alpha == 1 and alpha is not True:
        return add_op, (input, other), {}
    _check_alpha(input, other, alpha)
    if is_number(other):
        both_bool = isinstance(other, bool) and _dtype_category(input) == dtypes.BOOLEAN
        return add_op, (input, bool(other * alpha) if both_bool else other * alpha), {}
    if isinstance(alpha, complex):
        return add_op, (input, mul(other, alpha)), {}
    return add_scaled, (input, other), {"alpha": alpha}


def _difference(input, other, alpha):
    """(op, inputs, params) for input - alpha * other."""
    if alpha == 1 and alpha is not True:
        return sub_op, (input, other), {}
    _reject_bools((input, other))
    _check_alpha(input, other, alpha)
    return _sum(input, other, -alpha)


def _is_sparse(x):
    return not isinstance(x, graph.Value) and getattr(x, "is_sparse", False)


@function
@repeated
def add(input, other, *, alpha=1, out=None):
    """input + alpha * other"""
    if _is_sparse(other):
        return other.add_to_(input.clone(), alpha=alpha)
    op, inputs, params = _sum(input, other, alpha)
    return op(*inputs, **params, out=out)


@method
@repeated
def add_(self, other, *, alpha=1):
    """Add alpha * other to this tensor."""
    if _is_sparse(other):
        return other.add_to_(self, alpha=alpha)
    op, inputs, params = _sum(self, other, alpha)
    return op.inplace(*inputs, **params)


@function(aliases=("subtract",))
@repeated
def sub(input, other, *, alpha=1, out=None):
    """input - alpha * other"""
    if _is_sparse(other):
        return other.add_to_(input.clone(), alpha=-alpha)
    op, inputs, params = _difference(input, other, alpha)
    return op(*inputs, **params, out=out)


@method(aliases=("subtract_",))
@repeated
def sub_(self, other, *, alpha=1):
    """Subtract alpha * other from this tensor."""
    if _is_sparse(other):
        return other.add_to_(self, alpha=-alpha)
    op, inputs, params = _difference(self, other, alpha)
    return op.inplace(*inputs, **params)


@function
def rsub(input, other, *, alpha=1):
    """other - alpha * input"""
    if not isinstance(input, graph.Value):
        raise TypeError(
            f"rsub(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
        )
    return sub(other, input, alpha=alpha)


def _not_of_bools(dtype):
    if dtype is dtypes.bool_:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
            "invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return promote(dtype)


neg = unary("neg", formulas.neg, _not_of_bools, aliases=("negative",))


@function
def positive(input):
    """The input itself; not defined for bools."""
    if input.dtype is dtypes.bool_:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


# Divisions with a whole quotient --------------------------------------------------------------------


class _WholeDivision(Elementwise):
    """A division that raises where an integer is divided by zero, as far as the host can see it."""

    def compute(self, out, input, other):
        if (
            other.dtype not in FLOATING
            and other.storage.device_type == "cpu"
            and 0 not in out.shape
            and not other.as_numpy().all()
        ):
            raise RuntimeError("ZeroDivisionError")
        super().compute(out, input, other)


def _whole_division(name, formula, publish=True, **attributes):
    def signature(input, other):
        pass

    op = _WholeDivision(
        signature, formula, name=name, rejects=BOOL + COMPLEX, sampled=False, **attributes
    )
    return function(op, inplace=True) if publish else op


floor_divide = _whole_division("floor_divide", formulas.floor_divide)
floor_divide_op, trunc_divide = (
    _whole_division(f"{name}_divide_op", formula, publish=False, node_name="DivBackward1")
    for name, formula in (("floor", formulas.floor_divide), ("trunc", formulas.trunc_divide))
)
remainder = _whole_division("remainder", formulas.remainder)
fmod = _whole_division("fmod", formulas.fmod, numbers=TENSOR_FIRST)
gcd = binary("gcd", formulas.gcd, rejects=BOOL + FLOATING + COMPLEX, numbers=TENSORS)
lcm = binary("lcm", formulas.lcm, rejects=BOOL + FLOATING + COMPLEX, numbers=TENSORS)

not_differentiable(floor_divide)
no_gradient(floor_divide_op, trunc_divide)


def _division(rounding_mode):
    divisions = {None: true_divide, "floor": floor_divide_op, "trunc": trunc_divide}
    if rounding_mode not in divisions:
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"'{rounding_mode}'"
        )
    return divisions[rounding_mode]


@function(aliases=("divide",))
@repeated
def div(input, other, *, rounding_mode=None, out=None):
    """input / other, rounded down ("floor"), towards zero ("trunc") or not at all."""
    return _division(rounding_mode)(input, other, out=out)


@method(aliases=("divide_",))
def div_(self, other, *, rounding_mode=None):
    """Divide this tensor by other."""
    return _division(rounding_mode).inplace(self, other)


# Gradients ------------------------------------------------------------------------------------------


@conj.gradient("input")
def _(grad):
    return conj(grad)


@add_op.gradient("input", "other")
def _(grad):
    return grad


@add_scaled.gradient("input")
def _(grad):
    return grad


@add_scaled.gradient("other")
def _(grad, alpha):
    return mul(grad, alpha)


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


@remainder.gradient("input")
def _(grad):
    return grad


@remainder.gradient("other")
def _(grad, input, other):
    return neg(mul(grad, floor_divide_op(input, other)))


@fmod.gradient("input")
def _(grad):
    return grad


@fmod.gradient("other")
def _(grad, input, other):
    return neg(mul(grad, trunc_divide(input, other)))


# Samples --------------------------------------------------------------------------------------------


@samples("add")
def _(make):
    yield Sample(make(3, 4), make(4))
    yield Sample(make(3, 4), make(3, 1), alpha=-0.5)
    yield Sample(make(3, 4), 2.0)


@samples("sub")
def _(make):
    yield Sample(make(3, 4), make(4))
    yield Sample(make(3, 4), make(3, 1), alpha=0.5)
    yield Sample(make(3, 4), 2.0, alpha=2)


@samples("rsub")
def _(make):
    yield Sample(make(3, 4), make(4), alpha=0.5)
    yield Sample(make(3, 4), 2.0)


def _quotients_between_whole_numbers(make):
    """Operands whose quotients keep away from the steps of a rounded division."""
    for first, second in (((3, 4), (3, 4)), ((3, 4), (4,)), ((), ()), ((2, 1), (3,))):
        yield Sample(make(*first, low=2.1, high=2.8), make(*second, low=0.95, high=1.04))
        yield Sample(make(*first, low=-2.8, high=-2.1), make(*second, low=0.95, high=1.04))


for _name in ("remainder", "fmod"):
    samples(_name)(_quotients_between_whole_numbers)


@samples("div")
def _(make):
    yield Sample(make(3, 4), make(4, low=0.5))
    for mode in ("floor", "trunc"):
        for sample in _quotients_between_whole_numbers(make):
            yield Sample(*sample.args, rounding_mode=mode)
