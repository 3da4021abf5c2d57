"""From images, arrays of height x width (x channels), to tensors."""

import numpy as np

from .. import ops
from ..creation import as_tensor, from_numpy
from ..dtypes import get_default_dtype, uint8
from ..tensor import Tensor

__all__ = ["Compose", "Lambda", "Normalize", "ToTensor"]


class Compose:
    """One transform after the other."""

    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, image):
        for transform in self.transforms:
            image = transform(image)
        return image

    def __repr__(self):
        inner = "".join(f"\n    {transform}" for transform in self.transforms)
        return f"Compose({inner}\n)"


class Lambda:
    """A function as a transform."""

    def __init__(self, lambd):
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, image):
        return self.lambd(image)

    def __repr__(self):
        return "Lambda()"


class ToTensor:
    """An image of height x width (x channels) as a tensor of channels x height x width.

    Bytes are scaled to [0, 1]; other numbers stay as they are.
    """

    def __call__(self, image):
        array = np.asarray(image)
        if array.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {array.ndim} dimensions.")
        planes = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
        tensor = from_numpy(np.ascontiguousarray(planes))
        return tensor.to(get_default_dtype()).div(255) if tensor.dtype is uint8 else tensor

    def __repr__(self):
        return "ToTensor()"


class Normalize:
    """(image - mean) / std, channel by channel."""

    def __init__(self, mean, std, inplace=False):
        self.mean = mean
        self.std = std
        self.inplace = inplace

    def __call__(self, tensor):
        if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
            raise TypeError(f"Input tensor should be a float tensor. Got {_kind(tensor)}.")
        if tensor.dim() < 3:
            raise ValueError(
                "Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = "
                f"{tuple(tensor.shape)}"
            )
        mean, std = (as_tensor(value, dtype=tensor.dtype) for value in (self.mean, self.std))
        if ops.eq(std, 0).any():
            raise ValueError("std evaluated to zero, leading to division by zero.")
        tensor = tensor if self.inplace else tensor.clone()
        return tensor.sub_(mean.view(-1, 1, 1)).div_(std.view(-1, 1, 1))

    def __repr__(self):
        return f"Normalize(mean={self.mean}, std={self.std})"


def _kind(value):
    return value.dtype if isinstance(value, Tensor) else type(value)
