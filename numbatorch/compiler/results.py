"""What a captured step hands out: tensors and plain Python values in tuples, lists and dicts."""

from ..graph import Value
from .errors import GraphBreak
from .interpreter.traced_number import TracedNumber

_PLAIN = (int, float, complex, bool, str, bytes, type(None), type(Ellipsis))


class Template:
    """The form of a result; `build(tensors)` makes one like it from other tensors."""

    def __init__(self, result):
        self.tensors = []
        self.build = self._form(result)

    def _form(self, part):
        if isinstance(part, Value):
            return self._tensor(part, _itself)
        if isinstance(part, TracedNumber):
            return self._tensor(part.tensor, part.convert)
        if isinstance(part, tuple | list):
            forms, kind = [self._form(value) for value in part], _maker(type(part))
            return lambda tensors: kind([form(tensors) for form in forms])
        if type(part) is dict:
            forms = {key: self._form(value) for key, value in part.items()}
            return lambda tensors: {key: form(tensors) for key, form in forms.items()}
        if type(part) in _PLAIN:
            return lambda tensors: part
        raise GraphBreak(f"the step returns a {type(part).__name__}")

    def _tensor(self, tensor, convert):
        position = len(self.tensors)
        self.tensors.append(tensor)
        return lambda tensors: convert(tensors[position])


def _itself(tensor):
    return tensor


def _maker(kind):
    """kind(values) for tuples, lists and named tuples."""
    if kind in (tuple, list):
        return kind
    if hasattr(kind, "_make"):
        return kind._make
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
