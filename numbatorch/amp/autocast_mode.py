"""`autocast`: inside it functions choose their precision (the policies are in `ops/autocast.py`)."""

import functools
import warnings

from .. import cuda_memory, devices, dtypes, graph
from ..ops.autocast import refresh, state
from ..ops.casting import cast

#: Device type -> the dtypes that its autocast can be set to.
_SUPPORTED = {
    "cpu": (dtypes.bfloat16, dtypes.float16),
    "cuda": (dtypes.bfloat16, dtypes.float16, dtypes.float32),
}


def is_autocast_available(device_type):
    """Whether there is autocast for a device type."""
    return device_type in _SUPPORTED


class autocast:
    """Context manager and decorator: products compute in `dtype`, losses in float32.

    bfloat16 on the CPU and float16 on CUDA where no dtype is given. RuntimeError for a device type
    that has no autocast.
    """

    def __init__(self, device_type, dtype=None, enabled=True, cache_enabled=None):
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        device_type = devices.device(device_type).type
        if not is_autocast_available(device_type):
            raise RuntimeError(
                f"User specified an unsupported autocast device_type '{device_type}'"
            )
        self.device = device_type
        self.fast_dtype = dtype or state.dtypes[device_type]
        self._cache_enabled = state.cache_enabled if cache_enabled is None else cache_enabled
        self._enabled = bool(enabled) and _can_be_enabled(device_type, self.fast_dtype)
        self._saved = []

    def __enter__(self):
        self._saved.append(
            (state.enabled[self.device], state.dtypes[self.device], state.cache_enabled)
        )
        self._set(self._enabled, self.fast_dtype, self._cache_enabled)
        state.nesting += 1
        return self

    def __exit__(self, *exception):
        state.nesting -= 1
        if not state.nesting:
            state.cache.clear()
        self._set(*self._saved.pop())
        return False

    def _set(self, enabled, dtype, cache_enabled):
        state.enabled[self.device] = enabled
        state.dtypes[self.device] = dtype
        state.cache_enabled = cache_enabled
        refresh()

    def __call__(self, function):
        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with self:
                return function(*args, **kwargs)

        return wrapped


def _can_be_enabled(device_type, dtype):
    if device_type == "cuda" and not cuda_memory.is_available():
        warnings.warn(
            "CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=3
        )
        return False
    if dtype not in _SUPPORTED[device_type]:
        names = ", ".join(str(found) for found in _SUPPORTED[device_type])
        warnings.warn(
            f"In {device_type.upper()} autocast, but the target dtype is not supported. Disabling "
            f"autocast.\n{device_type.upper()} Autocast only supports dtypes of {names} currently.",
            stacklevel=3,
        )
        return False
    return True


# The settings one by one --------------------------------------------------------------------------


def is_autocast_enabled(device_type="cuda"):
    """Whether autocast is on for a device type in this thread."""
    return state.enabled[device_type]


def set_autocast_enabled(device_type, enabled=None):
    """Switch autocast on or off for a device type; with one argument, for CUDA."""
    if enabled is None:
        device_type, enabled = "cuda", device_type
    state.enabled[device_type] = bool(enabled)
    refresh()


def get_autocast_dtype(device_type):
    """The dtype that products compute in."""
    return state.dtypes[device_type]


def _of_old(old, new):
    warnings.warn(
        f"torch.{old} is deprecated. Please use torch.{new} instead.", DeprecationWarning, 3
    )


def is_autocast_cpu_enabled():
    """Whether autocast is on for the CPU (deprecated)."""
    _of_old("is_autocast_cpu_enabled()", "is_autocast_enabled('cpu')")
    return is_autocast_enabled("cpu")


def get_autocast_cpu_dtype():
    """The dtype that products compute in on the CPU (deprecated)."""
    _of_old("get_autocast_cpu_dtype()", "get_autocast_dtype('cpu')")
    return get_autocast_dtype("cpu")


def get_autocast_gpu_dtype():
    """The dtype that products compute in on CUDA (deprecated)."""
    _of_old("get_autocast_gpu_dtype()", "get_autocast_dtype('cuda')")
    return get_autocast_dtype("cuda")


def set_autocast_dtype(device_type, dtype):
    """Set the dtype that products compute in."""
    state.dtypes[device_type] = dtype
    refresh()


def is_autocast_cache_enabled():
    """Whether casts of parameters are kept in an autocast block."""
    return state.cache_enabled


def set_autocast_cache_enabled(enabled):
    """Say whether casts of parameters are kept in an autocast block."""
    state.cache_enabled = bool(enabled)


def clear_autocast_cache():
    """Forget the kept casts of parameters."""
    state.cache.clear()


def autocast_increment_nesting():
    """Enter one more block."""
    state.nesting += 1
    return state.nesting


def autocast_decrement_nesting():
    """Leave a block."""
    state.nesting -= 1
    return state.nesting


# Functions with a gradient of the user's own -------------------------------------------------------


def custom_fwd(fwd=None, *, device_type, cast_inputs=None):
    """Decorator for `forward` of an autograd.Function: with `cast_inputs`, autocast is off inside.

    Floating-point tensors then reach it in that dtype. Without, it runs as the surrounding code does.
    """
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorated(ctx, *args, **kwargs):
        enabled = is_autocast_enabled(device_type)
        ctx._dtype = get_autocast_dtype(device_type)
        if cast_inputs is None:
            ctx._fwd_used_autocast = enabled
            return fwd(ctx, *args, **kwargs)
        ctx._fwd_used_autocast = False
        if not enabled:
            return fwd(ctx, *args, **kwargs)
        with autocast(device_type, enabled=False):
            args = _cast_tensors(args, device_type, cast_inputs)
            return fwd(ctx, *args, **_cast_tensors(kwargs, device_type, cast_inputs))

    return decorated


def custom_bwd(bwd=None, *, device_type):
    """Decorator for `backward` of an autograd.Function: autocast is what it was in `forward`."""
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorated(ctx, *args, **kwargs):
        with autocast(device_type, enabled=ctx._fwd_used_autocast, dtype=ctx._dtype):
            return bwd(ctx, *args, **kwargs)

    return decorated


def _cast_tensors(value, device_type, dtype):
    if isinstance(value, graph.Value):
        fits = value.dtype.is_floating_point and value.storage.device_type == device_type
        return cast(value, dtype) if fits and value.dtype is not dtypes.float64 else value
    if isinstance(value, dict):
        return {key: _cast_tensors(item, device_type, dtype) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_cast_tensors(item, device_type, dtype) for item in value)
    return value
