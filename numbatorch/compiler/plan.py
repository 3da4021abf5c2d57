"""A plan: a captured program, ready to run again on other memory."""

import threading

from .errors import GraphBreak
from .made import Form, FreshMemory, MadeGradient
from .passes import optimise
from .program import OUTSIDE, RESULT
from .replay import Replay
from .results import Template
from .states import Leaf, Numbers, Options


class BadInput(Exception):
    """A kernel found an index or label out of bounds: eager mode says which."""


class Plan:
    """Runs a program. Memory that moves from call to call is looked up, or made, each time.

    `outside` says where memory from outside is in another call: `outside.finder(storage)` is None, or
    find(args, kwargs) -> the address that stands for it; `outside.getter(tensor)` is None, or
    get(args, kwargs) -> the tensor that stands for it.
    """

    def __init__(self, capture, result, outside, saved=None):
        template = Template(result)
        leaves = [Leaf(leaf, *before) for leaf, before in capture.leaves.items()]
        made = [leaf for leaf in leaves if leaf.made]
        gradients = [leaf.leaf._grad for leaf in made]
        storages = saved.storages if saved else ()
        self.program = program = capture.program(template.tensors, gradients, storages)
        self.history = optimise(program)
        self._build = template.build
        self._cleared = [leaf.leaf for leaf in leaves if leaf.cleared]
        self._gradients = [MadeGradient(leaf.leaf) for leaf in made]
        self._lock = threading.Lock()
        #: {buffer: find(args, kwargs) -> its address} of the memory that moves.
        self._finders = {}
        self._find_gradients(leaves)
        self._find_outside(outside)
        #: {buffer: FreshMemory} of what the program returns.
        self.fresh = {}
        self._results = [
            self._result(*pair, outside) for pair in zip(template.tensors, program.results)
        ]
        for gradient, region in zip(self._gradients, program.gradients):
            self._finders[region.buffer] = _renewer(gradient)
        if saved is not None:
            self._finders.update(saved.finders(program))
        #: attach(tensors, args, kwargs) is called with what each call returns.
        self.attach = None
        self.replay = Replay(program, list(self._finders))
        self._calls = list(self._finders.values())
        updates = [action for action, table in capture.host_actions if table is not None]
        options = {id(one): Options(one, updates) for one in capture.optimizers}
        self._host_actions = [
            action
            if table is None
            else Numbers(action, options[id(action.optimizer)], self.replay.numbers(table))
            for action, table in capture.host_actions
        ]
        self._states = [leaf for leaf in leaves if leaf.accumulates] + list(options.values())
        written = set().union(*[i.writes for i in program.instructions])
        self._written = [buffer.origin for buffer in written if buffer.kind == OUTSIDE]

    # Memory that moves ----------------------------------------------------------

    def _find_gradients(self, leaves):
        for leaf in leaves:
            if leaf.before is not None and leaf.accumulates:
                for buffer in self.program.buffers:
                    if buffer.kind == OUTSIDE and buffer.origin is leaf.before.storage:
                        self._finders[buffer] = leaf.finder()

    def _find_outside(self, outside):
        for buffer in self.program.buffers:
            if buffer.kind == OUTSIDE and buffer not in self._finders:
                finder = outside.finder(buffer.origin)
                if finder is not None:
                    self._finders[buffer] = finder

    def _result(self, tensor, region, outside):
        """make(args, kwargs) -> one tensor of the result."""
        if region.buffer.kind == RESULT:
            if region.buffer not in self.fresh:
                self.fresh[region.buffer] = fresh = FreshMemory(tensor.storage)
                self._finders[region.buffer] = _renewer(fresh)
            fresh, form = self.fresh[region.buffer], Form(tensor)
            return lambda args, kwargs: form.make(fresh.storage)
        if region.buffer.kind != OUTSIDE:
            raise GraphBreak("the step returns the gradient of a leaf")
        getter = outside.getter(tensor)
        if getter is not None:
            return getter
        if outside.finder(region.buffer.origin) is None:
            return lambda args, kwargs: tensor
        raise GraphBreak("the step returns a view of an argument")

    # Running ----------------------------------------------------------------------

    def accepts(self):
        """Whether gradients and optimizers are in the state that the plan was captured for."""
        return all([state.accepts() for state in self._states])

    def timed(self, args, kwargs, seconds):
        """A call that appends to a list how long each instruction took."""
        run, self.replay.run = self.replay.run, lambda: self.replay.timed(seconds)
        try:
            return self(args, kwargs)
        finally:
            self.replay.run = run

    def __call__(self, args, kwargs):
        with self._lock:
            self.replay.set_bases(*[find(args, kwargs) for find in self._calls])
            for action in self._host_actions:
                action()
            failed = self.replay.run()
            if failed >= 0:
                self.replay.clear_flags()
                raise BadInput
            for storage in self._written:
                storage.version += 1
            for leaf in self._cleared:
                leaf._grad = None
            for gradient in self._gradients:
                gradient.put()
            tensors = [make(args, kwargs) for make in self._results]
            if self.attach is not None:
                self.attach(tensors, args, kwargs)
            return self._build(tensors)


def _renewer(made):
    return lambda args, kwargs: made.renew()
