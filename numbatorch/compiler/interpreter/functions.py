"""Functions that the interpreter makes, and functions that it hands to library code."""

import ast
import functools
import inspect

from ...tensor import Tensor


class InterpretedFunction:
    """What a `def` or `lambda` in interpreted code makes.

    What it needs lies in slots: decorators may copy and overwrite what is in `__dict__`.
    """

    __slots__ = (
        "interpreter", "node", "frame", "defaults", "keyword_defaults", "__dict__", "__weakref__",
    )  # fmt: skip

    def __init__(self, interpreter, node, name, frame, defaults, keyword_defaults):
        self.__name__ = name
        around = frame.function_frame().qualified_name
        self.__qualname__ = f"{around}.<locals>.{name}"
        self.__module__ = frame.environment.globals.get("__name__")
        self.__doc__ = None if name == "<lambda>" else _docstring(node)
        self.defaults = defaults
        self.keyword_defaults = keyword_defaults
        self.interpreter = interpreter
        self.node = node
        self.frame = frame

    def __call__(self, *args, **kwargs):
        return self.interpreter.enter(self, args, kwargs)

    def __get__(self, instance, owner=None):
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self):
        return f"<interpreted function {self.__qualname__}>"


def _docstring(node):
    return ast.get_docstring(node)


class Callback:
    """A user's function on its way through library code, which calls back into the interpreter.

    When the interpreter has gone, the function runs as it is.
    """

    __slots__ = ("interpreter", "function", "__dict__", "__weakref__")

    def __init__(self, interpreter, function):
        functools.update_wrapper(self, function)
        self.interpreter = interpreter
        self.function = function

    def __call__(self, *args, **kwargs):
        return self.interpreter.enter(self.function, args, kwargs)


def contains_tensor(value):
    """Whether a value is a tensor or a container with one in it."""
    if isinstance(value, Tensor):
        return True
    if isinstance(value, list | tuple | set | frozenset):
        return any(contains_tensor(item) for item in value)
    if isinstance(value, dict):
        return any(contains_tensor(item) for item in value.values())
    return False


def find_descriptor(cls, name):
    """(the attribute as a class of the MRO holds it, that class), or (None, None)."""
    for owner in cls.__mro__:
        if name in vars(owner):
            return vars(owner)[name], owner
    return None, None


def is_wrapper_of(function):
    """The function that a decorator made with functools.wraps keeps, or None."""
    return inspect.getattr_static(function, "__wrapped__", None)
