"""Optimizer steps over whole lists of parameters, one launch each."""

from .. import devices, graph
from ..formulas import optimizer as formulas
from ..op import dynamic


@dynamic(name="optimizer_step")
def optimizer_step(*tensors, formula, columns, coefficients):
    """Move parameters in place. `tensors` are `columns` lists of one length, one after another:
    parameters, gradients, then their state."""
    count = len(tensors) // columns
    lists = [tensors[k * count : (k + 1) * count] for k in range(columns)]
    devices.kernels(tensors[0]).optimizer.update(formula, lists, coefficients)
    for k, values in enumerate(lists):
        if k != 1:
            for value in values:
                graph.bump_version(value)
    return lists[0]


def fusable(*columns):
    """Whether lists of parameters, gradients and state can be moved in one launch: dense, alike in
    layout, of one floating dtype, on one device."""
    dtype, place = columns[0][0].dtype, devices.of(columns[0][0])
    if not dtype.is_floating_point:
        return False
    for tensors in zip(*columns):
        first = tensors[0]
        for x in tensors:
            if (
                x.dtype is not dtype
                or devices.of(x) != place
                or x.shape != first.shape
                or not x.contiguous_layout
            ):
                return False
    return True


def _step(formula, columns, coefficients):
    tensors = [x for column in columns for x in column]
    optimizer_step(*tensors, formula=formula, columns=len(columns), coefficients=coefficients)


def sgd_(params, grads, buffers, *, lr, weight_decay=0.0, momentum=0.0, dampening=0.0,
         nesterov=False, first=False):  # fmt: skip
    """One step of gradient descent; `buffers` is None without momentum.

    With `first`, the buffers hold nothing yet and become the gradients.
    """
    if buffers is None:
        _step(formulas.sgd, (params, grads), [(lr, weight_decay)] * len(params))
        return
    kept, added = (0.0, 1.0) if first else (momentum, 1 - dampening)
    lookahead = momentum if nesterov else 0.0
    numbers = (lr, weight_decay, kept, added, lookahead)
    _step(formulas.sgd_momentum, (params, grads, buffers), [numbers] * len(params))


def adam_(params, grads, means, squares, largest, steps, *, lr, betas, eps, weight_decay=0.0,
          decoupled_weight_decay=False):  # fmt: skip
    """One step of Adam, or of AdamW with decoupled weight decay.

    `largest` is None, or the largest mean squares (amsgrad); `steps` counts the steps of each
    parameter, this one included.
    """
    beta1, beta2 = betas
    decay, shrink = (0.0, 1 - lr * weight_decay) if decoupled_weight_decay else (weight_decay, 1.0)
    coefficients = [
        (lr / (1 - beta1**step), (1 - beta2**step) ** 0.5, 1 - beta1, beta2, 1 - beta2, eps,
         decay, shrink)
        for step in steps
    ]  # fmt: skip
    if largest is None:
        _step(formulas.adam, (params, grads, means, squares), coefficients)
    else:
        columns = (params, grads, means, squares, largest)
        _step(formulas.adam_amsgrad, columns, coefficients)


def adadelta_(params, grads, squares, accumulated, *, lr, rho, eps, weight_decay=0.0):
    """One step of Adadelta."""
    numbers = (lr, rho, 1 - rho, eps, weight_decay)
    _step(formulas.adadelta, (params, grads, squares, accumulated), [numbers] * len(params))
