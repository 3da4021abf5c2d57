"""The records of calls, by their keys."""

import ctypes
import struct

from ... import machine_code
from . import field
from .keys import ENTRIES, KEY_WORDS, PROBES

_MOST_RECORDS = 512  # of one function


class Record:
    """What a call comes to, as words, and the objects that they point to."""

    def __init__(self, kind, **words):
        self._held = []
        self._words = (ctypes.c_int64 * field.COUNT)()
        self._words[field.KIND] = kind
        for name, value in words.items():
            self._words[getattr(field, name.upper())] = self._word(value)

    def _word(self, value):
        if value.__class__ is int:
            return value
        self._held.append(value)
        return ctypes.addressof(value) if isinstance(value, ctypes.Array) else id(value)

    @property
    def address(self):
        return ctypes.addressof(self._words)


def word_array(values):
    """int64s, one at least, at an address of their own."""
    return (ctypes.c_int64 * max(1, len(values)))(*values)


class Table:
    """The records of calls by their keys."""

    def __init__(self):
        self._entries = (ctypes.c_int64 * (ENTRIES * (2 + KEY_WORDS)))()
        machine_code.keep_forever(self._entries)
        self._kept = {}
        self._counts = {}  # records of each function called

    @property
    def address(self):
        return ctypes.addressof(self._entries)

    def takes(self, key):
        """Whether another record for the function called is worth its while.

        One whose calls are ever new (a number that changes, a loop over indices) has had enough.
        """
        return self._counts.get(key[:8], 0) < _MOST_RECORDS

    def add(self, key, record, held=()):
        """Find `record` by `key` (the bytes that a builtin gave) from now on; keep `held` alive."""
        self._counts[key[:8]] = self._counts.get(key[:8], 0) + 1
        *words, hashed = struct.unpack(f"{KEY_WORDS + 1}q", key)
        places = [(hashed + probe) % ENTRIES for probe in range(PROBES)]
        free = [place for place in places if place not in self._kept]
        place = free[0] if free else places[(hashed >> 32) % PROBES]
        start = place * (2 + KEY_WORDS)
        self._entries[start] = 0  # nobody finds half an entry
        self._entries[start + 1 : start + 2 + KEY_WORDS] = [hashed, *words]
        self._entries[start] = record.address
        self._kept[place] = record, held


table = Table()
