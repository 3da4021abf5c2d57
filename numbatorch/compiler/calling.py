"""What a call of a plan does, as tables for the native call and a Python function around it."""

import time
from functools import cache

import numpy as np

from .. import cpu_builtins, dtypes, graph, memory
from ..cpu_builtins import slot_offset
from . import native_call, native_loop
from .made import FreshMemory, MadeGradient
from .native_call import ARGUMENT, FOUND, FRESH, GRADIENT, HELD


class BadInput(Exception):
    """A kernel found an index or label out of bounds: eager mode says which."""


class Busy(Exception):
    """Another thread is running the same plan."""


class Call:
    """Collects the work of a call; `finish` makes `run(args, kwargs)` of it.

    `source` is the text of `run`. Python functions that the native call asks are find(args, kwargs)
    for an address, and others without arguments.
    """

    def __init__(self):
        self.source = None
        self._names = {}
        self._arguments = []  # expressions of the tensors that the native call is given
        self._memories, self._results, self._gradients = [], [], []
        self._kept = []  # objects whose addresses are in the tables
        self._state = np.zeros(native_call.STATE, np.int64)
        self._repeat = None

    # Memory that moves: one row for each base of the program, in order.

    def memory_of_argument(self, getter, shift, find):
        """Memory that begins `shift` bytes before the tensor that getter(args, kwargs) finds."""
        self._memories.append((ARGUMENT, self._argument(getter), self._address(find), -shift))

    def memory_of_result(self, fresh):
        """A FreshMemory."""
        self._memories.append((FRESH, self._address(fresh), self._address(fresh.renew), 0))

    def memory_of_gradient(self, gradient):
        """A MadeGradient."""
        self._memories.append((GRADIENT, self._address(gradient), self._address(gradient.renew), 0))
        self._gradients.append((self._address(gradient), self._address(gradient.put)))

    def memory_found(self, find):
        """Memory at the address that find(args, kwargs) gives."""
        self._memories.append((FOUND, 0, self._address(find), 0))

    # What is handed out: one row for each tensor of the result, in order.

    def result(self, fresh, form):
        """A new tensor of a Form over a FreshMemory."""
        self._results.append((FRESH, self._address(fresh), self._address(form.template())))

    def argument_result(self, getter):
        """The tensor that getter(args, kwargs) finds."""
        self._results.append((ARGUMENT, self._argument(getter), 0))

    def found_result(self, make):
        """The tensor that make(args, kwargs) gives."""
        self._results.append((FOUND, self._address(make), 0))

    def held_result(self, tensor):
        """The same tensor in every call."""
        self._results.append((HELD, self._address(tensor), 0))

    # Making the function.

    def finish(self, replay, template, actions, written, cleared, attach, undo):
        """run(args, kwargs) -> the result of the step, formed like `template`.

        `actions` are called before the program runs; the storages in `written` and the leaves in
        `cleared` change; attach(made, args, kwargs) is given what is handed out. undo() takes back
        a call that found bad input.
        """
        state, to = self._state, native_call
        self._kept.append(replay)
        state[to.PROGRAM] = replay.header.ctypes.data
        state[to.BUSY] = replay.arena.busy.ctypes.data
        tables = (
            (to.ACTIONS, [self._address(action) for action in actions]),
            (to.MEMORIES, self._memories),
            (to.WRITTEN, [self._address(storage) for storage in written]),
            (to.CLEARED, [self._address(leaf) for leaf in cleared]),
            (to.GRADIENTS, self._gradients),
            (to.RESULTS, self._results),
        )
        for column, rows in tables:
            table = np.array(rows, np.int64)
            self._kept.append(table)
            state[column : column + 2] = len(rows), table.ctypes.data
        state[to.ATTACH] = 0 if attach is None else self._address(attach)
        return self._function(template, undo)

    def in_place_of_program(self, function):
        """Let calls run a Python function where they would run the program; None ends that."""
        self._instead = function
        self._state[native_call.INSTEAD] = 0 if function is None else id(function)

    def _function(self, template, undo):
        arguments = ", ".join(["args", "kwargs", *self._arguments])
        self.source = (
            "def run(args, kwargs):\n"
            "    try:\n"
            f"        made = call({arguments})\n"
            "    except BadInput:\n"
            "        undo()\n"
            "        raise\n"
            "    except Busy:\n"
            "        return later(run, args, kwargs)\n"
            f"    return {template.expression}\n"
        )
        self._undo = undo
        names = {
            "call": self._builtin(native_call.call), "undo": undo,
            "BadInput": BadInput, "Busy": Busy, "later": _later, "kept": self, **template.names,
        }  # fmt: skip
        assert names.keys().isdisjoint(self._names)
        names |= self._names
        exec(compile(self.source, "<call of a compiled step>", "exec"), names)
        return names["run"]

    # Many calls at once.

    @property
    def repeats(self):
        """Whether one call may follow another without Python: it finds all memory where the call
        before it did, and hands out nothing but new memory that has no history."""
        kinds = {row[0] for row in self._memories}
        handed_out = {row[0] for row in self._results}
        return (
            kinds <= {ARGUMENT, FRESH, GRADIENT}
            and handed_out <= {FRESH}
            and self._state[native_call.ATTACH] == 0
        )

    def repeat(self, job, args):
        """Run the steps of a native_loop.Job on the memory of `args`; how many found no bad input.

        One that did is taken back.
        """
        if self._repeat is None:
            arguments = ", ".join(["job", "args", "{}", *self._arguments])
            names = {**self._names, "steps": self._builtin(native_loop.steps)}
            self._repeat = eval(f"lambda job, args: steps({arguments})", names)
        try:
            done = self._repeat(job.address, args)
        except Busy:
            return 0
        if job.failed:
            self._undo()
        return done

    def _builtin(self, function):
        return cpu_builtins.make(function, (self._state.ctypes.data, *constants()))

    def _argument(self, getter):
        """The number of the argument of the native call that is the tensor of a getter."""
        self._names |= getter.names
        if getter.expression not in self._arguments:
            self._arguments.append(getter.expression)
        return self._arguments.index(getter.expression)

    def _address(self, object):
        self._kept.append(object)
        return id(object)


def _later(run, args, kwargs):
    """Wait for the thread that is running the plan, then run it."""
    time.sleep(1e-5)
    return run(args, kwargs)


@cache
def constants():
    """The constants of the native call, in its order, after the address of its state."""
    tensor, storage = graph.tensor_type, memory.Storage
    made = ("leaf", "tensor", "storage", "shape", "strides")
    found = (
        *[slot_offset(tensor, name) for name in ("storage", "offset", "dtype", "shape", "strides")],
        slot_offset(tensor, "_grad"), *cpu_builtins.slot_range(tensor),
        slot_offset(storage, "address"), slot_offset(storage, "version"),
        slot_offset(dtypes.dtype, "itemsize"), id(storage), slot_offset(FreshMemory, "storage"),
        *[slot_offset(MadeGradient, name) for name in made], id(None), id(Busy), id(BadInput),
    )  # fmt: skip
    assert len(found) == native_call.CONSTANTS - 1
    return found
