"""The `out=` argument: a result written into a tensor that the caller brought."""

from .. import devices, graph
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


def store(result, out):
    """Write `result` into `out`, resizing it where it has another shape, and return it."""
    check_result_cast(result.dtype, out.dtype)
    if out.shape != result.shape:
        devices.allocate(out, result.shape, out.dtype, devices.of(out))
    elif devices.form_of(out).has_overlap:
        raise RuntimeError(OVERLAP)
    copy_values(out, result)
    graph.bump_version(out)
    return out
