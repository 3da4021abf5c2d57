"""The negative log-likelihood of labels, and its gradient.

The scores are seen as (batch, classes, inner), the labels as (batch, inner), both dense. No score is
read before its label is checked.
"""

from functools import cache

from numba import types

from .. import cpu_target, dtypes, recording, shapes
from ..array import empty
from ..formulas import conversion
from .elementwise import GRAIN, dense
from .native import integer, span

#: Labels in a work item; its loss, its weight and what is wrong with it are one row of `partials`.
BLOCK = 1024
_COLUMNS = 4


def losses(load, store, convert, element, itemsize):
    """Slots: out (0 unless reduction is none), scores, labels, weight (0 where there is none),
    partials, classes, inner, ignored label, number of labels."""

    def nll_loss_kernel(begin, end, arguments):
        out, scores, labels = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        weight, partials = integer(arguments, 3), integer(arguments, 4)
        classes, inner = integer(arguments, 5), integer(arguments, 6)
        ignored, count = integer(arguments, 7), integer(arguments, 8)
        for block in range(begin, end):
            row = span(partials + 8 * _COLUMNS * block, _COLUMNS, types.float64)
            loss, total_weight, wrong, wrong_label = 0.0, 0.0, 0.0, 0.0
            for position in range(block * BLOCK, min(block * BLOCK + BLOCK, count)):
                label = span(labels + 8 * position, 1, types.int64)[0]
                value = 0.0
                if label != ignored:
                    if 0 <= label < classes:
                        at = ((position // inner) * classes + label) * inner + position % inner
                        factor = 1.0
                        if weight:
                            at_weight = weight + itemsize * label
                            factor = types.float64(load(span(at_weight, 1, element)[0]))
                        score = load(span(scores + itemsize * at, 1, element)[0])
                        value = -factor * score
                        total_weight += factor
                    else:
                        wrong, wrong_label = 1.0, types.float64(label)
                if out:
                    span(out + itemsize * position, 1, element)[0] = store(convert(value))
                loss += value
            row[0], row[1], row[2], row[3] = loss, total_weight, wrong, wrong_label

    return nll_loss_kernel


def totals(store, convert, element):
    """One work item. Slots: out (0 where reduction is none), total weight, partials, blocks, whether
    to divide. The totals are left in the row after the blocks'."""

    def nll_totals_kernel(begin, end, arguments):
        out, total_weight, partials = (
            integer(arguments, 0), integer(arguments, 1), integer(arguments, 2),
        )  # fmt: skip
        blocks, divide = integer(arguments, 3), integer(arguments, 4)
        rows = span(partials, (blocks + 1) * _COLUMNS, types.float64)
        loss, weight, wrong, wrong_label = 0.0, 0.0, 0.0, 0.0
        for block in range(blocks):
            row = rows[block * _COLUMNS : (block + 1) * _COLUMNS]
            loss += row[0]
            weight += row[1]
            if row[2] != 0.0:
                wrong, wrong_label = row[2], row[3]
        rows[blocks * _COLUMNS + 2], rows[blocks * _COLUMNS + 3] = wrong, wrong_label
        span(total_weight, 1, element)[0] = store(convert(weight))
        if out:
            span(out, 1, element)[0] = store(convert(loss / weight if divide else loss))

    return nll_totals_kernel


def loss_gradient(load, store, convert, element, itemsize):
    """A work item is a batch entry. Slots: out, grad, labels, weight (or 0), total weight (0 unless
    reduction is mean), classes, inner, ignored label, whether `grad` is one number."""

    def nll_loss_gradient_kernel(begin, end, arguments):
        out, grad, labels = integer(arguments, 0), integer(arguments, 1), integer(arguments, 2)
        weight, total_weight = integer(arguments, 3), integer(arguments, 4)
        classes, inner = integer(arguments, 5), integer(arguments, 6)
        ignored, reduced = integer(arguments, 7), integer(arguments, 8)
        divisor = 1.0
        if total_weight:
            divisor = types.float64(load(span(total_weight, 1, element)[0]))
        for entry in range(begin, end):
            outs = span(out + itemsize * entry * classes * inner, classes * inner, element)
            zero = store(convert(0.0))
            for i in range(classes * inner):
                outs[i] = zero
            for i in range(inner):
                position = entry * inner + i
                label = span(labels + 8 * position, 1, types.int64)[0]
                if label == ignored or label < 0 or label >= classes:
                    continue
                g = types.float64(load(span(grad, 1, element)[0]))
                if not reduced:
                    g = types.float64(load(span(grad + itemsize * position, 1, element)[0]))
                factor = 1.0
                if weight:
                    factor = types.float64(load(span(weight + itemsize * label, 1, element)[0]))
                outs[label * inner + i] = store(convert(-factor * g / divisor))

    return nll_loss_gradient_kernel


@cache
def _kernels(dtype):
    access = conversion.load(dtype), conversion.store(dtype), conversion.cast(dtype)
    return (
        cpu_target.specialise(losses, *access, dtype.numba, dtype.itemsize),
        cpu_target.specialise(totals, *access[1:], dtype.numba),
        cpu_target.specialise(loss_gradient, *access, dtype.numba, dtype.itemsize),
    )


def _view(shape):
    """(batch, classes, inner) of scores, which may be (classes,) alone."""
    if len(shape) == 1:
        return 1, shape[0], 1
    return shape[0], shape[1], shapes.numel(shape[2:])


def _address(array):
    return 0 if array is None else array.address


def nll_loss(out, total_weight, input, target, weight, ignore_index, reduction):
    """-weight[target] * input[target], per label, summed, or divided by `total_weight` ("mean").

    IndexError where a label that is not `ignore_index` names no class.
    """
    input, target = dense(input), dense(target)
    weight = None if weight is None else dense(weight)
    batch, classes, inner = _view(input.shape)
    count = batch * inner
    blocks = -(-count // BLOCK)
    partials = empty(((blocks + 1) * _COLUMNS,), dtypes.float64)
    losses_kernel, totals_kernel, _ = _kernels(input.dtype)
    single, each = (0, out.address) if reduction == "none" else (out.address, 0)
    losses_kernel(
        blocks, max(1, GRAIN // BLOCK), each, input.address, target.address, _address(weight),
        partials.address, classes, inner, ignore_index, count,
    )  # fmt: skip
    totals_kernel(
        1, 1, single, total_weight.address, partials.address, blocks, int(reduction == "mean")
    )
    if recording.flag_at(partials.address + 8 * (partials.shape[0] - 2)):
        raise IndexError(f"Target {int(partials.as_numpy()[-1])} is out of bounds.")


def nll_loss_gradient(out, grad, target, weight, total_weight, ignore_index, reduction):
    """The gradient of nll_loss for its input; `out` is dense."""
    grad, target = dense(grad), dense(target)
    weight = None if weight is None else dense(weight)
    batch, classes, inner = _view(out.shape)
    divisor = total_weight.address if reduction == "mean" else 0
    _kernels(out.dtype)[2](
        batch, max(1, GRAIN // max(1, classes * inner)), out.address, grad.address, target.address,
        _address(weight), divisor, classes, inner, ignore_index, int(reduction != "none"),
    )  # fmt: skip
