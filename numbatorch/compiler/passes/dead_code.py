"""Drops instructions whose results nobody reads."""

from ..program import TEMPORARY


def run(program):
    """Walk backwards; an instruction stays if it has an effect or writes what is still needed."""
    needed, kept = set(), []
    for instruction in reversed(program.instructions):
        seen = any(
            buffer.kind != TEMPORARY or buffer in needed for buffer in instruction.writes
        )  # fmt: skip
        if seen or instruction.effect:
            kept.append(instruction)
            needed |= instruction.reads
    program.instructions = kept[::-1]
