"""Python state around a captured step: gradients of leaves, and optimizers."""

from .errors import GraphBreak


class Leaf:
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

    def finder(self):
        """find(args, kwargs) -> where the memory of the gradient before the step begins."""
        leaf, shift = self.leaf, self.before.offset * self.before.dtype.itemsize
        return lambda args, kwargs: leaf._grad.address - shift

    def accepts(self):
        """Whether the leaf's present gradient is like the one of the capture."""
        if not self.accumulates:
            return True
        now, then = self.leaf._grad, self.before
        if then is None or now is None:
            return now is then
        return now.strides == then.strides and now.dtype is then.dtype and now._node is None


class Options:
    """What an optimizer was like when it was captured, but for what each run asks anew.

    `number` counts the changes of its options, whether they matter here or not.
    """

    #: Options that become numbers of a fused update.
    _ASKED = {"lr", "betas", "weight_decay", "eps", "momentum", "dampening", "rho", "initial_lr"}

    def __init__(self, optimizer, updates):
        self.optimizer = optimizer
        self.groups, self.state = optimizer.param_groups, optimizer.state
        self.states = len(self.state)
        self.fused = {update.index for update in updates if update.optimizer is optimizer}
        self.number = 0
        self.last = self._values()
        self.structure = self._structure()

    def _values(self):
        return [(len(group["params"]), *group.values()) for group in self.groups]

    def _structure(self):
        """All that must stay what it is."""
        return [
            (self.optimizer.fused_rule(group), [id(param) for param in group["params"]],
             {name: value for name, value in group.items()
              if name != "params" and not (i in self.fused and name in self._ASKED)})
            for i, group in enumerate(self.groups)
        ]  # fmt: skip

    def accepts(self):
        optimizer, state = self.optimizer, self.state
        if (
            optimizer.param_groups is not self.groups
            or optimizer.state is not state
            or len(state) != self.states
        ):
            return False
        values = self._values()
        if values == self.last:
            return True
        self.last = values
        self.number += 1
        return self._structure() == self.structure


class Numbers:
    """Writes the numbers of an optimizer's update where its kernel reads them."""

    def __init__(self, update, options, numbers):
        self.update = update
        self.options = options
        self.numbers = numbers
        self.written = None

    def __call__(self):
        """Count a step, if the optimizer counts, and bring the numbers up to date."""
        if self.update.counters or self.written != self.options.number:
            self.numbers[...] = self.update.next()
            self.written = self.options.number
