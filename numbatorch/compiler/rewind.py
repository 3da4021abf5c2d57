"""Undoing a call that found bad input: eager mode then runs the step from where it began, and raises.

What a program changes before its last check of input (running statistics, random streams, parameters
of another update) is copied aside by the first launch of every call; so are the counters and options
that Python changes beforehand.
"""

import ctypes

from .. import cpu_target, memory
from ..cpu_kernels import mersenne_twister
from ..cpu_kernels.native import integer, span
from .program import CONSTANT, OUTSIDE, Buffer, Instruction, Launch
from .states import Numbers, Undoable

_GENERATOR_BYTES = 4 * mersenne_twister.BLOCK_WORDS


def _copying():
    """Slots: for each item where a block is, where it goes, and its bytes."""

    def copy_blocks(begin, end, arguments):
        for i in range(begin, end):
            nbytes = integer(arguments, 3 * i + 2)
            source = span(integer(arguments, 3 * i), nbytes, _BYTE)
            target = span(integer(arguments, 3 * i + 1), nbytes, _BYTE)
            for j in range(nbytes):
                target[j] = source[j]

    return copy_blocks


_BYTE = cpu_target.types.uint8


class Rewind:
    """Adds the copying to a program; `undo()` takes back a call that found bad input."""

    def __init__(self, program, generators):
        self._checks = any(one.flag is not None for one in program.instructions)
        #: (buffer or None, address or None, bytes) of what is copied.
        self._blocks = _changed_before_checks(program, generators)
        self._copies = [memory.Storage(nbytes) for _, _, nbytes in self._blocks]
        self._actions = []
        if self._blocks:
            program.instructions.insert(0, self._instruction())

    def _instruction(self):
        slots, places, reads, writes = [], {}, set(), set()
        for (buffer, address, nbytes), copy in zip(self._blocks, self._copies):
            if buffer is not None:
                places[len(slots)] = buffer, 0
                reads.add(buffer)
            slots.append(address or 0)
            kept = Buffer(CONSTANT, nbytes, copy)
            places[len(slots)] = kept, 0
            writes.add(kept)
            slots += [0, nbytes]
        kernel = cpu_target.specialise(_copying)
        launch = Launch(kernel, len(self._blocks), len(self._blocks), slots, (), places)
        found = Instruction("keep for bad input", [launch], [], [], reads, writes)
        found.effect = True
        return found

    def follow(self, replay, actions):
        """The actions that Python does before `replay`, so that they can be undone as well."""
        self._replay = replay
        if self._checks:
            self._actions = [x if isinstance(x, Numbers) else Undoable(x) for x in actions]
        return self._actions or actions

    def undo(self):
        """Bring back what was there before the call, but for what is made anew anyway."""
        self._replay.clear_flags()
        for (buffer, address, nbytes), copy in zip(self._blocks, self._copies):
            if buffer is not None:
                address = self._replay.address_of(buffer)
            ctypes.memmove(address, copy.address, nbytes)
        for action in reversed(self._actions):
            action.undo()


def _changed_before_checks(program, generators):
    checks = [i for i, one in enumerate(program.instructions) if one.flag is not None]
    blocks = {}
    for instruction in program.instructions[: checks[-1] + 1 if checks else 0]:
        for buffer in instruction.writes:
            if buffer.kind == OUTSIDE:
                blocks[buffer] = buffer, None, buffer.nbytes
        if instruction.effect:
            given = {value for launch in instruction.launches for value in launch.integers}
            for address in given & generators:
                blocks[address] = None, address, _GENERATOR_BYTES
    return list(blocks.values())
