"""Image datasets and the transforms that make tensors of them, in torchvision's names."""

from . import datasets, models, transforms

__all__ = ["datasets", "models", "transforms"]
