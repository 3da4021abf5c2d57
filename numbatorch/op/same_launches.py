"""Ops whose launches follow from the Forms of their inputs: planned once, then repeated.

How a convolution is cut into tasks takes longer to find out than a small one takes to compute. The
first call of a Plan runs the op's `compute` and listens: each launch, which of its slots are
addresses in which operand, what scratch memory it needs. Later calls fill in the new addresses.
"""

import threading
from bisect import bisect_right

from .. import config, cpu_target, memory, recording
from ..devices import CPU, Form

#: More launches than this are not worth keeping.
_MOST_LAUNCHES = 64

#: What an integer must be to be an address.
_ADDRESSES = range(1 << 32, 1 << 47)


class _Listener(recording.Recorder):
    """Hears the launches of one call; `fails` where they cannot be repeated."""

    def __init__(self):
        self.launches = []
        self.tables = []
        self.known = set()
        self.fails = False
        self.thread = threading.get_ident()

    def launch(self, kernel, items, grain, integers, reals):
        if threading.get_ident() == self.thread:
            self.launches.append((kernel, items, grain, integers, reals))

    def keep(self, tables):
        self.tables.extend(tables)
        self.known.update([table.ctypes.data for table in tables])

    def _refuse(self, *_):
        self.fails = True

    host_access = hold = check = table = host_action = _refuse


class _Scratch:
    """Takes the place of the allocator's function: {address: bytes} of what was handed out."""

    def __init__(self):
        self.blocks = {}

    def __enter__(self):
        self._allocate = memory.allocator.compiled
        memory.allocator.allocate = self.allocate
        return self

    def __exit__(self, *exception):
        memory.allocator.allocate = self._allocate

    def allocate(self, nbytes):
        storage = self._allocate(nbytes)
        self.blocks[storage.address] = max(nbytes, self.blocks.get(storage.address, 0))
        return storage


def _state():
    """What else the launches depend on."""
    return cpu_target.get_num_threads(), config.WINOGRAD


class SameLaunches:
    """Computes an op on inputs of some Forms: kernel(result, *inputs), as Plan.kernel.

    Where `parts` may share memory, a launch takes addresses of first elements alone.
    """

    __slots__ = ("op", "params", "parts", "state", "scratch", "launches", "tables")

    def __init__(self, op, params, parts=False):
        self.op = op
        self.params = params
        self.parts = parts
        self.state = None

    def __call__(self, result, *inputs):
        if recording.recorder is not None:
            self.op.compute(result, *inputs, **self.params)
        elif self.state == _state():
            self._repeat(_operands(result, inputs))
        elif self.state != () and recording.turn.acquire(blocking=False):
            try:
                self._first(result, inputs)
            finally:
                recording.turn.release()
        else:
            self.op.compute(result, *inputs, **self.params)

    def _repeat(self, operands):
        addresses = [0 if x is None else x.address for x in operands]
        scratch = [memory.Storage(nbytes) for nbytes in self.scratch]
        addresses += [storage.address for storage in scratch]
        for kernel, items, grain, integers, reals, places in self.launches:
            slots = list(integers)
            for slot, operand, offset in places:
                slots[slot] = addresses[operand] + offset
            kernel(items, grain, *slots, reals=reals)

    def _first(self, result, inputs):
        """Compute, and note how; `state` is () where it cannot be repeated."""
        listener, state = _Listener(), _state()
        with recording.heard_by(listener), _Scratch() as scratch:
            self.op.compute(result, *inputs, **self.params)
        self.state = ()
        places = _Places(_operands(result, inputs), scratch.blocks, self.parts)
        if listener.fails or len(listener.launches) > _MOST_LAUNCHES or not places.are_distinct:
            return
        launches = []
        for kernel, items, grain, integers, reals in listener.launches:
            found = places.of(integers, listener.known | cpu_target.pointers)
            if found is None:
                return
            launches.append((kernel, items, grain, integers, reals, found))
        self.launches, self.tables = launches, listener.tables
        self.scratch, self.state = list(scratch.blocks.values()), state


def _operands(result, inputs):
    return (*result, *inputs) if result.__class__ is tuple else (result, *inputs)


class _Places:
    """From addresses to operands and bytes in them; scratch memory comes after the operands.

    Of operands that are `parts` of tensors, only first elements are known.
    """

    def __init__(self, operands, scratch, parts):
        found = [
            (x.address, 1, number, x.address)
            if parts
            else (x.storage.address, x.storage.nbytes, number, x.address)
            for number, x in enumerate(operands)
            if x is not None
        ]
        for number, (address, nbytes) in enumerate(scratch.items(), len(operands)):
            found.append((address, nbytes, number, address))
        self._found = sorted(found)
        self._starts = [start for start, *_ in self._found]

    @property
    def are_distinct(self):
        """Whether no memory belongs to two operands, nor is any of them empty."""
        pairs = zip(self._found, self._found[1:])
        return all(nbytes > 0 for _, nbytes, *_ in self._found) and all(
            start + nbytes <= after for (start, nbytes, *_), (after, *_) in pairs
        )

    def of(self, integers, known):
        """[(slot, operand, byte)] of the slots that are addresses; None where one is unknown."""
        places = []
        for slot, value in enumerate(integers):
            if value not in _ADDRESSES or value in known:
                continue
            i = bisect_right(self._starts, value) - 1
            if i < 0 or value >= self._starts[i] + self._found[i][1]:
                return None
            _, _, number, first = self._found[i]
            places.append((slot, number, value - first))
        return places


def same_launches(*ops, parts=False):
    """Let the launches of these ops be planned once for all inputs of the same Forms, unless an op
    binds a call by itself. `parts`: inputs may be parts of one tensor, of which kernels are given
    the first elements' addresses and no others.
    """
    for op in ops:
        op.bind = _binder(op, op.bind, parts)


def _binder(op, bind_alone, parts):
    def bind(outputs, inputs, params):
        bound = bind_alone(outputs, inputs, params)
        forms = [outputs] if outputs.__class__ is Form else outputs
        if bound is None and all(form.place is CPU for form in forms):
            return SameLaunches(op, params, parts)
        return bound

    return bind
