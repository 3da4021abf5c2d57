"""Counts the changes to lasting state that no op call shows.

A module gets another attribute, parameter, submodule or hook; a tensor gets other memory or another
`requires_grad`; a default is set anew. Who keeps conclusions from such state (a compiled step) remembers `state.version`
and looks again where it differs.
"""

import copy
import itertools
from collections import OrderedDict

_numbers = itertools.count(1)


class _State:
    __slots__ = ("version",)


state = _State()
state.version = 0


def note():
    """Lasting state has changed."""
    state.version = next(_numbers)  # never the same twice, whatever thread writes last


_MUTATORS = (
    "__setitem__", "__delitem__", "__ior__", "clear", "pop", "popitem", "setdefault", "update",
)  # fmt: skip


def _watched(base):
    """A subclass of the dictionary class `base` that notes its changes."""

    def noting(name):
        original = getattr(base, name)

        def method(self, *args, **kwargs):
            note()
            return original(self, *args, **kwargs)

        method.__name__ = method.__qualname__ = name
        return method

    def __reduce_ex__(self, protocol):
        """Pickles hold a dictionary of class `base`, which other programs know."""
        return base, (), None, None, iter(self.items())

    def __deepcopy__(self, memo):
        result = memo[id(self)] = type(self)()
        result.update([(copy.deepcopy(k, memo), copy.deepcopy(v, memo)) for k, v in self.items()])
        return result

    methods = {name: noting(name) for name in _MUTATORS}
    methods |= {"__reduce_ex__": __reduce_ex__, "__deepcopy__": __deepcopy__}
    return type(f"Watched{base.__name__[0].upper()}{base.__name__[1:]}", (base,), methods)


WatchedDict = _watched(dict)
WatchedOrderedDict = _watched(OrderedDict)

#: The classes of dictionaries that note their changes.
WATCHED = (WatchedDict, WatchedOrderedDict)
