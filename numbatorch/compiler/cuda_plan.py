"""Plans for steps on a CUDA device: the whole step is a CUDA graph, launched anew at each call.

Guards and conditions are those of other plans. The first call of a plan runs the function once more
while its work is captured; arguments are copied to where the graph reads them, and what it returns is
copied from where it writes, so that results of earlier calls stay as they are.
"""

from ..creation import empty_like
from ..cuda.graphs import CUDAGraph, graph
from ..cuda_driver import AcceleratorError
from ..tensor import Tensor
from .calling import BadInput
from .errors import GraphBreak

_PLAIN = (int, float, complex, bool, str, bytes, type(None), type(Ellipsis))


class CudaPlan:
    """Replays a step whose kernels all run on one device. BadInput where it cannot be captured."""

    is_stale = False

    def __init__(self, function, capture, outside):
        _check(capture, outside.arguments)
        self.function = function
        self._leaves = {leaf: replaced for leaf, (replaced, _) in capture.leaves.items()}
        self._groups = [group for one in capture.optimizers for group in one.param_groups]
        self._options = [_options(group) for group in self._groups]
        self._finders = [outside.guards.getter(tensor) for tensor in outside.arguments]
        self._graph = self._gradients = None

    def accepts(self):
        """Whether optimizers and gradients are as they were captured."""
        if self.is_stale or [_options(group) for group in self._groups] != self._options:
            return False
        if self._graph is None:
            return True
        return all(
            replaced or leaf._grad is self._gradients[leaf]
            for leaf, replaced in self._leaves.items()
        )

    def __call__(self, args, kwargs):
        found = [find(args, kwargs) for find in self._finders]
        if self._graph is None:
            self._capture(args, kwargs, found)
        for static, tensor in zip(self._inputs, found):
            static.copy_(tensor)
        self._graph.replay()
        for leaf, gradient in self._gradients.items():
            leaf._grad = gradient
        return self._handed_out(self._result)

    def _capture(self, args, kwargs, found):
        self._inputs = [empty_like(tensor) for tensor in found]
        static = {id(tensor): twin for tensor, twin in zip(found, self._inputs)}
        versions = [x.storage.version for x in self._inputs]
        captured = CUDAGraph()
        try:
            with graph(captured):
                self._result = self.function(*_replaced(args, static), **_replaced(kwargs, static))
        except AcceleratorError:  # it waits for the device, say; eager mode does it all again
            self.is_stale = True
            raise BadInput from None
        if versions != [x.storage.version for x in self._inputs]:
            self.is_stale = True  # nothing of it has run yet
            raise BadInput
        self._graph = captured
        self._gradients = {leaf: leaf._grad for leaf in self._leaves}

    def _handed_out(self, part):
        """The result of a call: copies of what the graph wrote, all else as it is."""
        if isinstance(part, Tensor):
            written = part.storage._block.pool is self._graph.pool()
            return part.detach().clone() if written else part
        if isinstance(part, tuple | list):
            items = [self._handed_out(item) for item in part]
            return part._make(items) if hasattr(part, "_make") else type(part)(items)
        if isinstance(part, dict):
            return {key: self._handed_out(value) for key, value in part.items()}
        return part


def _check(capture, arguments):
    """GraphBreak where a graph of the device would not do all of the step."""
    if len(capture.devices) > 1:
        raise GraphBreak("the step computes on several devices")
    if capture.has_launches:
        raise GraphBreak("the step computes on the CPU and on a CUDA device")
    if any(update.counters for update in capture.updates):
        raise GraphBreak(
            "an optimizer counts its steps on the host: with capturable=True it counts on the device"
        )
    if capture.host_actions:
        raise GraphBreak("the step changes Python objects, which a graph of the device does not")
    for tensor in arguments:
        if not tensor.is_cuda or tensor.requires_grad:
            raise GraphBreak("an argument is not on the device, or requires a gradient")


def check_result(result):
    """GraphBreak where a step returns what calls cannot hand out."""
    if isinstance(result, tuple | list):
        for item in result:
            check_result(item)
    elif isinstance(result, dict):
        check_result(list(result.values()))
    elif not isinstance(result, (Tensor, *_PLAIN)):
        raise GraphBreak(f"the step returns a {type(result).__name__}")


def _options(group):
    """What a group of an optimizer is told, tensors by their identity."""
    return {
        name: id(value) if isinstance(value, Tensor) else value
        for name, value in group.items()
        if name != "params"
    }


def _replaced(part, static):
    """Arguments with their tensors replaced."""
    if isinstance(part, Tensor):
        return static.get(id(part), part)
    if isinstance(part, tuple | list):
        items = [_replaced(item, static) for item in part]
        return part._make(items) if hasattr(part, "_make") else type(part)(items)
    if isinstance(part, dict):
        return {key: _replaced(value, static) for key, value in part.items()}
    return part
