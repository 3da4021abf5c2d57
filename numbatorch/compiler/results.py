"""What a captured step hands out: tensors and plain Python values in tuples, lists and dicts."""

from ..graph import Value
from .errors import GraphBreak

_PLAIN = (int, float, complex, bool, str, bytes, type(None), type(Ellipsis))


class Template:
    """The form of a result; `build(tensors)` makes one like it from other tensors."""

    def __init__(self, result):
        self.tensors = []
        self.build = self._form(result)

    def _form(self, part):
        if isinstance(part, Value):
            position = len(self.tensors)
            self.tensors.append(part)
            return lambda tensors: tensors[position]
        if isinstance(part, tuple | list):
            return self._sequence(part)
        if type(part) is dict:
            forms = {key: self._form(value) for key, value in part.items()}
            return lambda tensors: {key: form(tensors) for key, form in forms.items()}
        if isinstance(part, _PLAIN) and type(part) in _PLAIN:
            return lambda tensors: part
        raise GraphBreak(f"the step returns a {type(part).__name__}")

    def _sequence(self, part):
        forms = [self._form(value) for value in part]
        kind = type(part)
        if kind in (tuple, list):
            return lambda tensors: kind([form(tensors) for form in forms])
        if hasattr(kind, "_make"):
            return lambda tensors: kind._make([form(tensors) for form in forms])
        raise GraphBreak(f"the step returns a {kind.__name__}")
