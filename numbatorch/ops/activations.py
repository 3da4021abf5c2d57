"""Activation functions. The gradients are fused into ops that have gradients themselves."""

import math

from .. import dtypes, graph
from ..formulas import activations as formulas
from ..op import scalar_name
from .arithmetic import mul
from .autocast import lower_precision
from .elementwise import (
    BOOL,
    COMPLEX,
    INTEGRAL,
    NOT_REAL,
    elementwise,
    gradient_by,
    promote,
    unary,
)
from .exponential import exp, sigmoid, tanh
from .registry import function, method
from .selection import where_op
from .views import view_op


def _not_of_bools(dtype):
    if dtype is dtypes.bool_:
        raise RuntimeError("Boolean inputs not supported for relu")
    return promote(dtype)


# Piecewise linear: constant slopes, so that the second derivative is zero ---------------------------

relu = unary("relu", formulas.relu, _not_of_bools, rejects=COMPLEX)


@elementwise(formulas.relu_gradient, domain=((-2.0, 2.0), (0.5, 2.0)))
def relu_gradient(grad_output, output):
    pass


@relu.gradient("input")
def _(grad, output):
    return relu_gradient(grad, output)


@relu_gradient.gradient("grad_output")
def _(grad, output):
    return relu_gradient(grad, output)


@elementwise(formulas.leaky_relu, publish="functional", rejects=NOT_REAL)
def leaky_relu(input, *, negative_slope=0.01):
    pass


@elementwise(formulas.leaky_relu_gradient)
def leaky_relu_gradient(grad_output, input, *, negative_slope=0.01):
    pass


gradient_by(leaky_relu, leaky_relu_gradient)


@elementwise(formulas.threshold, publish=True, sampled=False, rejects=BOOL + COMPLEX)
def threshold(input, *, threshold, value):
    pass


@elementwise(formulas.threshold_gradient, sampled=False)
def threshold_gradient(grad_output, input, *, threshold):
    pass


@threshold.gradient("input")
def _(grad, input, threshold):
    return threshold_gradient(grad, input, threshold=threshold)


@threshold_gradient.gradient("grad_output")
def _(grad, input, threshold):
    return threshold_gradient(grad, input, threshold=threshold)


@elementwise(formulas.hardtanh, publish="functional", rejects=BOOL + COMPLEX)
def hardtanh(input, *, min_val=-1.0, max_val=1.0):
    pass


@elementwise(formulas.hardtanh_gradient)
def hardtanh_gradient(grad_output, input, *, min_val=-1.0, max_val=1.0):
    pass


gradient_by(hardtanh, hardtanh_gradient)


@function(top_level=False, inplace=True)
def relu6(input):
    """min(max(input, 0), 6)"""
    return hardtanh(input, min_val=0.0, max_val=6.0)


hardsigmoid = unary("hardsigmoid", formulas.hardsigmoid, publish="functional", rejects=NOT_REAL)


@elementwise(formulas.hardsigmoid_gradient)
def hardsigmoid_gradient(grad_output, input):
    pass


gradient_by(hardsigmoid, hardsigmoid_gradient)


@elementwise(formulas.hardshrink, publish=True, inplace=False, rejects=NOT_REAL)
def hardshrink(input, *, lambd=0.5):
    pass


@elementwise(formulas.softshrink, publish="functional", inplace=False, rejects=NOT_REAL)
def softshrink(input, *, lambd=0.5):
    pass


@elementwise(formulas.shrink_gradient)
def shrink_gradient(grad_output, input, *, lambd=0.5):
    pass


gradient_by(hardshrink, shrink_gradient)
gradient_by(softshrink, shrink_gradient)


@elementwise(formulas.prelu, name="prelu_elements", node_name="PreluKernelBackward0")
def prelu_elements(input, weight):
    pass


@prelu_elements.gradient("input")
def _(grad, input, weight):
    return where_op(input > 0, grad, mul(grad, weight))


@prelu_elements.gradient("weight")
def _(grad, input):
    return where_op(input > 0, 0, mul(grad, input))


@function
@lower_precision
def prelu(input, weight):
    """input where it is positive, else weight * input; one weight, or one a channel (dim 1)."""
    if not isinstance(weight, graph.Value):
        raise TypeError(
            f"prelu(): argument 'weight' (position 2) must be Tensor, not {type(weight).__name__}"
        )
    if input.dtype is not weight.dtype:
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {input.dtype} and {weight.dtype}"
        )
    if not input.dtype.is_floating_point:
        raise NotImplementedError(f"\"prelu_cpu\" not implemented for '{scalar_name(input.dtype)}'")
    if len(weight.shape) > 1:
        raise RuntimeError(
            "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = "
            f"{len(weight.shape)}"
        )
    count = math.prod(weight.shape)
    rank = len(input.shape)
    if count != 1:
        if rank == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = input.shape[1] if rank > 1 else 1
        if channels != count:
            raise RuntimeError(
                f"Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{count} and channel size = {channels}."
            )
    size = [1] * rank
    if rank > 1:
        size[1] = count
    return prelu_elements(input, view_op(weight, size=tuple(size)))


# Smooth: the second derivatives are composed of ops ---------------------------------------------------

hardswish = unary("hardswish", formulas.hardswish, publish="functional", rejects=NOT_REAL)


@elementwise(formulas.hardswish_gradient)
def hardswish_gradient(grad_output, input):
    pass


gradient_by(hardswish, hardswish_gradient)


@hardswish_gradient.gradient("input")
def _(grad, grad_output, input):
    inside = (input > -3).logical_and(input < 3)
    return where_op(inside, grad * grad_output / 3, 0)


@elementwise(formulas.elu, name="elu", publish="functional", rejects=NOT_REAL)
def elu(input, *, alpha=1.0, scale=1.0, input_scale=1.0):
    pass


@elementwise(formulas.elu_gradient)
def elu_gradient(grad_output, input, *, alpha=1.0, scale=1.0, input_scale=1.0):
    pass


gradient_by(elu, elu_gradient)


@elu_gradient.gradient("input")
def _(grad, grad_output, input, alpha, scale, input_scale):
    curvature = exp(input * input_scale) * (alpha * scale * input_scale * input_scale)
    return where_op(input <= 0, grad * grad_output * curvature, 0)


_SELU = {"alpha": 1.6732632423543772, "scale": 1.0507009873554805}


@function
def selu(input):
    """Scaled ELU, which keeps mean 0 and variance 1 (Klambauer et al., 2017)."""
    return elu(input, **_SELU)


@method
def selu_(input):
    """In-place version of :func:`selu`."""
    return elu.inplace(input, **_SELU)


@function
def celu(input, alpha=1.0):
    """max(0, input) + min(0, alpha * (exp(input / alpha) - 1))"""
    return elu(input, **_celu(alpha))


@method
def celu_(input, alpha=1.0):
    """In-place version of :func:`celu`."""
    return elu.inplace(input, **_celu(alpha))


def _celu(alpha):
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return {"alpha": alpha, "input_scale": 1.0 / alpha}


@elementwise(formulas.softplus, publish="functional", inplace=False, rejects=NOT_REAL)
def softplus(input, *, beta=1.0, threshold=20.0):
    pass


@elementwise(formulas.softplus_gradient)
def softplus_gradient(grad_output, input, *, beta=1.0, threshold=20.0):
    pass


gradient_by(softplus, softplus_gradient)


@softplus_gradient.gradient("input")
def _(grad, grad_output, input, beta, threshold):
    s = sigmoid(input * beta)
    return where_op(input * beta > threshold, 0, grad * grad_output * s * (1 - s) * beta)


silu = unary("silu", formulas.silu, publish="functional", rejects=BOOL + INTEGRAL)


@elementwise(formulas.silu_gradient)
def silu_gradient(grad_output, input):
    pass


gradient_by(silu, silu_gradient)


@silu_gradient.gradient("input")
def _(grad, grad_output, input):
    s = sigmoid(input)
    return grad * grad_output * s * (1 - s) * (2 + input * (1 - 2 * s))


mish = unary("mish", formulas.mish, publish="functional", rejects=NOT_REAL)


@elementwise(formulas.mish_gradient)
def mish_gradient(grad_output, input):
    pass


gradient_by(mish, mish_gradient)


@mish_gradient.gradient("input")
def _(grad, grad_output, input):
    s = sigmoid(input)
    t = tanh(softplus(input))
    curvature = (1 - t * t) * s * (2 + input * (1 - s) - 2 * input * t * s)
    return grad * grad_output * curvature


logsigmoid = unary(
    "logsigmoid", formulas.logsigmoid, publish="functional", inplace=False, rejects=NOT_REAL,
    node_name="LogSigmoidBackward0",
)  # fmt: skip


@elementwise(formulas.logsigmoid_gradient)
def logsigmoid_gradient(grad_output, input):
    pass


gradient_by(logsigmoid, logsigmoid_gradient)


@logsigmoid_gradient.gradient("input")
def _(grad, grad_output, input):
    s = sigmoid(input)
    return grad * grad_output * s * (s - 1)


@elementwise(formulas.gelu, name="gelu_exact", node_name="GeluBackward0", rejects=NOT_REAL)
def gelu_exact(input):
    pass


@elementwise(formulas.gelu_gradient)
def gelu_gradient(grad_output, input):
    pass


gradient_by(gelu_exact, gelu_gradient)


@gelu_gradient.gradient("input")
def _(grad, grad_output, input):
    square = input * input
    density = exp(square * -0.5) / math.sqrt(2 * math.pi)
    return grad * grad_output * density * (2 - square)


@elementwise(formulas.gelu_tanh, node_name="GeluBackward0", rejects=NOT_REAL)
def gelu_tanh(input):
    pass


@elementwise(formulas.gelu_tanh_gradient)
def gelu_tanh_gradient(grad_output, input):
    pass


gradient_by(gelu_tanh, gelu_tanh_gradient)


@gelu_tanh_gradient.gradient("input")
def _(grad, grad_output, input):
    factor, cubic = math.sqrt(2 / math.pi), 0.044715
    t = tanh(factor * (input + cubic * input * input * input))
    slope = factor * (1 + 3 * cubic * input * input)
    curvature = 3 * cubic * factor * input * input - t * input * slope * slope + slope
    return grad * grad_output * (1 - t * t) * curvature


@function(top_level=False, inplace=True)
def gelu(input, *, approximate="none"):
    """The Gaussian error linear unit, exact or approximated by tanh (Hendrycks & Gimpel, 2016)."""
    if approximate == "none":
        return gelu_exact(input)
    if approximate == "tanh":
        return gelu_tanh(input)
    raise RuntimeError("approximate argument must be either none or tanh.")


@function(top_level=False)
def softsign(input):
    """input / (1 + |input|)"""
    return input / (input.abs() + 1)


@function(top_level=False)
def tanhshrink(input):
    """input - tanh(input)"""
    return input - tanh(input)


@function(top_level=False)
def glu(input, dim=-1):
    """The first half of `input` along `dim` times the sigmoid of the second half."""
    if not input.shape:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    size = input.size(dim)
    if size % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {dim % len(input.shape)} is size {size}"
        )
    half = size // 2
    return input.narrow(dim, 0, half) * sigmoid(input.narrow(dim, half, half))
