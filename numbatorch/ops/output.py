"""The `out=` argument: a result written into a tensor that the caller brought."""

from .. import devices, graph, shapes
from ..op import OVERLAP, check_result_cast, copy_values


def write_out(op, out, inputs, params):
    """Run `op` without recording and write its result into `out`, which is resized to fit."""
    refuse_gradients(op.name, out, *inputs)
    return store(op.call(inputs, params), out)


def deliver(name, result, out):
    """The result of the composed function `name`, written into `out` where that is given."""
    if out is None:
        return result
    refuse_gradients(name, out, result)
    return store(result, out)


def refuse_gradients(name, *values):
    """RuntimeError where a function called with `out=` would have to be differentiated."""
    if graph.modes.grad_enabled and any(x is not None and x._requires_grad for x in values):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic "
            "differentiation, but one of the arguments requires grad."
        )


def store(result, out, reads=()):
    """Write `result` into `out`, resizing it where it has another shape, and return it.

    `reads` are inputs that PyTorch reads while it writes, so that `out` may share no memory with them.
    """
    if reads and devices.form_of(out).has_overlap:
        raise RuntimeError(OVERLAP)
    if any([_share_memory(out, x) for x in reads]):
        raise RuntimeError(
            "unsupported operation: some elements of the input tensor and the written-to tensor refer "
            "to a single memory location. Please clone() the tensor before performing the operation."
        )
    check_result_cast(result.dtype, out.dtype)
    if out.shape != result.shape:
        devices.allocate(out, result.shape, out.dtype, devices.of(out))
    elif devices.form_of(out).has_overlap:
        raise RuntimeError(OVERLAP)
    copy_values(out, result)
    graph.bump_version(out)
    return out


def _share_memory(a, b):
    """Whether two values that fill their parts of memory without gaps have elements in common."""
    if a.storage is not b.storage:
        return False
    for x in (a, b):
        if not graph.numel(x) or shapes.reach(x.shape, x.strides) != graph.numel(x):
            return False
    return a.offset < b.offset + graph.numel(b) and b.offset < a.offset + graph.numel(a)
