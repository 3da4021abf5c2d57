"""Losses that have kernels of their own."""

from .. import devices, dtypes
from ..formulas import special as formulas
from ..op import Spec, primitive, scalar_name
from ..shapes import Size
from .autocast import full_precision
from .casting import cast
from .elementwise import NOT_REAL, elementwise
from .exponential import log, log1p
from .registry import Sample, function, samples

_SCALAR = Size(())


def _node_name(node):
    """PyTorch's name of the node: labels of pixels have a class of their own."""
    scores_shape = node.input_metas[0].shape
    return "NllLoss2DBackward0" if len(scores_shape) > 2 else "NllLossBackward0"


@primitive(name="nll_loss", node_name=_node_name)
def nll_loss_op(input, target, weight, *, ignore_index, reduction):
    """(loss, sum of the weights used)."""
    shape = target.shape if reduction == "none" else _SCALAR
    return Spec(shape, input.dtype), Spec(_SCALAR, input.dtype)


@nll_loss_op.forward
def _(outputs, input, target, weight, *, ignore_index, reduction):
    loss, total_weight = outputs
    devices.kernels(input).loss.nll_loss(
        loss, total_weight, input, target, weight, ignore_index, reduction
    )


@nll_loss_op.gradient("input")
def _(grads, target, weight, outputs, input_shape, ignore_index, reduction):
    return nll_loss_gradient(
        grads[0], target, weight, outputs[1], input_shape=input_shape, ignore_index=ignore_index,
        reduction=reduction,
    )  # fmt: skip


@primitive
def nll_loss_gradient(grad, target, weight, total_weight, *, input_shape, ignore_index, reduction):
    """The gradient of nll_loss for its input."""
    return Spec(input_shape, grad.dtype)


@nll_loss_gradient.forward
def _(out, grad, target, weight, total_weight, *, input_shape, ignore_index, reduction):
    devices.kernels(out).loss.nll_loss_gradient(
        out, grad, target, weight, total_weight, ignore_index, reduction
    )


@nll_loss_gradient.gradient("grad")
def _(grad, target, weight, ignore_index, reduction):
    return nll_loss_op(grad, target, weight, ignore_index=ignore_index, reduction=reduction)[0]


@function(method=False)
@full_precision
def nll_loss(input, target, weight=None, *, ignore_index=-100, reduction="mean"):
    """-weight[target] * input[target] of log-probabilities (N, C, ...) and labels (N, ...).

    "mean" divides by the sum of the weights used. IndexError where a label is out of range.
    """
    _check(input, target, weight)
    target = cast(target, dtypes.int64)
    loss, _ = nll_loss_op(input, target, weight, ignore_index=ignore_index, reduction=reduction)
    return loss


def _check(input, target, weight):
    """The errors of bad shapes and dtypes."""
    shape, labels = input.shape, target.shape
    if not shape:
        raise ValueError("nll_loss expects an input of at least one dimension, got a scalar")
    if target.dtype not in (dtypes.int64, dtypes.uint8):
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {scalar_name(target.dtype)}"
        )
    if not input.dtype.is_floating_point:
        raise NotImplementedError(f"\"nll_loss\" not implemented for '{scalar_name(input.dtype)}'")
    if len(shape) == 1 and labels:
        raise ValueError(
            f"Expected a 0-d target for the input of shape {list(shape)}, got target of shape "
            f"{list(labels)}"
        )
    if len(shape) > 1 and (not labels or labels[0] != shape[0]):
        raise ValueError(
            f"Expected input batch_size ({shape[0]}) to match target batch_size "
            f"({labels[0] if labels else 1})."
        )
    if len(shape) == 2 and len(labels) != 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if shape[2:] != labels[1:]:
        raise RuntimeError(
            f"nll_loss: size mismatch (got input: {list(shape)}, target: {list(labels)})"
        )
    classes = shape[0] if len(shape) == 1 else shape[1]
    if weight is not None and (weight.shape != (classes,) or weight.dtype is not input.dtype):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes, in "
            f"the input's dtype {input.dtype}, but got weight tensor of shape: "
            f"{list(weight.shape)} and dtype {weight.dtype}"
        )


@samples("nll_loss")
def _(make):
    for reduction in ("mean", "sum", "none"):
        yield Sample(make(5, 3), make.index(5, high=3), reduction=reduction)
        yield Sample(
            make(5, 3), make.index(5, high=3), make(3, low=0.5, requires_grad=False),
            reduction=reduction, ignore_index=1,
        )  # fmt: skip
        yield Sample(make(2, 3, 4, 2), make.index(2, 4, 2, high=3), reduction=reduction)
    yield Sample(make(3), make.index(high=3))


# Binary cross entropy, element by element -----------------------------------------------------------


@elementwise(
    formulas.binary_cross_entropy,
    name="binary_cross_entropy",
    domain=(0.05, 0.95),
    rejects=NOT_REAL,
)
def binary_cross_entropy_op(input, target):
    pass


@binary_cross_entropy_op.gradient("input")
def _(grad, input, target):  # as if the logarithms were not clamped
    return grad * (input - target) / (input * (1 - input)).clamp_min(1e-12)


@binary_cross_entropy_op.gradient("target")
def _(grad, input):
    return grad * (log1p(-input) - log(input))
