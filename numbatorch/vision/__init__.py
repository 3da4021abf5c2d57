"""Image datasets and the transforms that make tensors of them, in torchvision's names."""

from . import datasets, transforms

__all__ = ["datasets", "transforms"]
