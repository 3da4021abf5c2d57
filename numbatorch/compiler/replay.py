"""Replaying: one native call that runs all launches of a program.

The launches lie in memory as tables of words, which `replay` walks. A program's own memory is one
arena; the memory of arguments and results differs from call to call, so their addresses are filled
in first, from the bases that the caller gives.
"""

import ctypes
import time
from functools import cache

import numpy as np

from .. import cpu_builtins, cpu_target, memory
from . import memory_plan, native_call
from .native_call import (
    BASES,
    CALL_TABLE,
    CALL_WIDTH,
    CALLS,
    FLAG,
    GRAIN,
    HEADER,
    ITEMS,
    LAUNCHER,
    PLACE_TABLE,
    PLACE_WIDTH,
    PLACES,
    RELEASE,
    SLOTS,
    THREADS,
)
from .program import CONSTANT, OUTSIDE, TEMPORARY


@cache
def native_replay():
    """`native_call.replay`, compiled to a Python builtin."""
    return cpu_builtins.make(native_call.replay)


class Arena:
    """Memory for the temporaries of programs of which one runs at a time, and whether one does."""

    def __init__(self, nbytes):
        self.storage = memory.Storage(nbytes)
        self.busy = np.zeros(1, np.int64)


class Replay:
    """A program laid out for `replay`.

    `moving` lists the buffers whose memory a call brings: bases[i] is the address of moving[i]. An
    `arena` of other programs is used where it is large enough.
    """

    def __init__(self, program, moving, arena=None):
        self.offsets, self.arena_bytes = memory_plan.plan(program)
        if arena is None or arena.storage.nbytes < self.arena_bytes:
            arena = Arena(self.arena_bytes)
        self.arena = arena
        self._base_of = {buffer: i for i, buffer in enumerate(moving)}
        self.bases = np.zeros(max(1, len(moving)), np.int64)
        self._slots, self._rows, self._moving_slots = [], [], []
        self._first_words = {}
        self._launches = [len(i.launches) for i in program.instructions]
        flags = [i.flag for i in program.instructions if i.flag is not None]
        self._outer_flags = [address for buffer, address in flags if buffer is None]
        for instruction in program.instructions:
            for launch in instruction.launches:
                self._add(launch)
            if instruction.flag is not None:
                self._rows[-1][FLAG] = self._add_slot(*instruction.flag)
        self._tables = [
            np.array(self._rows, np.int64).reshape(-1, CALL_WIDTH),
            np.array(self._moving_slots, np.int64).reshape(-1, PLACE_WIDTH),
            np.array(self._slots, np.int64),
        ]
        calls, places, slots = [table.ctypes.data for table in self._tables]
        for slot, first in self._first_words.values():
            self._tables[-1][slot] = slots + 8 * first
        self.header = np.zeros(HEADER, np.int64)
        self.header[CALLS], self.header[CALL_TABLE] = len(self._rows), calls
        self.header[PLACES], self.header[PLACE_TABLE] = len(self._moving_slots), places
        self.header[SLOTS], self.header[BASES] = slots, self.bases.ctypes.data
        self.header[RELEASE] = sum(self._work(row) for row in self._rows) > 1
        self.set_threads()

    @staticmethod
    def _work(row):
        """About how much work a launch is, where 1 is worth letting other Python threads run."""
        return 16 * row[ITEMS] / row[GRAIN]

    def clear_flags(self):
        """Forget the bad input that a run has found, where the flag is not the program's own."""
        for address in self._outer_flags:
            ctypes.c_int64.from_address(address).value = 0

    def timed(self, seconds):
        """Run instruction by instruction, and append how long each took."""
        header = self.header.copy()
        table, row = header[CALL_TABLE], 0
        for count in self._launches:
            header[CALLS], header[CALL_TABLE] = count, table + 8 * CALL_WIDTH * row
            begin = time.perf_counter()
            failed = native_replay()(header.ctypes.data)
            seconds.append(time.perf_counter() - begin)
            if failed >= 0:
                return failed
            header[PLACES] = 0  # filled in by the first
            row += count
        return -1

    def set_threads(self):
        """Split launches over as many threads as are set now."""
        threads = cpu_target.get_num_threads()
        launcher = cpu_target.parallel_launcher().pointer if threads > 1 else 0
        self.header[THREADS], self.header[LAUNCHER] = threads, launcher

    def numbers(self, table):
        """The coefficients in a table that a launch walks, to write to: a row a parameter."""
        rows, width = table.words.shape
        first = self._first_words[table][1]
        words = self._tables[-1][first : first + rows * width].reshape(rows, width)
        return words[:-1, 1 + table.columns :].view(np.float64)

    def _add_table(self, table):
        """The place of a table's first word among the slots."""
        first = len(self._slots)
        for row, words in enumerate(table.words.tolist()):
            for column, value in enumerate(words):
                if (row, column) in table.places:
                    self._add_slot(*table.places[row, column])
                else:
                    self._slots.append(value)
        return first

    def _add(self, launch):
        table = launch.table
        first_word = None if table is None else self._add_table(table)
        self._slots.append(launch.kernel.pointer)
        self._rows.append([launch.items, launch.grain, len(self._slots), -1])
        for slot, value in enumerate(launch.integers):
            if table is not None and value == table.address:
                self._first_words[table] = len(self._slots), first_word
                self._slots.append(0)
            elif slot in launch.places:
                self._add_slot(*launch.places[slot])
            else:
                self._slots.append(value)
        self._slots += np.array(launch.reals, np.float64).view(np.int64).tolist()

    def _add_slot(self, buffer, offset):
        """A slot that holds the address of a byte of a buffer; of any byte, for buffer None."""
        slot = len(self._slots)
        if buffer in self._base_of:
            self._moving_slots.append([slot, self._base_of[buffer], offset])
            self._slots.append(0)
        else:
            self._slots.append(self._fixed_address(buffer) + offset)
        return slot

    def base_of(self, buffer):
        """The number of the base of a buffer whose memory moves."""
        return self._base_of[buffer]

    def address_of(self, buffer):
        """Where a buffer lay in the last run."""
        if buffer in self._base_of:
            return int(self.bases[self._base_of[buffer]])
        return self._fixed_address(buffer)

    def _fixed_address(self, buffer):
        if buffer is None:
            return 0
        if buffer.kind == TEMPORARY:
            return self.arena.storage.address + self.offsets[buffer]
        assert buffer.kind in (CONSTANT, OUTSIDE), buffer
        return buffer.origin.address
