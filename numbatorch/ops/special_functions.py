"""The rest of `torch.special`: Bessel functions, normal probabilities, incomplete gamma functions."""

import math

from ..formulas import chebyshev as formulas
from ..formulas import incomplete_gamma
from ..formulas import special as gamma_formulas
from . import exponential, special
from .arithmetic import mul, neg
from .elementwise import COMPLEX, TENSORS, binary, to_float, unary
from .exponential import exp, log
from .registry import FUNCTIONS, Sample, function, in_namespace, samples
from .selection import where_op
from .special import lgamma

publish = in_namespace("special")


def _declare(name, formula, domain, method=False):
    """An op of one real argument, published in `special`, and as a function too with `method`."""
    op = unary(f"special_{name}", formula, to_float, publish=False, rejects=COMPLEX, domain=domain)
    publish(op, name=name)
    return function(op, name=name, inplace=True) if method else op


i0 = _declare("i0", formulas.i0, (-3.0, 3.0), method=True)
i0e = _declare("i0e", formulas.i0e, (0.1, 12.0))
i1 = _declare("i1", formulas.i1, (0.1, 3.0))
i1e = _declare("i1e", formulas.i1e, (0.1, 12.0))
erfcx = _declare("erfcx", formulas.erfcx, (-1.0, 5.0))
ndtr = _declare("ndtr", formulas.ndtr, (-3.0, 3.0))
log_ndtr = _declare("log_ndtr", formulas.log_ndtr, (-5.0, 3.0))
ndtri = _declare("ndtri", formulas.ndtri, (0.05, 0.95))
entr = _declare("entr", formulas.entr, (0.2, 3.0))


@i0.gradient("input")
def _(grad, input):
    return mul(grad, i1(input))


@i0e.gradient("input")
def _(grad, input, output):
    return grad * (i1e(input) - input.sgn() * output)


def _ratio_at_zero(input, output):
    """output / input, of functions that go to 0 as input / 2 does."""
    nothing = input == 0
    return where_op(nothing, 0.5, output / where_op(nothing, 1.0, input))


@i1.gradient("input")
def _(grad, input, output):
    return grad * (i0(input) - _ratio_at_zero(input, output))


@i1e.gradient("input")
def _(grad, input, output):
    return grad * (i0e(input) - output * input.sgn() - _ratio_at_zero(input, output))


@erfcx.gradient("input")
def _(grad, input, output):
    return grad * (2 * input * output - 2 / math.sqrt(math.pi))


@ndtr.gradient("input")
def _(grad, input):
    return grad * exp(input * input * -0.5) * (1 / math.sqrt(2 * math.pi))


@log_ndtr.gradient("input")
def _(grad, input):
    return grad / erfcx(input * -math.sqrt(0.5)) * math.sqrt(2 / math.pi)


@ndtri.gradient("input")
def _(grad, output):
    return grad * math.sqrt(2 * math.pi) * exp(output * output * 0.5)


@entr.gradient("input")
def _(grad, input):
    return grad * (neg(log(input)) - 1)


# Of two arguments ---------------------------------------------------------------------------------

_of_tensors = {"rejects": COMPLEX, "sampled": False, "numbers": TENSORS}
igamma = binary("igamma", incomplete_gamma.gammainc, to_float, **_of_tensors)
igammac = binary("igammac", incomplete_gamma.gammaincc, to_float, **_of_tensors)
publish(igamma, name="gammainc")
publish(igammac, name="gammaincc")


def _slope(grad, input, other):
    return grad * exp((input - 1) * log(other) - other - lgamma(input))


@igamma.gradient("other")
def _(grad, input, other):
    return _slope(grad, input, other)


@igammac.gradient("other")
def _(grad, input, other):
    return -_slope(grad, input, other)


def _missing(op):
    """Say that the derivative by the first argument, which has no closed form, is not built."""

    @op.gradient("input")
    def _(grad):
        raise NotImplementedError(f"the derivative for '{op.name}: input' is not implemented.")


_missing(igamma)
_missing(igammac)


zeta = binary("special_zeta", gamma_formulas.real_zeta, to_float, publish=False, rejects=COMPLEX,
              sampled=False)  # fmt: skip
publish(zeta, name="zeta")


@zeta.gradient("other")
def _(grad, input, other):
    return grad * -input * zeta(input + 1, other)


_missing(zeta)


# The names of functions that have others elsewhere ------------------------------------------------

for _name, _function in {
    "digamma": special.digamma, "psi": special.digamma, "gammaln": special.lgamma,
    "polygamma": special.polygamma, "multigammaln": special.mvlgamma, "erf": exponential.erf,
    "erfc": special.erfc, "erfinv": special.erfinv, "exp2": exponential.exp2,
    "expm1": exponential.expm1, "log1p": exponential.log1p, "logit": special.logit,
    "expit": exponential.sigmoid, "xlogy": special.xlogy, "xlog1py": special.xlog1py,
    "sinc": FUNCTIONS["sinc"], "round": FUNCTIONS["round"], "softmax": FUNCTIONS["softmax"],
    "log_softmax": FUNCTIONS["log_softmax"], "logsumexp": FUNCTIONS["logsumexp"],
}.items():  # fmt: skip
    publish(_function, name=_name)


@samples("igamma")
def _(make):
    yield Sample(make(3, low=0.5, high=3.0, requires_grad=False), make(3, low=0.3, high=4.0))


@samples("igammac")
def _(make):
    yield Sample(make(3, low=0.5, high=3.0, requires_grad=False), make(3, low=0.3, high=4.0))


@samples("special_zeta")
def _(make):
    yield Sample(make(3, low=1.5, high=4.0, requires_grad=False), make(3, low=0.5, high=4.0))
