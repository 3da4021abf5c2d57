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
from ..shapes import Size, numel
from .elementwise import apply, dense
from .matmul import matmul
from .native import flat, from_host

# Cells ------------------------------------------------------------------------------------------
# A thread takes a hidden unit of a row of one time step, number `row` of all steps. What a kernel
# does not touch is given another operand's memory.


def rnn_advance(formula):
    def rnn_kernel(
        new, projected, product, hidden, cell, gates, kept, start, stride, size, count
    ):  # fmt: skip
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            row = start + i // size * stride
            new[i] = formula(projected[row * size + i % size] + product[i])

    return rnn_kernel


def rnn_retreat(formula):
    def rnn_gradient_kernel(
        grad, grad_cell, gates, kept, hidden, cell, grad_input, grad_hidden, direct, raw, start,
        stride, size, count,
    ):  # fmt: skip
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            at = (start + i // size * stride) * size + i % size
            grad_input[at] = formula(grad[i], gates[at])

    return rnn_gradient_kernel


def lstm_advance(formula):
    def lstm_kernel(
        new, projected, product, hidden, cell, gates, kept, start, stride, size, count
    ):  # fmt: skip
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            n, j = i // size, i % size
            row = start + n * stride
            x, h = 4 * row * size + j, 4 * n * size + j
            values = formula(
                projected[x] + product[h], projected[x + size] + product[h + size],
                projected[x + 2 * size] + product[h + 2 * size],
                projected[x + 3 * size] + product[h + 3 * size], cell[i],
            )  # fmt: skip
            gates[x] = values[0]
            gates[x + size] = values[1]
            gates[x + 2 * size] = values[2]
            gates[x + 3 * size] = values[3]
            cell[i] = values[4]
            kept[row * size + j] = values[4]
            new[i] = values[5]

    return lstm_kernel


def lstm_retreat(formula, hidden_formula):
    def lstm_gradient_kernel(
        grad, grad_cell, gates, kept, hidden, cell, grad_input, grad_hidden, direct, raw, start,
        stride, size, count,
    ):  # fmt: skip
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            j = i % size
            row = start + i // size * stride
            x = 4 * row * size + j
            new_cell = kept[row * size + j]
            values = formula(
                grad[i], grad_cell[i], gates[x], gates[x + size], gates[x + 2 * size],
                gates[x + 3 * size], new_cell, cell[i],
            )  # fmt: skip
            raw[row * size + j] = hidden_formula(gates[x + 3 * size], new_cell)
            grad_input[x] = values[0]
            grad_input[x + size] = values[1]
            grad_input[x + 2 * size] = values[2]
            grad_input[x + 3 * size] = values[3]
            grad_cell[i] = values[4]

    return lstm_gradient_kernel


def gru_advance(formula):
    def gru_kernel(
        new, projected, product, hidden, cell, gates, kept, start, stride, size, count
    ):  # fmt: skip
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            n, j = i // size, i % size
            row = start + n * stride
            x, h = 3 * row * size + j, 3 * n * size + j
            values = formula(
                projected[x], projected[x + size], projected[x + 2 * size], product[h],
                product[h + size], product[h + 2 * size], hidden[i],
            )  # fmt: skip
            gates[x] = values[0]
            gates[x + size] = values[1]
            gates[x + 2 * size] = values[2]
            kept[row * size + j] = product[h + 2 * size]
            new[i] = values[3]

    return gru_kernel


def gru_retreat(formula):
    def gru_gradient_kernel(
        grad, grad_cell, gates, kept, hidden, cell, grad_input, grad_hidden, direct, raw, start,
        stride, size, count,
    ):  # fmt: skip
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            j = i % size
            row = start + i // size * stride
            x = 3 * row * size + j
            values = formula(
                grad[i], gates[x], gates[x + size], gates[x + 2 * size], kept[row * size + j],
                hidden[row * size + j],
            )  # fmt: skip
            grad_input[x] = values[0]
            grad_input[x + size] = values[1]
            grad_input[x + 2 * size] = values[2]
            grad_hidden[x] = values[0]
            grad_hidden[x + size] = values[1]
            grad_hidden[x + 2 * size] = values[3]
            direct[i] = values[4]

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
    kernel = specialise(*template)
    rows = numel(output.shape[:-1])
    for start, stride, size, _, _ in time_steps(rows, batch, batch_sizes, batch_first, reverse):
        state = _view(hidden_n, 0, 1, size)
        matmul(_view(product, 0, 1, size), state, _transposed(w_hh), b_hh)
        kernel(
            size * width, flat(new), flat(projected), flat(product), flat(hidden_n), flat(cell_n),
            flat(gates), flat(kept), start, stride, width, size * width,
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
    cell_before = room = hidden
    grad_output = None if grad_output is None else dense(grad_output)
    _start_gradient(grad_hidden, grad_hidden_n)
    if cell is not None:
        cell, cell_before = dense(cell), empty_on(index, cell.shape, dtype)
        _start_gradient(grad_cell, grad_cell_n)
    if w_hr is None:
        room = grad_hidden
        raw = grad_projected if cell is None else empty_on(index, kept.shape, dtype)
    else:
        room = empty_on(index, (batch, width), dtype)
    kernel = specialise(*template)
    rows = numel(output.shape[:-1])
    steps = time_steps(rows, batch, batch_sizes, batch_first, reverse)
    for start, stride, size, start_before, size_before in reversed(steps):
        state = _view(grad_hidden, 0, 1, size)
        if grad_output is not None:
            apply(add, state, state, _view(grad_output, start, stride, size))
        if w_hr is not None:
            _copy(_view(grad_projection, start, stride, size), state)
            matmul(_view(room, 0, 1, size), state, w_hr)
        for now, first, x, initial in (
            (previous, start, output, hidden),
            (cell_before, None, kept, cell),
        ):
            if initial is None:
                continue
            known = min(size, size_before)
            place, step = (0, 1) if first is None else (first, stride)
            _copy(_view(now, place, step, known), _view(x, start_before, stride, known))
            place += known * step
            _copy(_view(now, place, step, size - known), _view(initial, known, 1, size - known))
        kernel(
            size * width, flat(room), flat(grad_cell), flat(gates), flat(kept), flat(previous),
            flat(cell_before), flat(grad_projected), flat(entering), flat(grad_hidden), flat(raw),
            start, stride, width, size * width,
        )  # fmt: skip
        added = state if mode == "GRU" else None
        matmul(state, _view(entering, start, stride, size), w_hh, added)
