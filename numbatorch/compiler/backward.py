"""The backward pass of a captured forward pass: captured as well, and attached to what it returns.

A step that returns tensors which autograd still follows is two programs. What the second one reads
of the first one's temporaries is kept in a block of its own, made anew by each call, so that several
forward passes may wait for their backward passes.
"""

from .. import autograd
from ..creation import ones
from ..graph import Node, Value, edge_of, metadata_of
from ..op import Op
from .capture import Capture
from .errors import GraphBreak
from .made import SavedMemory, ViewMaker, is_view_of
from .plan import Plan
from .sources import ARGS


def first_number():
    """A number that all nodes of the graph will be later than."""
    return next(Node.sequence_numbers)


def calls_user_code(node):
    """Whether the backward pass of a node calls functions that the user wrote."""
    return bool(node.hooks or node.prehooks or node.retained) or not isinstance(node.op, Op)


def _saved_by(node):
    """The values that a node keeps."""
    outputs = [value for value, _ in node.saved_outputs or ()]
    return [x for x in (*(node.saved or ()), *outputs) if isinstance(x, Value)]


class History:
    """The nodes behind `results` that were made after node number `since`."""

    def __init__(self, results, since, views=()):
        self.since = since
        self.results = results
        self.roots = [
            x for x in results if self._node(x) is not None and not any(x is v for v in views)
        ]
        #: Memory that is in use only because nodes may ask for it.
        self.kept = []
        #: Where it begins: edges to leaves and to older nodes.
        self.targets = {}
        self.is_spent = self.hooked = False
        waiting, seen = [self._node(x) for x in self.roots], set()
        while waiting:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            self.is_spent = self.is_spent or node.is_released
            self.hooked = self.hooked or calls_user_code(node)
            self.kept += [x.storage for x in _saved_by(node)]
            for edge in node.edges:
                if edge is None:
                    continue
                if isinstance(edge[0], Node) and edge[0].sequence > since:
                    waiting.append(edge[0])
                else:
                    self.targets[id(edge[0]), edge[1]] = edge[0]

    @property
    def is_live(self):
        """Whether there is still something to differentiate."""
        return bool(self.roots) and not self.is_spent

    def check_is_native(self):
        """GraphBreak where the backward pass would call functions that the user wrote."""
        hooks = any(isinstance(t, Value) and t._hooks for t in self.targets.values())
        if self.hooked or hooks:
            raise GraphBreak("the backward pass of a result calls a hook or a Function of the user")

    def _node(self, x):
        """The node that made a result meanwhile."""
        edge = edge_of(x)
        if edge is None or not isinstance(edge[0], Node) or edge[0].sequence <= self.since:
            return None
        return edge[0]

    def beginnings(self, arguments):
        """The tensors at which it begins: (arguments, leaves from outside)."""
        found = {}
        for x in arguments:
            edge = edge_of(x)
            if edge is not None and (id(edge[0]), edge[1]) in self.targets:
                found[id(edge[0]), edge[1]] = x
        leaves = [target for key, target in self.targets.items() if key not in found]
        if any(isinstance(target, Node) for target in leaves):
            raise GraphBreak("a tensor with a history comes from outside, not as an argument")
        return list(found.values()), leaves


class _Pass:
    """What a forward pass leaves to its backward pass: memory, and how often it was changed."""

    def __init__(self, storages, addresses):
        self.storages = storages
        self.versions = [storage.version for storage in storages]
        self.addresses = addresses

    def check(self, name):
        for storage, version in zip(self.storages, self.versions):
            if storage.version != version:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an "
                    f"inplace operation: memory that {name} needs is at version "
                    f"{storage.version}; expected version {version} instead."
                )


class _CompiledOp:
    """What stands in the graph for a compiled forward pass."""

    node_name = "CompiledFunctionBackward"
    name = "compiled"
    materialize_grads = True

    def __init__(self, plan):
        self.plan = plan

    def backward(self, node, grads):
        (saved,) = node.saved
        saved.check(self.node_name)
        return self.plan((saved, *[g.contiguous() for g in grads]), {})


def _argument(position):
    return lambda args, kwargs: args[position]


class Differentiation:
    """The captured backward pass of `history`, which began at some of the `arguments`."""

    def __init__(self, forward, history, arguments, outside, ready=None):
        self.outside = outside
        self.roots = history.roots
        self.arguments, self.leaves = history.beginnings(arguments)
        self.tangents = [ones(x.shape, dtype=x.dtype, device=x.device) for x in self.roots]
        with Capture() as backward:
            gradients = autograd.grad(
                self.roots, (*self.arguments, *self.leaves), self.tangents, retain_graph=True,
                allow_unused=True,
            )  # fmt: skip
        if backward.leaves or backward.broken:
            raise GraphBreak("the backward pass does more than to compute gradients")
        self._results = {x.storage for x in history.results}
        self._moving, self._held, saved = [], [], []
        constant = forward.host_made.keys() - forward.changed
        for storage in backward.outside.values():
            if storage in [x.storage for x in self.tangents]:
                continue
            if storage in self._results or outside.finder(storage) is not None:
                self._moving.append(storage)
            elif storage.address in forward.taken and storage.address not in constant:
                saved.append(storage)
            else:
                self._held.append(storage)
        self.saved = SavedMemory(saved)
        self._op = _CompiledOp(Plan(backward, tuple(gradients), self, ready=ready))
        backward.close()

    # Where the backward plan finds memory: its arguments are (_Pass, *tangents).

    def place(self, storage):
        for tangent in self.tangents:
            if tangent.storage is storage:
                return self.getter(tangent), 0
        return None

    def finder(self, storage):
        for sources, first in ((self._moving, 0), (self.saved.storages, len(self._moving))):
            if storage in sources:
                position = first + sources.index(storage)
                return lambda args, kwargs: args[0].addresses[position]
        return None

    def getter(self, tensor):
        for i, tangent in enumerate(self.tangents):
            if tangent is tensor:
                return ARGS.item(1 + i).getter({})
        return None

    def view(self, tensor):
        for i, tangent in enumerate(self.tangents):
            if is_view_of(tensor, tangent):
                return ViewMaker(tensor, tangent, _argument(1 + i))
        return None

    # Attaching it to what the forward plan returns.

    def attach_to(self, plan, tensors):
        """Let every call of the forward plan, whose results are like `tensors`, have a history."""
        positions = [next(i for i, x in enumerate(tensors) if x is root) for root in self.roots]
        fresh = {}
        for storage in self._moving:  # an argument may be returned as well: it is not made anew
            buffer = plan.program.find(storage.address)[0]
            if storage in self._results and buffer in plan.fresh:
                fresh[id(storage)] = plan.fresh[buffer]
        sources = [
            fresh.get(id(storage)) or self.outside.place(storage) for storage in self._moving
        ]
        getters = [self.outside.getter(x) for x in self.arguments]
        metas = [metadata_of(x) for x in (*self.arguments, *self.leaves)]

        def attach(made, args, kwargs):
            storages, addresses = list(self._held), []
            for source in sources:
                if source.__class__ is tuple:  # kept alive: the caller may let go of it
                    argument, shift = source[0](args, kwargs), source[1]
                    storages.append(argument.storage)
                    addresses.append(argument.address - shift)
                else:
                    storages.append(source.storage)
                    addresses.append(source.storage.address)
            arguments = [get(args, kwargs) for get in getters]
            storages += [x.storage for x in arguments]
            if self.saved.block is not None:
                base = self.saved.block.address
                addresses += [base + offset for offset in self.saved.offsets]
                storages.append(self.saved.block)
            edges = [edge_of(x) for x in (*arguments, *self.leaves)]
            node = Node(self._op, {}, edges, metas)
            node.saved = (_Pass(storages, addresses),)
            node.output_metas = [metadata_of(made[i]) for i in positions]
            for index, i in enumerate(positions):
                made[i]._requires_grad = True
                made[i]._node, made[i]._output_index = node, index

        plan.attach(attach)
