"""Every operation: one declaration per primitive, by family, and the functions composed from them."""

import importlib
import pkgutil

from . import registry

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f".{_module.name}", __name__)

# A function takes the place of the family that has its name: ops.dropout is the function.
globals().update(registry.FUNCTIONS)


def __getattr__(name):
    try:
        return registry.FUNCTIONS[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__():
    return sorted({*globals(), *registry.FUNCTIONS})
