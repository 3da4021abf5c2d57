"""In place: a result that lands in memory that is already in use."""

from .. import changes, devices, dtypes, graph, recording
from ..formulas import conversion
from ..graph import edge_of, fresh, listeners, modes, restricted_views
from . import saving


def write_inplace(op, target, inputs, params):
    """Run `op` so that its result lands in the memory of `target`; record and count the change.

    inputs[0] is `target`, or a cast of it where the op computes in another dtype.
    """
    check_writable(target, inputs)
    plan = op.plan(inputs, params)
    form = plan.outputs
    fits = form is devices.form_of(target)
    if not fits:
        check_target(target, form)
    node = None
    if modes.grad_enabled and op.differentiable and saving.find_edges(inputs) is not None:
        edges = [
            edge_of(x) if x is not None and (op.joint is not None or i in op.rules) else None
            for i, x in enumerate(inputs)
        ]
        if any([edge is not None for edge in edges]):
            node = op.make_node(inputs, params, edges)
            _keep_original(node, target)
    if op.inplace_safe and form.dtype is target.dtype and not _partly_shared(target, inputs[1:]):
        if fits and plan.kernel is not None and recording.recorder is None:
            plan.kernel(target, *inputs)
        else:
            op.compute(target, *inputs, **params)
    else:
        temporary = fresh(form)
        op.compute(temporary, *inputs, **params)
        copy_values(target, temporary)
    graph.bump_version(target)
    if node is not None:
        rebase(target, op, node)
    for listener in listeners:
        listener(op, inputs, params, target)
    return target


def check_target(target, spec):
    """RuntimeError where a result that looks like `spec`, a Spec or a Form, may not be written into
    `target`."""
    if spec.shape != target.shape:
        raise RuntimeError(
            f"output with shape {list(target.shape)} doesn't match the broadcast shape "
            f"{list(spec.shape)}"
        )
    check_result_cast(spec.dtype, target.dtype)


def _keep_original(node, target):
    """Where a rule asks for the values that are about to be overwritten, keep a copy of them."""
    if not any([x is target for x in node.saved]):
        return
    original = graph.allocate(target.shape, target.dtype, devices.of(target))
    copy_values(original, target)
    original._requires_grad = target._requires_grad
    original._node, original._output_index = target._node, target._output_index
    node.versions = [0 if x is target else v for x, v in zip(node.saved, node.versions)]
    node.saved = [original if x is target else x for x in node.saved]


#: What is wrong with a target such as an expanded tensor.
OVERLAP = (
    "unsupported operation: more than one element of the written-to tensor refers to a single memory "
    "location. Please clone() the tensor before performing the operation."
)


def check_writable(target, inputs=()):
    """RuntimeError where `target` may not be written to, as an op of `inputs` would."""
    if devices.form_of(target).has_overlap:
        raise RuntimeError(OVERLAP)
    if target._inference and not modes.inference:
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed. You can make "
            "a clone to get a normal tensor before doing inplace update."
        )
    if not modes.grad_enabled:
        return
    if target._base is not None:
        if target._restriction is not None:
            restricted_views.check_writable(target, inputs)
        graph.synchronise(target)
    if target._requires_grad and target._node is None:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation."
        )
    base = target._base
    if base is not None and base._requires_grad and base._node is None:
        raise RuntimeError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation."
        )


def check_result_cast(result, target):
    """RuntimeError where a result of dtype `result` may not be written as `target`."""
    if not dtypes.can_cast(result, target):
        raise RuntimeError(
            f"result type {scalar_name(result)} can't be cast to the desired output type "
            f"{scalar_name(target)}"
        )


_SCALAR_NAMES = {
    "float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16",
    "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long",
    "bool": "Bool", "complex64": "ComplexFloat", "complex128": "ComplexDouble",
    "uint16": "UInt16", "uint32": "UInt32", "uint64": "UInt64",
}  # fmt: skip


def scalar_name(dtype):
    """PyTorch's name of a dtype in error messages."""
    return _SCALAR_NAMES[dtype.name]


def _partly_shared(target, others):
    for x in others:
        if x is not None and x.storage is target.storage:
            same = x.strides == target.strides and x.shape == target.shape
            if not same or x.offset != target.offset:
                return True
    return False


def copy_values(target, source):
    """target[...] = source, cast and broadcast, without history."""
    formula = conversion.identity
    if source.dtype.is_complex and not target.dtype.is_complex:
        formula = conversion.truth if target.dtype is dtypes.bool_ else conversion.real_part
    devices.kernels(target).elementwise.apply(formula, target, source)


def rebase(target, op, node):
    """Make `node` the history of `target`, whose memory it has just overwritten.

    Where `target` is a view, its base gets a node that puts the new part into the old whole; other
    views notice through the base's history count.
    """
    if target._node is None:
        changes.note()
    base = target._base
    if base is None:
        op.attach(node, target)
        target._history += 1
        return
    if base.dtype is not target.dtype:
        raise RuntimeError(
            f"{op.name}: a write through a view of dtype {target.dtype} into a tensor of dtype "
            f"{base.dtype} cannot be differentiated"
        )
    op.attach(node, target)
    base._node = graph.scatter_into_base(base, target, node)
    base._output_index = 0
    base._requires_grad = True
    base._history += 1
    graph.synchronise(target)
