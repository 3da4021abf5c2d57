"""What losses make of an input and a target of different dtypes."""

from numbatorch import ops
from numbatorch.op import scalar_name
from numbatorch.tensor import Tensor


def promoted(kernel: str, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both in their common dtype; NotImplementedError where that has no fractions."""
    dtype = input.dtype if input.dtype is target.dtype else ops.result_type(input, target)
    if not (dtype.is_floating_point or dtype.is_complex):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(dtype)}'")
    if input.dtype is target.dtype:
        return input, target
    return input.to(dtype), target.to(dtype)


def written_as(loss: Tensor, tensor: Tensor) -> Tensor:
    """``loss`` in the dtype of ``tensor``; RuntimeError where that has no fractions."""
    if loss.dtype is tensor.dtype:
        return loss
    if not ops.can_cast(loss.dtype, tensor.dtype):
        raise RuntimeError(
            f"result type {scalar_name(loss.dtype)} can't be cast to the desired output type "
            f"{scalar_name(tensor.dtype)}"
        )
    return loss.to(tensor.dtype)


def check_same(input: Tensor, other: Tensor) -> None:
    """RuntimeError where the dtypes differ."""
    if input.dtype is not other.dtype:
        raise RuntimeError(
            f"Found dtype {scalar_name(other.dtype)} but expected {scalar_name(input.dtype)}"
        )
