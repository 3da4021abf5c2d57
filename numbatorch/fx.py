"""`torch.fx`, as far as programs need it that mention it but do not trace: `wrap`.

Tracing itself is not built; `torch.compiler.explain` shows what a program does.
"""

import inspect

#: Functions, or names of functions of a module, that a tracer would call and not look into.
_wrapped = []


def wrap(fn_or_name):
    """Mark a global function, given itself or by its name, as one that tracing does not enter."""
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError(
            "Unsupported type for global function! Must be either a callable or string name"
        )
    frame = inspect.currentframe().f_back
    if frame.f_code.co_name != "<module>":
        raise NotImplementedError("wrap must be called at the top level of a module")
    name = fn_or_name if isinstance(fn_or_name, str) else fn_or_name.__code__.co_name
    _wrapped.append((frame.f_globals.get("__name__"), name))
    return fn_or_name


def symbolic_trace(root, concrete_args=None):
    """Not built: raises NotImplementedError."""
    raise NotImplementedError(
        "torch.fx.symbolic_trace() is not built; torch.compiler.explain(step, *args) shows what a "
        "program does"
    )
