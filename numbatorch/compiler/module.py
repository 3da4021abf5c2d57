"""Compiled modules."""

from ..nn.modules.module import Module
from .compiled import CompiledFunction


class OptimizedModule(Module):
    """A module whose calls are compiled; everything else is the original's, `_orig_mod`."""

    def __init__(self, module, fullgraph=False, enabled=True):
        super().__init__()
        self._orig_mod = module
        self.__dict__["_compiled"] = CompiledFunction(module, fullgraph, enabled)

    def __call__(self, *args, **kwargs):
        return self._compiled(*args, **kwargs)

    def forward(self, *args, **kwargs):
        return self._orig_mod.forward(*args, **kwargs)

    def __getattr__(self, name):
        if name == "_orig_mod":
            return super().__getattr__(name)
        return getattr(super().__getattr__("_orig_mod"), name)

    def __setattr__(self, name, value):
        if name == "_orig_mod" or name not in self.__dict__.get("_modules", {}) and name in (
            "training", "_parameters", "_buffers", "_modules"
        ):  # fmt: skip
            super().__setattr__(name, value)
        elif "_orig_mod" in self.__dict__.get("_modules", {}):
            setattr(self._orig_mod, name, value)
        else:
            super().__setattr__(name, value)

    def train(self, mode=True):
        super().train(mode)
        return self
