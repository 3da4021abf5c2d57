"""Replaying: one native call that runs all launches of a program.

The launches lie in memory as tables of words, which `replay` walks. A program's own memory is one
arena; the memory of arguments and results differs from call to call, so their addresses are filled
in first, from the bases that the caller gives.
"""

import ctypes
import functools
import struct
import time
from functools import cache

import numpy as np

from .. import cpu_builtins, cpu_target, memory
from ..cpu_builtins import (
    PyEval_RestoreThread,
    PyEval_SaveThread,
    PyLong_AsLongLong,
    PyLong_FromLongLong,
    call_kernel,
    set_word,
    word,
)
from . import memory_plan
from .program import CONSTANT, OUTSIDE, TEMPORARY

#: Words of the header of a program.
_CALLS, _CALL_TABLE, _PLACES, _PLACE_TABLE, _SLOTS, _BASES, _THREADS, _LAUNCHER, _HEADER = range(9)
#: Columns of the table of calls. The slot before a call's first one holds its pointer.
_ITEMS, _GRAIN, _FIRST, _FLAG, _CALL_WIDTH = range(5)
#: Columns of the table of places: which slot is the base's address plus so many bytes.
_SLOT, _BASE, _OFFSET, _PLACE_WIDTH = range(4)


def replay(self, arguments, count):
    """replay(header): run the program; returns -1, or the number of the call with bad input."""
    header = PyLong_AsLongLong(word(arguments, 0))
    thread = PyEval_SaveThread()
    slots, bases = word(header, _SLOTS), word(header, _BASES)
    row = word(header, _PLACE_TABLE)
    for _ in range(word(header, _PLACES)):
        set_word(slots, word(row, _SLOT), word(bases, word(row, _BASE)) + word(row, _OFFSET))
        row += 8 * _PLACE_WIDTH
    threads, launcher = word(header, _THREADS), word(header, _LAUNCHER)
    row, failed = word(header, _CALL_TABLE), -1
    for call in range(word(header, _CALLS)):
        items, grain, block = word(row, _ITEMS), word(row, _GRAIN), slots + 8 * word(row, _FIRST)
        if items < 2 * grain or threads == 1:
            call_kernel(word(block, -1), 0, items, block)
        else:
            call_kernel(launcher, min(threads, items // grain), items, block - 8)
        flag = word(row, _FLAG)
        if flag >= 0 and word(word(slots, flag), 0) != 0:
            failed = call
            break
        row += 8 * _CALL_WIDTH
    PyEval_RestoreThread(thread)
    return PyLong_FromLongLong(failed)


@cache
def native_replay():
    """`replay`, compiled to a Python builtin."""
    return cpu_builtins.make(replay)


class Replay:
    """A program laid out for `replay`.

    `moving` lists the buffers whose memory a call brings: bases[i] is the address of moving[i].
    """

    def __init__(self, program, moving):
        self._offsets, self.arena_bytes = memory_plan.plan(program)
        self._arena = memory.Storage(self.arena_bytes)
        self._base_of = {buffer: i for i, buffer in enumerate(moving)}
        self.bases = np.zeros(max(1, len(moving)), np.int64)
        self.set_bases = functools.partial(
            struct.Struct(f"{len(moving)}q").pack_into, self.bases, 0
        )
        self._slots, self._rows, self._moving_slots = [], [], []
        self._first_words = {}
        self._launches = [len(i.launches) for i in program.instructions]
        flags = [i.flag for i in program.instructions if i.flag is not None]
        self._outer_flags = [address for buffer, address in flags if buffer is None]
        for instruction in program.instructions:
            for launch in instruction.launches:
                self._add(launch)
            if instruction.flag is not None:
                self._rows[-1][_FLAG] = self._add_slot(*instruction.flag)
        self._tables = [
            np.array(self._rows, np.int64).reshape(-1, _CALL_WIDTH),
            np.array(self._moving_slots, np.int64).reshape(-1, _PLACE_WIDTH),
            np.array(self._slots, np.int64),
        ]
        calls, places, slots = [table.ctypes.data for table in self._tables]
        for slot, first in self._first_words.values():
            self._tables[-1][slot] = slots + 8 * first
        self._header = np.zeros(_HEADER, np.int64)
        self._header[:_THREADS] = (
            len(self._rows), calls, len(self._moving_slots), places, slots, self.bases.ctypes.data
        )  # fmt: skip
        self.set_threads()
        self._call, address = native_replay(), self._header.ctypes.data
        #: run() -> -1, or the number of the launch that found bad input.
        self.run = functools.partial(self._call, address)

    def clear_flags(self):
        """Forget the bad input that a run has found, where the flag is not the program's own."""
        for address in self._outer_flags:
            ctypes.c_int64.from_address(address).value = 0

    def timed(self, seconds):
        """Run instruction by instruction, and append how long each took."""
        header = self._header.copy()
        table, row = header[_CALL_TABLE], 0
        for count in self._launches:
            header[_CALLS], header[_CALL_TABLE] = count, table + 8 * _CALL_WIDTH * row
            begin = time.perf_counter()
            failed = self._call(header.ctypes.data)
            seconds.append(time.perf_counter() - begin)
            if failed >= 0:
                return failed
            header[_PLACES] = 0  # filled in by the first
            row += count
        return -1

    def set_threads(self):
        """Split launches over as many threads as are set now."""
        threads = cpu_target.get_num_threads()
        launcher = cpu_target.parallel_launcher().pointer if threads > 1 else 0
        self._header[_THREADS:] = threads, launcher

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

    def _fixed_address(self, buffer):
        if buffer is None:
            return 0
        if buffer.kind == TEMPORARY:
            return self._arena.address + self._offsets[buffer]
        assert buffer.kind in (CONSTANT, OUTSIDE), buffer
        return buffer.origin.address
