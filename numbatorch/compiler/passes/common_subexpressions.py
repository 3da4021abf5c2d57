"""Computes once what an elementwise instruction computes several times."""

from ..program import TEMPORARY


def run(program):
    """Replace a temporary that holds what an earlier one, unchanged since, holds too."""
    versions, known, replaced, kept = {}, {}, {}, []
    writers = _writer_counts(program)
    for instruction in program.instructions:
        instruction.replace(replaced)
        key = _key(instruction, versions)
        earlier = known.get(key) if key is not None else None
        if earlier is not None and versions[earlier.buffer] == 1:
            out = instruction.elementwise.out
            if out.buffer.kind == TEMPORARY and writers[out.buffer] == 1:
                replaced[out.buffer] = earlier.buffer
                continue
        for buffer in instruction.writes:
            versions[buffer] = versions.get(buffer, 0) + 1
        if key is not None and writers[instruction.elementwise.out.buffer] == 1:
            known[key] = instruction.elementwise.out
        kept.append(instruction)
    program.instructions = kept


def _writer_counts(program):
    counts = {}
    for instruction in program.instructions:
        for buffer in instruction.writes:
            counts[buffer] = counts.get(buffer, 0) + 1
    return counts


def _key(instruction, versions):
    """Equal for elementwise instructions that compute the same; None for all others."""
    found = instruction.elementwise
    if found is None or found.out.offset:
        return None
    operands = [(*x.key, versions.get(x.buffer, 0)) for x in found.operands]
    return (
        found.formula, found.parameters, found.out.dtype, found.out.shape, found.out.strides,
        *operands,
    )  # fmt: skip
