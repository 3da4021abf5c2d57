"""Memory that a program for inference takes as it is: parameters, buffers and what is computed of them."""

from .. import array, graph
from .program import CONSTANT, OUTSIDE


class Frozen:
    """Which buffers a program's results may be computed from beforehand.

    As a part of a plan's state, `accepts()` says whether all of them are what they were.
    """

    number = 0

    def __init__(self, program, moving):
        written = set().union(*[i.writes for i in program.instructions])
        self._outside = {
            buffer
            for buffer in program.buffers
            if buffer.kind == OUTSIDE and buffer not in written and not moving(buffer.origin)
        }
        #: {storage: its version} of memory that was looked at.
        self._used = {}

    def __contains__(self, buffer):
        return buffer.kind == CONSTANT or buffer in self._outside

    def tensor(self, region):
        """The values of a region as a tensor."""
        return tensor_of(region, self.storage(region.buffer))

    def storage(self, buffer):
        """The memory of a buffer, whose changes count from now on."""
        if buffer in self._outside:
            self._used.setdefault(buffer.origin, buffer.origin.version)
        return buffer.origin

    def accepts(self):
        """Whether nothing has changed that results were computed from."""
        return all(storage.version == version for storage, version in self._used.items())

    def watch(self, unchanged):
        """Add the conditions under which `accepts` need not be asked."""
        for storage in self._used:
            unchanged.attribute(storage, "version", storage.version)


def tensor_of(region, storage):
    """A tensor that looks at memory as a region looks at its buffer."""
    form = region.dtype, region.shape, region.strides, region.offset
    return array.initialise(graph.blank(), storage, *form)
