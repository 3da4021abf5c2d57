"""Loops over a data set: one native call gathers batch after batch and replays a captured step.

The first step of every stretch is an ordinary call, with all its checks. The steps after it are alike
by construction: nothing runs in between that could change what the checks look at.
"""

import functools

from .. import array, graph, memory, ops, recording
from ..graph import Value
from .compiled import CompiledFunction
from .native_loop import Job
from .plan import Plan
from .rows import epoch_of
from .states import Numbers

#: Steps of one native call, and bytes of what they return.
MOST_STEPS = 1024
MOST_BYTES = 1 << 26


def loop(step):
    """epoch(loader): step(*batch) for every batch of a DataLoader; what the steps returned, stacked.

    `step` is a whole training step, or a compiled function, as for `compile`. A result of `epoch` is
    formed like one of `step`: in place of each tensor there is one with another first dimension, the
    steps (a list of tensors where their shapes differ), without history; in place of each number a
    list. None where there are no batches.

    Over a TensorDataset (or a Subset of one) with the usual collate function and no workers, batches
    are gathered and steps replayed in one native call. Over anything else that gives batches, the
    compiled step is called for each.
    """
    return CompiledLoop(step)


class CompiledLoop:
    """What `loop` makes of a step; see there."""

    def __init__(self, step):
        functools.update_wrapper(self, step, updated=())
        self.step = step if isinstance(step, CompiledFunction) else CompiledFunction(step)
        #: How many steps ran natively, of all.
        self.native_steps = 0

    def __call__(self, loader):
        results = _Stacks()
        epoch = None if recording.recorder is not None else epoch_of(loader)
        if epoch is None:
            for batch in loader:
                results.add(self.step(*(batch if isinstance(batch, list | tuple) else (batch,))))
            return results.joined()
        done = 0
        while done < epoch.batches:
            batch = epoch.batch(done)
            plan = self._plan_for(batch)
            results.add(self.step(*batch))
            done += 1
            if plan is not None and epoch.full > done and plan is self._plan_for(batch):
                steps = _run(plan, epoch, batch, done, results)
                self.native_steps += steps
                done += steps
        return results.joined()

    def _plan_for(self, batch):
        """The plan that a call would run now, where calls of it may follow each other natively."""
        for check, plan, _ in self.step.plans:
            if check(batch, {}) and plan.accepts():
                return plan if isinstance(plan, Plan) and plan.repeats else None
        return None


def _run(plan, epoch, batch, first, results):
    """Run native steps from batch `first` on; how many were run. The tensors of `batch` are used."""
    sizes = {buffer: _size_of_step(plan, buffer) for buffer in plan.fresh}
    steps = min(epoch.full - first, MOST_STEPS, max(1, MOST_BYTES // max(1, sum(sizes.values()))))
    memories = {buffer: memory.Storage(size * steps) for buffer, size in sizes.items()}
    job = Job(
        steps,
        epoch.size,
        epoch.columns(batch),
        epoch.numbers_of(first, steps),
        [(plan.replay.base_of(b), memories[b].address, size) for b, size in sizes.items()],
        None if all(isinstance(action, Numbers) for action in plan.actions) else plan.accepts,
    )
    done = plan.repeat(job, batch)
    if done == 0:
        return 0
    stacks = [
        _stack(region, memories[region.buffer], sizes[region.buffer], done)
        for region in plan.program.results
    ]
    results.extend(plan.template.parts, stacks, done)
    return done


def _size_of_step(plan, buffer):
    """Bytes from one step's result to the next one's."""
    width = max(r.dtype.itemsize for r in plan.program.results if r.buffer is buffer)
    return -(-buffer.nbytes // width) * width


def _stack(region, storage, size, steps):
    """What `steps` steps wrote, as one tensor."""
    shape = (steps, *region.shape)
    strides = (size // region.dtype.itemsize, *region.strides)
    return array.initialise(graph.blank(), storage, region.dtype, shape, strides, region.offset)


class _Stacks:
    """What the steps of a loop returned: for each tensor and plain value in it, what there was."""

    def __init__(self):
        self._form = None
        self._pieces = []

    def add(self, result):
        """Note what one step returned."""
        parts = []
        form = _form(result, parts)
        if self._form is None:
            self._form, self._pieces = form, [[] for _ in parts]
        if len(parts) != len(self._pieces):
            raise RuntimeError("the steps of a loop must all return the same kind of result")
        for pieces, part in zip(self._pieces, parts):
            is_tensor = isinstance(part, Value)
            pieces.append(part.detach().unsqueeze(0) if is_tensor else [part])

    def extend(self, parts, stacks, steps):
        """Note what several steps returned: `parts` are a Template's, of tensors in `stacks`."""
        for pieces, (number, convert) in zip(self._pieces, parts):
            if number is None:
                pieces.append(pieces[-1][-1:] * steps)
            elif convert is None:
                pieces.append(stacks[number])
            else:
                pieces.append([convert(one) for one in stacks[number]])

    def joined(self):
        """The result of the loop."""
        return None if self._form is None else self._form(map(_joined, self._pieces))


def _joined(pieces):
    if not isinstance(pieces[0], Value):
        return [number for piece in pieces for number in piece]
    if len({x.shape[1:] for x in pieces}) == 1:
        return pieces[0] if len(pieces) == 1 else ops.cat(pieces)
    return [x for piece in pieces for x in piece]


def _form(result, parts):
    """build(iterator) makes something like `result` of other parts; its own are appended."""
    if isinstance(result, tuple | list):
        forms = [_form(part, parts) for part in result]
        return lambda values: tuple([form(values) for form in forms])
    if result is None:
        return lambda values: None
    if type(result) is dict:
        named = {name: _form(part, parts) for name, part in result.items()}
        return lambda values: {name: form(values) for name, form in named.items()}
    parts.append(result)
    return next
