"""A table of a model's layers: what goes in and out, how many parameters, how much arithmetic.

Shapes come from running the model once on an input; the arithmetic from the ops that it calls,
so that functions of `nn.functional` are counted as well as modules.
"""

import math
from dataclasses import dataclass, field

from .. import graph
from ..autograd import no_grad

#: Product -> which input's last dimension is summed over.
_SUMMED = {
    "linear": 0, "matmul": 0, "mm": 0, "mv": 0, "bmm": 0, "dot": 0, "addmm": 1, "addmv": 1,
    "baddbmm": 1,
}  # fmt: skip


@dataclass
class Row:
    """One module."""

    name: str
    kind: str
    depth: int
    input: object = None
    output: object = None
    parameters: int = 0
    flops: int = 0


@dataclass
class Summary:
    """The rows of a model, outermost module first; `str()` and notebooks show a table."""

    rows: list = field(default_factory=list)
    parameters: int = 0
    trainable: int = 0
    flops: int = 0

    _TITLES = ("layer", "input", "output", "parameters", "FLOPs")

    def cells(self):
        """The table's text, row by row."""
        for row in self.rows:
            yield (
                f"{'  ' * row.depth}{row.name} ({row.kind})", _text(row.input), _text(row.output),
                f"{row.parameters:,}" if row.parameters else "-",
                f"{row.flops:,}" if row.flops else "-",
            )  # fmt: skip

    def __str__(self):
        table = [self._TITLES, *self.cells()]
        widths = [max(len(row[i]) for row in table) for i in range(5)]
        lines = [
            "  ".join(
                text.ljust(width) if i < 3 else text.rjust(width)
                for i, (text, width) in enumerate(zip(row, widths))
            ).rstrip()
            for row in table
        ]
        rule = "-" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:], rule, self.total()])

    __repr__ = __str__

    def total(self):
        """The last line."""
        return (
            f"{self.parameters:,} parameters, {self.trainable:,} of them trained; "
            f"{self.flops:,} FLOPs forward"
        )

    def _repr_html_(self):
        head = "".join(
            _cell(title, "th", "left" if i < 3 else "right") for i, title in enumerate(self._TITLES)
        )
        body = ""
        for name, *cells in self.cells():
            indent = len(name) - len(name.lstrip())
            row = _cell(name, "td", "left", 0.6 + 0.6 * indent)
            for i, text in enumerate(cells):
                row += _cell(text, "td", "left" if i < 2 else "right")
            body += f"<tr>{row}</tr>"
        return f"<table><tr>{head}</tr>{body}</table><p>{self.total()}</p>"


def _cell(text, tag, side, indent=0.6):
    style = f"text-align: {side}; white-space: nowrap; padding: 0.2em 0.6em 0.2em {indent:.1f}em"
    return f"<{tag} style='{style}'>{text}</{tag}>"


def summary(model, *inputs, **keywords):
    """Run `model(*inputs, **keywords)` once, in evaluation mode and without gradients; a Summary.

    A row counts the parameters of a module's own and all the arithmetic inside it. A FLOP is an
    addition or a multiplication: two for each multiply-add of products and convolutions, one for
    each element that another op writes.
    """
    result = Summary()
    names = {id(module): name for name, module in model.named_modules()}
    open_rows, handles = [], []

    def enter(module, args):
        name = names[id(module)] or "model"
        row = Row(name.rpartition(".")[2], type(module).__name__, len(open_rows), _shape(args))
        row.parameters = sum(p.numel() for p in module.parameters(recurse=False))
        open_rows.append(row)
        result.rows.append(row)

    def leave(module, args, output):
        open_rows.pop().output = _shape(output)

    def listen(op, values, params, output):
        flops = _flops(op, values, params, output)
        result.flops += flops
        for row in open_rows:
            row.flops += flops

    training = {module: module.training for module in model.modules()}
    try:
        for module in model.modules():
            handles += [
                module.register_forward_pre_hook(enter),
                module.register_forward_hook(leave),
            ]
        graph.listeners.append(listen)
        model.eval()
        with no_grad():
            model(*inputs, **keywords)
    finally:
        if listen in graph.listeners:
            graph.listeners.remove(listen)
        for handle in handles:
            handle.remove()
        for module, mode in training.items():
            module.training = mode
    result.parameters = sum(p.numel() for p in model.parameters())
    result.trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return result


def _flops(op, inputs, params, output):
    if op.is_view:
        return 0
    first = output[0] if isinstance(output, tuple) else output
    if op.name in _SUMMED:
        return 2 * first.numel() * inputs[_SUMMED[op.name]].shape[-1]
    count = _PRODUCTS.get(op.name)
    return first.numel() if count is None else 2 * count(first, *inputs)


def _convolution(output, input, weight, bias):
    return output.numel() * math.prod(weight.shape[1:])


def _transposed_convolution(output, input, weight):
    return input.numel() * math.prod(weight.shape[1:])


def _attention(output, query, key, value, mask, noise):
    """Scores, and the weighted sum of the values."""
    scores = math.prod(query.shape[:-1]) * key.shape[-2]
    return scores * (query.shape[-1] + value.shape[-1])


def _recurrence(output, projected, hidden, cell, w_hh, b_hh, w_hr, batch_sizes):
    """The hidden state into the gates at every step, and the projection where there is one."""
    projection = 0 if w_hr is None else output.numel() * w_hr.shape[1]
    return projected.numel() * hidden.shape[-1] + projection


#: Op -> how many multiply-adds a call is.
_PRODUCTS = {
    "attention": _attention,
    "convolution": _convolution,
    "convolution_input_gradient": _transposed_convolution,
    "recurrence": _recurrence,
}


def _shape(values):
    """The shape of a tensor, or of the tensors in a tuple or list."""
    if isinstance(values, graph.Value):
        return tuple(values.shape)
    if isinstance(values, tuple | list):
        shapes = [_shape(value) for value in values]
        shapes = [shape for shape in shapes if shape is not None]
        return shapes[0] if len(shapes) == 1 else shapes
    return None


def _text(shape):
    if shape is None or shape == []:
        return "-"
    if isinstance(shape, list):
        return ", ".join(_text(part) for part in shape)
    return " × ".join(map(str, shape)) or "scalar"
