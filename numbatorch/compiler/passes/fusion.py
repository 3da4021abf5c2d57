"""Makes one loop of elementwise instructions over elements of one shape.

What one of them computes reaches the next in a register; temporaries that nobody else reads are
never written.
"""

from itertools import chain

from ... import shapes
from ...cpu_kernels.elementwise import layout_of
from ..codegen import fused_instruction
from ..program import GRADIENT, OUTSIDE, TEMPORARY

#: Instructions in one loop: more cost compilation and registers, and gain little.
_MOST = 24


class _Group:
    """Instructions that will be one, at `position` among all."""

    #: No elementwise instruction finds bad input.
    flag = None

    def __init__(self, position, instruction):
        self.position = position
        self.members = [instruction]
        self.reads = set(instruction.reads)
        self.writes = set(instruction.writes)
        self.shape = instruction.elementwise.out.shape
        self.order = _order_of(instruction)

    def __iter__(self):
        return iter(self.members)

    def add(self, position, instruction):
        self.position = position
        self.members.append(instruction)
        self.reads |= instruction.reads
        self.writes |= instruction.writes

    def suits(self, instruction):
        """Whether an instruction can join: its elements meet the group's only at equal indices."""
        if len(self.members) >= _MOST or instruction.elementwise.out.shape != self.shape:
            return False
        if _order_of(instruction) != self.order:
            return False
        shared = (self.reads | self.writes) & instruction.writes | self.writes & instruction.reads
        if not shared:
            return True
        regions = [r for member in [*self.members, instruction] for r in _regions(member)]
        for buffer in shared:
            keys = {region.key for region in regions if region.buffer is buffer}
            if len(keys) > 1:
                return False
        return not (self.reads & instruction.writes) or self._is_ordered(instruction)

    def _is_ordered(self, instruction):
        """Whether what is overwritten goes into what overwrites it, so that no reading comes late."""
        ahead = instruction.writes & self.reads - self.writes
        reached = set()
        for member in self.members:
            if member.reads & (ahead | reached):
                reached |= member.writes
        return all(buffer in instruction.reads for buffer in ahead) or bool(
            instruction.reads & reached
        )


def _order_of(instruction):
    """The dimensions in the order in which the results lie in memory."""
    out = instruction.elementwise.out
    return shapes.memory_order(out.shape, [out.strides])


def _regions(instruction):
    found = instruction.elementwise
    return [found.out, *found.operands]


def run(program):
    """Fuse what can stand side by side."""
    slots = [[instruction] for instruction in program.instructions]
    groups = []
    for position, instruction in enumerate(program.instructions):
        if not _is_fusable(instruction):
            continue
        for group in reversed(groups):
            if group.suits(instruction) and _join(group, position, instruction, slots):
                break
        else:
            group = _Group(position, instruction)
            slots[position] = group
            groups.append(group)
    readers = _readers(program)
    program.instructions = []
    for slot in slots:
        if isinstance(slot, _Group):
            slot = _finished(slot, readers)
        program.instructions += slot


def _join(group, position, instruction, slots):
    """Move the instruction up to the group, or the group down to it, where nothing forbids it."""
    between = list(chain(*slots[group.position + 1 : position]))
    if not any(_conflict(instruction, other) for other in between):
        group.add(group.position, instruction)
        slots[position] = []
    elif not any(_conflict(group, other) for other in between):
        slots[group.position] = []
        group.add(position, instruction)
        slots[position] = group
    else:
        return False
    return True


def _conflict(first, second):
    """Whether an instruction, or a group of them, may not change places with an instruction."""
    reads, writes = second.reads, second.writes
    if not (first.writes.isdisjoint(reads) and first.writes.isdisjoint(writes)):
        return True
    if not writes.isdisjoint(first.reads):
        return True
    if first.flag is None and second.flag is None:
        return False
    # bad input must be found before anything is overwritten
    return any(buffer.kind in (OUTSIDE, GRADIENT) for buffer in first.writes | writes)


def _is_fusable(instruction):
    """Whether it is a loop over rows of elements that lie side by side, or of one element."""
    found = instruction.elementwise
    if (
        found is None
        or instruction.effect
        or any(r.dtype.is_complex for r in _regions(instruction))
    ):
        return False
    sizes, strides = layout_of(found.out, found.operands)
    if strides[0][-1] != 1 and sizes[-1] != 1:
        return False
    return len(sizes) <= 4 and all(step[-1] in (0, 1) for step in strides)


def _readers(program):
    found = {}
    for instruction in program.instructions:
        for buffer in instruction.reads:
            found.setdefault(buffer, set()).add(instruction)
    return found


def _finished(group, readers):
    if len(group.members) == 1:
        return group.members
    inside = set(group.members)
    stored = [
        member
        for member in group.members
        if member.elementwise.out.buffer.kind != TEMPORARY
        or not readers.get(member.elementwise.out.buffer, set()) <= inside
    ]
    return [fused_instruction(group.members, stored)]
