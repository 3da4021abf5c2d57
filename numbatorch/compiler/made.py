"""Memory and tensors that a program makes: what it returns, what it leaves as gradients."""

from itertools import accumulate

from .. import array, graph, memory
from ..op import Layout, view_of

_ALIGNMENT = 64


class FreshMemory:
    """The memory of a buffer of results: fresh for each call, unless nobody else holds the last."""

    __slots__ = ("storage",)

    def __init__(self, storage):
        self.storage = storage

    def renew(self):
        """Take other memory: somebody holds the last."""
        self.storage = memory.Storage(self.storage.nbytes)


class Form:
    """A tensor's form, and the history that it shows: those of the tensor of the capture."""

    def __init__(self, tensor):
        self.form = tensor.dtype, tensor.shape, tensor.strides, tensor.offset
        self.history = tensor._requires_grad, tensor._node, tensor._output_index

    def make(self, storage):
        tensor = array.initialise(graph.blank(), storage, *self.form)
        tensor._requires_grad, tensor._node, tensor._output_index = self.history
        return tensor

    def template(self):
        """Such a tensor without memory, to be copied."""
        tensor = self.make(None)
        del tensor.storage
        return tensor


class ViewMaker:
    """Makes views of an outside tensor, as `tensor` is one of `source`, which stands for it."""

    def __init__(self, tensor, source, get):
        self.get = get
        #: The view ops that led to it, where autograd follows it.
        self.steps = _steps_between(source, tensor) if tensor._node is not None else []
        self.dtype, self.shape, self.strides = tensor.dtype, tensor.shape, tensor.strides
        self.shift = tensor.offset * tensor.dtype.itemsize - source.offset * source.dtype.itemsize
        self.is_tracked = tensor._base is not None
        self.restriction = tensor._restriction

    def __call__(self, args, kwargs):
        source = self.get(args, kwargs)
        if self.steps:
            result = source
            for op, params, index in self.steps:
                result = op(result, **params)
                result = result[index] if result.__class__ is tuple else result
            return result
        start = source.offset * source.dtype.itemsize + self.shift
        layout = Layout(self.shape, self.strides, start // self.dtype.itemsize, self.dtype)
        result = view_of(source, layout)
        if not self.is_tracked:
            result._base, result._history = None, 0
        result._restriction = None
        if self.restriction is not None:
            result._restriction = self.restriction[0], result.storage.version
        return result


def _steps_between(source, tensor):
    """The view ops that lead from a tensor to one that autograd follows: (op, params, output index),
    or None where others do."""
    start, edge = graph.edge_of(source), graph.edge_of(tensor)
    steps = []
    while start is None or edge[0] is not start[0] or edge[1] != start[1]:
        node, index = edge
        if not isinstance(node, graph.Node) or not getattr(node.op, "is_view", False):
            return None
        steps.append((node.op, node.params, index))
        (edge,) = node.edges
    return steps[::-1]


def is_view_of(tensor, source):
    """Whether a tensor looks into the memory of `source`, and nothing but views led to it."""
    if tensor.storage is not source.storage:
        return False
    return tensor._node is None or bool(_steps_between(source, tensor))


class MadeGradient:
    """The gradient of a leaf: the same tensor where nobody else holds the last one.

    `tensor` is None from `renew` to `put`. With shape and strides the native call sees whether
    somebody changed the tensor.
    """

    __slots__ = ("leaf", "tensor", "storage", "shape", "strides", "form")

    def __init__(self, leaf):
        self.leaf = leaf
        self.tensor = leaf._grad
        self.storage = self.tensor.storage
        self.form = Form(self.tensor)
        self.shape, self.strides = self.tensor.shape, self.tensor.strides

    def renew(self):
        """Take other memory: somebody holds the last gradient, or has replaced it."""
        self.tensor = None
        self.storage = memory.Storage(self.storage.nbytes)

    def put(self):
        """Make it the gradient of the leaf, after `renew`."""
        self.tensor = self.leaf._grad = self.form.make(self.storage)


class SavedMemory:
    """One block for all that a backward pass reads of its forward pass's temporaries."""

    def __init__(self, storages):
        self.storages = storages
        sizes = [-(-storage.nbytes // _ALIGNMENT) * _ALIGNMENT for storage in storages]
        *self.offsets, self.nbytes = accumulate([0, *sizes])
        self.block = None

    def renew(self):
        self.block = memory.Storage(self.nbytes)
        return self.block.address

    def finders(self, program):
        """{buffer: find(args, kwargs) -> its address}; the first makes the block."""
        buffers = [program.find(storage.address)[0] for storage in self.storages]
        finders = [self._finder(offset) for offset in self.offsets]
        return dict(zip(buffers, finders))

    def _finder(self, offset):
        if offset == 0:
            return lambda args, kwargs: self.renew()
        return lambda args, kwargs: self.block.address + offset
