"""Hooks on what nodes keep for backward (`torch.autograd.graph.saved_tensors_hooks`)."""

from .. import array
from . import Value, alias, edge_of, modes


class Packed:
    """What the pack hook made of a kept value, and how the value's history is found again."""

    __slots__ = ("packed", "unpack", "edge", "output_index", "version", "storage")

    def __init__(self, value, hooks, is_output=False):
        pack, self.unpack = hooks
        self.edge = None if is_output else edge_of(value)
        self.version = value.storage.version
        previous, modes.saved_tensors_hooks = modes.saved_tensors_hooks, None
        try:
            self.packed = pack(
                alias(value)
                if is_output or self.edge is None or self.edge[0] is not value
                else value
            )
        finally:
            modes.saved_tensors_hooks = previous

    def value(self):
        """The value from the unpack hook, with the history that it had."""
        found = self.unpack(self.packed)
        if not isinstance(found, Value):
            raise TypeError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(found)}"
            )
        if self.edge is None or not modes.grad_enabled:
            return found
        origin, index = self.edge
        if isinstance(origin, Value):
            if found.storage is origin.storage:
                return origin
            result = origin.view_as(origin)  # a node whose gradient goes to the leaf
            return array.initialise(
                result, found.storage, found.dtype, found.shape, found.strides, found.offset
            )
        result = alias(found)
        result._requires_grad = True
        result._node, result._output_index = origin, index
        return result


def pack_inputs(values):
    """The kept inputs of a node, packed where hooks are on."""
    hooks = modes.saved_tensors_hooks
    if hooks is None:
        return values
    _check_allowed(hooks)
    return [x if x is None else Packed(x, hooks) for x in values]


def pack_outputs(pairs):
    """The kept outputs of a node, (alias, version) pairs, packed where hooks are on."""
    hooks = modes.saved_tensors_hooks
    if hooks is None:
        return pairs
    _check_allowed(hooks)
    return [(Packed(x, hooks, is_output=True), version) for x, version in pairs]


def _check_allowed(hooks):
    if isinstance(hooks, str):
        raise RuntimeError(hooks)
