"""Weights in another memory format; numbatorch keeps them row-major."""

from numbatorch.nn.modules.module import Module


def convert_conv2d_weight_memory_format(module: Module, memory_format) -> Module:
    """``module`` itself."""
    return module


convert_conv3d_weight_memory_format = convert_conv2d_weight_memory_format
