"""Python state around a captured step: gradients of leaves, and optimizers."""

from .. import graph
from ..optim.fused import cell_of
from .errors import GraphBreak
from .unchanged import Unchanged


class Leaf:
    """What a step does with the gradient of a leaf."""

    def __init__(self, leaf, replaced, before):
        self.leaf = leaf
        self.before = before
        #: Whether the step depends on the gradient that was there before.
        self.accumulates = not replaced
        after = leaf._grad
        self.made = after is not None and after is not before
        self.cleared = after is None and (replaced or before is not None)
        if self.made and after._node is not None:
            raise GraphBreak("a gradient is itself part of a graph (create_graph)")
        if after is not None and replaced and not self.made:
            raise GraphBreak("a gradient is put back")

    def finder(self):
        """find(args, kwargs) -> where the memory of the gradient before the step begins."""
        leaf, shift = self.leaf, self.before.offset * self.before.dtype.itemsize
        return lambda args, kwargs: leaf._grad.address - shift

    def watch(self, unchanged):
        """Add the condition under which `accepts` need not be asked."""
        unchanged.gradient(self.leaf)

    def accepts(self):
        """Whether the leaf's present gradient is like the one of the capture."""
        now, then = self.leaf._grad, self.before
        if then is None or now is None:
            return now is then
        return now.strides == then.strides and now.dtype is then.dtype and now._node is None


class Options:
    """What an optimizer was like when it was captured, but for what each run asks anew.

    `number` counts the changes of its options, whether they matter here or not.
    """

    #: Options that become numbers of a fused update.
    _ASKED = {
        "lr", "betas", "weight_decay", "eps", "momentum", "dampening", "rho", "initial_lr", "lr_decay",
        "momentum_decay", "alpha", "etas", "step_sizes", "lambd", "t0",
    }  # fmt: skip

    def __init__(self, optimizer, updates):
        self.optimizer = optimizer
        self.groups, self.state = optimizer.param_groups, optimizer.state
        self.states = len(self.state)
        #: (the state of a parameter, the tensors in it), which updates change in place.
        self.tensors = [(one, _tensors_of(one)) for one in self.state.values()]
        self.fused = {update.index for update in updates if update.optimizer is optimizer}
        self.number = 0
        self.last = self._values()
        self.structure = self._structure()

    def _values(self):
        """A snapshot of all options, by which a change is noticed."""
        return [[_compared(value) for value in group.values()] for group in self.groups]

    def _structure(self):
        """All that must stay what it is."""
        return [
            (self.optimizer.fused_rule(group), [id(param) for param in group["params"]],
             {name: _compared(value) for name, value in group.items()
              if name != "params" and not (i in self.fused and name in self._ASKED)})
            for i, group in enumerate(self.groups)
        ]  # fmt: skip

    @property
    def is_plain(self):
        """Whether all options are values that never change in place, but may be replaced."""
        values = [v for g in self.groups for name, v in g.items() if name not in _LISTS]
        return all(_is_immutable(value) for value in values)

    def watch(self, unchanged):
        """Add the conditions under which `accepts` need not be asked."""
        unchanged.attribute(self.optimizer, "param_groups", self.groups)
        unchanged.attribute(self.optimizer, "state", self.state)
        unchanged.values(self.state)
        unchanged.items(self.groups)
        for group in self.groups:
            unchanged.items(group["params"])
            unchanged.values(group)
        for one, _ in self.tensors:
            unchanged.values(one)

    def accepts(self):
        """Whether all is as it was but for the numbers, whose change is counted."""
        optimizer, state = self.optimizer, self.state
        if (
            optimizer.param_groups is not self.groups
            or optimizer.state is not state
            or len(state) != self.states
            or not all(_tensors_of(one) == tensors for one, tensors in self.tensors)
            or not all(one is known for one, (known, _) in zip(state.values(), self.tensors))
        ):
            return False
        values = self._values()
        if values == self.last:
            return True
        if self._structure() != self.structure:
            return False
        self.last = values
        self.number += 1
        return True


#: Options that are lists: of parameters, whose identity is part of the structure, and their names.
_LISTS = ("params", "param_names")


def _snapshot(value):
    """A value that stays what it is when the option is changed in place."""
    return list(value) if isinstance(value, list) else value


def _compared(value):
    """What two values have in common that are the same option; tensors are compared by identity."""
    if isinstance(value, list):
        return [_compared(one) for one in value]
    return ("tensor", id(value)) if isinstance(value, graph.Value) else value


def _tensors_of(state):
    """{name: id of a tensor} in the state of a parameter."""
    return {name: id(value) for name, value in state.items() if isinstance(value, graph.Value)}


def _is_immutable(value):
    if isinstance(value, tuple):
        return all(map(_is_immutable, value))
    return isinstance(value, int | float | complex | str | None)


class States:
    """All Python state that a plan depends on, apart from what guards see.

    `accepts()` says whether it is what it was; it asks the parts only where something changed.
    """

    def __init__(self, leaves, options):
        self.parts = [*leaves, *options]
        self._unchanged = Unchanged(self._ask, graph.tensor_type)
        for part in self.parts:
            part.watch(self._unchanged)
        self._unchanged.finish()
        steady = all(one.is_plain for one in options)
        self.accepts = self._unchanged.check if steady else self._ask
        #: Called where options have changed.
        self.followers = []
        self._options = options
        #: The numbers of the options that the followers know.
        self._followed = [one.number for one in options]

    def _ask(self):
        if not all(part.accepts() for part in self.parts):
            return False
        numbers = [one.number for one in self._options]
        if numbers != self._followed:  # since an earlier call, perhaps, that was not accepted
            self._followed = numbers
            for follower in self.followers:
                follower()
        self._unchanged.renew()
        return True


class Numbers:
    """Writes the numbers of an optimizer's update where its kernel reads them."""

    def __init__(self, update, options, numbers):
        self.update = update
        self.options = options
        self.numbers = numbers
        self.written = None
        #: Scalars of the state that count apart from the number of steps, and what they were.
        self._others = [scalar for scalars in update.others for scalar in scalars]
        self._before = []

    @property
    def counts(self):
        """Whether the numbers differ from step to step."""
        return bool(self.update.counters)

    def __call__(self):
        """Count a step, if the optimizer counts, and bring the numbers up to date."""
        if self.counts or self.written != self.options.number:
            self._before = [cell_of(scalar).value for scalar in self._others]
            self.numbers[...] = self.update.next()
            self.written = self.options.number

    def undo(self):
        """Take back what the last call counted."""
        for counter in self.update.counters:
            cell_of(counter).value -= 1
        for scalar, value in zip(self._others, self._before):
            cell_of(scalar).value = value
        self.written = None


class Undoable:
    """A step of a scheduler that can be taken back."""

    def __init__(self, action):
        self._action = action
        self._scheduler = action.args[0]
        self._before = []

    def __call__(self):
        owners = _mappings_of(self._scheduler)
        self._before = [(owner, {k: _snapshot(v) for k, v in owner.items()}) for owner in owners]
        self._action()

    def undo(self):
        for owner, values in self._before:
            owner.clear()
            owner.update(values)


def _mappings_of(scheduler):
    """The dictionaries that a scheduler's step writes to."""
    groups = getattr(scheduler, "optimizer", None)
    inner = [one for one in getattr(scheduler, "_schedulers", ()) if one is not scheduler]
    found = [vars(scheduler), *(groups.param_groups if groups is not None else ())]
    for one in inner:
        found += [mapping for mapping in _mappings_of(one) if not any(mapping is m for m in found)]
    return found
