"""Ops of the user's own (`torch.library`): a Python function with a name, and perhaps a gradient."""

import functools

from . import graph
from .autograd import Function

_OPS = {}


class CustomOpDef:
    """An op "namespace::name"; call it like the function that it was made of."""

    def __init__(self, name, function, mutates_args):
        functools.update_wrapper(self, function)
        self._qualname = name
        self.mutates_args = mutates_args
        self._kernels = {None: function}
        self._fake = self._backward = self._setup_context = None

    def __repr__(self):
        return f"<CustomOpDef({self._qualname})>"

    def __call__(self, *args, **kwargs):
        if self._backward is None or kwargs:
            return self._run(*args, **kwargs)
        return self._function.apply(*args)

    def _run(self, *args, **kwargs):
        kinds = [x.storage.device_type for x in args if isinstance(x, graph.Value)]
        kernel = self._kernels.get(kinds[0] if kinds else None) or self._kernels[None]
        if kernel is None:
            raise NotImplementedError(f"{self._qualname} has no kernel for {kinds[0]}")
        return kernel(*args, **kwargs)

    def register_kernel(self, device_types, func=None, /):
        """Decorator: the function for some device types."""
        kinds = (device_types,) if isinstance(device_types, str | None) else device_types

        def declare(function):
            for kind in kinds:
                self._kernels[kind] = function
            return function

        return declare if func is None else declare(func)

    def register_fake(self, fn, /):
        """Decorator: the shapes of the outputs; kept, as nothing runs without values here."""
        self._fake = fn
        return fn

    def register_autograd(self, backward, /, *, setup_context=None):
        """The gradient: backward(ctx, *grads), and what setup_context(ctx, inputs, output) keeps."""
        self._backward, self._setup_context = backward, setup_context
        definition = self

        class CustomFunction(Function):
            @staticmethod
            def forward(ctx, *args):
                output = definition._run(*args)
                if definition._setup_context is not None:
                    definition._setup_context(ctx, args, output)
                return output

            @staticmethod
            def backward(ctx, *grads):
                return definition._backward(ctx, *grads)

        CustomFunction.__name__ = self._qualname.replace("::", "_")
        self._function = CustomFunction

    def register_vmap(self, func=None):
        """Decorator: accepted; vmap runs ops sample by sample where it has no rule."""
        return func if func is not None else lambda function: function


def custom_op(name, fn=None, /, *, mutates_args, device_types=None, schema=None, tags=None):
    """Decorator: make a function an op "namespace::name"."""
    if "::" not in name:
        raise ValueError(f"expected a name 'namespace::name', but got '{name}'")

    def declare(function):
        definition = CustomOpDef(name, function, mutates_args)
        if device_types is not None:
            definition._kernels = {None: None}
            definition.register_kernel(device_types, function)
        _OPS[name] = definition
        return definition

    return declare if fn is None else declare(fn)


def _known(op):
    if isinstance(op, CustomOpDef):
        return op
    if op not in _OPS:
        raise RuntimeError(f"there is no op '{op}': declare it with torch.library.custom_op")
    return _OPS[op]


def register_kernel(op, device_types, func=None, /, *, lib=None):
    """Decorator: the function of an op for some device types."""
    return _known(op).register_kernel(device_types, func)


def register_fake(op, func=None, /, *, lib=None, allow_override=False):
    """Decorator: the shapes of an op's outputs."""
    found = _known(op)
    return found.register_fake if func is None else found.register_fake(func)


def register_autograd(op, backward, /, *, setup_context=None, lib=None):
    """The gradient of an op."""
    _known(op).register_autograd(backward, setup_context=setup_context)
