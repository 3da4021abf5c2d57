"""Modules whose parameters are left uninitialised."""

import inspect


def skip_init(module_cls: type, *args, **kwargs):
    """``module_cls(*args, **kwargs)``, whose parameters are then worth nothing until they are set."""
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    return module_cls(*args, **kwargs)
