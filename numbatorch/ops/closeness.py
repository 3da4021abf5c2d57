"""Whether tensors are equal, or nearly so."""

from ..op import scalar_name
from .comparison import eq, isfinite, isnan, le
from .logic import logical_and, logical_or
from .registry import function
from .scalars import check_tensor
from .sign import abs as magnitude


@function
def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """|input - other| <= atol + rtol * |other|, elementwise; infinities equal themselves only."""
    check_tensor("isclose", "input", 1, input)
    check_tensor("isclose", "other", 2, other)
    if input.dtype is not other.dtype:
        raise RuntimeError(f"{scalar_name(input.dtype)} did not match {scalar_name(other.dtype)}")
    if rtol < 0 or atol < 0:
        name, value = ("rtol", rtol) if rtol < 0 else ("atol", atol)
        raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value}")
    close = eq(input, other)
    if equal_nan and (input.dtype.is_floating_point or input.dtype.is_complex):
        close = logical_or(close, logical_and(isnan(input), isnan(other)))
    if rtol == 0 and atol == 0:
        return close
    input, other = input.detach(), other.detach()
    if not (input.dtype.is_floating_point or input.dtype.is_complex):
        input, other = input.double(), other.double()
    difference = magnitude(input - other)
    allowed = magnitude(other) * rtol + atol
    return logical_or(close, logical_and(isfinite(difference), le(difference, allowed)))


@function
def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether all elements are close."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


@function
def equal(input, other):
    """Whether two tensors have the same shape and the same elements."""
    return input.shape == other.shape and bool(eq(input, other).all())
