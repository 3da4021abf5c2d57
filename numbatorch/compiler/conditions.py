"""The kinds of guards: what must still hold of an object for a compiled step to be valid.

Each writes its condition as a Python expression about the variable (or path) that holds the object,
and explains in words where it does not hold.
"""

import math
from enum import Enum

import numpy as np

from .. import devices, dtypes, shapes
from ..graph import Value

#: Immutable values that are compared by type and equality.
PLAIN = (
    type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented), range,
    dtypes.dtype, devices.device, shapes.Size, np.generic, Enum,
)  # fmt: skip
#: Those of them whose repr is exact and reads back as the value.
LITERAL = frozenset((type(None), bool, int, str, bytes, type(...), type(NotImplemented)))
#: Those whose repr tells all values apart, so that containers of them can be compared by repr.
EXACT_REPR = LITERAL | {float, complex}


def is_plain(value):
    """Whether a value is guarded by type and equality."""
    return isinstance(value, PLAIN) or (
        value.__class__ is slice and is_plain(value.start) and is_plain(value.stop)
    )


class Guard:
    """A condition on the object that `source` leads to."""

    #: Whether running the step may change what the guard compares (an optimizer's, say).
    changes_in_run = False

    def __init__(self, source):
        self.source = source

    def condition(self, value, bind):
        """The condition on the expression `value`; bind(object, hint) names an object in it."""
        raise NotImplementedError

    def explain(self, value):
        """Why the condition does not hold of the object `value`."""
        raise NotImplementedError


class Identity(Guard):
    """The very same object."""

    def __init__(self, source, object):
        super().__init__(source)
        self.object = object

    def condition(self, value, bind):
        hint = getattr(self.object, "__name__", None) or f"the_{type(self.object).__name__.lower()}"
        return f"{value} is {bind(self.object, hint)}"

    def explain(self, value):
        return f"is another object: {_short(value)}, was {_short(self.object)}"


class Alias(Guard):
    """The same object as another path leads to."""

    def __init__(self, source, other):
        super().__init__(source)
        self.other = other

    def condition(self, value, bind):
        return f"{value} is {self.other.expression}"

    def explain(self, value):
        return f"is not {self.other} any more"


class Kind(Guard):
    """An object of exactly this class."""

    def __init__(self, source, kind):
        super().__init__(source)
        self.kind = kind

    def condition(self, value, bind):
        return f"{value}.__class__ is {bind(self.kind, self.kind.__name__)}"

    def explain(self, value):
        return f"is of class {type(value).__name__}, was of class {self.kind.__name__}"


class Equal(Guard):
    """An equal plain value of the same type; NaN equals NaN, and 0.0 is not -0.0."""

    def __init__(self, source, expected):
        super().__init__(source)
        self.expected = expected

    def condition(self, value, bind):
        expected, kind = self.expected, type(self.expected)
        if expected is None or kind is bool or expected is ... or isinstance(expected, Enum):
            return f"{value} is {self._name(bind)}"
        if isinstance(expected, dtypes.dtype):
            return f"{value} is {bind(expected, expected.name)}"
        same_kind = f"{value}.__class__ is {bind(kind, kind.__name__)}"
        if kind is float and math.isfinite(expected) and expected != 0:
            return f"{same_kind} and {value} == {expected!r}"
        if kind in (float, complex, slice):
            return f"{same_kind} and repr({value}) == {repr(expected)!r}"
        if isinstance(expected, np.generic):
            return f"{same_kind} and {value}.tobytes() == {expected.tobytes()!r}"
        return f"{same_kind} and {value} == {self._name(bind)}"

    def _name(self, bind):
        if type(self.expected) in LITERAL:
            return repr(self.expected)
        if isinstance(self.expected, shapes.Size):
            return repr(tuple(self.expected))
        return bind(self.expected, "constant")

    def explain(self, value):
        return f"is {_short(value)}, was {_short(self.expected)}"


class Contents(Guard):
    """A container, nested perhaps, of plain values."""

    def __init__(self, source, container):
        super().__init__(source)
        self.kind = type(container)
        self.expected = self._text(container)

    @staticmethod
    def _text(container):
        if isinstance(container, set | frozenset):
            return repr(sorted(map(repr, container)))
        return repr(container)

    def condition(self, value, bind):
        text = bind(self._text, "text_of") if self.kind in (set, frozenset) else "repr"
        kind = bind(self.kind, self.kind.__name__)
        return f"{value}.__class__ is {kind} and {text}({value}) == {self.expected!r}"

    def explain(self, value):
        return f"is {_short(value)}, was {self.expected[:200]}"


class Length(Guard):
    """A container of so many items."""

    def __init__(self, source, length):
        super().__init__(source)
        self.length = length

    def condition(self, value, bind):
        return f"not {value}" if self.length == 0 else f"len({value}) == {self.length}"

    def explain(self, value):
        return f"has {len(value)} items, had {self.length}"


class Keys(Guard):
    """A mapping with these keys in this order; `attributes` of an object where asked for."""

    def __init__(self, source, keys, attributes=False):
        super().__init__(source)
        self.keys = tuple(keys)
        self.attributes = attributes

    def condition(self, value, bind):
        mapping = f"{value}.__dict__" if self.attributes else value
        exact = all(type(key) in LITERAL for key in self.keys)
        if exact:
            return f"tuple({mapping}) == {self.keys!r}"
        return f"{bind(same_objects, 'same_objects')}({mapping}, {bind(self.keys, 'keys')})"

    def explain(self, value):
        keys = tuple(vars(value) if self.attributes else value)
        return f"has the keys {_short(keys)}, had {_short(self.keys)}"


class Absent(Guard):
    """A mapping without this key."""

    def __init__(self, source, key):
        super().__init__(source)
        self.key = key

    def condition(self, value, bind):
        return f"{self.key!r} not in {value}"

    def explain(self, value):
        return f"has now an item {self.key!r}"


class TensorForm(Guard):
    """A tensor of this class, shape, strides, dtype, device and part in autograd.

    The sizes of the dimensions in `dynamic` may be any from 2.
    """

    def __init__(self, source, tensor):
        super().__init__(source)
        self.kind = type(tensor)
        self.shape = tuple(tensor.shape)
        self.strides = tuple(tensor.strides)
        self.dtype = tensor.dtype
        self.device = tensor.storage.device_type, tensor.storage.device_index
        self.requires_grad = tensor.requires_grad
        self.is_leaf = tensor._node is None
        self.is_view = tensor._base is not None
        self.inference = tensor._inference
        self.hooked = bool(tensor._hooks)
        self.dynamic = set()

    def condition(self, value, bind):
        parts = [
            f"{value}.__class__ is {bind(self.kind, self.kind.__name__)}",
            *self._form(value, bind),
            f"{value}.dtype is {bind(self.dtype, self.dtype.name)}",
            f"{value}.storage.device_type == {self.device[0]!r}",
            f"{value}._base {'is not' if self.is_view else 'is'} None",
            f"{value}.{'requires_grad' if self.is_view else '_requires_grad'} is {self.requires_grad}",
            f"{value}._node {'is' if self.is_leaf else 'is not'} None",
            f"{value}._inference is {self.inference}",
            f"{'' if self.hooked else 'not '}{value}._hooks",
        ]
        if self.device[0] != "cpu":
            parts.insert(4, f"{value}.storage.device_index == {self.device[1]}")
        return " and ".join(parts)

    def _form(self, value, bind):
        if not self.dynamic:
            return [f"{value}.shape == {self.shape}", f"{value}.strides == {self.strides}"]
        sizes = [
            f"{value}.shape[{dim}] {'> 1' if dim in self.dynamic else f'== {size}'}"
            for dim, size in enumerate(self.shape)
        ]
        if shapes.is_contiguous(self.shape, self.strides):
            strides = f"{bind(shapes.contiguous_strides, 'contiguous_strides')}({value}.shape)"
        else:
            strides = repr(self.strides)
        return [f"len({value}.shape) == {len(self.shape)}", *sizes, f"{value}.strides == {strides}"]

    def sizeless(self):
        """Equal for forms that differ only in their sizes."""
        return (
            self.source, self.kind, len(self.shape), self.dtype, self.device, self.requires_grad,
            self.is_leaf, self.is_view,
        )  # fmt: skip

    def explain(self, value):
        if not isinstance(value, Value):
            return f"is {_short(value)}, was a tensor"
        now = TensorForm(self.source, value)
        changed = [
            f"{name.replace('_', ' ')} {_short(getattr(now, name))}, was {_short(getattr(self, name))}"
            for name in vars(self)
            if name not in ("source", "dynamic") and getattr(now, name) != getattr(self, name)
        ]
        return "has " + ("; ".join(changed) if changed else "another form")


class Sharing(Guard):
    """A tensor shares its memory with other arguments, and with held tensors, exactly as before."""

    def __init__(self, source, tensor, others, held):
        super().__init__(source)
        self.offset = tensor.offset
        self.apart = [s for t, s in others if t.storage is not tensor.storage]
        self.together = [
            (s, tensor.offset - t.offset) for t, s in others if t.storage is tensor.storage
        ]
        self.held = held  # the memory of the tensors that the step holds on to
        self.storage = tensor.storage if tensor.storage in held else None

    def condition(self, value, bind):
        parts = [f"{other}.storage is not {value}.storage" for other in self.apart]
        for other, distance in self.together:
            parts.append(f"{other}.storage is {value}.storage")
            parts.append(f"{value}.offset - {other}.offset == {distance}")
        if self.storage is not None:
            parts.append(f"{value}.storage is {bind(self.storage, 'storage')}")
            parts.append(f"{value}.offset == {self.offset}")
        elif self.held:
            parts.append(f"{value}.storage not in {bind(self.held, 'held_storages')}")
        return " and ".join(parts) or "True"

    def explain(self, value):
        return "shares its memory with other tensors than before"


class Settings(Guard):
    """A setting of the process or thread: `read()` gives what it gave."""

    def __init__(self, source, read, words):
        super().__init__(source)
        self.expected = read()
        self.words = words

    def condition(self, value, bind):
        expected = self.expected
        literal = type(expected) in LITERAL
        identical = expected is None or isinstance(expected, bool | dtypes.dtype)
        comparison = "is" if identical else "=="
        name = repr(expected) if literal else bind(expected, getattr(expected, "name", "setting"))
        return f"{value} {comparison} {name}"

    def explain(self, value):
        return f"({self.words}) is {_short(value)}, was {_short(self.expected)}"


def same_objects(found, expected):
    """Whether two collections hold the same objects in the same order; nothing is compared."""
    return len(found) == len(expected) and all(a is b for a, b in zip(found, expected))


def _short(value):
    """A value's repr, cut; tensors and other large objects by class."""
    if isinstance(value, Value):
        return f"a tensor of shape {tuple(value.shape)}"
    text = repr(value)
    return text if len(text) <= 200 else text[:197] + "..."
