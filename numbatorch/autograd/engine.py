"""The backward walk: gradients flow from the outputs to the leaves, newest node first."""

import heapq
import sys
import warnings

from .. import devices, graph, recording
from ..graph import Node, modes
from ..ops import reduction
from ..ops.arithmetic import add_op
from ..ops.casting import cast, to_device
from ..ops.copying import clone_op, fresh_full, zeros_like_meta
from ..ops.joining import stack
from ..ops.nan import any_nan
from .modes import set_grad_enabled


def backward(
    tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None, inputs=None
):  # fmt: skip
    """Add the gradients of the sum of `tensors` to the `grad` of the leaves they depend on.

    `grad_tensors` weigh non-scalar outputs (`torch.autograd.backward`); `grad_variables` is its old name.
    `inputs` are the tensors whose gradients are wanted, or a dictionary of them.
    """
    if grad_variables is not None:
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to "
                "`backward()`. Please only use `grad_tensors`."
            )
        warnings.warn(
            "`grad_variables` is deprecated. Use `grad_tensors` instead.",
            FutureWarning,
            stacklevel=2,
        )
        grad_tensors = grad_variables
    inputs = list(inputs.values()) if isinstance(inputs, dict) else inputs
    tensors, grads = _roots(tensors, grad_tensors, create_graph)
    targets = None
    if inputs is not None:
        inputs = (inputs,) if isinstance(inputs, graph.Value) else tuple(inputs)
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
        targets = [_input_edge(x) for x in inputs]
    found = _walk(tensors, grads, retain_graph, create_graph, targets)
    if inputs is not None:
        for x, gradient in zip(inputs, found):
            if gradient is not None:
                with set_grad_enabled(create_graph):
                    accumulate(x, gradient)


def grad(
    outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False, only_inputs=True,
    allow_unused=None, is_grads_batched=False, materialize_grads=False,
):  # fmt: skip
    """The gradients of the sum of `outputs` with respect to `inputs` (`torch.autograd.grad`).

    With `is_grads_batched` each of `grad_outputs` has one more dimension in front, and so have the
    gradients. Those of a dictionary of inputs are a dictionary.
    """
    if isinstance(inputs, dict):
        found = grad(
            outputs, list(inputs.values()), grad_outputs, retain_graph, create_graph, only_inputs,
            allow_unused, is_grads_batched, materialize_grads,
        )  # fmt: skip
        return dict(zip(inputs, found))
    if allow_unused is None:
        allow_unused = materialize_grads
    if is_grads_batched:
        options = create_graph, only_inputs, allow_unused, False, materialize_grads
        return _grad_of_each(outputs, inputs, grad_outputs, retain_graph, options)
    inputs = (inputs,) if isinstance(inputs, graph.Value) else tuple(inputs)
    tensors, grads = _roots(outputs, grad_outputs, create_graph)
    targets = [_input_edge(x) for x in inputs]
    found = _walk(tensors, grads, retain_graph, create_graph, targets)
    for i, gradient in enumerate(found):
        if gradient is None:
            if not allow_unused:
                raise RuntimeError(
                    "One of the differentiated Tensors appears to not have been used in the graph. "
                    "Set allow_unused=True if this is the desired behavior."
                )
            if materialize_grads:
                found[i] = zeros_like_meta(graph.metadata_of(inputs[i]))
    return tuple(found)


def _grad_of_each(outputs, inputs, grad_outputs, retain_graph, options):
    """The gradients for every row of `grad_outputs`, stacked."""
    grad_outputs = (grad_outputs,) if isinstance(grad_outputs, graph.Value) else grad_outputs
    if grad_outputs is None or any(g is None for g in grad_outputs):
        raise RuntimeError("grad: is_grads_batched needs a tensor for each of grad_outputs")
    if any(not g.shape or not g.shape[0] for g in grad_outputs):
        raise RuntimeError(
            "grad: with is_grads_batched, grad_outputs must have rows, but got shapes "
            f"{[list(g.shape) for g in grad_outputs]}"
        )
    count = min(g.shape[0] for g in grad_outputs)
    keep = [True] * (count - 1) + [retain_graph]
    rows = [
        grad(outputs, inputs, [g[i] for g in grad_outputs], keep[i], *options) for i in range(count)
    ]
    return tuple(None if row[0] is None else stack(row) for row in zip(*rows))


def _input_edge(x):
    if isinstance(x, tuple):  # a GradientEdge
        node, index = x
        return (node.variable, 0) if isinstance(node, graph.AccumulateGrad) else (node, index)
    edge = graph.edge_of(x)
    if edge is None:
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    return edge


def _roots(tensors, grad_tensors, create_graph):
    """(output tensors, their gradients), checked."""
    tensors = (tensors,) if isinstance(tensors, graph.Value) else tuple(tensors)
    if grad_tensors is None or isinstance(grad_tensors, graph.Value):
        grad_tensors = (grad_tensors,) * len(tensors)
    if len(grad_tensors) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(grad_tensors)} gradients")
    return tensors, [_root_gradient(t, g) for t, g in zip(tensors, grad_tensors)]


def _root_gradient(tensor, gradient):
    if gradient is not None:
        if gradient.shape != tensor.shape:
            raise RuntimeError(
                "Mismatch in shape: grad_output[0] has a shape of "
                f"{gradient.shape} and output[0] has a shape of {tensor.shape}."
            )
        if gradient.dtype.is_complex != tensor.dtype.is_complex:
            raise RuntimeError(
                "For complex Tensors, both grad_output and output are required to have the same "
                f"dtype. Mismatch in dtype: grad_output[0] has a dtype of {gradient.dtype} and "
                f"output[0] has a dtype of {tensor.dtype}."
            )
        return gradient
    if graph.edge_of(tensor) is None:
        raise RuntimeError("element 0 of tensors does not require grad and does not have a grad_fn")
    if graph.numel(tensor) != 1:
        raise RuntimeError("grad can be implicitly created only for scalar outputs")
    if tensor.dtype.is_complex:
        raise RuntimeError(
            f"grad can be implicitly created only for real scalar outputs but got {tensor.dtype}"
        )
    return fresh_full(tensor.shape, 1, tensor.dtype, devices.of(tensor))


def _dependencies(roots):
    """{node: how many edges of the walk lead to it}, found without recursion."""
    counts, waiting = {}, []
    for target, _ in roots:
        if isinstance(target, Node) and target not in counts:
            counts[target] = 0
            waiting.append(target)
    while waiting:
        for edge in waiting.pop().edges:
            if edge is not None and isinstance(edge[0], Node):
                target = edge[0]
                if target in counts:
                    counts[target] += 1
                else:
                    counts[target] = 1
                    waiting.append(target)
    return counts


def _needed(nodes, targets):
    """The nodes from which a target can be reached; the others need not run."""
    wanted = {id(target[0]) for target in targets}
    needed = set()
    for node in sorted(nodes, key=lambda n: n.sequence):
        if id(node) in wanted or any(
            edge is not None and (id(edge[0]) in wanted or edge[0] in needed) for edge in node.edges
        ):
            needed.add(node)
    return needed


def _walk(tensors, grads, retain_graph, create_graph, targets):
    """Run the backward pass; the gradients of `targets` (edges), or None with accumulation."""
    if retain_graph is None:
        retain_graph = create_graph
    roots = [graph.edge_of(t) for t in tensors]
    if any(edge is None for edge in roots):
        raise RuntimeError("element 0 of tensors does not require grad and does not have a grad_fn")
    devices.join_streams()  # what the forward pass did on other streams is read on this one
    walk = _Walk(retain_graph, targets)
    recorded, modes.grad_enabled = modes.grad_enabled, create_graph
    try:
        walk.run(roots, grads)
    finally:
        modes.grad_enabled = recorded
    return walk.found


class _Walk:
    """One backward pass: gradients that wait for their nodes, and nodes that are ready."""

    def __init__(self, retain_graph, targets):
        self.retain_graph = retain_graph
        self.targets = targets
        self.found = None if targets is None else [None] * len(targets)
        self.captures = {}
        for i, (target, index) in enumerate(targets or ()):
            self.captures.setdefault((id(target), index), []).append(i)
        self.pending = {}
        self.ready = []

    def run(self, roots, grads):
        self.counts = _dependencies(roots)
        self.needed = None if self.targets is None else _needed(self.counts, self.targets)
        for edge, gradient in zip(roots, grads):
            self.deliver(edge, gradient)
        for node in list(self.pending):
            if self.counts[node] == 0:
                heapq.heappush(self.ready, (-node.sequence, node))
        while self.ready:
            self.visit(heapq.heappop(self.ready)[1])

    def deliver(self, edge, gradient):
        """Add a gradient, or None, to what waits at the end of an edge."""
        target, index = edge
        if not isinstance(target, Node):
            if gradient is not None:
                self.deliver_to_leaf(target, gradient)
            return
        waiting = self.pending.get(target)
        if waiting is None:
            waiting = self.pending[target] = [None] * len(target.output_metas)
        if gradient is not None:
            old = waiting[index]
            waiting[index] = gradient if old is None else sum_of(old, gradient)

    def deliver_to_leaf(self, leaf, gradient):
        form = graph.metadata_of(leaf)
        if gradient.form is not form:
            gradient = conform(gradient, form)
        if leaf._hooks:
            gradient = _leaf_hooks(leaf, gradient)
        if self.targets is None:
            accumulate(leaf, gradient)
            return
        for i in self.captures.get((id(leaf), 0), ()):
            old = self.found[i]
            self.found[i] = gradient if old is None else sum_of(old, gradient)

    def visit(self, node):
        grads = self.pending.pop(node)
        if node.retained:
            _run_retained(node, grads)
        if self.targets is not None:
            for index in range(len(grads)):
                for i in self.captures.get((id(node), index), ()):
                    self.found[i] = grads[index]
            if node not in self.needed:
                return
        if grads[0] is None and not any([g is not None for g in grads]):
            results = [None] * len(node.edges)
        else:
            results = self.gradients_of(node, grads)
        counts = self.counts
        for edge, gradient, form in zip(node.edges, results, node.input_metas):
            if edge is None:
                continue
            if gradient is not None and gradient.form is not form:
                gradient = conform(gradient, form)
            self.deliver(edge, gradient)
            target = edge[0]
            left = counts.get(target)
            if left is not None:
                counts[target] = left = left - 1
                if left == 0:
                    heapq.heappush(self.ready, (-target.sequence, target))

    def gradients_of(self, node, grads):
        if node.saved is None:
            raise RuntimeError(graph.RELEASED)
        if len(grads) > 1:
            grads = [
                zeros_like_meta(meta) if g is None and meta and node.op.materialize_grads else g
                for g, meta in zip(grads, node.output_metas)
            ]
        if node.prehooks:
            grads = _run_prehooks(node, grads)
        try:
            results = node.op.backward(node, grads)
        except Exception as error:
            if node.trace:
                error.add_note(_origin(node))
            raise
        if modes.anomaly == "check":
            _check_nan(node, results)
        if node.hooks:
            results = _run_hooks(node, results, grads)
        if not self.retain_graph:
            node.release()
        return results


def sum_of(first, second):
    """The sum of two gradients; a dense one stands before a sparse one."""
    if not isinstance(first, graph.Value):
        first, second = second, first
    return add_op(first, second) if isinstance(second, graph.Value) else first + second


def conform(gradient, form):
    """A gradient in the shape, dtype and device of the value it belongs to."""
    if not isinstance(gradient, graph.Value):
        return gradient  # a sparse one is made in the form of its leaf
    if gradient.shape != form.shape:
        gradient = reduction.sum_to_size(gradient, form.shape)
    if gradient.dtype is not form.dtype:
        gradient = cast(gradient, form.dtype)  # of a complex gradient, the real part
    place = graph.metadata_of(gradient).place
    if place is not form.place and place != form.place:
        gradient = to_device(gradient, form.place)
    return gradient


# A gradient that nothing else refers to can be kept as it is.


def _references_of_unshared_storage():
    value = graph.blank()
    value.storage = object()
    return sys.getrefcount(value.storage)


_UNSHARED = _references_of_unshared_storage()


def accumulate(leaf, gradient):
    """Add a gradient to `leaf.grad`."""
    if recording.recorder is not None:
        recording.recorder.gradient_used(leaf)
    _add(leaf, gradient)
    if leaf._hooks:
        for hook in tuple(leaf._hooks.values()):
            if hook.__class__ is PostAccumulateHook:
                hook.function(leaf)


class PostAccumulateHook:
    """A hook on a leaf that runs when its `grad` has changed."""

    __slots__ = ("function",)

    def __init__(self, function):
        self.function = function


def _add(leaf, gradient):
    old = leaf._grad
    if not (isinstance(gradient, graph.Value) and (old is None or isinstance(old, graph.Value))):
        leaf._grad = gradient if old is None else sum_of(old, gradient)
        return
    if old is not None:
        if modes.grad_enabled:
            leaf._grad = add_op(old, gradient)
        else:
            add_op.inplace(old, gradient)
        return
    if modes.grad_enabled:
        leaf._grad = gradient
        return
    if gradient.strides != leaf.strides or sys.getrefcount(gradient.storage) > _UNSHARED:
        gradient = clone_op(gradient, strides=None)
    elif gradient._node is not None or gradient._base is not None:
        gradient = graph.alias(gradient)
    leaf._grad = gradient


# Hooks ------------------------------------------------------------------------------------------


def _leaf_hooks(leaf, gradient):
    for hook in tuple(leaf._hooks.values()):
        if hook.__class__ is PostAccumulateHook:
            continue
        gradient = _replaced(hook, gradient)
    return gradient


def _replaced(hook, gradient):
    """What a hook on a tensor makes of its gradient, checked; the gradient itself where that is None."""
    found = hook(gradient)
    if found is None:
        return gradient
    name = getattr(hook, "__name__", type(hook).__name__)
    if not isinstance(found, graph.Value):
        raise TypeError(f"hook '{name}' has returned a {type(found).__name__}, not a Tensor")
    if graph.type_name(found) != graph.type_name(gradient):
        raise RuntimeError(
            f"hook '{name}' has changed the type of value (was torch.{graph.type_name(gradient)} got "
            f"torch.{graph.type_name(found)})"
        )
    if found.shape != gradient.shape:
        raise RuntimeError(f"hook '{name}' has changed the size of value")
    return found


class RetainedGradient:
    """What `retain_grad` leaves at the node of a tensor: it keeps the gradient."""

    __slots__ = ("tensor",)

    def __init__(self, tensor):
        self.tensor = tensor

    def keep(self, gradient):
        old = self.tensor._grad
        self.tensor._grad = gradient if old is None else old + gradient


def _run_retained(node, grads):
    """Hooks on non-leaf tensors, in the order they were registered, and then `retain_grad`."""
    actions = [(i, action) for i, action in node.retained.values() if grads[i] is not None]
    for index, hook in actions:
        if hook.__class__ is not RetainedGradient:
            grads[index] = _replaced(hook, grads[index])
    for index, action in actions:
        if action.__class__ is RetainedGradient:
            action.keep(grads[index])


def _run_prehooks(node, grads):
    for hook in tuple(node.prehooks.values()):
        replaced = hook(tuple(grads))
        if replaced is not None:
            grads = list(replaced) if isinstance(replaced, tuple | list) else [replaced]
    return grads


def _run_hooks(node, results, grads):
    for hook in tuple(node.hooks.values()):
        replaced = hook(tuple(results), tuple(grads))
        if replaced is not None:
            results = list(replaced) if isinstance(replaced, tuple | list) else [replaced]
    return results


# Anomalies --------------------------------------------------------------------------------------


def _origin(node):
    return (
        f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n"
        + ("".join(node.trace or ()))
    )


def _check_nan(node, results):
    for i, gradient in enumerate(results):
        if gradient is not None and any_nan(gradient):
            error = RuntimeError(
                f"Function '{node.name()}' returned nan values in its {i}th output."
            )
            if node.trace:
                error.add_note(_origin(node))
            raise error
