"""How notebooks show a tensor: its text, what is known of its values, and a small picture of them."""

from html import escape

import numpy as np

from .. import devices, graph, printing
from ..ops.casting import to_device
from . import pictures

#: Elements that are looked at, at most; of a larger tensor every n-th along each dimension.
MOST_ELEMENTS = 1 << 16
#: Pixels of a picture along each side, at most, and the room on the screen that they get.
MOST_PIXELS = 96
ROOM = 192


def tensor_html(tensor):
    """HTML of a tensor, or None where there is nothing that could be shown: the text is shown then."""
    try:
        values, whole = sample(tensor)
        picture = _picture(tensor, values)
        parts = [
            f"<pre style='margin: 0'>{escape(repr(tensor))}</pre>",
            f"<div style='margin: 0.3em 0; color: #78716c; font-size: 85%'>{_facts(tensor, values, whole)}</div>",
            picture or "",
        ]  # fmt: skip
        return f"<div style='overflow-x: auto'>{''.join(parts)}</div>"
    except Exception:  # a display must not break the cell that it shows
        return None


def sample(tensor):
    """(elements as a NumPy array of the tensor's rank, whether that is all of them)."""
    steps = [1] * len(tensor.shape)
    sizes = list(tensor.shape)
    while np.prod(sizes, dtype=float) > MOST_ELEMENTS:
        largest = int(np.argmax(sizes))
        steps[largest] *= 2
        sizes[largest] = -(-tensor.shape[largest] // steps[largest])
    values = _on_host(tensor, steps, sizes)
    if values.dtype.kind not in "biufc":
        values = values.astype(np.float32)  # bfloat16
    return values, max(steps, default=1) == 1


def _on_host(tensor, steps, sizes):
    """Every n-th element along each dimension, without a copy of the others."""
    strides = tuple(stride * step for stride, step in zip(tensor.strides, steps))
    seen = graph.alias(tensor, type(tensor.shape)(sizes), strides)
    return to_device(seen, devices.CPU).as_numpy()


def _facts(tensor, values, whole):
    """Shape, dtype, device, and what the values are like."""
    shape = " × ".join(map(str, tensor.shape)) or "scalar"
    facts = [shape, tensor.dtype.name, str(devices.of(tensor))]
    if tensor.requires_grad:
        facts.append("requires grad")
    numbers = np.abs(values) if values.dtype.kind == "c" else values
    finite = numbers[np.isfinite(numbers)]
    if finite.size and tensor.shape:
        of = " of magnitudes" if values.dtype.kind == "c" else ""
        finite = finite.astype(np.float64)
        least, mean, most = (_number(f(finite)) for f in (np.min, np.mean, np.max))
        facts.append(f"min {least} · mean {mean} · max {most}{of}")
    if finite.size < numbers.size:
        facts.append(f"{numbers.size - finite.size} not finite")
    if not whole:
        facts.append(f"of {values.size:,} elements looked at")
    return " · ".join(facts)


def _number(value):
    """A number in four digits."""
    return f"{value:.{printing.options.precision}g}"


def _picture(tensor, values):
    """An image where the values look like one, else their colours; None of nothing or a single one."""
    if values.size < 2:
        return None
    if _looks_like_image(tensor, values):
        return _shown(_as_bytes(values), "as an image")
    values = np.abs(values) if values.dtype.kind == "c" else values
    leading = values.ndim - 2
    matrix = values[(0,) * leading] if leading > 0 else np.atleast_2d(values)
    if 0 in matrix.shape:
        return None
    title = f"[{', '.join('0' * leading)}], blue below zero, red above" if leading > 0 else ""
    return _shown(pictures.heat(_thinned(matrix)), title or "blue below zero, red above")


def _looks_like_image(tensor, values):
    if values.ndim != 3 or values.shape[0] != 3 or min(values.shape[1:]) < 8:
        return False
    if values.dtype == np.uint8:
        return True
    return values.dtype.kind == "f" and bool((values >= 0).all() and (values <= 1).all())


def _as_bytes(values):
    """Channels x height x width as height x width x 3 bytes."""
    pixels = values if values.dtype == np.uint8 else (values * 255).round().astype(np.uint8)
    return _thinned(pixels.transpose(1, 2, 0))


def _thinned(pixels):
    """Rows and columns left out until the picture is small."""
    rows, columns = (max(1, -(-size // MOST_PIXELS)) for size in pixels.shape[:2])
    return pixels[::rows, ::columns]


def _shown(pixels, title):
    """The picture, large enough to be seen: whole multiples of its pixels, strips at least 16 high."""
    height, width = pixels.shape[:2]
    scale = max(1, ROOM // max(height, width))
    return pictures.image(pixels, scale * width, max(scale * height, 16), title)
