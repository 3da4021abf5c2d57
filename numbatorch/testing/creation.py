"""`make_tensor`: random values for a test."""

import math

from .. import creation, random_tensors
from ..ops.copying import clone


def make_tensor(
    *shape, dtype, device, low=None, high=None, requires_grad=False, noncontiguous=False,
    exclude_zero=False, memory_format=None,
):  # fmt: skip
    """Uniform values of [low, high): [-9, 9] for numbers, [0, 10) for unsigned ones, both truths."""
    size = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
    if noncontiguous and math.prod(size) > 1:
        size = (*size[:-1], 2 * size[-1])
    if dtype.name == "bool":
        result = random_tensors.randint(0, 2, size, device=device, dtype=dtype)
    elif not (dtype.is_floating_point or dtype.is_complex):
        least, most = (0, 10) if dtype.name == "uint8" else (-9, 10)
        low = least if low is None else math.ceil(low)
        high = most if high is None else math.ceil(high)
        result = random_tensors.randint(low, high, size, device=device, dtype=dtype)
    else:
        low, high = -9 if low is None else low, 9 if high is None else high
        real = random_tensors.rand(size, device=device, dtype=dtype.to_real()) * (high - low) + low
        result = real
        if dtype.is_complex:
            imaginary = random_tensors.rand(size, device=device, dtype=dtype.to_real())
            result = real + 1j * (imaginary * (high - low) + low)
    if noncontiguous and math.prod(size) > 1:
        result = result[..., ::2]
    elif memory_format is not None:
        result = clone(result, memory_format=memory_format)
    if exclude_zero:
        result = result.masked_fill(result == 0, 1)
    return creation.finish(result.detach(), requires_grad)
