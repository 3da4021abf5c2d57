"""How a tensor prints: PyTorch's text, to the character."""

import contextlib
import math
from dataclasses import asdict, dataclass

import numpy as np

from . import devices, dtypes, graph
from .ops.casting import to_device


@dataclass
class PrintOptions:
    """What `set_printoptions` sets."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


options = PrintOptions()

_PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}


def set_printoptions(
    precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None
):
    """Set how tensors print; `profile` is "default", "short" or "full".

    None keeps a setting as it is, except `sci_mode`, where it means: decided by the values.
    """
    given = {
        "precision": precision, "threshold": threshold, "edgeitems": edgeitems,
        "linewidth": linewidth,
    }  # fmt: skip
    if profile in _PROFILES:
        given = {
            name: getattr(_PROFILES[profile], name) if value is None else value
            for name, value in given.items()
        }
    for name, value in given.items():
        if value is not None:
            setattr(options, name, value)
    options.sci_mode = sci_mode


def get_printoptions():
    """The options as a dictionary that `set_printoptions` takes."""
    return asdict(options)


@contextlib.contextmanager
def printoptions(**settings):
    """Set the options for the time of a `with` block."""
    before = get_printoptions()
    set_printoptions(**settings)
    try:
        yield
    finally:
        set_printoptions(**before)


# Numbers ------------------------------------------------------------------------------------------


class _Formatter:
    """The format that all numbers of one tensor share, chosen from those that will be shown."""

    def __init__(self, values):
        self.floating = values.dtype.kind == "f"
        self.whole = True
        self.scientific = False
        self.width = 1
        if self.floating:
            shown = values[np.isfinite(values) & (values != 0)].astype(np.float64)
            self._choose(shown)
        else:
            shown = values.ravel()
        for value in shown.tolist():
            self.width = max(self.width, len(self._text(value)))

    def _choose(self, shown):
        if shown.size == 0:
            return
        magnitudes = np.abs(shown)
        least, most = float(magnitudes.min()), float(magnitudes.max())
        self.whole = bool((shown == np.ceil(shown)).all())
        self.scientific = options.sci_mode
        if self.scientific is None:
            self.scientific = most / least > 1000.0 or most > 1.0e8 or least < 1.0e-4

    def _text(self, value):
        if not self.floating:
            return str(value)
        if self.scientific:
            return f"{value:.{options.precision}e}"
        if self.whole:
            return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"
        return f"{value:.{options.precision}f}"

    def __call__(self, value):
        return self._text(value).rjust(self.width)


class _ComplexFormatter:
    """Real and imaginary parts each have a format of their own."""

    def __init__(self, values):
        self.real = _Formatter(values.real)
        self.imag = _Formatter(values.imag)
        self.width = self.real.width + self.imag.width + 1

    def __call__(self, value):
        imag = (self.imag(value.imag) + "j").lstrip()
        sign = "" if imag[0] in "+-" else "+"
        return self.real(value.real) + sign + imag


# Brackets -----------------------------------------------------------------------------------------


def _ends(size):
    """The indices along a dimension that a summary shows, or None for all of them."""
    edge = options.edgeitems
    return None if size <= 2 * edge else [*range(edge), *range(size - edge, size)]


def _summarized(values):
    """The elements that a summary shows."""
    for d, size in enumerate(values.shape):
        ends = _ends(size)
        if ends is not None:
            values = values[(slice(None),) * d + (ends,)]  # `take` would copy what has gaps first
    return values


def _vector(values, indent, summarize, formatter):
    ends = _ends(values.shape[0]) if summarize else None
    if ends is None:
        items = [formatter(value) for value in values.tolist()]
    elif not ends:
        items = ["..."]
    else:
        items = [formatter(value) for value in values[ends].tolist()]
        items.insert(options.edgeitems, " ...")
    per_line = max(1, (options.linewidth - indent) // (formatter.width + 2))
    lines = [", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _nested(values, indent, summarize, formatter):
    if values.ndim == 0:
        return formatter(values.item())
    if values.ndim == 1:
        return _vector(values, indent, summarize, formatter)
    ends = _ends(values.shape[0]) if summarize else None
    rows = range(values.shape[0]) if ends is None else ends
    parts = [_nested(values[i], indent + 1, summarize, formatter) for i in rows]
    if ends is not None:
        parts.insert(options.edgeitems, "...")
    separator = "," + "\n" * (values.ndim - 1) + " " * (indent + 1)
    return "[" + separator.join(parts) + "]"


def format_values(values, indent=0):
    """The numbers of a NumPy array in brackets, as they stand inside `tensor(...)`."""
    if values.size == 0:
        return "[]"
    if values.dtype.kind == "V":  # bfloat16
        values = values.astype(np.float32)
    summarize = values.size > options.threshold
    shown = _summarized(values) if summarize else values
    formatter = _ComplexFormatter(shown) if values.dtype.kind == "c" else _Formatter(shown)
    return _nested(values, indent, summarize, formatter)


# The whole text -----------------------------------------------------------------------------------


def _with_suffixes(text, suffixes, indent):
    """Add `, suffix` for each; a suffix that does not fit begins a new line."""
    length = len(text) - text.rfind("\n") + 1
    parts = [text]
    for suffix in suffixes:
        if length + len(suffix) + 2 > options.linewidth:
            parts.append(",\n" + " " * indent + suffix)
            length = indent + len(suffix)
        else:
            parts.append(", " + suffix)
            length += len(suffix) + 2
    return "".join(parts) + ")"


def _described_by_default(dtype):
    default = dtypes.get_default_dtype()
    return dtype in (default, default.to_complex(), dtypes.int64, dtypes.bool_)


def format_tensor(
    values, dtype, *, prefix="tensor(", device=None, grad_fn=None, requires_grad=False
):
    """The text of a tensor with the elements of the NumPy array `values`.

    `device` is the device's text where it is not the default one, `grad_fn` a name.
    """
    suffixes = []
    if device is not None:
        suffixes.append(f"device='{device}'")
    if values.size == 0:
        if values.ndim != 1:
            suffixes.append(f"size={tuple(values.shape)}")
        if dtype is not dtypes.get_default_dtype():
            suffixes.append(f"dtype={dtype!r}")
    else:
        if not options.edgeitems:
            suffixes.append(f"size={tuple(values.shape)}")
        if not _described_by_default(dtype):
            suffixes.append(f"dtype={dtype!r}")
    if grad_fn is not None:
        suffixes.append(f"grad_fn=<{grad_fn}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    text = prefix + format_values(values, len(prefix))
    return _with_suffixes(text, suffixes, len(prefix))


def text_of(value):
    """The text of a tensor."""
    kind = type(value)
    plain = kind is graph.tensor_type or kind.__name__ == "Parameter"
    place = devices.of(value)
    node = value.grad_fn
    return format_tensor(
        to_device(graph.alias(value), devices.CPU).as_numpy(),
        value.dtype,
        prefix="tensor(" if plain else f"{kind.__name__}(",
        device=None if place.type == "cpu" else str(place),
        grad_fn=None if node is None else node.name(),
        requires_grad=value.requires_grad,
    )
