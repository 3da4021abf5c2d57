"""Image datasets read from files that are already there; nothing is downloaded."""

from .cifar import CIFAR10
from .images import VisionDataset
from .mnist import MNIST, FashionMNIST

__all__ = ["CIFAR10", "MNIST", "FashionMNIST", "VisionDataset"]
