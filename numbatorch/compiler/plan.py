"""A plan: a captured program, ready to run again on other memory."""

from .calling import BadInput, Call
from .errors import GraphBreak
from .frozen import Frozen
from .made import Form, FreshMemory, MadeGradient
from .outside import address_finder
from .passes import optimise
from .program import GRADIENT, OUTSIDE, RESULT
from .replay import Replay
from .results import Template
from .rewind import Rewind
from .states import Leaf, Numbers, Options, States

__all__ = ["BadInput", "Plan"]


class Plan:
    """Runs a program. Memory that moves from call to call is looked up, or made, each time.

    `outside` says where memory from outside is in another call (see `outside.py`): `place`, `finder`,
    `getter` and `view`. Where that is always the same, all give None. A plan that `freezes` computes
    beforehand with memory that it only reads, and is `stale` once that has changed. Plans that never
    run at the same time may share an `arena`. ready(program) is called before kernels are compiled.
    """

    def __init__(self, capture, result, outside, saved=None, kept=(), freezes=False, arena=None,
        ready=None,
    ):  # fmt: skip
        template = Template(result)
        leaves = [Leaf(leaf, *before) for leaf, before in capture.leaves.items()]
        made = [leaf for leaf in leaves if leaf.made]
        gradients = [leaf.leaf._grad for leaf in made]
        _check_gradients(gradients, capture)
        storages = saved.storages if saved else ()
        self.program = program = capture.program(template.tensors, gradients, storages, kept)
        moves = lambda storage: outside.place(storage) or outside.finder(storage)  # noqa: E731
        self._frozen = Frozen(program, moves) if freezes else None
        self.history = optimise(program, self._frozen)
        if ready is not None:
            ready(program)
        self._rewind = Rewind(program, capture.generators)
        self.template = template
        self._cleared = [leaf.leaf for leaf in leaves if leaf.cleared]
        self._work = Call()
        #: The buffers whose memory moves, in the order in which the call finds them.
        self._moving = []
        #: {buffer: (getter, shift)} of the memory of arguments.
        self.places = {}
        self._find_gradients(leaves)
        self._find_outside(outside)
        #: {buffer: FreshMemory} of what the program returns.
        self.fresh = {}
        for tensor, region in zip(template.tensors, program.results):
            self._hand_out(tensor, region, outside, made)
        for leaf, region in zip(made, program.gradients):
            self._moving.append(region.buffer)
            self._work.memory_of_gradient(MadeGradient(leaf.leaf))
        if saved is not None:
            for buffer, find in saved.finders(program).items():
                self._moving.append(buffer)
                self._work.memory_found(find)
        self.replay = Replay(program, self._moving, arena)
        self._follow(capture, leaves)
        self.attach(None)

    def _follow(self, capture, leaves):
        """Set up `accepts()`, which says whether gradients and optimizers are in the state that the
        plan was captured for, and what a call does on the side of Python."""
        updates = [action for action, table in capture.host_actions if table is not None]
        options = {id(one): Options(one, updates) for one in capture.optimizers}
        parts = [leaf for leaf in leaves if leaf.accumulates]
        parts += [] if self._frozen is None else [self._frozen]
        states = States(parts, list(options.values()))
        self.actions = []
        for action, table in capture.host_actions:
            if table is not None:
                changing = options[id(action.optimizer)]
                action = Numbers(action, changing, self.replay.numbers(table))
                if not action.counts and not self.actions:
                    action()
                    states.followers.append(action)
                    continue
            self.actions.append(action)
        self.actions = self._rewind.follow(self.replay, self.actions)
        self._states, self.accepts = states, states.accepts

    @property
    def is_stale(self):
        """Whether memory has changed that results were computed from beforehand."""
        return self._frozen is not None and not self._frozen.accepts()

    # Memory that moves ----------------------------------------------------------

    def _find_gradients(self, leaves):
        for leaf in leaves:
            if leaf.before is not None and leaf.accumulates:
                for buffer in self.program.buffers:
                    if buffer.kind == OUTSIDE and buffer.origin is leaf.before.storage:
                        self._moving.append(buffer)
                        self._work.memory_found(leaf.finder())

    def _find_outside(self, outside):
        for buffer in self.program.buffers:
            if buffer.kind != OUTSIDE or buffer in self._moving:
                continue
            place, find = outside.place(buffer.origin), outside.finder(buffer.origin)
            if place is not None:
                self._moving.append(buffer)
                self.places[buffer] = place
                self._work.memory_of_argument(*place, address_finder(*place))
            elif find is not None:
                self._moving.append(buffer)
                self._work.memory_found(find)

    def _hand_out(self, tensor, region, outside, made):
        """Let calls return a tensor like this one."""
        buffer = region.buffer
        if buffer.kind == RESULT:
            if buffer not in self.fresh:
                self.fresh[buffer] = FreshMemory(tensor.storage)
                self._moving.append(buffer)
                self._work.memory_of_result(self.fresh[buffer])
            self._work.result(self.fresh[buffer], Form(tensor))
            return
        if buffer.kind == GRADIENT:
            self._work.found_result(_gradient_getter(tensor, made))
            return
        if buffer.kind != OUTSIDE:
            raise GraphBreak("the step returns memory that Python has written to")
        getter = outside.getter(tensor)
        if getter is not None:
            self._work.argument_result(getter)
            return
        view = outside.view(tensor)
        if view is not None:
            self._work.found_result(view)
        elif outside.place(buffer.origin) is None and outside.finder(buffer.origin) is None:
            self._work.held_result(tensor)
        else:
            raise GraphBreak("the step returns an argument's memory that it changed before")

    # Running ----------------------------------------------------------------------

    def attach(self, attach):
        """Make the function of a call; attach(tensors, args, kwargs) gets what each call returns."""
        written = set().union(*[i.writes for i in self.program.instructions])
        storages = [buffer.origin for buffer in written if buffer.kind == OUTSIDE]
        #: run(args, kwargs) -> the result of the step.
        self.run = self._work.finish(
            self.replay,
            self.template,
            self.actions,
            storages,
            self._cleared,
            attach,
            self._rewind.undo,
        )

    @property
    def source(self):
        """The text of `run`."""
        return self._work.source

    @property
    def repeats(self):
        """Whether `repeat` may run calls one after another, without Python in between."""
        return self._work.repeats

    def repeat(self, job, args):
        """Run the steps of a native_loop.Job; how many found no bad input."""
        return self._work.repeat(job, args)

    def timed(self, args, kwargs, seconds):
        """A call that appends to a list how long each instruction took."""
        self._work.in_place_of_program(lambda: self.replay.timed(seconds))
        try:
            return self.run(args, kwargs)
        finally:
            self._work.in_place_of_program(None)

    def __call__(self, args, kwargs):
        return self.run(args, kwargs)


def _gradient_getter(tensor, leaves):
    """get(args, kwargs) -> the gradient of a leaf, which a step leaves there and returns as well."""
    for one in leaves:
        if one.leaf._grad is tensor:
            leaf = one.leaf
            return lambda args, kwargs: leaf._grad
    raise GraphBreak("the step returns a view of the gradient of a leaf")


def _check_gradients(gradients, capture):
    """GraphBreak where gradients are not memory of their own that the step has made."""
    if not all(map(capture.made, gradients)):
        raise GraphBreak("a gradient is set to a tensor from outside the step")
    if len({x.storage for x in gradients}) < len(gradients):
        raise GraphBreak("two tensors have the same gradient")
