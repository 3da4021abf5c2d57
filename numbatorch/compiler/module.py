"""Compiled modules."""

from ..nn.modules.module import Module


class OptimizedModule(Module):
    """A module whose calls are compiled; everything else is the original's, `_orig_mod`."""

    def __init__(self, module, compiled):
        super().__init__()
        self.__dict__["_compiled"] = compiled
        self._orig_mod = module

    def __call__(self, *args, **kwargs):
        return self._compiled(*args, **kwargs)

    def forward(self, *args, **kwargs):
        return self._orig_mod.forward(*args, **kwargs)

    def __getattr__(self, name):
        original = super().__getattr__("_orig_mod")
        return original if name == "_orig_mod" else getattr(original, name)

    def __setattr__(self, name, value):
        original = self.__dict__.get("_modules", {}).get("_orig_mod")
        if original is None or name in ("_orig_mod", "training"):
            super().__setattr__(name, value)
        else:
            setattr(original, name, value)
