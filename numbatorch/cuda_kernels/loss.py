"""The negative log-likelihood of labels, and its gradient.

The scores are seen as (batch, classes, inner), the labels as (batch, inner), both dense. No score is
read before its label is checked.
"""

from numba import types

from .. import dtypes, shapes
from ..cuda_memory import empty_on
from ..cuda_target import THREADS, cuda, specialise
from ..formulas import conversion
from ..formulas.reduction import add
from .elementwise import dense
from .native import block_reducer, flat, judge, zeros

#: Blocks that share the labels; each leaves its loss and weight in a row of `partials`.
MOST_BLOCKS = 128
_COLUMNS = 2


def losses(load, store, convert, add, has_weight, each):
    """The loss of every label, in `out` (`each`) or added up by blocks in `partials`.

    The last label that names no class is left in wrong[1], with wrong[0] = 1.
    """
    added = block_reducer(add, types.float64)

    def nll_loss_kernel(
        out, scores, labels, weight, partials, wrong, classes, inner, ignored, count
    ):
        loss, total_weight = 0.0, 0.0
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            label = labels[i]
            value = 0.0
            if label != ignored:
                if 0 <= label < classes:
                    factor = 1.0
                    if has_weight:
                        factor = types.float64(load(weight[label]))
                    at = (i // inner * classes + label) * inner + i % inner
                    value = -factor * types.float64(load(scores[at]))
                    total_weight += factor
                else:
                    wrong[0], wrong[1] = 1, label
            if each:
                out[i] = store(convert(value))
            loss += value
        loss, total_weight = added(loss), added(total_weight)
        if cuda.threadIdx.x == 0:
            partials[_COLUMNS * cuda.blockIdx.x] = loss
            partials[_COLUMNS * cuda.blockIdx.x + 1] = total_weight

    return nll_loss_kernel


def totals(store, convert, each):
    """The loss (unless it is there for `each` label) and the weight of all blocks, by one thread."""

    def nll_totals_kernel(out, total_weight, partials, blocks, divide):
        loss, weight = 0.0, 0.0
        for block in range(blocks):
            loss += partials[_COLUMNS * block]
            weight += partials[_COLUMNS * block + 1]
        total_weight[0] = store(convert(weight))
        if not each:
            out[0] = store(convert(loss / weight if divide else loss))

    return nll_totals_kernel


def loss_gradient(load, store, convert, has_weight, each, divide):
    """The gradient of every score; `each` label has its own incoming gradient, or all have one."""

    def nll_loss_gradient_kernel(
        out, grad, labels, weight, total_weight, classes, inner, ignored, count
    ):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            position = i // (classes * inner) * inner + i % inner
            label = labels[position]
            value = 0.0
            if label != ignored and i // inner % classes == label:
                value = -types.float64(load(grad[position if each else 0]))
                if has_weight:
                    value *= types.float64(load(weight[label]))
                if divide:
                    value /= types.float64(load(total_weight[0]))
            out[i] = store(convert(value))

    return nll_loss_gradient_kernel


def _view(shape):
    """(batch, classes, inner) of scores, which may be (classes,) alone."""
    if len(shape) == 1:
        return 1, shape[0], 1
    return shape[0], shape[1], shapes.numel(shape[2:])


def _access(dtype):
    return conversion.load(dtype), conversion.store(dtype), conversion.cast(dtype)


def nll_loss(out, total_weight, input, target, weight, ignore_index, reduction):
    """-weight[target] * input[target], per label, summed, or divided by `total_weight` ("mean").

    IndexError where a label that is not `ignore_index` names no class.
    """
    input, target = dense(input), dense(target)
    index = input.storage.device_index
    batch, classes, inner = _view(input.shape)
    count = batch * inner
    blocks = max(1, min(-(-count // THREADS), MOST_BLOCKS))
    partials = empty_on(index, (blocks * _COLUMNS,), dtypes.float64)
    wrong = zeros(2, dtypes.int64, index)
    each = reduction == "none"
    load, store, convert = _access(input.dtype)
    specialise(losses, load, store, convert, add, weight is not None, each).launch(
        blocks, THREADS, flat(out), flat(input), flat(target),
        flat(input if weight is None else dense(weight)), flat(partials), flat(wrong), classes,
        inner, ignore_index, count,
    )  # fmt: skip
    specialise(totals, store, convert, each).launch(
        1, 1, flat(out), flat(total_weight), flat(partials), blocks, reduction == "mean"
    )
    judge(wrong, _refuse_labels)


def _refuse_labels(words, is_late):
    is_wrong, label = words
    if is_wrong:
        raise IndexError(f"Target {label} is out of bounds.")


def nll_loss_gradient(out, grad, target, weight, total_weight, ignore_index, reduction):
    """The gradient of nll_loss for its input; `out` is dense."""
    _, classes, inner = _view(out.shape)
    count = shapes.numel(out.shape)
    if count == 0:
        return
    kernel = specialise(
        loss_gradient, *_access(out.dtype), weight is not None, reduction == "none",
        reduction == "mean",
    )  # fmt: skip
    kernel(
        count, flat(out), flat(dense(grad)), flat(dense(target)),
        flat(out if weight is None else dense(weight)), flat(total_weight), classes, inner,
        ignore_index, count,
    )  # fmt: skip
