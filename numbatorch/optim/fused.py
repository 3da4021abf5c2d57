"""Updates that one kernel makes for a whole list of parameters.

What changes from step to step are the numbers that the formula takes: they come from the options
of the group and the counters of the parameters. A compiled step asks for them again before each
run, and leaves the rest of the optimizer's Python code aside.
"""

import ctypes

from .. import dtypes, ops, recording
from ..ops.optimizer import update_

_CELLS = {dtypes.float32: ctypes.c_float, dtypes.float64: ctypes.c_double}


class FusedUpdate:
    """One update of some parameters of a group.

    `numbers(group, step)` gives the numbers of a parameter at its step number `step`, which is None
    where the rule does not count.
    """

    def __init__(self, optimizer, group, states, numbers):
        self.optimizer = optimizer
        self.groups = optimizer.param_groups
        self.index = next(i for i, known in enumerate(self.groups) if known is group)
        self.numbers = numbers
        self.counters = [state["step"] for state in states if "step" in state]
        self.count = len(states)

    def next(self):
        """Count a step; the numbers of every parameter."""
        group = self.groups[self.index]
        if not self.counters:
            return [self.numbers(group, None)] * self.count
        known, rows = {}, []
        for counter in self.counters:
            step = increment(counter)
            if step not in known:
                known[step] = self.numbers(group, step)
            rows.append(known[step])
        return rows


def increment(counter):
    """Add one to a counter in host memory, without a kernel; its new value."""
    cell = _CELLS[counter.dtype].from_address(counter.address)
    cell.value += 1
    counter.storage.version += 1
    return cell.value


def move(optimizer, formula, columns, group, states, numbers):
    """Move all parameters of columns[0] by one launch."""
    update = FusedUpdate(optimizer, group, states, numbers)
    if recording.recorder is not None:
        recording.recorder.optimizer_update(update)
    update_(formula, columns, update.next())


def is_possible(params, grads, group, states, names):
    """Whether a group can be moved by one launch: autograd does not follow, layouts agree."""
    if not params or group.get("differentiable") or group.get("capturable"):
        return False
    if any("step" in state and state["step"].is_cuda for state in states):
        return False
    columns = [[state[name] for state in states] for name in names]
    return ops.optimizer.fusable(params, grads, *columns)
