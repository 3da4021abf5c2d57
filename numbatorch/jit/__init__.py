"""TorchScript (`torch.jit`): there is no compiler behind it, programs run as they are written.

`script` and `trace` give back what they are given, ready to call; what would need TorchScript's
file format raises NotImplementedError.
"""

import builtins
import functools
import types
from typing import Final

from .. import futures, nn
from ..futures import Future
from . import annotations
from .type_checks import is_instance as isinstance


class TracerWarning(Warning):
    """The category of PyTorch's warnings about traces; never given here."""


class ScriptModule(nn.Module):
    """A module that runs eagerly; the class of what `script` and `trace` make of modules."""

    def save(self, f, **kwargs):
        """NotImplementedError: use `torch.save(module.state_dict(), f)`."""
        raise _no_archives("save")


class ScriptFunction:
    """A function that runs eagerly; what `script` and `trace` make of functions."""

    def __init__(self, function):
        functools.update_wrapper(self, function)

    def __call__(self, *args, **kwargs):
        return self.__wrapped__(*args, **kwargs)

    def __get__(self, instance, owner=None):
        return self if instance is None else types.MethodType(self, instance)

    def save(self, f, **kwargs):
        """NotImplementedError."""
        raise _no_archives("save")


RecursiveScriptModule = TopLevelTracedModule = ScriptModule


def script(obj, optimize=None, _frames_up=0, _rcb=None, example_inputs=None):
    """`obj` itself, as a ScriptModule, a ScriptFunction or a class."""
    if builtins.isinstance(obj, nn.Module):
        return _scripted(obj)
    if builtins.isinstance(obj, type):
        return obj
    if not callable(obj):
        raise RuntimeError(
            f"torch.jit.script: expected a module, a function or a class, got {obj!r}"
        )
    return obj if builtins.isinstance(obj, ScriptFunction) else ScriptFunction(obj)


def trace(func, example_inputs=None, *args, example_kwarg_inputs=None, **kwargs):
    """`func` itself, run once on the example inputs."""
    inputs = (
        example_inputs if builtins.isinstance(example_inputs, tuple | list) else (example_inputs,)
    )
    if example_inputs is None:
        inputs = ()
    func(*inputs, **(example_kwarg_inputs or {}))
    return script(func)


def trace_module(mod, inputs, **kwargs):
    """`mod` itself, its methods run once on the example inputs."""
    for name, example in inputs.items():
        getattr(mod, name)(*(example if builtins.isinstance(example, tuple) else (example,)))
    return script(mod)


def _scripted(module):
    """A module that shares everything with `module` and is a ScriptModule beside its own class."""
    if builtins.isinstance(module, ScriptModule):
        return module
    kind = type(module)
    result = object.__new__(
        type(kind.__name__, (kind, ScriptModule), {"__module__": kind.__module__})
    )
    result.__dict__ = module.__dict__
    return result


def _no_archives(name):
    return NotImplementedError(
        f"torch.jit.{name}: numbatorch neither writes nor reads TorchScript archives; save the "
        "state dict with torch.save and load it into the module's class"
    )


def save(m, f, **kwargs):
    """NotImplementedError: there is no TorchScript."""
    raise _no_archives("save")


def load(f, map_location=None, **kwargs):
    """NotImplementedError: there is no TorchScript."""
    raise _no_archives("load")


# Decorators: all give back what they decorate ------------------------------------------------------


def _unchanged(function=None, **kwargs):
    """The function itself; also with arguments before it."""
    if callable(function):
        return function
    return lambda decorated: decorated


def ignore(drop=False, **kwargs):
    """The function itself."""
    return _unchanged(drop)


unused = export = script_method = interface = script_if_tracing = _unchanged


def optimized_execution(should_optimize):
    """A context manager that changes nothing."""
    return strict_fusion()


class strict_fusion:
    """A context manager that changes nothing."""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return False


fuser = optimized_execution


def freeze(mod, preserved_attrs=None, optimize_numerics=True):
    """`mod` itself; it must be in evaluation mode."""
    if mod.training:
        raise RuntimeError(
            "Freezing is currently only implemented for modules in eval mode. Please call .eval() "
            "on your module before freezing."
        )
    return mod


def optimize_for_inference(mod, other_methods=None):
    """`mod` itself, in evaluation mode."""
    return mod.eval()


def annotate(the_type, the_value):
    """`the_value`."""
    return the_value


def Attribute(value, type):
    """`value`."""
    return value


def is_scripting():
    """False: code runs as Python."""
    return False


def is_tracing():
    """False."""
    return False


def fork(func, *args, **kwargs):
    """A future of func(*args), which is computed at once."""
    result = futures.Future()
    result.set_result(func(*args, **kwargs))
    return result


def wait(future):
    """The result of a future."""
    return future.wait()


def set_fusion_strategy(strategy):
    """Nothing: nothing is fused."""
    return []


def enable_onednn_fusion(enabled):
    """Nothing: there is no oneDNN."""
