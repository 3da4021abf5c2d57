"""save and load: PyTorch's .pt files, both ways, without PyTorch.

A file is a zip archive: `data.pkl` holds the objects, in which a tensor is a view of a numbered
storage; `data/0`, `data/1`, ... hold the bytes of the storages.
"""

from .loading import load
from .restricted import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from .saving import save
from .storages import UntypedStorage

__all__ = [
    "UntypedStorage",
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "safe_globals",
    "save",
]
