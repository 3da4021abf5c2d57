"""Layers, losses and everything else that models are made of, composed from tensors."""

from numbatorch.nn import attention, functional, init, modules, parallel, utils
from numbatorch.nn.modules import *  # noqa: F403
from numbatorch.nn.modules.module import Module
from numbatorch.nn.parallel import DataParallel
from numbatorch.nn.parameter import (
    Buffer,
    Parameter,
    UninitializedBuffer,
    UninitializedParameter,
)

__all__ = [
    "Buffer",
    "DataParallel",
    "Module",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "attention",
    "functional",
    "init",
    "parallel",
    "utils",
    *modules.__all__,
]
