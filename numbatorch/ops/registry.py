"""The public functions, by PyTorch's names, and which of them are Tensor methods."""

import functools
import inspect

from .. import dtypes, graph
from ..op import check_result_cast

#: Public name -> function, for the `numbatorch` namespace.
FUNCTIONS = {}

#: Names that are functions of `nn.functional`, but not of the top level.
NOT_TOP_LEVEL = set()

#: Method name -> function, for Tensor; the tensor is the first argument.
METHODS = {}

#: Name of a function or op -> a function make -> iterable of Sample, for the op table tests.
SAMPLES = {}


class Sample:
    """Arguments of one call in the op table tests."""

    __slots__ = ("args", "kwargs", "prepare", "finish")

    def __init__(self, *args, **kwargs):
        self.args = args
        self.kwargs = kwargs
        self.prepare = self.finish = None

    def between(self, prepare=None, finish=None):
        """Call with prepare(first argument), and look at finish(results).

        For functions of symmetric matrices, and for results that are unique but for signs.
        """
        self.prepare, self.finish = prepare, finish
        return self

    def map(self, convert):
        """The same call with other arguments: convert(argument) of each."""
        kwargs = {name: convert(value) for name, value in self.kwargs.items()}
        return Sample(*map(convert, self.args), **kwargs).between(self.prepare, self.finish)


def function(
    implementation=None, *, method=True, inplace=False, public=True, top_level=True, aliases=(),
    name=None,
):  # fmt: skip
    """Publish a function under its name (and aliases), and as a Tensor method of the same name.

    With `inplace`, the method `name_` writes the result back into the tensor.
    """
    if implementation is None:
        return functools.partial(
            function, method=method, inplace=inplace, public=public, top_level=top_level,
            aliases=aliases, name=name,
        )  # fmt: skip
    own = name or getattr(implementation, "name", None) or implementation.__name__
    published_as = _with_known_dtype(implementation, own)
    for published in (own, *aliases):
        if public:
            _add(FUNCTIONS, published, published_as)
            if not top_level:
                NOT_TOP_LEVEL.add(published)
        if method:
            _add(METHODS, published, published_as)
        if inplace:
            _add(METHODS, f"{published}_", _written_back(implementation, f"{published}_"))
    return implementation


def _with_known_dtype(implementation, name):
    """The function, which also takes Python's types for `dtype`, and raises TypeError for what is none."""
    if getattr(implementation, "checks_dtype", False):
        return implementation
    code = getattr(inspect.unwrap(implementation), "__code__", None)
    if code is None or "dtype" not in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        return implementation

    @functools.wraps(implementation)
    def with_known_dtype(*args, **kwargs):
        dtype = kwargs.get("dtype")
        if dtype is not None and dtype.__class__ is not dtypes.dtype:
            kwargs["dtype"] = dtypes.of_argument(name, dtype)
        return implementation(*args, **kwargs)

    return with_known_dtype


def also_called(**others):
    """Decorator: keywords that stand for a parameter of another name, as PyTorch's overloads have them."""

    def declare(implementation):
        @functools.wraps(implementation)
        def with_other_names(*args, **kwargs):
            for other in others.keys() & kwargs.keys():
                kwargs[others[other]] = kwargs.pop(other)
            return implementation(*args, **kwargs)

        with_other_names.other_names = others
        return with_other_names

    return declare


def in_namespace(space):
    """Decorator: publish a function in `space` alone: linalg, fft or special."""

    def declare(implementation=None, *, name=None):
        if implementation is None:
            return functools.partial(declare, name=name)
        published = f"{space}_{name or implementation.__name__}"
        return function(implementation, method=False, top_level=False, name=published)

    return declare


def namespace(space):
    """The functions that are published in `space`, by their names there."""
    return {
        name.removeprefix(f"{space}_"): implementation
        for name, implementation in FUNCTIONS.items()
        if name.startswith(f"{space}_") and name in NOT_TOP_LEVEL
    }


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
    """The in-place method of a function: the op's own, or compute, then copy into the tensor."""

    def inplace_method(input, *args, **kwargs):
        direct = getattr(implementation, "inplace", None)
        if direct is not None:
            return direct(input, *args, **kwargs)
        return write_back(input, implementation(_original(input), *args, **kwargs))

    inplace_method.__name__ = inplace_method.__qualname__ = name
    inplace_method.__doc__ = f"In-place version of `{name[:-1]}`."
    return inplace_method


def _original(target):
    """`target`, or where its values may be needed for a gradient a copy that nobody writes to."""
    if graph.modes.grad_enabled and isinstance(target, graph.Value) and target._requires_grad:
        return FUNCTIONS["clone"](target)
    return target


def write_back(target, result):
    """Copy a result into `target`, which must have its shape and be able to hold its dtype."""
    from .copying import copy

    check_result_cast(result.dtype, target.dtype)
    if result.shape != target.shape:
        raise RuntimeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape "
            f"{list(result.shape)}"
        )
    return copy.inplace(target, result)
