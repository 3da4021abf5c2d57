"""Optimizer steps over whole lists of parameters, one launch each."""

from .. import devices, graph
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
    forms = tuple([devices.forms_of(tuple(column)) for column in columns])
    found = _known.get(forms)
    if found is None:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        found = _known[forms] = _alike(*forms)
    return found


_known, _MOST_KNOWN = {}, 256


def _alike(*forms):
    """`fusable` of lists of tensors that have these Forms."""
    dtype, place = forms[0][0].dtype, forms[0][0].place
    if not dtype.is_floating_point:
        return False
    for first, *others in zip(*forms):
        if first.dtype is not dtype or first.place != place or not first.is_contiguous:
            return False
        for form in others:
            if form is not first and (
                form.dtype is not dtype
                or form.place != place
                or form.shape != first.shape
                or not form.is_contiguous
            ):
                return False
    return True


def update_(formula, columns, coefficients):
    """param, *state = formula(param, grad, *state, *coefficients[i]) for parameter i of every list.

    `columns` are lists of one length: parameters, gradients, then their state.
    """
    tensors = [x for column in columns for x in column]
    optimizer_step(*tensors, formula=formula, columns=len(columns), coefficients=coefficients)
