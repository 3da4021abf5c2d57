"""A plan: a captured step, ready to run again on other arguments."""

import threading
from sys import getrefcount

from .. import array, graph, memory
from .errors import GraphBreak
from .passes import optimise
from .program import GRADIENT, OUTSIDE, RESULT
from .replay import Replay
from .results import Template


class BadInput(Exception):
    """A kernel found an index or label out of bounds: eager mode says which."""


class _Made:
    """A tensor that the program makes, in memory that is fresh unless nobody else holds the last.

    Its form, and the history it shows, are those of the tensor of the capture.
    """

    def __init__(self, tensor):
        self.form = tensor.dtype, tensor.shape, tensor.strides, tensor.offset
        self.history = tensor._requires_grad, tensor._node, tensor._output_index
        self.storage = tensor.storage
        self.tensor = None

    def renew(self):
        """The address of the memory for this call."""
        if getrefcount(self.storage) > 2:
            self.storage = memory.Storage(self.storage.nbytes)
        return self.storage.address

    def make(self):
        tensor = array.initialise(graph.blank(), self.storage, *self.form)
        tensor._requires_grad, tensor._node, tensor._output_index = self.history
        return tensor


class _MadeGradient(_Made):
    """The gradient of a leaf: also the tensor stays the same where nobody else holds it."""

    def __init__(self, leaf):
        super().__init__(leaf._grad)
        self.leaf = leaf
        self.tensor = leaf._grad

    def renew(self):
        tensor = self.tensor
        if (
            self.leaf._grad is not tensor
            or getrefcount(tensor) > 4
            or getrefcount(self.storage) > 3
        ):
            self.tensor = None
            self.storage = memory.Storage(self.storage.nbytes)
        return self.storage.address

    def put(self):
        if self.tensor is None:
            self.tensor = self.leaf._grad = self.make()


class _Leaf:
    """What a step does with the gradient of a leaf."""

    def __init__(self, leaf, replaced, before):
        self.leaf = leaf
        self.before = before
        #: Whether the step depends on the gradient that was there before.
        self.accumulates = not replaced
        after = leaf._grad
        self.made = after is not None and after is not before
        self.cleared = after is None and replaced
        if self.made and after._node is not None:
            raise GraphBreak("a gradient is itself part of a graph (create_graph)")
        if after is not None and replaced and not self.made:
            raise GraphBreak("a gradient is put back")

    def accepts(self):
        """Whether the leaf's present gradient is like the one of the capture."""
        if not self.accumulates:
            return True
        now, then = self.leaf._grad, self.before
        if then is None or now is None:
            return now is then
        return now.strides == then.strides and now.dtype is then.dtype and now._node is None


class _Options:
    """What an optimizer was like when it was captured, but for what each run asks anew."""

    #: Options that become numbers of a fused update.
    _ASKED = {"lr", "betas", "weight_decay", "eps", "momentum", "dampening", "rho", "initial_lr"}

    def __init__(self, optimizer, updates):
        self.optimizer = optimizer
        self.groups, self.state = optimizer.param_groups, optimizer.state
        self.states = len(self.state)
        fused = {update.index for update in updates if update.optimizer is optimizer}
        self.asked = [self._ASKED if i in fused else () for i in range(len(self.groups))]
        self.known = self._structure()

    def _structure(self):
        return [
            (self.optimizer.fused_rule(group), len(group["params"]),
             [(name, value) for name, value in group.items()
              if name != "params" and name not in asked])
            for group, asked in zip(self.groups, self.asked)
        ]  # fmt: skip

    def accepts(self):
        optimizer = self.optimizer
        return (
            optimizer.param_groups is self.groups
            and optimizer.state is self.state
            and len(self.state) == self.states
            and len(self.groups) == len(self.asked)
            and self._structure() == self.known
        )


class _Numbers:
    """Writes the numbers of an optimizer's update where its kernel reads them."""

    def __init__(self, update, numbers):
        self.update = update
        self.numbers = numbers
        self.last = None

    def __call__(self):
        rows = self.update.next()
        if rows != self.last:
            self.numbers[...] = rows
            self.last = rows


class Plan:
    """Runs a program. Memory that moves from call to call is looked up, or made, each time."""

    def __init__(self, capture, result, argument_of):
        template = Template(result)
        leaves = [_Leaf(leaf, *before) for leaf, before in capture.leaves.items()]
        made = [leaf for leaf in leaves if leaf.made]
        program = capture.program(template.tensors, [leaf.leaf._grad for leaf in made])
        self.program = program
        self.history = [("captured", str(program)), *optimise(program)]
        self._build = template.build
        self._cleared = [leaf.leaf for leaf in leaves if leaf.cleared]
        self._gradients = [_MadeGradient(leaf.leaf) for leaf in made]
        self._lock = threading.Lock()
        #: (buffer, finder(args, kwargs) -> its address) of the memory that moves.
        self._moving = []
        self._find_gradients(leaves)
        self._find_arguments(argument_of)
        self._results = [
            self._result(tensor, region, argument_of)
            for tensor, region in zip(template.tensors, program.results)
        ]
        self._moving += [
            (region.buffer, _renewer(gradient))
            for gradient, region in zip(self._gradients, program.gradients)
        ]
        self._finders = [finder for _, finder in self._moving]
        self.replay = Replay(program, [buffer for buffer, _ in self._moving])
        self._host_actions = [
            action if table is None else _Numbers(action, self.replay.numbers(table))
            for action, table in capture.host_actions
        ]
        updates = [action for action, table in capture.host_actions if table is not None]
        self._states = [leaf for leaf in leaves if leaf.accumulates]
        self._states += [_Options(optimizer, updates) for optimizer in capture.optimizers]
        written = set().union(*[i.writes for i in program.instructions])
        self._written = [buffer.origin for buffer in written if buffer.kind == OUTSIDE]

    # Memory that moves ----------------------------------------------------------

    def _buffer_of(self, storage):
        for buffer in self.program.buffers:
            if buffer.kind == OUTSIDE and buffer.origin is storage:
                return buffer
        return None

    def _find_gradients(self, leaves):
        for leaf in leaves:
            if leaf.before is None or not leaf.accumulates:
                continue
            buffer = self._buffer_of(leaf.before.storage)
            if buffer is not None:
                self._moving.append((buffer, _gradient_finder(leaf.leaf, leaf.before)))

    def _find_arguments(self, argument_of):
        for buffer in self.program.buffers:
            found = argument_of(buffer.origin) if buffer.kind == OUTSIDE else None
            if found is not None:
                self._moving.append((buffer, _argument_finder(*found)))

    def _result(self, tensor, region, argument_of):
        """maker(args, kwargs) of one tensor of the result."""
        if region.buffer.kind == RESULT:
            made = _Made(tensor)
            self._moving.append((region.buffer, _renewer(made)))
            return lambda args, kwargs: made.make()
        if region.buffer.kind == GRADIENT:
            raise GraphBreak("the step returns the gradient of a leaf")
        found = argument_of(region.buffer.origin)
        if found is None:
            return lambda args, kwargs: tensor
        getter, argument = found
        if argument is tensor:
            return getter
        raise GraphBreak("the step returns a view of an argument")

    # Running ----------------------------------------------------------------------

    def accepts(self):
        """Whether gradients and optimizers are in the state that the plan was captured for."""
        return all([state.accepts() for state in self._states])

    def __call__(self, args, kwargs):
        with self._lock:
            bases = self.replay.bases
            for i, finder in enumerate(self._finders):
                bases[i] = finder(args, kwargs)
            for action in self._host_actions:
                action()
            failed = self.replay()
            if failed >= 0:
                raise BadInput
            for storage in self._written:
                storage.version += 1
            for leaf in self._cleared:
                leaf._grad = None
            for gradient in self._gradients:
                gradient.put()
            return self._build([make(args, kwargs) for make in self._results])


def _argument_finder(getter, tensor):
    shift = tensor.offset * tensor.dtype.itemsize
    return lambda args, kwargs: getter(args, kwargs).address - shift


def _gradient_finder(leaf, before):
    shift = before.offset * before.dtype.itemsize
    return lambda args, kwargs: leaf._grad.address - shift


def _renewer(made):
    return lambda args, kwargs: made.renew()
