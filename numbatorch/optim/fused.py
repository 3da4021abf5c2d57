"""Updates that one kernel makes for a whole list of parameters.

What changes from step to step are the numbers that the formula takes: they come from the options
of the group and the counters of the parameters. A compiled step asks for them again before each
run, and leaves the rest of the optimizer's Python code aside.
"""

import ctypes
from typing import NamedTuple

from .. import dtypes, ops, recording
from ..ops.optimizer import update_

_CELLS = {dtypes.float32: ctypes.c_float, dtypes.float64: ctypes.c_double}


class Rule(NamedTuple):
    """How a kernel moves parameters: param, *state = formula(param, grad, *state, *numbers).

    `states` names the state that it moves. numbers(group, step, *cells) gives the numbers of a
    parameter at its step number, which is None where the rule does not count. `counters` names
    further scalars of the state, which it reads and changes: the `value` of ctypes cells.
    """

    formula: object
    states: tuple
    numbers: object
    counters: tuple = ()


class FusedUpdate:
    """One update of some parameters of a group by a Rule."""

    __slots__ = ("optimizer", "groups", "index", "numbers", "counters", "others", "count")

    def __init__(self, optimizer, group, states, rule):
        self.optimizer = optimizer
        self.groups = optimizer.param_groups
        self.index = [id(known) for known in self.groups].index(id(group))
        self.numbers = rule.numbers
        self.counters = [state["step"] for state in states if "step" in state]
        self.others = [[state[name] for name in rule.counters] for state in states]
        self.count = len(states)

    def next(self):
        """Count a step; the numbers of every parameter."""
        group = self.groups[self.index]
        if not self.counters:
            return [self.numbers(group, None)] * self.count
        known, rows = {}, []
        for counter, others in zip(self.counters, self.others):
            cell = cell_of(counter)
            cell.value += 1
            step = cell.value
            cells = [cell_of(other) for other in others]
            key = (step, *[other.value for other in cells])
            if key not in known:
                numbers = self.numbers(group, step, *cells)
                known[key] = numbers, [other.value for other in cells]
            numbers, values = known[key]
            for other, value in zip(cells, values):
                other.value = value
            rows.append(numbers)
        return rows


def cell_of(counter):
    """The number in a counter in host memory, to read and to write to without a kernel."""
    counter.storage.version += 1
    return _CELLS[counter.dtype].from_address(counter.address)


def move(optimizer, rule, columns, group, states):
    """Move all parameters of columns[0] by one launch."""
    update = FusedUpdate(optimizer, group, states, rule)
    if recording.recorder is not None:
        recording.recorder.optimizer_update(update)
    update_(rule.formula, columns, update.next())


def is_possible(params, grads, group, states, rule):
    """Whether a group can be moved by one launch: autograd does not follow, layouts agree."""
    if not params or group.get("differentiable") or group.get("capturable"):
        return False
    for state in states:
        if "step" in state and state["step"].is_cuda:
            return False
    columns = [[state[name] for state in states] for name in rule.states]
    return ops.optimizer.fusable(params, grads, *columns)
