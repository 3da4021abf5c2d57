"""Transforms of images as torchvision names them; random ones draw from the default generator."""

from . import autoaugment, functional, transforms
from .autoaugment import *  # noqa: F403
from .transforms import *  # noqa: F403
