"""The graph: values, the nodes that made them, and the modes that say whether nodes are recorded.

There is one graph. Autograd walks it, the drawing shows it, and a compiler listens to the same
calls that record it.
"""

import itertools
import threading
import traceback

from .. import array, cpu_builtins, devices, native_state, shapes
from ..devices import CPU, new_storage
from ..memory import allocator as host_memory


class _Modes(threading.local):
    """What is recorded in this thread."""

    grad_enabled = True
    inference = False
    anomaly = False
    autocast = None  # {device type: dtype} where autocast is on
    saved_tensors_hooks = None  # (pack, unpack), or a message that forbids them

    def __setattr__(self, name, value):
        """Compiled code learns of every change."""
        super().__setattr__(name, value)
        unusual = self.inference or self.anomaly or self.autocast or self.saved_tensors_hooks
        native_state.set_thread_modes(
            (0 if self.grad_enabled else native_state.NOT_RECORDING)
            | (native_state.UNUSUAL if unusual else 0)
        )


modes = _Modes()

#: Functions called as listener(op, inputs, params, outputs) after every op call.
listeners = []


class Value(array.Array):
    """An Array that remembers how it was computed. `Tensor` adds the methods.

    A leaf with `requires_grad` collects `grad`; every other value that needs a gradient has the
    `Node` that made it. A view keeps the tensor it looks into as `base`, so that writing through
    either is seen by both; `restricted_views` says which views may not be written to.
    """

    __slots__ = (
        "_requires_grad",
        "_node",
        "_output_index",
        "_grad",
        "_base",
        "_history",
        "_restriction",
        "_untracked",
        "_inference",
        "_hooks",
        "_retains_grad",
    )


def blank(kind=None):
    """A Value with no memory yet and no history."""
    value = object.__new__(kind or tensor_type)
    value.form = None
    value._requires_grad = False
    value._node = None
    value._output_index = 0
    value._grad = None
    value._base = None
    value._history = 0
    value._restriction = None
    value._untracked = False
    value._inference = modes.inference
    value._hooks = None
    value._retains_grad = False
    return value


#: The class of the values that ops return; `tensor.py` puts Tensor here.
tensor_type = Value


def allocate(shape, dtype, place=devices.CPU, strides=None):
    """A fresh value of arbitrary contents."""
    return devices.allocate(blank(), shape, dtype, place, strides)


def fresh(form):
    """A new value of a Form, of arbitrary contents."""
    template = form.template
    value = _copy(template_of(form) if template is None else template)
    place = form.place
    if place is CPU:
        value.storage = host_memory.allocate(form.nbytes)
    else:
        value.storage = new_storage(form.nbytes, place)
    if modes.inference:
        value._inference = True
    return value


def looking(form, storage, offset):
    """A new value of a Form that looks at `storage`."""
    template = form.template
    value = _copy(template_of(form) if template is None else template)
    value.storage = storage
    value.offset = offset
    if modes.inference:
        value._inference = True
    return value


def template_of(form):
    """The value of a Form, all but its storage, that new ones are copied from."""
    if form.template is not None:
        return form.template
    value = blank()
    value._inference = False
    array.initialise(value, None, form.dtype, form.shape, form.strides)
    value.form = form
    form.template = value
    return value


def _copy(template):
    """Compile the builtin at its first use, then stand aside for it."""
    global _copy
    _copy = cpu_builtins.copier(tensor_type)
    return _copy(template)


def alias(value, shape=None, strides=None, offset=None):
    """A value over the same memory, without history."""
    storage = value.storage
    if shape is None and strides is None:
        form = devices.form_of(value)
    else:
        form = devices.form_with(
            value.dtype,
            value.shape if shape is None else shape,
            value.strides if strides is None else strides,
            storage.device_type,
            storage.device_index,
        )
    result = looking(form, storage, value.offset if offset is None else offset)
    result._untracked = value._untracked
    return result


RELEASED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they "
    "have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
    "graph a second time or if you need to access saved tensors after calling backward."
)


class Node:
    """One recorded op call: what the backward walk needs to turn output gradients into input ones.

    `edges[i]` says where the gradient of input i goes: (node, output index), (leaf, 0), or None.
    """

    __slots__ = (
        "op", "params", "edges", "input_metas", "output_metas", "saved", "versions",
        "saved_outputs", "sequence", "hooks", "prehooks", "trace", "metadata", "retained",
        "__weakref__",
    )  # fmt: skip

    sequence_numbers = itertools.count()

    def __init__(self, op, params, edges, input_metas):
        self.op = op
        self.params = params
        self.edges = edges
        self.input_metas = input_metas
        self.output_metas = None
        self.saved = ()
        self.versions = ()
        self.saved_outputs = None
        self.sequence = next(Node.sequence_numbers)
        self.hooks = None
        self.prehooks = None
        self.metadata = None
        self.retained = None
        self.trace = traceback.format_stack()[:-3] if modes.anomaly else None

    def name(self):
        """PyTorch's name of this kind of node, such as MulBackward0."""
        name = self.op.node_name
        return name if isinstance(name, str) else name(self)

    def __repr__(self):
        return f"<{self.name()} object at {id(self):#x}>"

    def __getattr__(self, name):
        """What backward will use, by PyTorch's names: `_saved_self`, `_saved_other`, `_saved_result`."""
        wanted = name.removeprefix("_saved_")
        if wanted != name:
            if self.is_released:
                raise RuntimeError(RELEASED)
            saved = dict(zip(self.op.input_names, self.saved))
            place = "input" if wanted == "self" else wanted
            if saved.get(place) is not None:
                return self.input_value(list(saved).index(place))
            if wanted == "result" and self.saved_outputs:
                return self.output_value(0)
            if wanted in self.params:
                return self.params[wanted]
        raise AttributeError(f"'{self.name()}' object has no attribute '{name}'")

    @property
    def next_functions(self):
        """The nodes that the gradients of the inputs go to, as PyTorch presents them."""
        return tuple(
            (None, 0) if edge is None else (as_node(edge[0]), edge[1]) for edge in self.edges
        )

    def register_hook(self, hook):
        """Call hook(input gradients, output gradients) after this node ran in a backward walk."""
        if self.hooks is None:
            self.hooks = {}
        return RemovableHandle(self.hooks, hook)

    def register_prehook(self, hook):
        """Call hook(output gradients) before this node runs in a backward walk."""
        if self.prehooks is None:
            self.prehooks = {}
        return RemovableHandle(self.prehooks, hook)

    def release(self):
        """Let go of what was saved for backward; a node that saved nothing may run again."""
        if self.saved_outputs or any([x is not None for x in self.saved]):
            self.saved = None
            self.saved_outputs = None

    @property
    def is_released(self):
        """Whether what was saved for backward is gone."""
        return self.saved is None

    def input_value(self, index):
        """A saved input; RuntimeError where it was modified in place since."""
        value, version = self.saved[index], self.versions[index]
        if value.__class__ is Packed:
            return value.value()
        if value is not None and value.storage.version != version:
            raise self._modified(value, version)
        return value

    def output_value(self, index):
        """A saved output, attached to this node again, so that it can be differentiated."""
        value, version = self.saved_outputs[index]
        if value.__class__ is Packed:
            value = value.value()
        elif value.storage.version != version:
            raise self._modified(value, version)
        if not modes.grad_enabled:
            return value
        result = alias(value)
        result._requires_grad = True
        result._node, result._output_index = self, index
        return result

    def _modified(self, value, version):
        return RuntimeError(
            "one of the variables needed for gradient computation has been modified by an inplace "
            f"operation: [torch.{type_name(value)} {list(value.shape)}], which is output "
            f"{value._output_index} of {self.name()}, is at version {value.storage.version}; "
            f"expected version {version} instead. Hint: enable anomaly detection to find the "
            "operation that failed to compute its gradient, with "
            "torch.autograd.set_detect_anomaly(True)."
        )


TYPE_NAMES = {
    "float32": "FloatTensor", "float64": "DoubleTensor", "float16": "HalfTensor",
    "bfloat16": "BFloat16Tensor", "uint8": "ByteTensor", "int8": "CharTensor",
    "int16": "ShortTensor", "int32": "IntTensor", "int64": "LongTensor", "bool": "BoolTensor",
    "complex64": "ComplexFloatTensor", "complex128": "ComplexDoubleTensor",
    "uint16": "UInt16Tensor", "uint32": "UInt32Tensor", "uint64": "UInt64Tensor",
}  # fmt: skip


def type_name(value):
    """PyTorch's name of a tensor's type without its package: FloatTensor, cuda.LongTensor."""
    place = "" if value.storage.device_type == "cpu" else f"{value.storage.device_type}."
    return place + TYPE_NAMES[value.dtype.name]


blank_node = Node(None, None, None, None)


def new_node(op, params, edges, input_metas):
    """A Node, made faster than by its class."""
    if modes.anomaly:
        return Node(op, params, edges, input_metas)
    node = _copy_node(blank_node)
    node.op = op
    node.params = params
    node.edges = edges
    node.input_metas = input_metas
    node.sequence = next(Node.sequence_numbers)
    return node


def _copy_node(template):
    """Compile the builtin at its first use, then stand aside for it."""
    global _copy_node
    _copy_node = cpu_builtins.copier(Node)
    return _copy_node(template)


class AccumulateGrad:
    """How a leaf shows itself in `next_functions`."""

    __slots__ = ("variable",)

    next_functions = ()

    def __init__(self, variable):
        self.variable = variable

    def name(self):
        return "torch::autograd::AccumulateGrad"

    def __repr__(self):
        return f"<AccumulateGrad object at {id(self.variable):#x}>"

    def __eq__(self, other):
        return isinstance(other, AccumulateGrad) and self.variable is other.variable

    def __hash__(self):
        return id(self.variable)


def as_node(target):
    """A node for a gradient's destination: the node itself, or AccumulateGrad for a leaf."""
    return target if isinstance(target, Node) else AccumulateGrad(target)


class RemovableHandle:
    """Takes a hook out of the dictionary that it was put into."""

    _ids = itertools.count()

    def __init__(self, hooks, hook):
        self.id = next(RemovableHandle._ids)
        self._hooks = hooks
        hooks[self.id] = hook

    def remove(self):
        self._hooks.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.remove()


# History ----------------------------------------------------------------------------------------


def synchronise(view):
    """Bring a view's history up to date where its base was written to through another view."""
    base = view._base
    if view._restriction is not None and modes.grad_enabled and base._requires_grad:
        restricted_views.check_unchanged(view)
    if view._history != base._history:
        view._history = base._history
        if base._requires_grad:
            view._requires_grad = True
            view._node, view._output_index = node_of_view(base, view), 0


#: node_of_view(base, view) makes the node that reads `view` out of `base`; `ops.views` puts it here.
node_of_view = None
#: scatter_into_base(base, view, node) makes the base's new node after a write through a view.
scatter_into_base = None


def edge_of(value):
    """Where the gradient of `value` goes: (node, output index), (leaf, 0), or None."""
    if value._base is not None:
        synchronise(value)
    if value._node is not None:
        return value._node, value._output_index
    return (value, 0) if value._requires_grad else None


def metadata_of(value):
    """What the engine must know of a value to bring a gradient into its form: its Form."""
    return devices.form_of(value)


def bump_version(value):
    """Note that the memory of `value` was written to."""
    if not value._untracked:
        value.storage.version += 1


def numel(value):
    return shapes.numel(value.shape)


from . import restricted_views  # noqa: E402  these read the classes above
from .drawing import Drawing, draw  # noqa: E402
from .saved import Packed, pack_inputs, pack_outputs  # noqa: E402
