"""Kernels for CUDA devices. Each module has a twin of the same name in `cpu_kernels`."""

import importlib


def __getattr__(name):
    if name.startswith("_"):
        raise AttributeError(name)
    return importlib.import_module(f".{name}", __name__)
