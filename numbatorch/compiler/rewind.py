"""Undoing a call that found bad input: eager mode then runs the step from where it began, and raises.

What a program changes before its last check of input (running statistics, random streams, parameters
of another update) is copied aside by the first launch of every call; so are the counters and options
that Python changes beforehand.
"""

import ctypes

from .. import memory
from ..cpu_kernels import mersenne_twister
from .copying import copies
from .program import CONSTANT, OUTSIDE, Buffer, Instruction
from .states import Numbers, Undoable

_GENERATOR_BYTES = 4 * mersenne_twister.BLOCK_WORDS


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
        kept = [Buffer(CONSTANT, copy.nbytes, copy) for copy in self._copies]
        blocks = [
            (address if buffer is None else buffer, to, nbytes)
            for (buffer, address, nbytes), to in zip(self._blocks, kept)
        ]
        reads = {buffer for buffer, _, _ in self._blocks if buffer is not None}
        found = Instruction("keep for bad input", [copies(blocks)], [], [], reads, kept)
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
