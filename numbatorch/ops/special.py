"""Special functions: the error function's kin, gamma functions, logarithms that keep their precision."""

import math

from .. import dtypes
from ..formulas import special as formulas
from .arithmetic import mul, neg
from .comparison import isfinite
from .complex import complex_
from .elementwise import COMPLEX, NOT_REAL, TENSORS, binary, elementwise, to_float, unary
from .exponential import exp, exp2, log, log1p, sigmoid
from .registry import Sample, function, samples
from .selection import where_op

erfc = unary("erfc", formulas.erfc, to_float, rejects=COMPLEX)
erfinv = unary("erfinv", formulas.erfinv, to_float, rejects=COMPLEX, domain=(-0.9, 0.9))
lgamma = unary("lgamma", formulas.lgamma, to_float, rejects=COMPLEX, domain=(0.3, 5.0))
digamma = unary("digamma", formulas.digamma, to_float, rejects=COMPLEX, domain=(0.3, 5.0))


@erfc.gradient("input")
def _(grad, input):
    return grad * exp(neg(input * input)) * (-2 / math.sqrt(math.pi))


@erfinv.gradient("input")
def _(grad, output):
    return grad * exp(output * output) * (math.sqrt(math.pi) / 2)


@elementwise(formulas.polygamma, to_float, name="polygamma", rejects=COMPLEX, sampled=False)
def polygamma_op(input, *, n):
    pass


@lgamma.gradient("input")
def _(grad, input):
    return mul(grad, digamma(input))


@digamma.gradient("input")
def _(grad, input):
    return mul(grad, polygamma_op(input, n=1))


@polygamma_op.gradient("input")
def _(grad, input, n):
    return mul(grad, polygamma_op(input, n=n + 1))


def _check_int(name, argument, value):
    """TypeError where an argument is no int."""
    if not isinstance(value, int) or isinstance(value, bool):
        kind = type(value).__name__
        raise TypeError(f"{name}(): argument '{argument}' must be int, not {kind}")


@function(method=False)
def polygamma(n, input, *, out=None):
    """The derivative of order n of digamma."""
    _check_int("polygamma", "n", n)
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return digamma(input, out=out) if n == 0 else polygamma_op(input, n=n, out=out)


@function(public=False, inplace=True, name="polygamma")
def _polygamma_method(self, n):
    """The derivative of order n of digamma."""
    return polygamma(n, self)


@function(inplace=True)
def mvlgamma(input, p):
    """The logarithm of the multivariate gamma function of dimension p."""
    _check_int("mvlgamma", "p", p)
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    total = p * (p - 1) / 4 * math.log(math.pi)
    for j in range(p):
        total = lgamma(input - j / 2) + total
    return total


_of_tensors = {"inplace": False, "rejects": NOT_REAL, "numbers": TENSORS}
logaddexp = binary("logaddexp", formulas.logaddexp, **_of_tensors)
logaddexp2 = binary("logaddexp2", formulas.logaddexp2, **_of_tensors)


@logaddexp.gradient("input")
def _(grad, input, other):
    return mul(grad, sigmoid(input - other))


@logaddexp.gradient("other")
def _(grad, input, other):
    return mul(grad, sigmoid(other - input))


@logaddexp2.gradient("input")
def _(grad, input, other):
    return grad / (1 + exp2(other - input))


@logaddexp2.gradient("other")
def _(grad, input, other):
    return grad / (1 + exp2(input - other))


xlogy = binary("xlogy", formulas.xlogy, to_float, rejects=COMPLEX, domain=((0.2, 2.0), (0.3, 3.0)))
xlog1py = binary(
    "xlog1py", formulas.xlog1py, to_float, publish=False, rejects=COMPLEX,
    domain=((0.2, 2.0), (-0.6, 3.0)),
)  # fmt: skip


@xlogy.gradient("input")
def _(grad, input, other):
    return where_op((input == 0).logical_and(other <= 0), 0, mul(grad, log(other)))


@xlogy.gradient("other")
def _(grad, input, other):
    return mul(grad, input / other)


@xlog1py.gradient("input")
def _(grad, input, other):
    return where_op((input == 0).logical_and(other <= -1), 0, mul(grad, log1p(other)))


@xlog1py.gradient("other")
def _(grad, input, other):
    return mul(grad, input / (other + 1))


@elementwise(formulas.logit, to_float, name="logit", rejects=COMPLEX, sampled=False)
def logit_op(input, *, low, high):
    pass


@logit_op.gradient("input")
def _(grad, input, low, high):
    slope = grad / (input * (1 - input))
    if low == -math.inf:
        return where_op((input < 0).logical_or(input > 1), math.nan, slope)
    return where_op((input < low).logical_or(input > high), 0, slope)


@function(inplace=True)
def logit(input, eps=None, *, out=None):
    """log(input / (1 - input)), of the input brought between eps and 1 - eps where that is given."""
    low, high = (-math.inf, math.inf) if eps is None else (eps, 1 - eps)
    return logit_op(input, low=low, high=high, out=out)


@elementwise(formulas.nan_to_num, name="nan_to_num", sampled=False)
def nan_to_num_op(input, *, nan, posinf, neginf):
    pass


@nan_to_num_op.gradient("input")
def _(grad, input):
    return where_op(isfinite(input), grad, 0)


@function(inplace=True)
def nan_to_num(input, nan=None, posinf=None, neginf=None, *, out=None):
    """`input` with numbers for NaN (0) and the infinities (the largest and the smallest finite)."""
    if input.dtype.category < dtypes.FLOATING:
        result = input.clone()
        return result if out is None else out.copy_(result)
    if input.dtype.is_complex:
        parts = [nan_to_num(part, nan, posinf, neginf) for part in (input.real, input.imag)]
        return complex_(*parts)
    limits = dtypes.finfo(input.dtype)
    return nan_to_num_op(
        input,
        nan=0.0 if nan is None else nan,
        posinf=limits.max if posinf is None else posinf,
        neginf=limits.min if neginf is None else neginf,
        out=out,
    )


@samples("polygamma")
def _(make):
    for n in range(4):
        yield Sample(n, make(3, 4, low=0.5, high=4.0))


@samples("logit")
def _(make):
    yield Sample(make(3, 4, low=0.1, high=0.9))
    yield Sample(make(3, 4, low=0.1, high=0.9), 0.05)


@samples("nan_to_num")
def _(make):
    yield Sample(make(3, 4))
