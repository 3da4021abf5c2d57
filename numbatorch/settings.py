"""Settings of PyTorch that change nothing here are kept, and given back when asked for."""

import warnings

from . import cuda_blas, devices, dtypes
from .legacy import TYPED_TENSORS

__all__ = [
    "are_deterministic_algorithms_enabled", "get_default_device", "get_deterministic_debug_mode",
    "get_float32_matmul_precision", "get_num_interop_threads",
    "is_deterministic_algorithms_warn_only_enabled", "is_warn_always_enabled",
    "set_default_device", "set_default_tensor_type", "set_deterministic_debug_mode",
    "set_float32_matmul_precision", "set_flush_denormal", "set_num_interop_threads",
    "set_warn_always", "use_deterministic_algorithms",
]  # fmt: skip


class _Kept:
    matmul_precision = "highest"
    deterministic = 0  # 0 off, 1 warn, 2 error, as in `set_deterministic_debug_mode`
    interop_threads = 1
    warn_always = False


def set_float32_matmul_precision(precision):
    """ "high" and "medium" let cuBLAS round the factors of float32 products on CUDA to TF32.

    Elsewhere they are computed in float32 whatever it says.
    """
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(
            f"float32_matmul_precision must be one of highest, high, medium, but got {precision}"
        )
    _Kept.matmul_precision = precision
    cuda_blas.Precision.tf32 = precision != "highest"


def get_float32_matmul_precision():
    """What `set_float32_matmul_precision` was told last."""
    return _Kept.matmul_precision


def use_deterministic_algorithms(mode, *, warn_only=False):
    """Accepted: on the CPU every algorithm is deterministic."""
    _Kept.deterministic = 0 if not mode else (1 if warn_only else 2)


def are_deterministic_algorithms_enabled():
    """Whether `use_deterministic_algorithms` asked for them."""
    return _Kept.deterministic > 0


def is_deterministic_algorithms_warn_only_enabled():
    """Whether it asked for warnings only."""
    return _Kept.deterministic == 1


def set_deterministic_debug_mode(debug_mode):
    """ "default", "warn" or "error", or 0, 1, 2."""
    modes = ("default", "warn", "error")
    _Kept.deterministic = modes.index(debug_mode) if isinstance(debug_mode, str) else debug_mode


def get_deterministic_debug_mode():
    """0, 1 or 2."""
    return _Kept.deterministic


def set_num_interop_threads(num_threads, /):
    """Accepted: ops run one after the other."""
    if num_threads <= 0:
        raise RuntimeError("Expected a positive number of threads")
    _Kept.interop_threads = num_threads


def get_num_interop_threads():
    """What `set_num_interop_threads` was told last."""
    return _Kept.interop_threads


def set_flush_denormal(mode, /):
    """False: kernels keep denormal numbers."""
    return False


def set_warn_always(b, /):
    """Accepted; Python's warnings filters decide."""
    _Kept.warn_always = bool(b)


def is_warn_always_enabled():
    """What `set_warn_always` was told last."""
    return _Kept.warn_always


def set_default_tensor_type(t):
    """Set the default dtype by the name or the class of a tensor type (deprecated)."""
    warnings.warn(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use "
        "torch.set_default_dtype() and torch.set_default_device() as alternatives.",
        stacklevel=2,
    )
    name = t.removeprefix("torch.") if isinstance(t, str) else getattr(t, "__name__", str(t))
    place, _, kind = name.rpartition(".")
    if kind not in TYPED_TENSORS:
        raise TypeError(f"invalid type object: {t}")
    dtypes.set_default_dtype(TYPED_TENSORS[kind].dtype)
    devices.set_default(place or "cpu")


def set_default_device(device):
    """Make new tensors on `device` where none is named; None is the CPU."""
    devices.set_default(device)


def get_default_device():
    """Where new tensors are made."""
    return devices.default()
