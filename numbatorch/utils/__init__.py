"""Helpers around tensors: data loading, checkpoints, hooks, logs, summaries, pictures."""

import importlib as _importlib

from . import data, hooks
from .plots import plot_confusion, plot_curves
from .progress import progress
from .summary import summary

#: Submodules that are imported when a program first asks for them.
_LATER = {
    "_pytree", "benchmark", "checkpoint", "cpp_extension", "dlpack", "model_zoo", "tensorboard",
}  # fmt: skip


def __getattr__(name):
    if name in _LATER:
        return _importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module 'torch.utils' has no attribute '{name}'")
