"""Capturing: listening to a step while eager mode runs it, and writing down a program.

What runs a step again is its kernel launches. Each is recorded with its argument slots; those that
are addresses are recognised, since no memory is used twice during a capture, and become places in
buffers. Op calls tell which launches belong together, what they read and what they write.
"""

import ctypes
import gc
import threading
import weakref
from bisect import bisect_right
from contextlib import contextmanager

from .. import cpu_target, graph, memory, recording
from ..random import Generator
from .copying import copies
from .errors import GraphBreak
from .interpreter import break_graph
from .program import (
    CONSTANT,
    GRADIENT,
    OUTSIDE,
    RESULT,
    SAVED,
    TEMPORARY,
    Buffer,
    Elementwise,
    Instruction,
    Launch,
    Program,
    Region,
    Table,
)


class _YoungGarbage:
    """Collects what became garbage since it was made, without walking over all that is older."""

    def __init__(self):
        self._is_frozen = gc.get_freeze_count() == 0
        if self._is_frozen:
            gc.freeze()

    def collect(self):
        gc.collect()
        if self._is_frozen:
            gc.unfreeze()


class _KeepingAllocator:
    """Takes the place of an allocator's function during a capture: no block is handed out twice."""

    def __init__(self, allocator):
        self.allocator = allocator
        self._allocate = allocator.compiled
        allocator.allocate = self.allocate
        self._storages = []
        #: {address: (what owns the block, address, bytes)} of all that was handed out.
        self.taken = {}

    def allocate(self, nbytes):
        storage = self._allocate(nbytes)
        self._storages.append((weakref.ref(storage), storage.address))
        self.taken[storage.address] = storage._block, storage.address, nbytes
        return storage

    @property
    def returned(self):
        """The blocks that no storage uses any more."""
        return [self.taken[address] for storage, address in self._storages if storage() is None]

    def stop(self):
        self.allocator.allocate = self._allocate

    def close(self):
        self.taken.clear()
        self._storages.clear()


class _Part:
    """Some launches that will be one instruction, with what is known of them so far."""

    def __init__(self):
        self.launches = []
        self.name = None
        self.elementwise = None
        self.inputs = ()
        self.outputs = ()
        self.known = None
        self.call = None
        self.effect = False
        self.flag = None

    def may_change(self, address):
        """Whether the launches may write to a block that they are given."""
        if self.elementwise is not None:
            return self.elementwise.out[0] == address
        if not self.known:
            return True
        given, made = ({x[0] for x in arrays} for arrays in (self.inputs, self.outputs))
        return address in made or address not in given


class Capture(recording.Recorder):
    """Records what happens in the `with` block; `program` then makes a program of it."""

    def __init__(self):
        #: Why a replay would not be right, if so.
        self.broken = None
        self._parts = []
        self._since_op = []
        self._next_elementwise = None
        self._fresh = set()
        self._written = set()
        #: {address: contents} of memory that the host has written to; None until a kernel is given it.
        self.host_made = {}
        self.outside = {}
        self._kept = []
        #: Addresses that are the same whenever the program runs.
        self._known = set()
        #: Addresses of the states of random generators.
        self.generators = set()
        #: leaf -> (whether its gradient is first replaced, its gradient before the step)
        self.leaves = {}
        self.optimizers = []
        #: What Python does before a replay, in order: (update of an optimizer, its table), or
        #: (action, None).
        self.host_actions = []
        #: CUDA devices that kernels were launched on, and updates of optimizers anywhere.
        self.devices, self.updates = set(), []
        self._next_update = self._next_table = None
        self._is_paused = False

    def stop(self, error):
        """Note the first GraphBreak."""
        self.broken = self.broken or error

    def __enter__(self):
        self._thread = threading.get_ident()
        self._garbage = _YoungGarbage()
        self._allocator = _KeepingAllocator(memory.allocator)
        self._recording = recording.to(self)
        self._recording.__enter__()
        graph.listeners.append(self._op_called)
        return self

    def __exit__(self, *exception):
        self._garbage.collect()  # what it still holds must not look like memory in use
        graph.listeners.remove(self._op_called)
        self._recording.__exit__(*exception)
        self._allocator.stop()

    def close(self):
        """Let go of the memory that the captured step used."""
        self._allocator.close()

    # Reports --------------------------------------------------------------------

    def launch(self, kernel, items, grain, integers, reals):
        if threading.get_ident() != self._thread:
            return
        launch = Launch(kernel, items, grain, integers, reals)
        if self._next_elementwise is not None:
            part = self._new_part()
            part.elementwise, self._next_elementwise = self._next_elementwise, None
        elif self._since_op and self._since_op[-1].elementwise is None:
            part = self._since_op[-1]
        else:
            part = self._new_part()
        launch.table, self._next_table = self._next_table, None
        part.launches.append(launch)
        for address, contents in self.host_made.items():
            if contents is None and self._is_given(launch, address):
                self.host_made[address] = self._contents(address)
        self._written.update(integers)

    def device_launch(self, index):
        self.devices.add(index)

    @property
    def has_launches(self):
        """Whether there were kernels on the CPU."""
        return bool(self._parts)

    def _new_part(self):
        part = _Part()
        self._parts.append(part)
        self._since_op.append(part)
        return part

    def elementwise(self, formula, out, operands, parameters):
        if threading.get_ident() != self._thread:
            return
        regions = [self._array(x) for x in (out, *operands)]
        self._next_elementwise = Elementwise(formula, regions[0], regions[1:], parameters)

    def host_access(self, array):
        if threading.get_ident() != self._thread:
            return
        address = array.storage.address
        if address not in self.taken or self.is_touched(address, array.storage.nbytes):
            break_graph("Python looks at the values of a tensor")
            return
        self.host_made[address] = None

    def generator_set(self):
        if threading.get_ident() == self._thread:
            break_graph("Python sets the state of random numbers")

    def is_touched(self, address, nbytes):
        """Whether a kernel was given memory in this range."""
        return any(address <= value < address + nbytes for value in self._written)

    def _contents(self, address):
        return ctypes.string_at(address, self.taken[address][2])

    def _is_given(self, launch, address):
        """Whether a launch is given memory in the block at an address."""
        end = address + max(1, self.taken[address][2])
        words = launch.integers if launch.table is None else launch.table.words.ravel().tolist()
        return any(address <= word < end for word in words)

    def contents(self, address):
        """What the host wrote into a block."""
        return self.host_made[address] or self._contents(address)

    @property
    def changed(self):
        """Addresses of memory that the host has written to, and kernels perhaps after it."""
        return {
            address
            for address in self.host_made
            for part in self._parts
            if any(self._is_given(launch, address) for launch in part.launches)
            and part.may_change(address)
        }

    @property
    def taken(self):
        """{address: block} of all memory allocated meanwhile."""
        return self._allocator.taken

    @property
    def returned(self):
        """The blocks of it that were freed again."""
        return self._allocator.returned

    def keep(self, tables):
        self._kept.append(tables)
        self._known.update(table.ctypes.data for table in tables)

    def check(self, address):
        if self._parts:
            self._parts[-1].flag = address
            self._parts[-1].effect = True

    def gradient_set(self, leaf):
        self.leaves.setdefault(leaf, (True, leaf._grad))

    def gradient_used(self, leaf):
        if leaf._node is None:
            self.leaves.setdefault(leaf, (False, leaf._grad))

    def optimizer_step(self, optimizer):
        self.optimizers.append(optimizer)

    def optimizer_update(self, update):
        self._next_update = update
        self.updates.append(update)

    def table(self, table, columns):
        self._next_table = Table(table, columns)
        self.host_actions.append((self._next_update, self._next_table))

    def host_action(self, action):
        if not self._is_paused:
            self.host_actions.append((action, None))

    @contextmanager
    def paused(self):
        before, self._is_paused = self._is_paused, True
        yield
        self._is_paused = before

    def _op_called(self, op, inputs, params, result):
        if threading.get_ident() != self._thread:
            return
        if op.is_view or not self._since_op:
            return
        given = [None if x is None else self._array(x) for x in inputs]
        inputs = [x for x in given if x is not None]
        outputs = result if isinstance(result, tuple | list) else (result,)
        outputs = [self._array(x) for x in outputs if isinstance(x, graph.Value)]
        generators = [value for value in params.values() if isinstance(value, Generator)]
        for generator in generators:
            self._kept.append(generator)
            self._known.add(generator.address)
            self.generators.add(generator.address)
        for part in self._since_op:
            part.name = op.name
            part.effect = part.effect or bool(generators)
            if part.elementwise is None and not op.is_dynamic:
                part.inputs, part.outputs = inputs, outputs
                part.known = True
                part.call = op, given, params
        self._since_op = []

    def _array(self, x):
        """What is needed to find the region of an Array once all buffers are known."""
        storage = x.storage
        if storage.address not in self.taken:
            self.outside[id(storage)] = storage
        return storage.address, x.dtype, x.shape, x.strides, x.offset

    def made(self, tensor):
        """Whether the step itself made the memory of a tensor."""
        return tensor.storage.address in self.taken

    def hold(self, storage):
        """Take notice of memory that the step can reach, though no op may have named it."""
        if storage.address not in self.taken:
            self.outside[id(storage)] = storage

    # The program ----------------------------------------------------------------

    def program(self, results, gradients, saved=(), kept=()):
        """The program, for a step that hands out `results`, leaves `gradients`, and keeps `saved`
        for later: tensors, those from outside the step among them, and storages. What is `kept` is
        in use without being needed later."""
        for tensor in results:
            self.hold(tensor.storage)  # an argument that is returned as it is, say
        places = _Places(self, results, gradients, saved, kept)
        instructions = [_constant(*pair) for pair in places.renewed]
        instructions += [self._instruction(part, places) for part in self._parts]
        _note_order(instructions)
        program = Program(instructions, places.buffers)
        program.results = [places.region(self._array(x)) for x in results]
        program.gradients = [places.region(self._array(x)) for x in gradients]
        program.keepers = self._kept
        program.find = places.find
        return program

    def _instruction(self, part, places):
        known = self._known | cpu_target.pointers | {part.flag}
        for launch in part.launches:
            table = launch.table
            if table is not None:
                known = known | {table.address}
                table.places = places.of_table(table, known)
            launch.places = places.of(launch.integers, known)
        touched = set().union(*[launch.buffers for launch in part.launches])
        instruction = Instruction(part.name or "memory", part.launches, [], [], touched, touched)
        if part.elementwise is not None:
            _describe_elementwise(instruction, part.elementwise, places)
        elif part.known:
            instruction.inputs = [places.region(x) for x in part.inputs]
            instruction.outputs = [places.region(x) for x in part.outputs]
            given = {region.buffer for region in instruction.inputs}
            made = {region.buffer for region in instruction.outputs}
            instruction.reads = touched - (made - given)
            instruction.writes = touched - (given - made)
        if part.call is not None:
            op, given, params = part.call
            given = [None if x is None else places.region(x) for x in given]
            instruction.call = op, given, params
        instruction.effect = part.effect
        if part.flag is not None:
            instruction.flag = places.find(part.flag) or (None, part.flag)
        return instruction


def _note_order(instructions):
    """Who touches memory first that the step makes also writes it; whoever comes later may read it.

    Launches of an op whose computation calls other ops look as if they belonged to those, and parts
    of one op hand values to each other in what the op returns.
    """
    written = set()
    for instruction in instructions:
        touched = instruction.reads | instruction.writes
        fresh = {buffer for buffer in touched - written if buffer.kind not in (OUTSIDE, CONSTANT)}
        instruction.writes = instruction.writes | fresh
        if instruction.elementwise is None:
            instruction.reads = instruction.reads | touched & written
        written |= instruction.writes


def _describe_elementwise(instruction, found, places):
    out, *operands = [places.region(x) for x in (found.out, *found.operands)]
    instruction.elementwise = Elementwise(found.formula, out, operands, found.parameters)
    instruction.inputs, instruction.outputs = operands, [out]
    instruction.reads = {region.buffer for region in operands}
    instruction.writes = {out.buffer}


class _Places:
    """From addresses to buffers."""

    def __init__(self, capture, results, gradients, saved, kept):
        unused = (*(block[1] for block in capture.returned), *(storage.address for storage in kept))
        kinds = dict.fromkeys(unused, TEMPORARY)
        kinds.update({storage.address: SAVED for storage in saved})
        for kind, tensors in ((RESULT, results), (GRADIENT, gradients)):
            kinds.update({x.storage.address: kind for x in tensors})
        found, changed = [], capture.changed
        #: (buffer, contents) of memory that the host wrote to, and that is not the same in all runs.
        self.renewed = []
        for address, block in capture.taken.items():
            made = address in capture.host_made
            if made and address not in changed and kinds.get(address, TEMPORARY) == TEMPORARY:
                contents = _storage(capture.contents(address))
                found.append((address, Buffer(CONSTANT, block[2], contents)))
            elif address in kinds:
                buffer = Buffer(kinds[address], block[2])
                found.append((address, buffer))
                if made:
                    self.renewed.append((buffer, capture.contents(address)))
            elif capture.is_touched(address, block[2]):
                raise GraphBreak("memory that the step made is still in use after it")
        for storage in capture.outside.values():
            found.append((storage.address, Buffer(OUTSIDE, storage.nbytes, storage)))
        found.sort(key=lambda pair: pair[0])
        self.starts = [address for address, _ in found]
        self.buffers = [buffer for _, buffer in found]
        for i in range(1, len(found)):
            if self.starts[i - 1] + self.buffers[i - 1].nbytes > self.starts[i]:
                raise GraphBreak("two tensors from outside the step share memory")

    def find(self, address):
        """The (buffer, byte) of an address, or None where it is no known memory."""
        i = bisect_right(self.starts, address) - 1
        if i < 0 or address >= self.starts[i] + max(self.buffers[i].nbytes, 1):
            return None
        return self.buffers[i], address - self.starts[i]

    def of(self, integers, known):
        """{slot: (buffer, byte)} of the argument slots that are addresses."""
        places = {}
        for slot, value in enumerate(integers):
            if not _LOWEST_ADDRESS <= value < _HIGHEST_ADDRESS:
                continue
            place = self.find(value)
            if place is not None:
                places[slot] = place
            elif value not in known:
                raise GraphBreak("a kernel uses memory that is not known to be a tensor's")
        return places

    def of_table(self, table, known):
        """{(row, column): (buffer, byte)} of the addresses in a table."""
        return {
            (row, column): place
            for row, words in enumerate(table.words[:-1].tolist())
            for column, place in self.of(words[: 1 + table.columns], known).items()
        }

    def region(self, form):
        address, *rest = form
        return Region(self.find(address)[0], *rest)


def _storage(contents):
    """Memory with these bytes."""
    storage = memory.Storage(len(contents))
    ctypes.memmove(storage.address, contents, len(contents))
    return storage


def _constant(buffer, contents):
    """The instruction that writes into a buffer what the host wrote during the capture."""
    source = Buffer(CONSTANT, buffer.nbytes, _storage(contents))
    launch = copies([(source, buffer, buffer.nbytes)])
    return Instruction("constant", [launch], [], [], {source}, {buffer})


#: Between these lies what a process can address; sizes and strides are below.
_LOWEST_ADDRESS, _HIGHEST_ADDRESS = 1 << 32, 1 << 47
