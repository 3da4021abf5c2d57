"""What one step of a recurrent cell does to one hidden unit, and to the gradients on the way back.

The numbers that enter a gate are sums over the input and over the hidden state. A gradient with
respect to such a sum is called `grad_` and the gate's name.
"""

from .exponential import sigmoid, tanh
from .typed import formula, like


@formula
def rnn_tanh(entering):
    """The new hidden state."""
    return tanh(entering)


@formula
def rnn_tanh_gradient(grad, hidden):
    return grad * (like(grad, 1) - hidden * hidden)


@formula
def rnn_relu(entering):
    """The new hidden state."""
    return entering if (entering > 0 or entering != entering) else like(entering, 0)


@formula
def rnn_relu_gradient(grad, hidden):
    return like(grad, 0) if hidden <= 0 else grad


@formula
def lstm(entering_input, entering_forget, entering_candidate, entering_output, cell):
    """(input gate, forget gate, candidate, output gate, new cell, new hidden state)"""
    input_gate, forget_gate = sigmoid(entering_input), sigmoid(entering_forget)
    candidate, output_gate = tanh(entering_candidate), sigmoid(entering_output)
    cell = forget_gate * cell + input_gate * candidate
    return input_gate, forget_gate, candidate, output_gate, cell, output_gate * tanh(cell)


@formula
def lstm_gradient(
    grad_hidden, grad_cell, input_gate, forget_gate, candidate, output_gate, cell, previous
):
    """(grad_input, grad_forget, grad_candidate, grad_output, gradient of the previous cell)"""
    one = like(cell, 1)
    squashed = tanh(cell)
    grad_cell = grad_cell + grad_hidden * output_gate * (one - squashed * squashed)
    return (
        grad_cell * candidate * input_gate * (one - input_gate),
        grad_cell * previous * forget_gate * (one - forget_gate),
        grad_cell * input_gate * (one - candidate * candidate),
        grad_hidden * squashed * output_gate * (one - output_gate),
        grad_cell * forget_gate,
    )


@formula
def lstm_hidden(output_gate, cell):
    """The new hidden state, from what is kept of the forward step."""
    return output_gate * tanh(cell)


@formula
def gru(input_reset, input_update, input_new, hidden_reset, hidden_update, hidden_new, hidden):
    """(reset gate, update gate, new gate, new hidden state)"""
    reset = sigmoid(input_reset + hidden_reset)
    update = sigmoid(input_update + hidden_update)
    new = tanh(input_new + reset * hidden_new)
    return reset, update, new, (hidden - new) * update + new


@formula
def gru_gradient(grad, reset, update, new, hidden_new, previous):
    """(grad_reset, grad_update, grad_new, the latter for what enters from the hidden state, the
    part of the previous hidden state's gradient that does not pass through a gate)"""
    one = like(grad, 1)
    grad_new = grad * (one - update) * (one - new * new)
    return (
        grad_new * hidden_new * reset * (one - reset),
        grad * (previous - new) * update * (one - update),
        grad_new,
        grad_new * reset,
        grad * update,
    )
