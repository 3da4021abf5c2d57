"""Bilinear maps."""

from numbatorch import ops
from numbatorch.tensor import Tensor


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y[k] = input1^T weight[k] input2 + bias[k]"""
    if input1.dim() != input2.dim():
        raise RuntimeError(
            f"bilinear(): input dimensions do not match: got {input1.dim()} and {input2.dim()}"
        )
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(
            "bilinear(): input batch dimensions do not match: got "
            f"{list(input1.shape)} and {list(input2.shape)}"
        )
    for place, (input, size) in enumerate(zip((input1, input2), weight.shape[1:]), start=1):
        if input.size(-1) != size:
            raise RuntimeError(
                f"bilinear(): input{place} size does not match weight size: got "
                f"{input.size(-1)} but expected {size}"
            )
    if bias is not None and bias.size(0) != weight.size(0):
        raise RuntimeError(
            "bilinear(): bias size does not match weight size: got "
            f"{bias.size(0)} but expected {weight.size(0)}"
        )
    outputs, size1, size2 = weight.shape
    left = input1.reshape(-1, size1)
    right = input2.reshape(-1, size2)
    # (N, outputs, size2): the weight with the first input taken in
    half = ops.matmul(left, weight.permute(1, 0, 2).reshape(size1, outputs * size2))
    result = (half.reshape(-1, outputs, size2) * right.unsqueeze(1)).sum(-1, dtype=half.dtype)
    if bias is not None:
        result = result + bias
    return result.reshape(*input1.shape[:-1], outputs)
