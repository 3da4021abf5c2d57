"""Recurrent cells, and layers that run them over sequences.

A layer function takes a whole sequence, (T, N, F), or a packed one, (sum of batch sizes, F), so
that a kernel for the whole layer can take its place.
"""

from collections.abc import Callable, Sequence

from numbatorch import ops
from numbatorch.nn.functional.dropout import dropout
from numbatorch.tensor import Tensor

State = tuple[Tensor, ...]

# Cells. A step takes the input already projected, so that a layer projects all steps at once.


def rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None) -> Tensor:
    """tanh(w_ih input + b_ih + w_hh hx + b_hh)"""
    return _rnn_tanh_step(ops.linear(input, w_ih, b_ih), (hx,), w_hh, b_hh)[0]


def rnn_relu_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None) -> Tensor:
    """relu(w_ih input + b_ih + w_hh hx + b_hh)"""
    return _rnn_relu_step(ops.linear(input, w_ih, b_ih), (hx,), w_hh, b_hh)[0]


def lstm_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None) -> State:
    """Hochreiter and Schmidhuber (1997), with forget gates; ``hx`` is (hidden, cell)."""
    return _lstm_step(ops.linear(input, w_ih, b_ih), hx, w_hh, b_hh)


def gru_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None) -> Tensor:
    """Cho et al. (2014), the reset gate after the product with ``w_hh``."""
    return _gru_step(ops.linear(input, w_ih, b_ih), (hx,), w_hh, b_hh)[0]


def _rnn_tanh_step(projected: Tensor, state: State, w_hh, b_hh) -> State:
    return (ops.tanh(projected + ops.linear(state[0], w_hh, b_hh)),)


def _rnn_relu_step(projected: Tensor, state: State, w_hh, b_hh) -> State:
    return (ops.relu(projected + ops.linear(state[0], w_hh, b_hh)),)


def _lstm_step(projected: Tensor, state: State, w_hh, b_hh, w_hr=None) -> State:
    hidden, cell = state
    gates = projected + ops.linear(hidden, w_hh, b_hh)
    input_gate, forget_gate, candidate, output_gate = gates.chunk(4, -1)
    cell = forget_gate.sigmoid() * cell + input_gate.sigmoid() * candidate.tanh()
    hidden = output_gate.sigmoid() * cell.tanh()
    if w_hr is not None:
        hidden = ops.linear(hidden, w_hr)
    return hidden, cell


def _gru_step(projected: Tensor, state: State, w_hh, b_hh) -> State:
    (hidden,) = state
    input_reset, input_update, input_new = projected.chunk(3, -1)
    hidden_reset, hidden_update, hidden_new = ops.linear(hidden, w_hh, b_hh).chunk(3, -1)
    reset = (input_reset + hidden_reset).sigmoid()
    update = (input_update + hidden_update).sigmoid()
    new = (input_new + reset * hidden_new).tanh()
    return ((hidden - new) * update + new,)


# Layers: one direction of one layer, (output, final state). Weights are w_ih, w_hh and, where
# there are any, b_ih and b_hh, and an LSTM's projection w_hr.


def rnn_tanh_layer(
    input: Tensor, state: State, weights: Sequence[Tensor], batch_sizes=None, reverse: bool = False
) -> tuple[Tensor, State]:
    return _run_layer(_rnn_tanh_step, input, state, weights, batch_sizes, reverse)


def rnn_relu_layer(
    input: Tensor, state: State, weights: Sequence[Tensor], batch_sizes=None, reverse: bool = False
) -> tuple[Tensor, State]:
    return _run_layer(_rnn_relu_step, input, state, weights, batch_sizes, reverse)


def lstm_layer(
    input: Tensor, state: State, weights: Sequence[Tensor], batch_sizes=None, reverse: bool = False
) -> tuple[Tensor, State]:
    return _run_layer(_lstm_step, input, state, weights, batch_sizes, reverse)


def gru_layer(
    input: Tensor, state: State, weights: Sequence[Tensor], batch_sizes=None, reverse: bool = False
) -> tuple[Tensor, State]:
    return _run_layer(_gru_step, input, state, weights, batch_sizes, reverse)


def _run_layer(
    step: Callable, input: Tensor, state: State, weights, batch_sizes, reverse: bool
) -> tuple[Tensor, State]:
    w_ih, w_hh, *rest = weights
    b_ih, b_hh = rest[:2] if len(rest) >= 2 else (None, None)
    recurrent = (w_hh, b_hh, *rest[len(rest) // 2 * 2 :])  # an odd one out is w_hr
    projected = ops.linear(input, w_ih, b_ih)
    if batch_sizes is None:
        return _scan(step, projected, state, recurrent, reverse)
    if reverse:
        return _scan_packed_backwards(step, projected, state, recurrent, batch_sizes)
    return _scan_packed(step, projected, state, recurrent, batch_sizes)


def _scan(step, projected: Tensor, state: State, recurrent: tuple, reverse: bool):
    steps = projected.unbind(0)
    outputs = []
    for at_time in reversed(steps) if reverse else steps:
        state = step(at_time, state, *recurrent)
        outputs.append(state[0])
    return ops.stack(outputs[::-1] if reverse else outputs), state


def _scan_packed(step, projected: Tensor, state: State, recurrent: tuple, batch_sizes: list[int]):
    """Sequences are ordered by length, so that those that end are the last of the batch."""
    outputs, ended = [], []
    for at_time, size in zip(projected.split(batch_sizes), batch_sizes):
        if size < state[0].size(0):
            ended.append(tuple(part[size:] for part in state))
            state = tuple(part[:size] for part in state)
        state = step(at_time, state, *recurrent)
        outputs.append(state[0])
    final = [state, *reversed(ended)]
    return ops.cat(outputs), tuple(ops.cat(list(parts)) for parts in zip(*final))


def _scan_packed_backwards(
    step, projected: Tensor, state: State, recurrent: tuple, batch_sizes: list[int]
):
    initial, outputs, running = state, [], 0
    state = tuple(part[:0] for part in initial)
    for at_time, size in zip(reversed(projected.split(batch_sizes)), reversed(batch_sizes)):
        if size > running:
            joining = tuple(part[running:size] for part in initial)
            state = tuple(ops.cat([old, new]) for old, new in zip(state, joining))
            running = size
        state = step(at_time, state, *recurrent)
        outputs.append(state[0])
    return ops.cat(outputs[::-1]), state


def run_stack(
    layer: Callable,
    input: Tensor,
    states: State,
    weights: Sequence[Sequence[Tensor]],
    directions: int = 1,
    dropout_p: float = 0.0,
    batch_sizes: list[int] | None = None,
) -> tuple[Tensor, State]:
    """Layers on top of each other, with dropout in between.

    The states, (layers * directions, N, H), and the weights are in order of layer, then direction.
    """
    finals = []
    count = len(weights) // directions
    per_direction = list(zip(*(state.unbind(0) for state in states)))
    for level in range(count):
        outputs = []
        for direction in range(directions):
            place = level * directions + direction
            output, final = layer(
                input, per_direction[place], weights[place], batch_sizes, direction == 1
            )
            outputs.append(output)
            finals.append(final)
        input = outputs[0] if directions == 1 else ops.cat(outputs, -1)
        if dropout_p > 0.0 and level < count - 1:
            input = dropout(input, dropout_p)
    return input, tuple(ops.stack(list(parts)) for parts in zip(*finals))
