"""Which implementation `scaled_dot_product_attention` uses: there is one, MATH."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum


class SDPBackend(IntEnum):
    """PyTorch's implementations of attention."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: SDPBackend | list[SDPBackend], set_priority: bool = False) -> Iterator:
    """Accepts any choice of implementations; the results do not depend on it."""
    chosen = [backends] if isinstance(backends, SDPBackend) else list(backends)
    if not all(isinstance(backend, SDPBackend) for backend in chosen):
        raise TypeError(f"backends must be SDPBackend or a list of SDPBackend, but got {backends}")
    if not chosen:
        raise RuntimeError("No viable backend for scaled_dot_product_attention was found.")
    yield {}
