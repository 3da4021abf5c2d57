"""Where temporaries lie: buffers that are never alive together share a place in one arena."""

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


def plan(program):
    """({temporary: byte offset}, bytes of the arena): the largest first, each as low as it fits."""
    spans = lifetimes(program)
    placed, offsets, size = [], {}, 0
    for buffer in sorted(spans, key=lambda b: (-b.nbytes, spans[b])):
        first, last = spans[buffer]
        width = -(-buffer.nbytes // ALIGNMENT) * ALIGNMENT
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
        offsets[buffer] = offset
        size = max(size, offset + width)
    return offsets, size
