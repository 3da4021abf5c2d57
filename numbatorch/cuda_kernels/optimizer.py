"""Optimizer updates of a list of parameters, a launch for each."""

from .. import shapes
from ..cuda_target import cuda, specialise
from ..formulas import conversion
from .native import flat

# One template for each number of state tensors.


def stateless(formula, load, store, convert):
    """param, = formula(param, grad, *coefficients)"""

    def stateless_kernel(param, grad, count, coefficients):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            values = formula(load(param[i]), load(grad[i]), *coefficients)
            param[i] = store(convert(values[0]))

    return stateless_kernel


def one_state(formula, load, store, convert):
    """param, state = formula(param, grad, state, *coefficients)"""

    def one_state_kernel(param, grad, state, count, coefficients):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            values = formula(load(param[i]), load(grad[i]), load(state[i]), *coefficients)
            param[i] = store(convert(values[0]))
            state[i] = store(convert(values[1]))

    return one_state_kernel


def two_states(formula, load, store, convert):
    """param, first, second = formula(param, grad, first, second, *coefficients)"""

    def two_states_kernel(param, grad, first, second, count, coefficients):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            values = formula(
                load(param[i]), load(grad[i]), load(first[i]), load(second[i]), *coefficients
            )
            param[i] = store(convert(values[0]))
            first[i] = store(convert(values[1]))
            second[i] = store(convert(values[2]))

    return two_states_kernel


def three_states(formula, load, store, convert):
    """param, first, second, third = formula(param, grad, first, second, third, *coefficients)"""

    def three_states_kernel(param, grad, first, second, third, count, coefficients):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            values = formula(
                load(param[i]), load(grad[i]), load(first[i]), load(second[i]), load(third[i]),
                *coefficients,
            )  # fmt: skip
            param[i] = store(convert(values[0]))
            first[i] = store(convert(values[1]))
            second[i] = store(convert(values[2]))
            third[i] = store(convert(values[3]))

    return three_states_kernel


_TEMPLATES = (stateless, one_state, two_states, three_states)


def update(formula, columns, coefficients):
    """Move every parameter in columns[0] by its gradient in columns[1] and the state in the others.

    All tensors are dense and of one dtype; coefficients[i] are the numbers of parameter i.
    """
    dtype = columns[0][0].dtype
    template = _TEMPLATES[len(columns) - 2]
    kernel = specialise(
        template, formula, conversion.load(dtype), conversion.store(dtype), conversion.cast(dtype)
    )
    for tensors, numbers in zip(zip(*columns), coefficients):
        count = shapes.numel(tensors[0].shape)
        if count:
            numbers = tuple([dtype.compute(number) for number in numbers])
            kernel(count, *[flat(x) for x in tensors], count, numbers)
