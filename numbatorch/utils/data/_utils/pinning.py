"""Batches in page-locked memory, from which copies to a device need not wait."""

import warnings
from collections.abc import Mapping, Sequence

from .... import cuda
from ....tensor import Tensor


def is_wanted(loader) -> bool:
    """Whether a loader's batches are to be page-locked; a warning where there is no device."""
    if loader.pin_memory and not cuda.is_available():
        warnings.warn(
            "'pin_memory' argument is set as true but no accelerator is found, then device pinned "
            "memory won't be used.",
            stacklevel=4,
        )
        return False
    return bool(loader.pin_memory)


def pinned(data):
    """The same structure with its tensors in page-locked memory."""
    if isinstance(data, Tensor):
        return data.pin_memory()
    if hasattr(data, "pin_memory"):
        return data.pin_memory()
    if isinstance(data, str | bytes):
        return data
    if isinstance(data, Mapping):
        return type(data)({key: pinned(item) for key, item in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*map(pinned, data))
    if isinstance(data, Sequence):
        return type(data)(map(pinned, data))
    return data
