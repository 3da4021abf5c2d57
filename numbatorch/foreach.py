"""`torch._foreach_*`: a function of tensors for each tensor of a list.

They give a tuple of new tensors; those whose name ends in `_` write into the tensors, and give the list.
"""

from . import graph
from .ops.reduction import vector_norm
from .ops.registry import FUNCTIONS as OPS
from .ops.registry import METHODS, also_called

UNARY = (
    "abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "erfc", "exp", "expm1", "floor",
    "frac", "lgamma", "log", "log10", "log1p", "log2", "neg", "reciprocal", "round", "rsqrt",
    "sigmoid", "sign", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
)  # fmt: skip

#: With a list of tensors or numbers, a number, or a tensor without dimensions.
BINARY = ("add", "sub", "mul", "div", "clamp_max", "clamp_min", "maximum", "minimum")

#: What `maximum` and `minimum` of a number are called.
_OF_NUMBERS = {"maximum": "clamp_min", "minimum": "clamp_max"}

#: Public name -> function.
FUNCTIONS = {}


def _check(name, tensors, *others):
    """TypeError for what is no list, RuntimeError for an empty one, and for one of another length."""
    for values in (tensors, *others):
        if not isinstance(values, list | tuple):
            kind = type(values).__name__
            raise TypeError(f"{name}(): argument must be tuple of Tensors, not {kind}")
    if not tensors:
        raise RuntimeError("Tensor list must have at least one tensor.")
    for values in others:
        if len(values) != len(tensors):
            raise RuntimeError(
                "Tensor lists must have the same number of tensors, got "
                f"{len(tensors)} and {len(values)}"
            )


def _one_each(name, tensors, values):
    """A tensor or number of `values` for each tensor."""
    if not isinstance(values, list | tuple):
        if isinstance(values, graph.Value) and values.shape:
            raise RuntimeError(
                f"scalar tensor expected to be 0 dim but it has {len(values.shape)} dimensions and "
                f"{values.numel()} elements."
            )
        return [values] * len(tensors)
    if values and isinstance(values[0], graph.Value):
        _check(name, tensors, values)
    if len(values) != len(tensors):
        raise RuntimeError("Tensor list must have same number of elements as scalar list.")
    return values


def _publish(name, function, about):
    function.__name__ = function.__qualname__ = f"_foreach_{name}"
    function.__doc__ = about
    FUNCTIONS[f"_foreach_{name}"] = function


def _declare(name, make, inplace=True):
    """`_foreach_name`, and `_foreach_name_`, by make(function of one tensor, collection, own name)."""

    def write(x, *arguments, **keywords):
        method = METHODS.get(f"{name}_")
        return method(x, *arguments, **keywords) if method else x.copy_(new(x, *arguments))

    def new(x, *arguments, **keywords):
        number = not arguments or not isinstance(arguments[0], graph.Value)
        own = _OF_NUMBERS.get(name, name) if number else name
        return OPS[own](x, *arguments, **keywords)

    _publish(name, make(new, tuple, f"_foreach_{name}"), f"`{name}` of each tensor of a list.")
    if inplace:
        about = f"In-place `{name}` of each tensor of a list."
        _publish(f"{name}_", make(write, list, f"_foreach_{name}_"), about)


def _unary(function, collect, name):
    def foreach(self):
        _check(name, self)
        return collect([function(x) for x in self])

    return foreach


def _binary(function, collect, name):
    @also_called(scalar="other", scalars="other")
    def foreach(self, other, **alpha):
        _check(name, self)
        pairs = zip(self, _one_each(name, self, other))
        return collect([function(x, y, **alpha) for x, y in pairs])

    return foreach


def _power(function, collect, name):
    def foreach(self, exponent):
        if not isinstance(self, list | tuple):  # a number to the power of each tensor
            _check(name, exponent)
            return collect([function(self, y) for y in exponent])
        _check(name, self)
        return collect([function(x, y) for x, y in zip(self, _one_each(name, self, exponent))])

    return foreach


def _ternary(function, collect, name):
    @also_called(scalars="value")
    def foreach(self, tensor1, tensor2, value=1):
        _check(name, self, tensor1, tensor2)
        value = value.tolist() if isinstance(value, graph.Value) else value
        rows = zip(self, tensor1, tensor2, _one_each(name, self, value))
        return collect([function(x, y, z, value=factor) for x, y, z, factor in rows])

    return foreach


def _lerp(function, collect, name):
    @also_called(weights="weight")
    def foreach(self, tensors1, weight):
        _check(name, self, tensors1)
        rows = zip(self, tensors1, _one_each(name, self, weight))
        return collect([function(x, y, w) for x, y, w in rows])

    return foreach


def _copy(self, src, non_blocking=False):
    _check("_foreach_copy_", self, src)
    return [x.copy_(y, non_blocking) for x, y in zip(self, src)]


def _norm(self, ord=2, dtype=None):
    _check("_foreach_norm", self)
    return tuple([vector_norm(x, ord, dtype=dtype) for x in self])


def _sum_of_powers(self, ord=2, dtype=None):
    _check("_foreach_powsum", self)
    return tuple([(x.abs() ** ord).sum(dtype=dtype) for x in self])


def _max(self):
    _check("_foreach_max", self)
    if any(x.numel() == 0 for x in self):
        raise RuntimeError(
            "_foreach_max cannot compute the maximum of an empty tensor; max over zero elements is "
            "undefined."
        )
    return tuple([x.max() for x in self])


def _products(self, mat2):
    _check("_foreach_mm", self, mat2)
    return tuple([x.mm(y) for x, y in zip(self, mat2)])


def _clones(self, *, memory_format=None):
    _check("_foreach_clone", self)
    return tuple([x.clone(memory_format=memory_format) for x in self])


def _zero(self):
    _check("_foreach_zero_", self)
    return [x.zero_() for x in self]


for _name in UNARY:
    _declare(_name, _unary)
for _name in BINARY:
    _declare(_name, _binary)
for _name in ("addcmul", "addcdiv"):
    _declare(_name, _ternary)
_declare("pow", _power)
_declare("lerp", _lerp)
_publish("copy_", _copy, "Copy each of a list into its tensor.")
_publish("norm", _norm, "The norm of all elements of each tensor of a list.")
_publish(
    "powsum", _sum_of_powers, "The sum of the powers of the sizes of the elements of each tensor."
)
_publish("max", _max, "The greatest element of each tensor of a list.")
_publish("mm", _products, "The products of the matrices of two lists.")
_publish("clone", _clones, "Copies of the tensors of a list.")
_publish("zero_", _zero, "Write zeros into each tensor of a list.")
