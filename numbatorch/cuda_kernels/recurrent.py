"""Recurrent layers: all time steps of one layer and direction, a product and a launch each.

Rows of the operands that have all time steps lie as in the kernels for the CPU: row n of time step
t at `start of t + n * stride`, counted in rows.
"""

import numpy as np

from ..array import Array, initialise
from ..cuda_memory import empty_on
from ..cuda_target import cuda, specialise
from ..formulas import conversion
from ..formulas import recurrent as formulas
from ..formulas.arithmetic import add
from ..formulas.typed import formula
from ..shapes import Size, numel
from .elementwise import apply, dense
from .matmul import matmul
from .native import flat, from_host

# Cells ------------------------------------------------------------------------------------------
# One launch a time step, beside the product with the hidden states. A thread takes a hidden unit of a
# row of that step, number `row` of all steps. What a kernel does not touch is given another operand's
# memory. With a projection (`projects`) what a cell gives is not what the layer gives: that is then a
# product's affair.


def rnn_advance(formula, load, store, projects):
    def rnn_kernel(
        new, output, projected, product, hidden, cell, gates, kept, start, stride, size, count
    ):  # fmt: skip
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            at = (start + i // size * stride) * size + i % size
            value = store(formula(load(projected[at]) + load(product[i])))
            new[i] = value
            output[at] = value

    return rnn_kernel


def lstm_advance(formula, load, store, projects):
    def lstm_kernel(
        new, output, projected, product, hidden, cell, gates, kept, start, stride, size, count
    ):  # fmt: skip
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            n, j = i // size, i % size
            row = start + n * stride
            x, h = 4 * row * size + j, 4 * n * size + j
            values = formula(
                load(projected[x]) + load(product[h]),
                load(projected[x + size]) + load(product[h + size]),
                load(projected[x + 2 * size]) + load(product[h + 2 * size]),
                load(projected[x + 3 * size]) + load(product[h + 3 * size]),
                load(cell[i]),
            )
            gates[x] = store(values[0])
            gates[x + size] = store(values[1])
            gates[x + 2 * size] = store(values[2])
            gates[x + 3 * size] = store(values[3])
            new_cell, state = store(values[4]), store(values[5])
            cell[i] = new_cell
            kept[row * size + j] = new_cell
            new[i] = state
            if not projects:
                output[row * size + j] = state

    return lstm_kernel


def gru_advance(formula, load, store, projects):
    def gru_kernel(
        new, output, projected, product, hidden, cell, gates, kept, start, stride, size, count
    ):  # fmt: skip
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            n, j = i // size, i % size
            row = start + n * stride
            x, h = 3 * row * size + j, 3 * n * size + j
            values = formula(
                load(projected[x]), load(projected[x + size]), load(projected[x + 2 * size]),
                load(product[h]), load(product[h + size]), load(product[h + 2 * size]),
                load(hidden[i]),
            )  # fmt: skip
            gates[x] = store(values[0])
            gates[x + size] = store(values[1])
            gates[x + 2 * size] = store(values[2])
            kept[row * size + j] = product[h + 2 * size]
            state = store(values[3])
            new[i] = state
            output[row * size + j] = state

    return gru_kernel


# Backward, `grad` is the gradient of the hidden state by the later steps; `has_grad` tells whether
# there is one by the layer's output as well.


@formula
def before(x, initial, n, j, size, start, stride, rows):
    """The state that a row had a step before: in `x` if it was among that step's rows, else initial."""
    if n < rows:
        return x[(start + n * stride) * size + j]
    return initial[n * size + j]


def rnn_retreat(formula, load, store, projects, has_grad):
    def rnn_gradient_kernel(
        grad, grad_output, grad_cell, gates, kept, output, hidden, cell, previous, grad_input,
        grad_hidden, direct, raw, start, stride, size, count, start_before, rows_before,
    ):  # fmt: skip
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            n, j = i // size, i % size
            at = (start + n * stride) * size + j
            total = load(grad[i])
            if has_grad:
                total += load(grad_output[at])
            previous[at] = before(output, hidden, n, j, size, start_before, stride, rows_before)
            grad_input[at] = store(formula(total, load(gates[at])))

    return rnn_gradient_kernel


def lstm_retreat(formula, hidden_formula, load, store, projects, has_grad):
    def lstm_gradient_kernel(
        grad, grad_output, grad_cell, gates, kept, output, hidden, cell, previous, grad_input,
        grad_hidden, direct, raw, start, stride, size, count, start_before, rows_before,
    ):  # fmt: skip
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            n, j = i // size, i % size
            at = (start + n * stride) * size + j
            x = at + 3 * (at - j)
            total = load(grad[i])
            if has_grad:
                total += load(grad_output[at])
            output_gate, new_cell = load(gates[x + 3 * size]), load(kept[at])
            values = formula(
                total, load(grad_cell[i]), load(gates[x]), load(gates[x + size]),
                load(gates[x + 2 * size]), output_gate, new_cell,
                load(before(kept, cell, n, j, size, start_before, stride, rows_before)),
            )  # fmt: skip
            if projects:
                raw[at] = store(hidden_formula(output_gate, new_cell))
            else:
                previous[at] = before(output, hidden, n, j, size, start_before, stride, rows_before)
            grad_input[x] = store(values[0])
            grad_input[x + size] = store(values[1])
            grad_input[x + 2 * size] = store(values[2])
            grad_input[x + 3 * size] = store(values[3])
            grad_cell[i] = store(values[4])

    return lstm_gradient_kernel


def gru_retreat(formula, load, store, projects, has_grad):
    def gru_gradient_kernel(
        grad, grad_output, grad_cell, gates, kept, output, hidden, cell, previous, grad_input,
        grad_hidden, direct, raw, start, stride, size, count, start_before, rows_before,
    ):  # fmt: skip
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            n, j = i // size, i % size
            at = (start + n * stride) * size + j
            x = at + 2 * (at - j)
            total = load(grad[i])
            if has_grad:
                total += load(grad_output[at])
            state = before(output, hidden, n, j, size, start_before, stride, rows_before)
            previous[at] = state
            values = formula(
                total, load(gates[x]), load(gates[x + size]), load(gates[x + 2 * size]),
                load(kept[at]), load(state),
            )  # fmt: skip
            grad_input[x] = store(values[0])
            grad_input[x + size] = store(values[1])
            grad_input[x + 2 * size] = store(values[2])
            grad_hidden[x] = store(values[0])
            grad_hidden[x + size] = store(values[1])
            grad_hidden[x + 2 * size] = store(values[3])
            direct[i] = store(values[4])

    return gru_gradient_kernel


#: By kind of cell: gates, and the two templates with their formulas.
CELLS = {
    "RNN_TANH": (1, (rnn_advance, formulas.rnn_tanh), (rnn_retreat, formulas.rnn_tanh_gradient)),
    "RNN_RELU": (1, (rnn_advance, formulas.rnn_relu), (rnn_retreat, formulas.rnn_relu_gradient)),
    "LSTM": (
        4,
        (lstm_advance, formulas.lstm),
        (lstm_retreat, formulas.lstm_gradient, formulas.lstm_hidden),
    ),
    "GRU": (3, (gru_advance, formulas.gru), (gru_retreat, formulas.gru_gradient)),
}


def _specialise(template, dtype, *options):
    return specialise(*template, conversion.load(dtype), conversion.store(dtype), *options)


# Steps ------------------------------------------------------------------------------------------


def time_steps(rows, batch, batch_sizes, batch_first, reverse):
    """(start, stride, rows, start of the step before, rows of the step before) of every step."""
    if batch_sizes is not None:
        sizes = batch_sizes.as_numpy().tolist()
        starts, stride = np.cumsum([0, *sizes]).tolist(), 1
    else:
        count = rows // max(batch, 1)
        sizes = [batch] * count
        starts, stride = (range(count), count) if batch_first else (range(0, rows, batch or 1), 1)
    order = range(len(sizes))
    steps, before = [], (0, 0)
    for t in reversed(order) if reverse else order:
        steps.append((starts[t], stride, sizes[t], *before))
        before = starts[t], sizes[t]
    return steps


def _view(x, first, stride, count):
    """`count` rows of a dense Array of any dimensions, from `first` on, `stride` rows apart."""
    width = x.shape[-1]
    shape, strides = Size((count, width)), (stride * width, 1)
    return initialise(Array(), x.storage, x.dtype, shape, strides, x.offset + first * width)


def _transposed(matrix):
    return initialise(
        Array(), matrix.storage, matrix.dtype, matrix.shape[::-1], matrix.strides[::-1],
        matrix.offset,
    )  # fmt: skip


def _copy(out, x):
    apply(conversion.identity, out, x)


def _start_gradient(out, x):
    """out = x, or zeros where x is None."""
    index = out.storage.device_index
    _copy(out, from_host(np.zeros(()), out.dtype, index) if x is None else x)


# Host functions ---------------------------------------------------------------------------------


def recurrence(
    output, hidden_n, cell_n, gates, kept, projected, hidden, cell, w_hh, b_hh, w_hr, batch_sizes,
    mode, reverse, batch_first,
):  # fmt: skip
    """One layer in one direction: output, the final states, and what its gradient needs.

    `projected`, the input times w_ih plus its bias, is (T, N, gates * H), or (N, T, gates * H) with
    `batch_first`, or packed with batch_sizes (int64). What a kind of cell does not have is empty.
    """
    gate_count, template, _ = CELLS[mode]
    index, dtype = output.storage.device_index, output.dtype
    batch, width = hidden.shape[0], w_hh.shape[0] // gate_count
    projected = dense(projected)
    product = empty_on(index, (batch, w_hh.shape[0]), dtype)
    new = hidden_n if w_hr is None else empty_on(index, (batch, width), dtype)
    _copy(hidden_n, hidden)
    if cell is not None:
        _copy(cell_n, cell)
    kernel = _specialise(template, dtype, w_hr is not None)
    rows = numel(output.shape[:-1])
    for start, stride, size, _, _ in time_steps(rows, batch, batch_sizes, batch_first, reverse):
        state = _view(hidden_n, 0, 1, size)
        matmul(_view(product, 0, 1, size), state, _transposed(w_hh), b_hh)
        kernel(
            size * width, flat(new), flat(output), flat(projected), flat(product), flat(hidden_n),
            flat(cell_n), flat(gates), flat(kept), start, stride, width, size * width,
        )  # fmt: skip
        if w_hr is not None:
            matmul(state, _view(new, 0, 1, size), _transposed(w_hr))
            _copy(_view(output, start, stride, size), state)


def recurrence_gradient(
    grad_projected, grad_product, previous, grad_hidden, grad_cell, grad_projection, raw,
    grad_output, grad_hidden_n, grad_cell_n, hidden, cell, w_hh, w_hr, output, gates, kept,
    batch_sizes, mode, reverse, batch_first,
):  # fmt: skip
    """The gradients of what enters the gates from the input (grad_projected) and from the hidden
    state (grad_product: empty where it is the same), of the initial states; the previous hidden
    states, and with w_hr what its gradient is a product of. Gradients that are given may be None.
    """
    gate_count, _, template = CELLS[mode]
    index, dtype = output.storage.device_index, output.dtype
    batch, width = hidden.shape[0], w_hh.shape[0] // gate_count
    hidden, gates = dense(hidden), output if 0 in gates.shape else gates
    entering = grad_product if mode == "GRU" else grad_projected
    grad_output = None if grad_output is None else dense(grad_output)
    projects, has_grad = w_hr is not None, w_hr is None and grad_output is not None
    _start_gradient(grad_hidden, grad_hidden_n)
    if cell is not None:
        cell = dense(cell)
        _start_gradient(grad_cell, grad_cell_n)
    room = empty_on(index, (batch, width), dtype) if projects else grad_hidden
    kernel = _specialise(template, dtype, projects, has_grad)
    rows = numel(output.shape[:-1])
    steps = time_steps(rows, batch, batch_sizes, batch_first, reverse)
    for start, stride, size, start_before, rows_before in reversed(steps):
        state = _view(grad_hidden, 0, 1, size)
        if projects:
            _through_projection(
                room, state, w_hr, grad_output, grad_projection, (start, stride, size)
            )
            _keep_previous(
                previous, output, hidden, (start, stride, size, start_before, rows_before)
            )
        kernel(
            size * width, flat(room), flat(grad_output if has_grad else room), flat(grad_cell),
            flat(gates), flat(kept), flat(output), flat(hidden), flat(hidden if cell is None else cell),
            flat(previous), flat(grad_projected), flat(entering), flat(grad_hidden),
            flat(raw if projects else room), start, stride, width, size * width, start_before,
            rows_before,
        )  # fmt: skip
        added = state if mode == "GRU" else None
        matmul(state, _view(entering, start, stride, size), w_hh, added)


def _through_projection(room, state, w_hr, grad_output, grad_projection, rows):
    """`room` = the gradient of what a step's cell gives, from that of what the layer gives."""
    start, stride, size = rows
    if grad_output is not None:
        apply(add, state, state, _view(grad_output, start, stride, size))
    _copy(_view(grad_projection, start, stride, size), state)
    matmul(_view(room, 0, 1, size), state, w_hr)


def _keep_previous(previous, output, hidden, step):
    """The hidden states before a step: rows of the output, and of the initial ones."""
    start, stride, size, start_before, rows_before = step
    known = min(size, rows_before)
    _copy(_view(previous, start, stride, known), _view(output, start_before, stride, known))
    rest = size - known
    _copy(_view(previous, start + known * stride, stride, rest), _view(hidden, known, 1, rest))
