"""The number in a one-element tensor, where Python has asked for it but not yet looked."""

import operator


class TracedNumber:
    """What `loss.item()` gives while a function is interpreted.

    It can be kept and returned: a replay then reads the tensor again. Any other use would make the
    recorded step depend on the value, so it breaks the graph. `tensor` is a copy that nothing
    changes later; `convert` makes the Python number.
    """

    __slots__ = ("tensor", "convert", "_interpreter")

    def __init__(self, tensor, convert, interpreter):
        self.tensor = tensor
        self.convert = convert
        self._interpreter = interpreter

    def resolve(self):
        """The number, read now."""
        return self.convert(self.tensor)

    def use(self):
        """The number, for Python to compute with: breaks the graph."""
        self._interpreter.break_graph("the value of a tensor is used by Python")
        return self.resolve()


def _unary(function):
    return lambda self: function(self.use())


def _binary(function):
    return lambda self, other: function(self.use(), other)


def _reflected(function):
    return lambda self, other: function(other, self.use())


_UNARY = {
    "bool": bool, "int": int, "float": float, "complex": complex, "index": operator.index,
    "neg": operator.neg, "pos": operator.pos, "abs": abs, "invert": operator.invert, "hash": hash,
    "str": str, "repr": repr, "trunc": int, "round": round,
}  # fmt: skip
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
_BINARY = (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and_", "or_", "xor", "lshift",
    "rshift",
)  # fmt: skip

for _name, _function in _UNARY.items():
    setattr(TracedNumber, f"__{_name}__", _unary(_function))
for _name in _COMPARISONS:
    setattr(TracedNumber, f"__{_name}__", _binary(getattr(operator, _name)))
for _name in _BINARY:
    _symbol = _name.strip("_")
    setattr(TracedNumber, f"__{_symbol}__", _binary(getattr(operator, _name)))
    setattr(TracedNumber, f"__r{_symbol}__", _reflected(getattr(operator, _name)))
TracedNumber.__round__ = lambda self, digits=None: round(self.use(), digits)
TracedNumber.__divmod__ = lambda self, other: divmod(self.use(), other)
TracedNumber.__rdivmod__ = lambda self, other: divmod(other, self.use())
TracedNumber.__format__ = lambda self, form: format(self.use(), form)
TracedNumber.__getattr__ = lambda self, name: getattr(self.use(), name)
