"""Looking into the graph, and hooks on what it keeps (`torch.autograd.graph`)."""

import contextlib

from .. import devices
from ..graph import RemovableHandle, as_node, bump_version, edge_of, modes
from ..ops.casting import to_device


class saved_tensors_hooks:
    """Inside, nodes keep pack_hook(tensor), and get unpack_hook of that back in backward."""

    def __init__(self, pack_hook, unpack_hook):
        self._hooks = (pack_hook, unpack_hook)
        self._saved = []

    def __enter__(self):
        if isinstance(modes.saved_tensors_hooks, str):
            raise RuntimeError(modes.saved_tensors_hooks)
        self._saved.append(modes.saved_tensors_hooks)
        modes.saved_tensors_hooks = self._hooks
        return self

    def __exit__(self, *exception):
        modes.saved_tensors_hooks = self._saved.pop()


class save_on_cpu(saved_tensors_hooks):
    """Inside, nodes keep copies on the CPU, which come back to their device in backward."""

    def __init__(self, pin_memory=False, device_type="cuda"):
        def pack(tensor):
            return devices.of(tensor), to_device(tensor.detach(), devices.CPU)

        def unpack(packed):
            place, tensor = packed
            return to_device(tensor, place)

        super().__init__(pack, unpack)


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message):
    """Inside, saved tensor hooks raise RuntimeError with this message."""
    if modes.saved_tensors_hooks is not None:
        raise RuntimeError(error_message)
    modes.saved_tensors_hooks = error_message
    try:
        yield
    finally:
        modes.saved_tensors_hooks = None


class GradientEdge(tuple):
    """Where a gradient goes: (node, output number)."""

    __slots__ = ()
    node = property(lambda self: self[0])
    output_nr = property(lambda self: self[1])


def get_gradient_edge(tensor):
    """The node and output number through which a tensor's gradient goes."""
    edge = edge_of(tensor)
    if edge is None:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require gradients"
        )
    return GradientEdge((as_node(edge[0]), edge[1]))


def increment_version(tensor):
    """Count a change of one or several tensors that autograd did not see."""
    for x in tensor if isinstance(tensor, list | tuple) else (tensor,):
        bump_version(x)


def register_multi_grad_hook(tensors, fn, *, mode="all"):
    """Call fn(gradients) when all gradients of `tensors` are there, or fn(gradient) at the first.

    A tensor that gets none counts as None once all the others are there.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    waiting = {}

    def remember(index):
        def hook(gradient):
            if mode == "any":
                if not waiting:
                    waiting[index] = gradient
                    fn(gradient)
                return
            waiting[index] = gradient
            if len(waiting) == len(tensors):
                found = [waiting[i] for i in range(len(tensors))]
                waiting.clear()
                fn(found)

        return hook

    return _Handles([x.register_hook(remember(i)) for i, x in enumerate(tensors)])


class _Handles(RemovableHandle):
    """Removes several hooks at once."""

    def __init__(self, handles):
        self.handles = handles

    def remove(self):
        for handle in self.handles:
            handle.remove()
