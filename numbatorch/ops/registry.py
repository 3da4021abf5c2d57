"""The public functions, by PyTorch's names, and which of them are Tensor methods."""

import functools

#: Public name -> function, for the `numbatorch` namespace.
FUNCTIONS = {}

#: Method name -> function, for Tensor; the tensor is the first argument.
METHODS = {}

#: Name of a function or op -> a function make -> iterable of Sample, for the op table tests.
SAMPLES = {}


class Sample:
    """Arguments of one call in the op table tests."""

    __slots__ = ("args", "kwargs")

    def __init__(self, *args, **kwargs):
        self.args = args
        self.kwargs = kwargs


def function(
    implementation=None, *, method=True, inplace=False, public=True, aliases=(), name=None
):
    """Publish a function under its name (and aliases), and as a Tensor method of the same name.

    With `inplace`, the method `name_` writes the result back into the tensor.
    """
    if implementation is None:
        return functools.partial(
            function, method=method, inplace=inplace, public=public, aliases=aliases, name=name
        )
    own = name or getattr(implementation, "name", None) or implementation.__name__
    for published in (own, *aliases):
        if public:
            _add(FUNCTIONS, published, implementation)
        if method:
            _add(METHODS, published, implementation)
        if inplace:
            _add(METHODS, f"{published}_", _written_back(implementation, f"{published}_"))
    return implementation


def method(implementation=None, *, name=None, aliases=()):
    """Publish a function as a Tensor method only."""
    if implementation is None:
        return functools.partial(method, name=name, aliases=aliases)
    return function(implementation, public=False, name=name, aliases=aliases)


def samples(name):
    """Decorator: the samples of the function `name` for the op table tests."""

    def declare(generator):
        _add(SAMPLES, name, generator)
        return generator

    return declare


def _add(table, name, value):
    if name in table:
        raise ValueError(f"{name} is declared twice")
    table[name] = value


def _written_back(implementation, name):
    direct = getattr(implementation, "inplace", None)
    if direct is not None:

        def inplace_method(self, *args, **kwargs):
            return direct(self, *args, **kwargs)
    else:

        def inplace_method(self, *args, **kwargs):
            from .copying import copy

            return copy.inplace(self, implementation(self, *args, **kwargs))

    inplace_method.__name__ = inplace_method.__qualname__ = name
    inplace_method.__doc__ = f"In-place version of :func:`{name[:-1]}`."
    return inplace_method
