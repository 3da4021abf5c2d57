"""Activations that draw random numbers while training."""

from .. import devices, dtypes
from ..op import Spec, primitive
from ..random import for_value
from .activations import leaky_relu
from .arithmetic import mul
from .casting import cast
from .copying import contiguous
from .drawing import draw_aligned
from .random import require_floating
from .registry import function


@primitive
def random_slopes(input, *, lower, upper, generator):
    """1 for positive elements, uniform samples of [lower, upper) for the others.

    For 16-bit inputs they are float32, so that the product is rounded only once.
    """
    return Spec(input.shape, dtypes.float32 if input.dtype.is_half else input.dtype)


@random_slopes.forward
def _(out, input, *, lower, upper, generator):
    kernels = devices.kernels(out).random

    def draw(dense, x):
        kernels.random_slopes(dense, generator, x, lower, upper)

    draw_aligned(out, draw, input)


def _slopes(input, lower, upper, generator):
    require_floating(input, "rrelu_with_noise_out_cpu")
    if not lower <= upper:
        raise RuntimeError(
            "Lower bound should be less than or equal to the upper bound, but got "
            f"lower={lower} and upper={upper}"
        )
    chosen = for_value(generator, input, "rrelu")
    return random_slopes(input.detach(), lower=lower, upper=upper, generator=chosen)


@function(method=False)
def rrelu(input, lower=1 / 8, upper=1 / 3, training=False, generator=None):
    """Leaky ReLU with a random slope for each element while training, else the mean slope."""
    if training:
        slopes = _slopes(input, lower, upper, generator)
        return contiguous(cast(mul(input, slopes), input.dtype))
    return leaky_relu(input, negative_slope=(lower + upper) / 2)


@function
def rrelu_(input, lower=1 / 8, upper=1 / 3, training=False, generator=None):
    """In-place version of :func:`rrelu`."""
    if training:
        return mul.inplace(input, _slopes(input, lower, upper, generator))
    return leaky_relu.inplace(input, negative_slope=(lower + upper) / 2)
