"""Dropout and its variants: the input times a random noise that is mostly zeros and a constant."""

import math

import numpy as np

from .. import devices, dtypes, graph, shapes
from ..op import copy_values, scalar_name
from .arithmetic import add, add_, mul
from .copying import preserved_strides
from .drawing import overwrite, overwriting
from .random import bernoulli_scalar_op
from .registry import function
from .scalars import constant

#: The negative saturation value of SELU, lambda * alpha.
_SELU_ALPHA = 1.7580993408473766


@overwriting("dropout_noise", "BernoulliBackward2")
def noise_op(kernels, out, generator, p, value):
    """`value` with probability p, else zero."""
    kernels.bernoulli(out, generator, p, value)


def _noise_like(input, feature):
    """Memory for the noise: of the input's form, or one number for each channel."""
    if not feature:
        return graph.allocate(input.shape, input.dtype, devices.of(input), preserved_strides(input))
    if len(input.shape) < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    shape = shapes.Size((*input.shape[:2], *(1 for _ in input.shape[2:])))
    return graph.allocate(shape, input.dtype, devices.of(input))


def _inverse(p, dtype):
    """1 / p as the dtype computes it."""
    compute = np.float64 if dtype in (dtypes.float64, dtypes.complex128) else np.float32
    return float(compute(1) / compute(p))


def _scaled_noise(input, p, feature):
    if not (input.dtype.is_floating_point or input.dtype.is_complex):
        default = scalar_name(dtypes.get_default_dtype())
        raise RuntimeError(
            f"result type {default} can't be cast to the desired output type "
            f"{scalar_name(input.dtype)}"
        )
    noise = _noise_like(input, feature)
    overwrite(noise_op, noise, None, p=1 - p, value=_inverse(1 - p, input.dtype))
    return noise


def dropout_noise(shape, dtype, place, p):
    """What dropout multiplies a dense tensor of this form with, drawn."""
    if not 0 <= p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p:g}")
    noise = graph.allocate(shape, dtype, place)
    if p == 1:
        copy_values(noise, constant(0, dtype, place))
    elif 0 not in shape:
        overwrite(noise_op, noise, None, p=1 - p, value=_inverse(1 - p, dtype))
    return noise


def _apply(input, p, train, feature, alpha, multiply, plus):
    if not 0 <= p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p:g}")
    if p == 0 or not train or 0 in input.shape:
        return input
    if p == 1:
        return multiply(input, _zero(input))
    if not alpha:
        return multiply(input, _scaled_noise(input, p, feature))
    noise = _noise_like(input, feature)
    overwrite(bernoulli_scalar_op, noise, None, p=1 - p)
    a = 1.0 / math.sqrt((_SELU_ALPHA * _SELU_ALPHA * p + 1) * (1 - p))
    shift = add(mul(add(noise, -1), _SELU_ALPHA * a), _SELU_ALPHA * a * p)
    return plus(multiply(input, mul(noise, a)), shift)


def _zero(input):
    from .copying import fresh_full

    return fresh_full((), 0, input.dtype, devices.of(input))


def _family(name, feature, alpha, doc):
    """Publish a dropout function and its in-place twin."""

    def apply(input, p, train):
        return _apply(input, p, train, feature, alpha, mul, add)

    def apply_in_place(input, p, train):
        return _apply(input, p, train, feature, alpha, mul.inplace, add_)

    apply.__name__ = apply.__qualname__ = name
    apply_in_place.__name__ = apply_in_place.__qualname__ = f"{name}_"
    apply.__doc__ = doc
    apply_in_place.__doc__ = f"In-place version of :func:`{name}`."
    function(apply, method=False)
    function(apply_in_place, method=False)
    return apply


dropout = _family(
    "dropout", False, False, "Zero elements with probability p; scale the others by 1 / (1 - p)."
)
feature_dropout = _family(
    "feature_dropout", True, False, "Zero whole channels with probability p; scale the others."
)
alpha_dropout = _family(
    "alpha_dropout", False, True,
    "Set elements to SELU's saturation value with probability p, keeping mean and variance.",
)  # fmt: skip
feature_alpha_dropout = _family(
    "feature_alpha_dropout", True, True, "As alpha_dropout, on whole channels."
)
