"""Images in torchvision's names: datasets, transforms, models, boxes, and grids of images."""

from . import datasets, models, ops, transforms, utils

__all__ = ["datasets", "models", "ops", "transforms", "utils"]
