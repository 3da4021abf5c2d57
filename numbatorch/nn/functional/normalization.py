"""Normalising by means and variances."""

import math

from numbatorch import ops
from numbatorch.ops.autocast import full_precision
from numbatorch.tensor import Tensor


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Ioffe and Szegedy (2015), over all dimensions but the channels (dimension 1).

    In training the statistics are the batch's, and the running ones move towards them.
    """
    if training:
        _check_more_than_one_value(input.size())
    if eps <= 0.0:
        raise ValueError(f"batch_norm eps must be positive, but got {eps}")
    return ops.batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Batch normalisation of every sample by itself."""
    if use_input_stats and math.prod(input.shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {input.size()}"
        )
    return ops.instance_norm(
        input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps
    )


@full_precision(devices=("cuda",))
def layer_norm(
    input: Tensor,
    normalized_shape,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Ba et al. (2016), over the last dimensions, which have the shape ``normalized_shape``."""
    return ops.layer_norm(input, normalized_shape, weight, bias, eps)


def rms_norm(
    input: Tensor, normalized_shape, weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Zhang and Sennrich (2019): division by the root of the mean square."""
    return ops.rms_norm(input, normalized_shape, weight, eps)


@full_precision(devices=("cuda",))
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Wu and He (2018), over groups of channels of every sample."""
    if input.dim() < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {input.dim()}"
        )
    _check_more_than_one_value(
        (input.size(0) * input.size(1) // num_groups, num_groups, *input.shape[2:])
    )
    return ops.group_norm(input, num_groups, weight, bias, eps)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Krizhevsky et al. (2012): division by a power of the sum of squares of nearby channels."""
    if input.dim() < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality {'':24} input (got {input.dim()} dimensions)"
        )
    if input.numel() == 0:
        return input
    squares = (input * input).reshape(input.size(0), 1, input.size(1), -1)
    squares = ops.pad(squares, (0, 0, size // 2, (size - 1) // 2))
    means = ops.avg_pool2d(squares, (size, 1), stride=1).reshape(input.shape)
    return input / (means * alpha + k).pow(beta)


def _check_more_than_one_value(size) -> None:
    if math.prod(size[2:]) * size[0] == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {size}"
        )
