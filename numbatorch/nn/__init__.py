"""Layers, losses and everything else that models are made of, composed from tensors."""

from numbatorch.nn import functional, init, modules, utils
from numbatorch.nn.modules import *  # noqa: F403
from numbatorch.nn.modules.module import Module
from numbatorch.nn.parameter import (
    Buffer,
    Parameter,
    UninitializedBuffer,
    UninitializedParameter,
)

__all__ = [
    "Buffer",
    "Module",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "functional",
    "init",
    "utils",
    *modules.__all__,
]
