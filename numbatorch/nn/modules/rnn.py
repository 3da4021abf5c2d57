"""Recurrent layers and cells."""

import math
import numbers
import warnings

from numbatorch import creation, ops
from numbatorch.nn import init
from numbatorch.nn.modules.module import Module
from numbatorch.nn.parameter import Parameter
from numbatorch.nn.utils.rnn import PackedSequence
from numbatorch.ops import recurrent
from numbatorch.tensor import Tensor


class RNNBase(Module):
    """Layers of recurrent cells, in one direction or both, over padded or packed sequences."""

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device=None,
        dtype=None,
    ):
        super().__init__()
        _check_settings(input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size)
        if mode not in recurrent.GATES:
            raise ValueError("Unrecognized RNN mode: " + mode)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._all_weights: list[list[str]] = []  # names, by layer and direction
        for layer in range(num_layers):
            for suffix in ("", "_reverse") if bidirectional else ("",):
                self._add_weights(layer, suffix, device, dtype)
        self.reset_parameters()

    @property
    def _output_size(self) -> int:
        return self.proj_size or self.hidden_size

    def _add_weights(self, layer: int, suffix: str, device, dtype) -> None:
        gates = recurrent.GATES[self.mode] * self.hidden_size
        inputs = self.input_size if layer == 0 else self._output_size * self._directions
        shapes = {"weight_ih": (gates, inputs), "weight_hh": (gates, self._output_size)}
        if self.bias:
            shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        names = []
        for kind, shape in shapes.items():
            name = f"{kind}_l{layer}{suffix}"
            setattr(self, name, Parameter(creation.empty(shape, device=device, dtype=dtype)))
            names.append(name)
        self._all_weights.append(names)

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def all_weights(self) -> list[list[Parameter]]:
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights(self) -> list[Parameter]:
        return [weight for weights in self.all_weights for weight in weights]

    def flatten_parameters(self) -> None:
        """Kept for programs that call it: weights need no particular place in memory here."""

    def reset_parameters(self) -> None:
        """Everything uniform within 1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def forward(self, input: Tensor | PackedSequence, hx=None):
        """(output, final hidden state), the output packed where the input is."""
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        if input.dim() not in (2, 3):
            raise ValueError(
                f"{self._get_name()}: Expected input to be 2D or 3D, got {input.dim()}D instead"
            )
        batched = input.dim() == 3
        self._check_input(input, input.dim())
        batch_dim = 0 if self.batch_first else 1
        sequences = input if batched else input.unsqueeze(batch_dim)
        states = self._initial_states(hx, sequences.size(batch_dim), sequences, batched)
        output, states = self._run(sequences, states, batch_first=self.batch_first)
        if not batched:
            output = output.squeeze(batch_dim)
            states = tuple(state.squeeze(1) for state in states)
        return output, self._unwrap(states)

    def _forward_packed(self, packed: PackedSequence, hx):
        data, batch_sizes, sorted_indices, unsorted_indices = packed
        self._check_input(data, 2)
        states = self._initial_states(hx, int(batch_sizes[0]), data, batched=True)
        if hx is not None and sorted_indices is not None:
            states = tuple(state.index_select(1, sorted_indices) for state in states)
        output, states = self._run(data, states, batch_sizes)
        if unsorted_indices is not None:
            states = tuple(state.index_select(1, unsorted_indices) for state in states)
        output = PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices)
        return output, self._unwrap(states)

    def _run(self, sequences: Tensor, states: tuple, batch_sizes=None, batch_first: bool = False):
        return recurrent.run_stack(
            self.mode,
            sequences,
            states,
            self.all_weights,
            self._directions,
            self.dropout if self.training else 0.0,
            batch_sizes,
            batch_first,
        )

    def _initial_states(self, hx, batch: int, like: Tensor, batched: bool) -> tuple[Tensor, ...]:
        """The initial states as a tuple, zeros where none are given; RuntimeError on wrong sizes."""
        shape = (self.num_layers * self._directions, batch, self._output_size)
        if hx is None:
            return (creation.zeros(shape, dtype=like.dtype, device=like.device),)
        if hx.dim() != (3 if batched else 2):
            kind = "batched 3-D" if batched else "unbatched 2-D"
            raise RuntimeError(
                f"For {kind} input, hx should also be {3 if batched else 2}-D "
                f"but got {hx.dim()}-D tensor"
            )
        hx = hx if batched else hx.unsqueeze(1)
        self.check_hidden_size(hx, shape)
        return (hx,)

    def _unwrap(self, states: tuple):
        return states[0]

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: tuple, msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        if tuple(hx.shape) != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.shape)))

    def _check_input(self, input: Tensor, expected_dims: int) -> None:
        weight_dtype = self.weight_ih_l0.dtype
        if input.dtype != weight_dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight_dtype}). "
                f"Convert input: input.to({weight_dtype}), or convert model: "
                f"model.to({input.dtype})"
            )
        if input.dim() != expected_dims:
            raise RuntimeError(f"input must have {expected_dims} dimensions, got {input.dim()}")
        if input.size(-1) != self.input_size:
            raise RuntimeError(
                "input.size(-1) must be equal to input_size. "
                f"Expected {self.input_size}, got {input.size(-1)}"
            )

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        for name, default in (
            ("proj_size", 0),
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0),
            ("bidirectional", False),
        ):
            value = getattr(self, name)
            if value != default:
                parts.append(f"{name}={value}")
        return ", ".join(parts)


def _check_settings(
    input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size
) -> None:
    is_number = isinstance(dropout, numbers.Number) and not isinstance(dropout, bool)
    if not is_number or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an "
            "element being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
            f"expects num_layers greater than 1, but got dropout={dropout} and "
            f"num_layers={num_layers}",
            stacklevel=4,
        )
    for name, value, kind in (
        ("bias", bias, bool),
        ("batch_first", batch_first, bool),
        ("input_size", input_size, int),
        ("hidden_size", hidden_size, int),
    ):
        if not isinstance(value, kind):
            raise TypeError(
                f"{name} should be of type {kind.__name__}, got: {type(value).__name__}"
            )
    for name, value in (
        ("input_size", input_size),
        ("hidden_size", hidden_size),
        ("num_layers", num_layers),
    ):
        if value <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


def _reject_projection(settings: dict) -> None:
    if "proj_size" in settings:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


class RNN(RNNBase):
    """Layers of Elman cells: h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu.

    RNN(input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False,
    dropout=0.0, bidirectional=False, device=None, dtype=None)
    """

    def __init__(self, *args, **kwargs):
        _reject_projection(kwargs)
        if len(args) > 3:
            nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(f"RNN_{nonlinearity.upper()}", *args, **kwargs)
        self.nonlinearity = nonlinearity


class GRU(RNNBase):
    """Layers of gated recurrent units.

    GRU(input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
    bidirectional=False, device=None, dtype=None)
    """

    def __init__(self, *args, **kwargs):
        _reject_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)


class LSTM(RNNBase):
    """Layers of long short-term memory; the state is (hidden, cell).

    LSTM(input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
    bidirectional=False, proj_size=0, device=None, dtype=None)
    """

    def __init__(self, *args, **kwargs):
        super().__init__("LSTM", *args, **kwargs)

    def _initial_states(self, hx, batch: int, like: Tensor, batched: bool) -> tuple[Tensor, ...]:
        count = self.num_layers * self._directions
        shapes = ((count, batch, self._output_size), (count, batch, self.hidden_size))
        if hx is None:
            return tuple(
                creation.zeros(shape, dtype=like.dtype, device=like.device) for shape in shapes
            )
        hidden, cell = hx
        dims = 3 if batched else 2
        if hidden.dim() != dims or cell.dim() != dims:
            kind = "batched 3-D" if batched else "unbatched 2-D"
            raise RuntimeError(
                f"For {kind} input, hx and cx should also be {dims}-D but got "
                f"({hidden.dim()}-D, {cell.dim()}-D) tensors"
            )
        if not batched:
            hidden, cell = hidden.unsqueeze(1), cell.unsqueeze(1)
        self.check_hidden_size(hidden, shapes[0], "Expected hidden[0] size {}, got {}")
        self.check_hidden_size(cell, shapes[1], "Expected hidden[1] size {}, got {}")
        return hidden, cell

    def _unwrap(self, states: tuple):
        return states


class RNNCellBase(Module):
    """The weights of one recurrent cell of ``num_chunks`` gates."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = num_chunks * hidden_size
        place = {"device": device, "dtype": dtype}
        self.weight_ih = Parameter(creation.empty((gates, input_size), **place))
        self.weight_hh = Parameter(creation.empty((gates, hidden_size), **place))
        for name in ("bias_ih", "bias_hh"):
            value = Parameter(creation.empty(gates, **place)) if bias else None
            self.register_parameter(name, value)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Everything uniform within 1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.bias is not True:
            parts.append(f"bias={self.bias}")
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            parts.append(f"nonlinearity={self.nonlinearity}")
        return ", ".join(parts)

    def _weights(self) -> tuple:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _prepare(self, input: Tensor, states) -> tuple[Tensor, tuple[Tensor, ...], bool]:
        """(input, states, batched), all with a batch dimension; zeros for states not given."""
        name = self._get_name()
        if input.dim() not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        if input.size(-1) != self.input_size:
            raise RuntimeError(
                f"input has inconsistent input_size: got {input.size(-1)} "
                f"expected {self.input_size}"
            )
        batched = input.dim() == 2
        input = input if batched else input.unsqueeze(0)
        prepared = []
        for place, state in enumerate(states):
            label = "hidden" if len(states) == 1 else f"hx[{place}]"
            if state is None:
                state = creation.zeros(
                    (input.size(0), self.hidden_size), dtype=input.dtype, device=input.device
                )
            elif state.dim() not in (1, 2):
                raise ValueError(
                    f"{name}: Expected {label} to be 1D or 2D, got {state.dim()}D instead"
                )
            elif not batched:
                state = state.unsqueeze(0) if state.dim() == 1 else state
            if tuple(state.shape) != (input.size(0), self.hidden_size):
                raise RuntimeError(
                    f"{label} has inconsistent shape: got {list(state.shape)}, "
                    f"expected {[input.size(0), self.hidden_size]}"
                )
            prepared.append(state)
        return input, tuple(prepared), batched


class RNNCell(RNNCellBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device=None,
        dtype=None,
    ):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        cells = {"tanh": ops.rnn_tanh_cell, "relu": ops.rnn_relu_cell}
        if self.nonlinearity not in cells:
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        input, (hidden,), batched = self._prepare(input, (hx,))
        hidden = cells[self.nonlinearity](input, hidden, *self._weights())
        return hidden if batched else hidden.squeeze(0)


class LSTMCell(RNNCellBase):
    """One step of long short-term memory: (hidden, cell) from x and (hidden, cell)."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device=None, dtype=None
    ):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        input, states, batched = self._prepare(input, (None, None) if hx is None else hx)
        hidden, cell = ops.lstm_cell(input, states, *self._weights())
        return (hidden, cell) if batched else (hidden.squeeze(0), cell.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of a gated recurrent unit."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device=None, dtype=None
    ):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        input, (hidden,), batched = self._prepare(input, (hx,))
        hidden = ops.gru_cell(input, hidden, *self._weights())
        return hidden if batched else hidden.squeeze(0)
