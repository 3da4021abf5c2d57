"""torchvision beside PyTorch, for tests that compare with it.

A torchvision that was built for another PyTorch cannot load its compiled ops. What we compare with
needs none of them, but its import looks for their names: then they are declared here.
"""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest


def import_torchvision():
    """The module; the calling test is skipped where it is not installed."""
    torch = pytest.importorskip("torch")
    found = find_spec("torchvision")
    if found is None:
        pytest.skip("torchvision is not installed")
    try:
        import torchvision
    except RuntimeError:
        _declare_ops(torch, Path(found.origin).parent / "_meta_registrations.py")
        import torchvision
    return torchvision


def _declare_ops(torch, registrations):
    library = torch.library.Library("torchvision", "DEF")
    _declare_ops.library = library  # the declarations live as long as it does
    names = re.findall(r'register_meta\("(\w+)"\)|"torchvision::(\w+)"', registrations.read_text())
    for name in sorted({first or second for first, second in names}):
        library.define(f"{name}() -> Tensor")
