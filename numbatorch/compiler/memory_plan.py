"""Where temporaries lie: buffers that are never alive together share a place in one arena.

An elementwise instruction may also write over what it is the last to read.
"""

from .program import TEMPORARY

ALIGNMENT = 64


def lifetimes(program):
    """{temporary: (first, last)}: the instructions between which its values are needed."""
    found = {}
    for index, instruction in enumerate(program.instructions):
        for launch in instruction.launches:
            for buffer in launch.buffers:
                if buffer.kind == TEMPORARY:
                    first = found.get(buffer, (index, index))[0]
                    found[buffer] = first, index
    return found


def shared_blocks(program, spans):
    """Lists of temporaries that lie in the same place, each made from the one before where that
    was needed for the last time."""
    block_of = {buffer: [buffer] for buffer in spans}
    for index, instruction in enumerate(program.instructions):
        taken = set()
        for region, out in instruction.overwritable:
            before, after = region.buffer, out.buffer
            if before not in spans or after not in spans or {before, after} & taken:
                continue
            if spans[before][1] == index == spans[after][0]:
                taken |= {before, after}
                block_of[before].append(after)
                block_of[after] = block_of[before]
    return list({id(block): block for block in block_of.values()}.values())


def plan(program):
    """({temporary: byte offset}, bytes of the arena): the largest first, each as low as it fits."""
    spans = lifetimes(program)
    placed, offsets, size = [], {}, 0
    blocks = [
        (block, spans[block[0]][0], spans[block[-1]][1]) for block in shared_blocks(program, spans)
    ]
    for block, first, last in sorted(blocks, key=lambda b: (-b[0][0].nbytes, b[1:])):
        width = -(-block[0].nbytes // ALIGNMENT) * ALIGNMENT
        busy = sorted(
            (offset, offset + taken)
            for offset, taken, begin, end in placed
            if begin <= last and first <= end
        )
        offset = 0
        for begin, end in busy:
            if offset + width <= begin:
                break
            offset = max(offset, end)
        placed.append((offset, width, first, last))
        offsets.update(dict.fromkeys(block, offset))
        size = max(size, offset + width)
    return offsets, size
