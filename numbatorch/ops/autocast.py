"""Automatic mixed precision: the precision that a function computes in under `autocast`.

A function says its policy where it is defined: `@lower_precision` for products, which gain from
16 bits, `@full_precision` for what would lose by them, such as losses, `@widest` for what needs
operands of one dtype. Of elementwise ops there is a list. Outside of autocast the decorator costs
one test.
"""

import functools
import threading

from .. import dtypes, graph
from ..graph import modes
from .casting import cast


class _State(threading.local):
    """What autocast is set to in this thread."""

    def __init__(self):
        self.enabled = {"cpu": False, "cuda": False}
        self.dtypes = {"cpu": dtypes.bfloat16, "cuda": dtypes.float16}
        self.cache_enabled = True
        self.nesting = 0
        self.cache = {}  # (id of a parameter, dtype) -> (the parameter, its cast)


state = _State()


def refresh():
    """Put what the functions below test, the devices where autocast is on, into the modes."""
    active = {kind: state.dtypes[kind] for kind, on in state.enabled.items() if on}
    modes.autocast = active or None


#: Elementwise ops that compute in float32 where autocast is on for CUDA, but not in place.
IN_FULL_ON_CUDA = {
    "acos", "asin", "cosh", "erfinv", "exp", "expm1", "log", "log10", "log1p", "log2", "reciprocal",
    "rsqrt", "sinh", "softplus", "tan",
}  # fmt: skip


def in_full_on_cuda(inputs):
    """The inputs of one of these ops, those on CUDA in float32."""
    active = modes.autocast
    return tuple([_converted(x, active, _to_full_on_cuda) for x in inputs])


def _to_full_on_cuda(x, kind, dtype):
    return cast(x, dtypes.float32) if kind == "cuda" else x


def lower_precision(function=None, *, devices=("cpu", "cuda")):
    """Decorator: compute in autocast's dtype, where it is on for one of `devices`."""
    if function is None:
        return functools.partial(lower_precision, devices=devices)

    def to_lower(x, kind, dtype):
        return _to_lower(x, dtype) if kind in devices else x

    return _with_policy(function, to_lower)


def full_precision(function=None, *, devices=("cpu", "cuda")):
    """Decorator: compute in float32, where autocast is on for one of `devices`."""
    if function is None:
        return functools.partial(full_precision, devices=devices)

    def to_full(x, kind, dtype):
        return cast(x, dtypes.float32) if kind in devices else x

    return _with_policy(function, to_full)


def widest(function):
    """Decorator: compute in the widest dtype of the operands, where autocast is on for CUDA."""
    to_lower = lower_precision(devices=("cuda",))(function)
    to_full = full_precision(devices=("cuda",))(function)

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        if modes.autocast is None:
            return function(*args, **kwargs)
        values = [x for x in (*args, *kwargs.values()) if isinstance(x, graph.Value)]
        is_full = any([x.dtype is dtypes.float32 for x in values])
        return (to_full if is_full else to_lower)(*args, **kwargs)

    return wrapped


def unsafe(message):
    """Decorator: RuntimeError on CUDA tensors where autocast is on for them."""

    def declare(function):
        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            if modes.autocast is not None and "cuda" in modes.autocast:
                values = [x for x in (*args, *kwargs.values()) if isinstance(x, graph.Value)]
                if any([x.storage.device_type == "cuda" for x in values]):
                    raise RuntimeError(message)
            return function(*args, **kwargs)

        return wrapped

    return declare


def _to_lower(x, dtype):
    is_parameter = x._requires_grad and x._node is None and x._base is None
    if is_parameter and x.dtype is dtypes.float32 and state.cache_enabled and modes.grad_enabled:
        return _cached(x, dtype)
    return cast(x, dtype)


def _cached(parameter, dtype):
    """The cast of a parameter, made once in an autocast block, so that its gradients add up there."""
    key = id(parameter), dtype
    if key not in state.cache:
        state.cache[key] = parameter, cast(parameter, dtype)
    return state.cache[key][1]


def _with_policy(function, convert):
    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        active = modes.autocast
        if active is None:
            return function(*args, **kwargs)
        modes.autocast = None  # what it calls takes what it gets
        try:
            args = [_converted(x, active, convert) for x in args]
            kwargs = {name: _converted(x, active, convert) for name, x in kwargs.items()}
            return function(*args, **kwargs)
        finally:
            modes.autocast = active

    return wrapped


def _converted(value, active, convert):
    if isinstance(value, graph.Value):
        kind = value.storage.device_type
        if value.dtype.is_floating_point and value.dtype is not dtypes.float64 and kind in active:
            return convert(value, kind, active[kind])
    elif isinstance(value, list | tuple) and any(
        isinstance(x, graph.Value | list | tuple) for x in value
    ):
        return type(value)(_converted(x, active, convert) for x in value)
    return value
