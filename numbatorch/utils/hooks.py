"""The handle that removes a registered hook again."""

from __future__ import annotations

import weakref
from collections import OrderedDict


class RemovableHandle:
    """Remembers where a hook was registered; `remove()` (or leaving a `with` block) takes it out.

    `hooks_dict` is the dictionary of hooks by handle id; `extra_dict` is a dictionary, or a list
    of them, whose entries of the same id go away with the hook.
    """

    next_id = 0

    def __init__(self, hooks_dict, *, extra_dict=None):
        extras = extra_dict if isinstance(extra_dict, (list, tuple)) else [extra_dict]
        self._dictionaries = tuple(
            weakref.ref(dictionary)
            for dictionary in (hooks_dict, *extras)
            if dictionary is not None
        )
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1

    def remove(self) -> None:
        for reference in self._dictionaries:
            dictionary = reference()
            if dictionary is not None:
                dictionary.pop(self.id, None)

    def __getstate__(self):
        return self.id, tuple(reference() for reference in self._dictionaries)

    def __setstate__(self, state) -> None:
        self.id, dictionaries = state
        alive = (d if d is not None else OrderedDict() for d in dictionaries)
        self._dictionaries = tuple(weakref.ref(dictionary) for dictionary in alive)
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception) -> None:
        self.remove()


def register(hooks: OrderedDict, hook, *, marks=(), prepend: bool = False) -> RemovableHandle:
    """Put `hook` at the end (or the front) of the ordered dictionary `hooks`.

    The handle's id is also entered into each of the dictionaries `marks`, and leaves with it.
    """
    handle = RemovableHandle(hooks, extra_dict=list(marks))
    hooks[handle.id] = hook
    for mark in marks:
        mark[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle
