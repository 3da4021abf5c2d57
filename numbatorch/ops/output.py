"""The `out=` argument: a result written into a tensor that the caller brought."""

from .. import devices, graph
from ..op import check_result_cast, copy_values


def write_out(op, out, inputs, params):
    """Run `op` without recording and write its result into `out`, which is resized to fit."""
    if graph.modes.grad_enabled and (
        out._requires_grad or any(x is not None and x._requires_grad for x in inputs)
    ):
        raise RuntimeError(
            f"{op.name}(): functions with out=... arguments don't support automatic "
            "differentiation, but one of the arguments requires grad."
        )
    return store(op.call(inputs, params), out)


def store(result, out):
    """Write `result` into `out`, resizing it where it has another shape, and return it."""
    check_result_cast(result.dtype, out.dtype)
    if out.shape != result.shape:
        devices.allocate(out, result.shape, out.dtype, devices.of(out))
    copy_values(out, result)
    graph.bump_version(out)
    return out
