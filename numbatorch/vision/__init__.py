"""Images in torchvision's names: datasets, transforms, models, and grids of images."""

from . import datasets, models, transforms, utils

__all__ = ["datasets", "models", "transforms", "utils"]
