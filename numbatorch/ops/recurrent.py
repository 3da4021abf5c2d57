"""Recurrent layers: one op runs all time steps of one layer in one direction.

The layer's input is projected before, all time steps in one product (`linear`), so that only what
depends on the previous step is left: recurrent weights, and for an LSTM those of its projection.
Where there is no kernel, and for gradients of higher order, the same layer is composed from
differentiable ops, step by step.

Kinds of cells are called as in PyTorch: RNN_TANH, RNN_RELU, LSTM, GRU. Sequences are (T, N, F),
(N, T, F) with `batch_first`, or packed: (sum of batch sizes, F).
"""

from .. import devices, dtypes, shapes
from ..graph import modes
from ..op import Spec, check_devices, primitive
from .activations import relu
from .autocast import lower_precision
from .composed import composed_gradient
from .dropout import dropout
from .exponential import sigmoid, tanh
from .joining import cat, stack
from .matmul import check_dtypes, linear, mm_op
from .reduction import sum_op
from .registry import Sample, function, samples
from .views import reshape, transpose

#: Gates of a cell of each kind.
GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}

# One op for all time steps -----------------------------------------------------------------------


@primitive(materialize_grads=False)
def recurrence(
    projected, hidden, cell, w_hh, b_hh, w_hr, batch_sizes, *, mode, reverse, batch_first
):
    """(output, final hidden state, final cell state, gates, what else backward needs)

    `cell` is None and its outputs are empty where a cell has no such state; b_hh, w_hr and
    batch_sizes (int64, on the CPU) may be None.
    """
    leading, dtype = projected.shape[:-1], projected.dtype
    batch, outputs = hidden.shape
    width = w_hh.shape[0] // GATES[mode]
    if batch_sizes is None:
        _check_shape("input", projected, (*_placed(batch, leading, batch_first), w_hh.shape[0]))
    for name, x, shape in (
        ("hidden", hidden, (batch, outputs)),
        ("cell", cell, (batch, width)),
        ("w_hh", w_hh, (GATES[mode] * width, outputs)),
        ("b_hh", b_hh, (GATES[mode] * width,)),
        ("w_hr", w_hr, (outputs, width)),
    ):
        if x is not None:
            _check_shape(name, x, shape)
            check_dtypes("expected scalar type {} but found {}", projected, x)
    simple = mode.startswith("RNN")
    return (
        Spec((*leading, outputs), dtype),
        Spec((batch, outputs), dtype),
        Spec((batch, width) if mode == "LSTM" else (0,), dtype),
        Spec((0,) if simple else projected.shape, dtype),
        Spec((0,) if simple else (*leading, width), dtype),
    )


def _placed(batch, leading, batch_first):
    """The leading dimensions of a layer's input, with `batch` where the batch is."""
    return (batch, *leading[1:]) if batch_first else (*leading[:-1], batch)


def _check_shape(name, x, shape):
    if x.shape != shape:
        raise RuntimeError(
            f"recurrent layer: {name} should have shape {list(shape)}, got {list(x.shape)}"
        )


@recurrence.forward
def _(outputs, *inputs, **params):
    devices.kernels(outputs[0]).recurrent.recurrence(*outputs, *inputs, **params)


@recurrence.gradient()
def _(grads, inputs, outputs, needs, params):
    grads = grads[:3]  # nothing else leaves the layer
    if modes.grad_enabled:
        return composed_gradient(_outputs_composed, grads, inputs, needs, params)
    _, hidden, cell, w_hh, b_hh, w_hr, batch_sizes = inputs
    output, _, _, gates, kept = outputs
    found = recurrence_gradient.call(
        (*grads, hidden, cell, w_hh, w_hr, output, gates, kept, batch_sizes), params
    )
    grad_projected, grad_product, previous, grad_hidden, grad_cell, grad_raw, raw = found
    entering = _rows(grad_product if params["mode"] == "GRU" else grad_projected)
    return (
        grad_projected,
        grad_hidden,
        None if cell is None else grad_cell,
        mm_op(transpose(entering, 0, 1), _rows(previous)) if needs[3] else None,
        sum_op(entering, dims=(0,), keepdim=False) if needs[4] else None,
        mm_op(transpose(_rows(grad_raw), 0, 1), _rows(raw)) if needs[5] else None,
        None,
    )


@primitive
def recurrence_gradient(
    grad_output, grad_hidden, grad_cell, hidden, cell, w_hh, w_hr, output, gates, kept,
    batch_sizes, *, mode, reverse, batch_first,
):  # fmt: skip
    """The gradients of what enters the gates from the input and from the hidden state (empty where
    it is the same), the previous hidden states, the gradients of the initial states, and with a
    projection those of what it gives and what it takes."""
    leading, dtype = output.shape[:-1], output.dtype
    width = w_hh.shape[0] // GATES[mode]
    entering = Spec((*leading, w_hh.shape[0]), dtype)
    empty = Spec((0,), dtype)
    return (
        entering,
        entering if mode == "GRU" else empty,
        Spec(output.shape, dtype),
        Spec(hidden.shape, dtype),
        empty if cell is None else Spec(cell.shape, dtype),
        empty if w_hr is None else Spec(output.shape, dtype),
        empty if w_hr is None else Spec((*leading, width), dtype),
    )


@recurrence_gradient.forward
def _(outputs, *inputs, **params):
    devices.kernels(inputs[5]).recurrent.recurrence_gradient(*outputs, *inputs, **params)


def _rows(x):
    return reshape(x, (shapes.numel(x.shape[:-1]), x.shape[-1]))


# The same, composed ------------------------------------------------------------------------------
# A step takes what the input gives already projected.


def _rnn_tanh_step(projected, state, w_hh, b_hh, w_hr):
    return (tanh(projected + linear(state[0], w_hh, b_hh)),)


def _rnn_relu_step(projected, state, w_hh, b_hh, w_hr):
    return (relu(projected + linear(state[0], w_hh, b_hh)),)


def _lstm_step(projected, state, w_hh, b_hh, w_hr):
    hidden, cell = state
    gates = projected + linear(hidden, w_hh, b_hh)
    input_gate, forget_gate, candidate, output_gate = gates.chunk(4, -1)
    cell = sigmoid(forget_gate) * cell + sigmoid(input_gate) * tanh(candidate)
    hidden = sigmoid(output_gate) * tanh(cell)
    return hidden if w_hr is None else linear(hidden, w_hr), cell


def _gru_step(projected, state, w_hh, b_hh, w_hr):
    (hidden,) = state
    input_reset, input_update, input_new = projected.chunk(3, -1)
    hidden_reset, hidden_update, hidden_new = linear(hidden, w_hh, b_hh).chunk(3, -1)
    reset = sigmoid(input_reset + hidden_reset)
    update = sigmoid(input_update + hidden_update)
    new = tanh(input_new + reset * hidden_new)
    return ((hidden - new) * update + new,)


_STEPS = {
    "RNN_TANH": _rnn_tanh_step, "RNN_RELU": _rnn_relu_step, "LSTM": _lstm_step, "GRU": _gru_step,
}  # fmt: skip


def composed_recurrence(
    projected, hidden, cell, w_hh, b_hh, w_hr, batch_sizes, *, mode, reverse, batch_first
):
    """(output, final states) of a layer in one direction, in differentiable ops."""
    state = (hidden,) if cell is None else (hidden, cell)
    weights = (w_hh, b_hh, w_hr)
    if batch_sizes is None and len(projected.shape) == 2:
        state = _STEPS[mode](projected, state, *weights)
        return state[0], state
    if batch_sizes is None:
        time = 1 if batch_first else 0
        steps, outputs = projected.unbind(time), []
        for at_time in reversed(steps) if reverse else steps:
            state = _STEPS[mode](at_time, state, *weights)
            outputs.append(state[0])
        return stack(outputs[::-1] if reverse else outputs, time), state
    scan = _scan_packed_backwards if reverse else _scan_packed
    return scan(_STEPS[mode], projected, state, weights, batch_sizes.tolist())


def _scan_packed(step, projected, state, weights, batch_sizes):
    """Sequences are ordered by length, so that those that end are the last of the batch."""
    outputs, ended = [], []
    for at_time, size in zip(projected.split(batch_sizes), batch_sizes):
        if size < state[0].size(0):
            ended.append(tuple(part[size:] for part in state))
            state = tuple(part[:size] for part in state)
        state = step(at_time, state, *weights)
        outputs.append(state[0])
    final = [state, *reversed(ended)]
    return cat(outputs), tuple(cat(list(parts)) for parts in zip(*final))


def _scan_packed_backwards(step, projected, state, weights, batch_sizes):
    initial, outputs, running = state, [], 0
    state = tuple(part[:0] for part in initial)
    for at_time, size in zip(reversed(projected.split(batch_sizes)), reversed(batch_sizes)):
        if size > running:
            joining = tuple(part[running:size] for part in initial)
            state = tuple(cat([old, new]) for old, new in zip(state, joining))
            running = size
        state = step(at_time, state, *weights)
        outputs.append(state[0])
    return cat(outputs[::-1]), state


def _outputs_composed(*inputs, **params):
    output, states = composed_recurrence(*inputs, **params)
    return (output, *states)


# Layers ------------------------------------------------------------------------------------------


def _has_kernel(projected):
    """Whether the kernels compute in its dtype, on its device."""
    if projected.storage.device_type == "cuda":
        return projected.dtype.is_floating_point
    return projected.dtype in (dtypes.float32, dtypes.float64)


def _check_batch_sizes(batch_sizes, rows, batch):
    """RuntimeError where a packed sequence's sizes do not describe its data."""
    sizes = batch_sizes.tolist()
    falling = all(a >= b for a, b in zip(sizes, sizes[1:]))
    if not sizes or sizes[0] != batch or sizes[-1] <= 0 or not falling or sum(sizes) != rows:
        raise RuntimeError(
            f"batch_sizes must fall from {batch}, the rows of the initial state, to 1 or more, and "
            f"add up to {rows}, the rows of the data, but got {sizes}"
        )


@function(method=False, top_level=False)
def recurrent_layer(
    mode, input, state, weights, batch_sizes=None, reverse=False, batch_first=False
):
    """(output, final states) of one layer in one direction.

    `state` is (hidden,) or (hidden, cell), (N, H) each; weights are w_ih, w_hh and, where there are
    any, b_ih and b_hh, and an LSTM's projection w_hr.
    """
    w_ih, w_hh, *rest = weights
    b_ih, b_hh = rest[:2] if len(rest) >= 2 else (None, None)
    w_hr = rest[-1] if len(rest) % 2 else None
    hidden, cell = state if len(state) == 2 else (*state, None)
    if batch_sizes is not None:
        _check_batch_sizes(batch_sizes, input.shape[0], hidden.shape[0])
    projected = linear(input, w_ih, b_ih)
    inputs = (projected, hidden, cell, w_hh, b_hh, w_hr)
    params = {"mode": mode, "reverse": reverse, "batch_first": batch_first}
    if not _has_kernel(projected):
        return composed_recurrence(*inputs, batch_sizes, **params)
    check_devices(recurrence, inputs)
    output, hidden, cell, _, _ = recurrence.call((*inputs, batch_sizes), params)
    return output, (hidden,) if len(state) == 1 else (hidden, cell)


@lower_precision(devices=("cuda",))
def run_stack(
    mode, input, states, weights, directions=1, dropout_p=0.0, batch_sizes=None, batch_first=False
):
    """Layers on top of each other, with dropout in between: (output, final states).

    The states, (layers * directions, N, H), and the weights are in order of layer, then direction.
    """
    finals = []
    count = len(weights) // directions
    initial = list(zip(*(state.unbind(0) for state in states)))
    for level in range(count):
        outputs = []
        for direction in range(directions):
            place = level * directions + direction
            output, final = recurrent_layer(
                mode, input, initial[place], weights[place], batch_sizes, direction == 1,
                batch_first,
            )  # fmt: skip
            outputs.append(output)
            finals.append(final)
        input = outputs[0] if directions == 1 else cat(outputs, -1)
        if dropout_p > 0.0 and level < count - 1:
            input = dropout(input, dropout_p, True)
    return input, tuple(stack(list(parts)) for parts in zip(*finals))


# Cells -------------------------------------------------------------------------------------------


def _cell(mode, input, state, w_ih, w_hh, b_ih, b_hh):
    """The states after one step."""
    biases = () if b_ih is None and b_hh is None else (b_ih, b_hh)
    output, final = recurrent_layer(mode, input, state, (w_ih, w_hh, *biases))
    return (output, *final[1:])


@function(method=False)
@lower_precision(devices=("cuda",))
def rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """tanh(w_ih input + b_ih + w_hh hx + b_hh); (N, F) and (N, H)."""
    return _cell("RNN_TANH", input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


@function(method=False)
@lower_precision(devices=("cuda",))
def rnn_relu_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """relu(w_ih input + b_ih + w_hh hx + b_hh); (N, F) and (N, H)."""
    return _cell("RNN_RELU", input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


@function(method=False)
@lower_precision(devices=("cuda",))
def lstm_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """Hochreiter and Schmidhuber (1997), with forget gates; `hx` and the result: (hidden, cell)."""
    return _cell("LSTM", input, tuple(hx), w_ih, w_hh, b_ih, b_hh)


@function(method=False)
@lower_precision(devices=("cuda",))
def gru_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """Cho et al. (2014), the reset gate after the product with `w_hh`; (N, F) and (N, H)."""
    return _cell("GRU", input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


# Samples for the op table ------------------------------------------------------------------------


def _declare_samples(mode, name):
    gates, cells = GATES[mode], 2 if mode == "LSTM" else 1

    @samples(name)
    def _(make):
        def weights(inputs, width, bias=True):
            shapes_ = [(gates * width, inputs), (gates * width, width)]
            return [make(*shape) for shape in shapes_ + [(gates * width,)] * 2 * bias]

        def state(batch, width):
            found = tuple(make(batch, width) for _ in range(cells))
            return found if cells == 2 else found[0]

        yield Sample(make(3, 2), state(3, 4), *weights(2, 4))
        yield Sample(make(2, 3), state(2, 3), *weights(3, 3, bias=False))
        yield Sample(make(0, 3), state(0, 3), *weights(3, 3))


for _mode, _name in (
    ("RNN_TANH", "rnn_tanh_cell"),
    ("RNN_RELU", "rnn_relu_cell"),
    ("LSTM", "lstm_cell"),
    ("GRU", "gru_cell"),
):
    _declare_samples(_mode, _name)


@samples("recurrent_layer")
def _(make):
    for mode, gates in GATES.items():
        for reverse, batch_first, packed, projection in (
            (False, False, False, False), (True, True, False, False), (False, False, True, False),
            (True, False, True, True), (False, True, False, True),
        ):  # fmt: skip
            steps, batch, inputs, width = 3, 2, 2, 3
            projection = projection and mode == "LSTM"
            outputs = 2 if projection else width
            shape = (batch, steps, inputs) if batch_first else (steps, batch, inputs)
            sizes = make.tensor([2, 2, 1]).to("cpu") if packed else None
            state = [make(batch, outputs)] + [make(batch, width)] * (mode == "LSTM")
            weights = [make(gates * width, inputs), make(gates * width, outputs)]
            weights += [make(gates * width), make(gates * width)]
            weights += [make(outputs, width)] * projection
            yield Sample(
                mode, make(5, inputs) if packed else make(*shape), state, weights,
                batch_sizes=sizes, reverse=reverse, batch_first=batch_first,
            )  # fmt: skip
