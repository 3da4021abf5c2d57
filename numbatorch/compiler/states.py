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
    """What an optimizer was like when it was captured, but for what each run asks anew."""

    #: Options that become numbers of a fused update.
    _ASKED = {"lr", "betas", "weight_decay", "eps", "momentum", "dampening", "rho", "initial_lr"}

    def __init__(self, optimizer, updates):
        self.optimizer = optimizer
        self.groups, self.state = optimizer.param_groups, optimizer.state
        self.states = len(self.state)
        fused = {update.index for update in updates if update.optimizer is optimizer}
        self.counts = [len(group["params"]) for group in self.groups]
        #: The options of each group that must stay what they are, and what they are.
        self.names = [
            [
                name
                for name in group
                if name != "params" and not (i in fused and name in self._ASKED)
            ]
            for i, group in enumerate(self.groups)
        ]
        self.values = self._values()
        self.rules = self._rules()

    def _values(self):
        return [[group[n] for n in names] for group, names in zip(self.groups, self.names)]

    def _rules(self):
        return [self.optimizer.fused_rule(group) for group in self.groups]

    def accepts(self):
        optimizer = self.optimizer
        return (
            optimizer.param_groups is self.groups
            and optimizer.state is self.state
            and len(self.state) == self.states
            and [len(group["params"]) for group in self.groups] == self.counts
            and self._values() == self.values
            and self._rules() == self.rules
        )


class Numbers:
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
