"""Weighted combinations: lerp, addcmul, addcdiv."""

from .. import dtypes, graph
from ..formulas import weighted as formulas
from .arithmetic import conj_of
from .elementwise import BOOL, INTEGRAL, TENSORS, elementwise, promote
from .registry import Sample, function, samples


def _integers_rejected(dtype):
    if dtype.category < dtypes.FLOATING:
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future release addcdiv "
            "will perform a true division of tensor1 and tensor2."
        )
    return promote(dtype)


@elementwise(formulas.lerp, node_name="LerpBackward0", rejects=BOOL + INTEGRAL, sampled=False)
def lerp_scalar(input, end, *, weight):
    pass


@lerp_scalar.gradient("input")
def _(grad, weight):
    return grad * (1 - weight)


@lerp_scalar.gradient("end")
def _(grad, weight):
    return grad * weight


@elementwise(formulas.lerp, node_name="LerpBackward1", rejects=BOOL + INTEGRAL)
def lerp_tensor(input, end, weight):
    pass


@lerp_tensor.gradient("input")
def _(grad, weight):
    return grad * conj_of(1 - weight)


@lerp_tensor.gradient("end")
def _(grad, weight):
    return grad * conj_of(weight)


@lerp_tensor.gradient("weight")
def _(grad, input, end):
    return grad * conj_of(end - input)


def _lerp(input, end, weight):
    """The op for this kind of weight, with its inputs and parameters."""
    weights = (weight,) if isinstance(weight, graph.Value) else ()
    for name, value in zip(("end", "weight"), (end, *weights)):
        if value.dtype is not input.dtype:
            raise RuntimeError(
                f"expected dtype {input.dtype.name} for `{name}` but got dtype {value.dtype.name}"
            )
    if weights:
        return lerp_tensor, (input, end, weight), {}
    return lerp_scalar, (input, end), {"weight": weight}


@function(inplace=True)
def lerp(input, end, weight, *, out=None):
    """input + weight * (end - input); the weight is a number or a tensor."""
    op, inputs, params = _lerp(input, end, weight)
    return op(*inputs, **params, out=out)


def _lerp_inplace(self, end, weight):
    op, inputs, params = _lerp(self, end, weight)
    return op.inplace(*inputs, **params)


lerp.inplace = _lerp_inplace


@elementwise(formulas.add_product, publish=True, rejects=BOOL, numbers=TENSORS)
def addcmul(input, tensor1, tensor2, *, value=1):
    """input + value * tensor1 * tensor2"""


@addcmul.gradient("input")
def _(grad):
    return grad


@addcmul.gradient("tensor1")
def _(grad, tensor2, value):
    return grad * conj_of(tensor2) * value


@addcmul.gradient("tensor2")
def _(grad, tensor1, value):
    return grad * conj_of(tensor1) * value


@elementwise(
    formulas.add_quotient,
    _integers_rejected,
    publish=True,
    numbers=TENSORS,
    domain=((-2.0, 2.0), (-2.0, 2.0), (0.5, 2.0)),
)
def addcdiv(input, tensor1, tensor2, *, value=1):
    """input + value * tensor1 / tensor2"""


@addcdiv.gradient("input")
def _(grad):
    return grad


@addcdiv.gradient("tensor1")
def _(grad, tensor2, value):
    return grad * value / conj_of(tensor2)


@addcdiv.gradient("tensor2")
def _(grad, tensor1, tensor2, value):
    return -grad * value * conj_of(tensor1 / tensor2 / tensor2)


@samples("lerp")
def _(make):
    for weight in (0.0, 0.3, 0.5, 0.8, -1.5):
        yield Sample(make(3, 4), make(4), weight)


@samples("addcmul")
def _(make):
    yield Sample(make(3, 4), make(4), make(3, 1))
    yield Sample(make(3, 4), make(3, 4), make(3, 4), value=-0.7)


@samples("addcdiv")
def _(make):
    yield Sample(make(3, 4), make(4), make(3, 1, low=0.5))
    yield Sample(make(3, 4), make(3, 4), make(3, 4, low=0.5), value=-0.7)
