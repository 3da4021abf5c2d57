"""Recurrent layers: all time steps of one layer and direction in one call, forward and backward.

The rows of a batch do not depend on each other, so a work item is one of them: a thread takes its
rows through all time steps. A step is a product of the hidden states with packed weights (gemm.py),
then one pass over the gates.

Row n of time step t lies at row `start of t + n * stride` of the operands that have all steps: at
t * N + n where time comes first, at n * T + t where the batch does. In packed sequences a step has
batch_sizes[t] rows, sorted so that the sequences that end are the last of the batch.
"""

from collections import namedtuple

import numpy as np
from numba.extending import register_jitable

from .. import cpu_target, shapes
from ..array import Array, empty, initialise
from ..formulas import recurrent as formulas
from .elementwise import dense
from .gemm import tile_height
from .native import integer, read, span, write
from .packed_product import packed, row_multiplier

#: Multiplications of all steps that are worth a thread of their own.
GRAIN = 65536

# Cells ------------------------------------------------------------------------------------------
# advance(...) computes the hidden state of one row from `projected`, what enters its gates from the
# input, and `product`, what enters from the hidden state. `gates` and `kept` hold what backward
# needs. retreat(...) goes back: from `grad`, the gradient of the new hidden state, to those of what
# enters from the input and from the hidden state. All arguments but the size are addresses.


def rnn_cell(formula, gradient):
    """The factories of an Elman cell's two functions; its gate is the hidden state itself."""

    def advance_factory(element):
        @register_jitable
        def advance(size, projected, product, hidden, cell, gates, kept, new):
            for j in range(size):
                entering = read(projected, j, element) + read(product, j, element)
                write(new, j, formula(entering))

        return advance

    def retreat_factory(element):
        @register_jitable
        def retreat(
            size, grad, grad_cell, gates, kept, hidden, cell, grad_input, grad_hidden, direct, new
        ):
            for j in range(size):
                write(grad_input, j, gradient(read(grad, j, element), read(gates, j, element)))

        return retreat

    return advance_factory, retreat_factory


def _lstm_advance(element):
    @register_jitable
    def advance(size, projected, product, hidden, cell, gates, kept, new):
        for j in range(size):
            values = formulas.lstm(
                read(projected, j, element) + read(product, j, element),
                read(projected, j + size, element) + read(product, j + size, element),
                read(projected, j + 2 * size, element) + read(product, j + 2 * size, element),
                read(projected, j + 3 * size, element) + read(product, j + 3 * size, element),
                read(cell, j, element),
            )
            write(gates, j, values[0])
            write(gates, j + size, values[1])
            write(gates, j + 2 * size, values[2])
            write(gates, j + 3 * size, values[3])
            write(cell, j, values[4])
            write(kept, j, values[4])
            write(new, j, values[5])

    return advance


def _lstm_retreat(element):
    @register_jitable
    def retreat(
        size, grad, grad_cell, gates, kept, hidden, cell, grad_input, grad_hidden, direct, new
    ):
        for j in range(size):
            values = formulas.lstm_gradient(
                read(grad, j, element), read(grad_cell, j, element), read(gates, j, element),
                read(gates, j + size, element), read(gates, j + 2 * size, element),
                read(gates, j + 3 * size, element), read(kept, j, element),
                read(cell, j, element),
            )  # fmt: skip
            write(grad_input, j, values[0])
            write(grad_input, j + size, values[1])
            write(grad_input, j + 2 * size, values[2])
            write(grad_input, j + 3 * size, values[3])
            write(grad_cell, j, values[4])
        if new != 0:
            for j in range(size):
                gate = read(gates, j + 3 * size, element)
                write(new, j, formulas.lstm_hidden(gate, read(kept, j, element)))

    return retreat


def _gru_advance(element):
    @register_jitable
    def advance(size, projected, product, hidden, cell, gates, kept, new):
        for j in range(size):
            hidden_new = read(product, j + 2 * size, element)
            values = formulas.gru(
                read(projected, j, element), read(projected, j + size, element),
                read(projected, j + 2 * size, element), read(product, j, element),
                read(product, j + size, element), hidden_new, read(hidden, j, element),
            )  # fmt: skip
            write(gates, j, values[0])
            write(gates, j + size, values[1])
            write(gates, j + 2 * size, values[2])
            write(kept, j, hidden_new)
            write(new, j, values[3])

    return advance


def _gru_retreat(element):
    @register_jitable
    def retreat(
        size, grad, grad_cell, gates, kept, hidden, cell, grad_input, grad_hidden, direct, new
    ):
        for j in range(size):
            values = formulas.gru_gradient(
                read(grad, j, element), read(gates, j, element), read(gates, j + size, element),
                read(gates, j + 2 * size, element), read(kept, j, element),
                read(hidden, j, element),
            )  # fmt: skip
            write(grad_input, j, values[0])
            write(grad_input, j + size, values[1])
            write(grad_input, j + 2 * size, values[2])
            write(grad_hidden, j, values[0])
            write(grad_hidden, j + size, values[1])
            write(grad_hidden, j + 2 * size, values[3])
            write(direct, j, values[4])

    return retreat


#: gates: how many a cell has; direct: whether the hidden state also passes beside the gates.
Cell = namedtuple("Cell", "gates advance retreat direct")

CELLS = {
    "RNN_TANH": Cell(1, *rnn_cell(formulas.rnn_tanh, formulas.rnn_tanh_gradient), False),
    "RNN_RELU": Cell(1, *rnn_cell(formulas.rnn_relu, formulas.rnn_relu_gradient), False),
    "LSTM": Cell(4, _lstm_advance, _lstm_retreat, False),
    "GRU": Cell(3, _gru_advance, _gru_retreat, True),
}


# Layers -----------------------------------------------------------------------------------------
# Slots common to both directions: 0 time steps, 1 rows of the batch, 2 rows of all steps, 3 stride
# of a time step, 4 stride of a row of the batch (both counted in rows), 5 address of batch_sizes
# (0: none), 6 whether the sequence is read backwards, 7 hidden size, 8 output size, 9 gates.


@register_jitable
def copy_row(out, x, size, element):
    for j in range(size):
        write(out, j, read(x, j, element))


@register_jitable
def copy_rows(begin, end, out, x, size, element):
    """Rows [begin, end) of `out`, dense, become those of x, or zeros where x is 0."""
    for j in range(begin * size, end * size):
        if x == 0:
            write(out, j, element(0))
        else:
            write(out, j, read(x, j, element))


def forward(cell_factory, element):
    """Slots from 10: projected, room for products, panels of w_hh, bias (0: none), the states
    (hidden, cell), output, gates, kept, panels of w_hr (0: none), room for hidden states before
    it, the initial states."""
    advance, multiply = cell_factory(element), row_multiplier(element)
    itemsize = element.bitwidth // 8

    def recurrence_kernel(begin, end, arguments):
        steps, batch = integer(arguments, 0), integer(arguments, 1)
        step_stride, row_stride = integer(arguments, 3), integer(arguments, 4)
        sizes, backwards = integer(arguments, 5), integer(arguments, 6)
        width, gates = integer(arguments, 7), integer(arguments, 9)
        hidden_bytes, output_bytes = width * itemsize, integer(arguments, 8) * itemsize
        gate_bytes = gates * width * itemsize
        product, hidden = integer(arguments, 11), integer(arguments, 14)
        projection, raw = integer(arguments, 19), integer(arguments, 20)
        copy_rows(begin, end, hidden, integer(arguments, 21), integer(arguments, 8), element)
        if integer(arguments, 22) != 0:
            copy_rows(begin, end, integer(arguments, 15), integer(arguments, 22), width, element)
        start = 0 if backwards == 0 else integer(arguments, 2)
        for turn in range(steps):
            t = turn if backwards == 0 else steps - 1 - turn
            size = batch
            if sizes != 0:
                size = span(sizes, steps, np.int64)[t]
                if backwards != 0:
                    start -= size
            else:
                start = t * step_stride
            last = min(end, size)
            if begin < last:
                multiply(
                    last - begin, gates * width, integer(arguments, 8),
                    hidden + begin * output_bytes, output_bytes, integer(arguments, 12),
                    integer(arguments, 13), 0, product + begin * gate_bytes, gate_bytes,
                )  # fmt: skip
            for n in range(begin, last):
                row = start + n * row_stride
                state = hidden + n * output_bytes
                new = state if projection == 0 else raw + n * hidden_bytes
                advance(
                    width, integer(arguments, 10) + row * gate_bytes, product + n * gate_bytes,
                    state, integer(arguments, 15) + n * hidden_bytes,
                    integer(arguments, 17) + row * gate_bytes,
                    integer(arguments, 18) + row * hidden_bytes, new,
                )  # fmt: skip
            if projection != 0 and begin < last:
                multiply(
                    last - begin, integer(arguments, 8), width, raw + begin * hidden_bytes,
                    hidden_bytes, projection, 0, 0, hidden + begin * output_bytes, output_bytes,
                )  # fmt: skip
            for n in range(begin, last):
                copy_row(
                    integer(arguments, 16) + (start + n * row_stride) * output_bytes,
                    hidden + n * output_bytes, integer(arguments, 8), element,
                )  # fmt: skip
            if sizes != 0 and backwards == 0:
                start += size

    return recurrence_kernel


def backward(cell_factory, direct, element):
    """Slots from 10: gradient of the output (0: none), gradients of the states (hidden, cell),
    panels of w_hh, the initial states, output, gates, kept, then results: gradients of what enters
    the gates from the input and from the hidden state, the previous hidden states; then panels of
    w_hr (0: none), gradients of what it gave, hidden states before it, room for their gradients in
    one step; the gradients of the final states (0: none)."""
    retreat, multiply = cell_factory(element), row_multiplier(element)
    itemsize = element.bitwidth // 8

    def recurrence_gradient_kernel(begin, end, arguments):
        steps, batch = integer(arguments, 0), integer(arguments, 1)
        step_stride, row_stride = integer(arguments, 3), integer(arguments, 4)
        sizes, backwards = integer(arguments, 5), integer(arguments, 6)
        width, outputs, gates = integer(arguments, 7), integer(arguments, 8), integer(arguments, 9)
        hidden_bytes, output_bytes = width * itemsize, outputs * itemsize
        gate_bytes = gates * width * itemsize
        grad_output, grad_hidden = integer(arguments, 10), integer(arguments, 11)
        projection, room = integer(arguments, 22), integer(arguments, 25)
        copy_rows(begin, end, grad_hidden, integer(arguments, 26), outputs, element)
        if integer(arguments, 12) != 0:
            copy_rows(begin, end, integer(arguments, 12), integer(arguments, 27), width, element)
        start = 0 if backwards != 0 else integer(arguments, 2)
        for turn in range(steps):
            t = turn if backwards != 0 else steps - 1 - turn
            before = t - 1 if backwards == 0 else t + 1
            size, size_before = batch, batch
            if before < 0 or before == steps:
                size_before = 0
            if sizes != 0:
                all_sizes = span(sizes, steps, np.int64)
                size = all_sizes[t]
                if size_before != 0:
                    size_before = all_sizes[before]
                if backwards == 0:
                    start -= size
                start_before = start - size_before if backwards == 0 else start + size
            else:
                start, start_before = t * step_stride, before * step_stride
            last = min(end, size)
            for n in range(begin, last):
                row = start + n * row_stride
                state = grad_hidden + n * output_bytes
                if grad_output != 0:
                    arriving = grad_output + row * output_bytes
                    for j in range(outputs):
                        write(state, j, read(state, j, element) + read(arriving, j, element))
                if projection != 0:
                    copy_row(integer(arguments, 23) + row * output_bytes, state, outputs, element)
            if projection != 0 and begin < last:
                multiply(
                    last - begin, width, outputs, grad_hidden + begin * output_bytes, output_bytes,
                    projection, 0, 0, room + begin * hidden_bytes, hidden_bytes,
                )  # fmt: skip
            for n in range(begin, last):
                row = start + n * row_stride
                if n < size_before:
                    row_before = start_before + n * row_stride
                    hidden = integer(arguments, 16) + row_before * output_bytes
                    cell = integer(arguments, 18) + row_before * hidden_bytes
                else:
                    hidden = integer(arguments, 14) + n * output_bytes
                    cell = integer(arguments, 15) + n * hidden_bytes
                state = grad_hidden + n * output_bytes
                grad, raw = state, 0
                if projection != 0:
                    grad = room + n * hidden_bytes
                    raw = integer(arguments, 24) + row * hidden_bytes
                retreat(
                    width, grad, integer(arguments, 12) + n * hidden_bytes,
                    integer(arguments, 17) + row * gate_bytes,
                    integer(arguments, 18) + row * hidden_bytes, hidden, cell,
                    integer(arguments, 19) + row * gate_bytes,
                    integer(arguments, 20) + row * gate_bytes, state, raw,
                )  # fmt: skip
                copy_row(integer(arguments, 21) + row * output_bytes, hidden, outputs, element)
            if begin < last:
                entering = integer(arguments, 20) + (start + begin * row_stride) * gate_bytes
                states = grad_hidden + begin * output_bytes
                multiply(
                    last - begin, outputs, gates * width, entering, row_stride * gate_bytes,
                    integer(arguments, 13), states if direct else 0, output_bytes,
                    states, output_bytes,
                )  # fmt: skip
            if sizes != 0 and backwards != 0:
                start += size

    return recurrence_gradient_kernel


# Host functions ---------------------------------------------------------------------------------


def _transposed(matrix):
    """The same memory, rows and columns exchanged."""
    return initialise(
        Array(), matrix.storage, matrix.dtype, matrix.shape[::-1], matrix.strides[::-1],
        matrix.offset,
    )  # fmt: skip


def _address(array):
    """Where a dense Array lies; 0 for None and for an empty one."""
    return 0 if array is None or 0 in array.shape else array.address


def _common_slots(mode, output, hidden, width, batch_sizes, reverse, batch_first):
    """(slots 0 to 9, least rows of the batch for a thread)"""
    batch, outputs = hidden.shape
    rows = shapes.numel(output.shape[:-1])
    if batch_sizes is None:
        steps, sizes = rows // max(batch, 1), 0
        step_stride, row_stride = (1, steps) if batch_first else (batch, 1)
    else:
        steps, sizes = batch_sizes.shape[0], batch_sizes.address
        step_stride, row_stride = 0, 1
    gates = CELLS[mode].gates
    work = steps * gates * width * outputs
    slots = (steps, batch, rows, step_stride, row_stride, sizes, int(reverse), width, outputs)
    return (*slots, gates), max(tile_height(), GRAIN // max(work, 1))


def recurrence(
    output, hidden_n, cell_n, gates, kept, projected, hidden, cell, w_hh, b_hh, w_hr, batch_sizes,
    mode, reverse, batch_first,
):  # fmt: skip
    """One layer in one direction: output, the final states, and what its gradient needs.

    `projected`, the input times w_ih plus its bias, is (T, N, gates * H), or (N, T, gates * H) with
    `batch_first`, or packed with batch_sizes (int64). What a kind of cell does not have is empty.
    """
    dtype, batch, width = output.dtype, hidden.shape[0], w_hh.shape[0] // CELLS[mode].gates
    projected, hidden = dense(projected), dense(hidden)
    cell = None if cell is None else dense(cell)
    b_hh = None if b_hh is None else dense(b_hh)
    panels, product = packed(_transposed(w_hh)), empty((batch, w_hh.shape[0]), dtype)
    projection = raw = None
    if w_hr is not None:
        projection, raw = packed(_transposed(w_hr)), empty((batch, width), dtype)
    slots, grain = _common_slots(mode, output, hidden, width, batch_sizes, reverse, batch_first)
    kernel = cpu_target.specialise(forward, CELLS[mode].advance, dtype.numba)
    kernel(
        batch, grain, *slots, projected.address, product.address, panels.address, _address(b_hh),
        hidden_n.address, _address(cell_n), output.address, _address(gates), _address(kept),
        _address(projection), _address(raw), hidden.address, _address(cell),
    )  # fmt: skip


def recurrence_gradient(
    grad_projected, grad_product, previous, grad_hidden, grad_cell, grad_projection, raw,
    grad_output, grad_hidden_n, grad_cell_n, hidden, cell, w_hh, w_hr, output, gates, kept,
    batch_sizes, mode, reverse, batch_first,
):  # fmt: skip
    """The gradients of what enters the gates from the input (grad_projected) and from the hidden
    state (grad_product: empty where it is the same), of the initial states; the previous hidden
    states, and with w_hr what its gradient is a product of. Gradients that are given may be None.
    """
    dtype, batch, width = output.dtype, hidden.shape[0], w_hh.shape[0] // CELLS[mode].gates
    hidden = dense(hidden)
    grads = [None if x is None else dense(x) for x in (grad_output, grad_hidden_n, grad_cell_n)]
    cell = None if cell is None else dense(cell)
    panels, projection, room = packed(w_hh), None, None
    if w_hr is not None:
        projection, room = packed(w_hr), empty((batch, width), dtype)
    slots, grain = _common_slots(mode, output, hidden, width, batch_sizes, reverse, batch_first)
    kind = CELLS[mode]
    kernel = cpu_target.specialise(backward, kind.retreat, kind.direct, dtype.numba)
    kernel(
        batch, grain, *slots, _address(grads[0]), grad_hidden.address, _address(grad_cell),
        panels.address, hidden.address, _address(cell), output.address,
        _address(gates) or output.address, _address(kept), grad_projected.address,
        _address(grad_product) or grad_projected.address, previous.address, _address(projection),
        _address(grad_projection), _address(raw), _address(room), _address(grads[1]),
        _address(grads[2]),
    )  # fmt: skip
