"""Launches that copy blocks of memory at the beginning of a run."""

from .. import cpu_target
from ..cpu_kernels.native import integer, span
from .program import Launch

_BYTE = cpu_target.types.uint8


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


def copies(blocks):
    """The Launch that copies (from, to, bytes): buffers, or addresses of memory that never moves."""
    slots, places = [], {}
    for *ends, nbytes in blocks:
        for end in ends:
            if isinstance(end, int):
                slots.append(end)
            else:
                places[len(slots)] = end, 0
                slots.append(0)
        slots.append(nbytes)
    kernel = cpu_target.specialise(_copying)
    return Launch(kernel, len(blocks), len(blocks), slots, (), places)
