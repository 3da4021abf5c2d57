"""Choosing elements by a condition: where, masked_fill."""

from .. import devices, dtypes, graph
from ..formulas import selection as formulas
from ..op import check_devices, scalar_name
from . import scalars
from .casting import cast
from .copying import contiguous, copy
from .elementwise import Elementwise
from .registry import function, method


class _Selection(Elementwise):
    """An op whose first input is a condition, which takes no part in promotion."""

    def prepare(self, inputs):
        condition, *choices = inputs
        choices, dtype = scalars.promoted(self, choices, devices.of(condition), wrap=False)
        check_devices(self, (condition, *choices))
        return (condition, *[cast(x, dtype) for x in choices])


def _where(condition, input, other):
    """input where the condition holds, else other"""


where_op = _Selection(_where, formulas.where, name="where", sampled=False)


@where_op.gradient("input")
def _(grad, condition):
    return where_op(condition, grad, 0)


@where_op.gradient("other")
def _(grad, condition):
    return where_op(condition, 0, grad)


@function(method=False)
def where(condition, input=None, other=None, *, out=None):
    """input where the condition holds, else other; the indices of what is true without them."""
    scalars.check_tensor("where", "condition", 1, condition)
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if input is None or other is None:
        raise TypeError("where() takes both input and other, or neither")
    if condition.dtype not in (dtypes.bool_, dtypes.uint8):
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{scalar_name(condition.dtype)}"
        )
    return where_op(cast(condition, dtypes.bool_), input, other, out=out)


@method(name="where")
def _where_method(self, condition, other):
    """This tensor where the condition holds, else other."""
    return where(condition, self, other)


@function
def masked_fill(input, mask, value):
    """`input` with `value` where the mask is true, in row-major memory."""
    _check_fill(input, mask, value)
    return contiguous(where_op(mask, cast_fill(value, input), input))


@method
def masked_fill_(self, mask, value):
    """Write `value` where the mask is true."""
    _check_fill(self, mask, value)
    return copy.inplace(self, where_op(mask, cast_fill(value, self), self))


def cast_fill(value, like):
    """A fill value in the dtype of `like`; a number that does not fit raises."""
    if isinstance(value, graph.Value):
        if (
            value.dtype.is_complex
            and not like.dtype.is_complex
            and value.storage.device_type == "cpu"
        ):
            scalars.check_fits(value.item(), like.dtype)
        return cast(value, like.dtype)
    return scalars.constant(value, like.dtype, devices.of(like))


def _check_fill(input, mask, value):
    scalars.check_tensor("masked_fill", "mask", 2, mask)
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.dtype.name}"
        )
    if isinstance(value, graph.Value):
        if value.shape:
            raise RuntimeError(
                "masked_fill only supports a 0-dimensional value tensor, but got tensor with "
                f"{len(value.shape)} dimension(s)."
            )
    elif not scalars.is_number(value):
        raise TypeError(
            "masked_fill(): argument 'value' (position 3) must be Number or Tensor, not "
            f"{type(value).__name__}"
        )
