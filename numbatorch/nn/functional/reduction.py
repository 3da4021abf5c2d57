"""What losses do with their elements: keep them, sum them or average them."""

import warnings

from numbatorch.tensor import Tensor


def reduce_loss(loss: Tensor, reduction: str) -> Tensor:
    """``loss`` itself ("none"), its mean or its sum; ValueError for any other ``reduction``."""
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    if reduction == "none":
        return loss
    raise ValueError(f"{reduction} is not a valid value for reduction")


def check_reduction(reduction: str) -> None:
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")


def current_reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """``reduction``, unless the deprecated ``size_average`` and ``reduce`` say otherwise."""
    if size_average is None and reduce is None:
        return reduction
    if reduce is False:
        chosen = "none"
    elif size_average is False:
        chosen = "sum"
    else:
        chosen = "mean"
    warnings.warn(
        "size_average and reduce args will be deprecated, "
        f"please use reduction='{chosen}' instead.",
        stacklevel=3,
    )
    return chosen
