"""What a captured step hands out: tensors and plain Python values in tuples, lists and dicts."""

from .. import return_types
from ..graph import Value
from .errors import GraphBreak
from .interpreter.traced_number import TracedNumber

_PLAIN = (int, float, complex, bool, str, bytes, type(None), type(Ellipsis))


class Template:
    """The form of a result: an `expression` over the tuple `made`, which holds its tensors.

    `names` says what the other names in the expression mean. `parts` lists tensors and plain values
    in order: (number in `made` or None, what makes a Python number of that tensor or None).
    """

    def __init__(self, result):
        self.tensors = []
        self.names = {}
        self.parts = []
        self.expression = self._form(result)

    def _form(self, part):
        if isinstance(part, Value):
            self.parts.append((self._number(part), None))
            return f"made[{self._number(part)}]"
        if isinstance(part, TracedNumber):
            self.parts.append((self._number(part.tensor), part.convert))
            return f"{self._name(part.convert)}(made[{self._number(part.tensor)}])"
        if isinstance(part, tuple | list):
            items = ", ".join([self._form(value) for value in part])
            if type(part) is tuple:
                return f"({items},)" if len(part) == 1 else f"({items})"
            return (
                f"[{items}]"
                if type(part) is list
                else f"{self._name(_maker(type(part)))}([{items}])"
            )
        if type(part) is dict:
            pairs = [f"{self._name(key)}: {self._form(value)}" for key, value in part.items()]
            return f"{{{', '.join(pairs)}}}"
        if part is None:
            return "None"
        if type(part) in _PLAIN:
            self.parts.append((None, None))
            return self._name(part)
        raise GraphBreak(f"the step returns a {type(part).__name__}")

    def _number(self, tensor):
        """The place of a tensor in `made`. One that is returned twice is one object in every call."""
        for i, known in enumerate(self.tensors):
            if known is tensor:
                return i
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def _name(self, value):
        """What the expression calls a value."""
        if type(value) in (int, bool, str, bytes, type(None)):
            return repr(value)
        name = f"value_{len(self.names)}"
        self.names[name] = value
        return name


def is_plain_expression(template):
    """Whether the expression needs no other names: nothing in it is an object of this process."""
    return not template.names


def _maker(kind):
    """kind(values) for tuples, lists and named tuples."""
    if kind in (tuple, list):
        return kind
    if hasattr(kind, "_make"):
        return kind._make
    if kind.__module__ == return_types.__name__:
        return kind
    raise GraphBreak(f"the step returns a {kind.__name__}")


def resolved(result):
    """A result with numbers in place of those that were not looked at yet."""
    if isinstance(result, TracedNumber):
        return result.resolve()
    if type(result) in (list, tuple) or hasattr(type(result), "_make"):
        parts = [resolved(part) for part in result]
        same = all(new is old for new, old in zip(parts, result))
        return result if same else _maker(type(result))(parts)
    if type(result) is dict:
        return {key: resolved(part) for key, part in result.items()}
    return result
