"""Functions with a gradient of the user's own (`torch.autograd.Function`)."""

import functools
import warnings

from .. import callbacks, graph
from ..graph import Node, edge_of, modes, restricted_views
from ..op import Layout, view_of
from .modes import no_grad


class FunctionCtx:
    """What `forward` and `backward` of a Function share; `ctx` in their signatures."""

    needs_input_grad = ()

    def __init__(self):
        self.materialize_grads = True
        self._to_save = ()
        self._saved_values = None
        self._dirty = ()
        self._non_differentiable = ()
        self._node = None

    def save_for_backward(self, *tensors):
        """Keep tensors for backward; changes made to them in place are noticed there."""
        self._to_save = tensors

    save_for_forward = save_for_backward

    @property
    def saved_tensors(self):
        """What `save_for_backward` kept."""
        if self._saved_values is None:
            raise RuntimeError(graph.RELEASED)
        return tuple(self._unpack(*item) for item in self._saved_values)

    def _unpack(self, value, version, output_index):
        if value.__class__ is graph.Packed:
            return value.value()
        if not isinstance(value, graph.Value):
            return value
        if value.storage.version != version:
            raise self._node._modified(value, version)
        if output_index is None or not modes.grad_enabled:
            return value
        result = graph.alias(value)
        result._requires_grad = True
        result._node, result._output_index = self._node, output_index
        return result

    def mark_dirty(self, *tensors):
        """Say which inputs `forward` changed in place."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors):
        """Say which outputs have no gradient."""
        self._non_differentiable = tensors

    def set_materialize_grads(self, value):
        """Whether missing output gradients reach `backward` as zeros (True) or as None."""
        self.materialize_grads = value


class _FunctionOp:
    """The op of a Function's node: it hands the gradients to the user's `backward`."""

    materialize_grads = True

    def __init__(self, function, ctx, positions):
        self.function = function
        self.ctx = ctx
        self.positions = positions  # which arguments of forward are the node's inputs
        self.name = function.__name__
        self.node_name = f"{function.__name__}Backward"
        self.materialize_grads = ctx.materialize_grads

    def backward(self, node, grads):
        found = callbacks.seen(self.function.backward)(self.ctx, *grads)
        found = found if isinstance(found, tuple | list) else (found,)
        count = len(self.ctx.needs_input_grad)
        if len(found) < count or any(g is not None for g in found[count:]):
            raise RuntimeError(
                f"function {self.node_name} returned an incorrect number of gradients (expected "
                f"{count}, got {len(found)})"
            )
        return [
            self._checked(found[position], node, i) if node.edges[i] is not None else None
            for i, position in enumerate(self.positions)
        ]

    def _checked(self, gradient, node, index):
        if gradient is None:
            return None
        if not isinstance(gradient, graph.Value) and not getattr(gradient, "is_sparse", False):
            raise RuntimeError(
                f"expected Variable or None (got {type(gradient).__name__}) from {self.node_name}"
            )
        shape = node.input_metas[index].shape
        try:
            fits = graph.shapes.broadcast_shapes(gradient.shape, shape) == gradient.shape
        except RuntimeError:
            fits = False
        if not fits:
            raise RuntimeError(
                f"Function {self.node_name} returned an invalid gradient at index {index} - got "
                f"{list(gradient.shape)} but expected shape compatible with {list(shape)}"
            )
        return gradient


class _FunctionNode(Node):
    """The node of a Function; it is released together with what its context saved."""

    __slots__ = ()

    def __getattr__(self, name):
        return getattr(self.op.ctx, name)  # to users the context and the node are one

    def __repr__(self):
        return f"<torch.autograd.function.{self.name()} object at {id(self):#x}>"

    def release(self):
        self.op.ctx._saved_values = None

    @property
    def is_released(self):
        return self.op.ctx._saved_values is None


class Function:
    """An operation with static methods `forward(ctx, ...)` and `backward(ctx, *grads)`.

    `forward` may leave out `ctx` where the class has `setup_context(ctx, inputs, output)`. Call it
    with `apply`.
    """

    @staticmethod
    def forward(*args, **kwargs):
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def backward(ctx, *grad_outputs):
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    def __init__(self, *args, **kwargs):
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, "
            "so you should invoke them on the class itself. Instantiating an autograd function will "
            "raise an error in a future version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args, **kwargs):
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use "
            "new-style autograd function with static forward method: "
            f"{type(self).__name__}.apply(...)"
        )

    @classmethod
    def apply(cls, *args, **kwargs):
        """Run `forward` and record `backward`."""
        ctx = FunctionCtx()
        positions = [i for i, x in enumerate(args) if isinstance(x, graph.Value)]
        tensors = [args[i] for i in positions]
        ctx.needs_input_grad = tuple(isinstance(x, graph.Value) and x.requires_grad for x in args)
        recording = modes.grad_enabled and any(ctx.needs_input_grad)
        edges = [edge_of(x) for x in tensors] if recording else None
        with no_grad():
            outputs = cls._run_forward(ctx, args, kwargs)
        for x in ctx._dirty:
            graph.bump_version(x)
        several = isinstance(outputs, tuple | list)
        results = tuple(outputs) if several else (outputs,)
        if recording:
            results = cls._record(ctx, tensors, positions, edges, results)
        return results if several else results[0]

    @classmethod
    def _run_forward(cls, ctx, args, kwargs):
        if hasattr(cls, "setup_context"):
            outputs = callbacks.seen(cls.forward)(*args, **kwargs)
            callbacks.seen(cls.setup_context)(ctx, args, outputs)
            return outputs
        return callbacks.seen(cls.forward)(ctx, *args, **kwargs)

    @classmethod
    def _record(cls, ctx, tensors, positions, edges, results):
        node = _FunctionNode(
            _FunctionOp(cls, ctx, positions), {}, edges, [graph.metadata_of(x) for x in tensors]
        )
        ctx._node = node
        dirty = {id(x) for x in ctx._dirty}
        inputs = {id(x) for x in tensors}
        plain = {id(x) for x in ctx._non_differentiable}
        finished = []
        for index, x in enumerate(results):
            if isinstance(x, graph.Value) and id(x) not in plain:
                if id(x) in inputs and id(x) not in dirty:
                    x = view_of(x, Layout(x.shape, x.strides, x.offset))
                if x._base is not None and id(x) not in dirty:
                    x._restriction = restricted_views.FUNCTION, x.storage.version
                if x.dtype.is_floating_point or x.dtype.is_complex:
                    x._requires_grad = True
                    x._node, x._output_index = node, index
            finished.append(x)
        node.output_metas = [
            graph.metadata_of(x) if isinstance(x, graph.Value) else None for x in finished
        ]
        outputs = {id(x): i for i, x in enumerate(results)}
        ctx._saved_values = [
            (x, 0, None)
            if not isinstance(x, graph.Value)  # None, or a sparse tensor
            else (
                graph.alias(x) if id(x) in outputs and id(x) not in inputs else x,
                x.storage.version,
                outputs.get(id(x)) if id(x) not in inputs else None,
            )
            for x in ctx._to_save
        ]
        if modes.saved_tensors_hooks is not None:
            packed = graph.pack_inputs([value for value, _, _ in ctx._saved_values])
            ctx._saved_values = [
                (value, *rest) for value, (_, *rest) in zip(packed, ctx._saved_values)
            ]
        return tuple(finished)


InplaceFunction = Function  # its old name for functions that change their inputs


def once_differentiable(backward):
    """Decorator for a `backward` that cannot itself be differentiated."""

    @functools.wraps(backward)
    def wrapped(ctx, *grads):
        with no_grad():
            return backward(ctx, *grads)

    return wrapped
