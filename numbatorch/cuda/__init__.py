"""CUDA devices (`torch.cuda`): what there is, memory, streams and events, seeds.

Where there is no device, asking is harmless (`is_available()` is False, counts are 0) and using one
raises RuntimeError. In Numba's simulator (NUMBA_ENABLE_CUDASIM=1) there is one device.
"""

from .. import cuda_memory as _cuda_memory
from .. import devices as _devices
from ..cuda_memory import OutOfMemoryError, device_count, is_available
from ..legacy import CUDA_TENSORS as _CUDA_TENSORS
from . import amp, nvtx
from .memory import (
    empty_cache,
    max_memory_allocated,
    max_memory_reserved,
    mem_get_info,
    memory_allocated,
    memory_reserved,
    memory_stats,
    memory_summary,
    reset_max_memory_allocated,
    reset_peak_memory_stats,
)
from .properties import (
    get_arch_list,
    get_device_capability,
    get_device_name,
    get_device_properties,
    is_bf16_supported,
)
from .random import (
    get_rng_state,
    get_rng_state_all,
    initial_seed,
    manual_seed,
    manual_seed_all,
    seed,
    seed_all,
    set_rng_state,
    set_rng_state_all,
)
from .streams import (
    Event,
    Stream,
    StreamContext,
    current_stream,
    default_stream,
    set_stream,
    stream,
    synchronize,
)

globals().update(_CUDA_TENSORS)

has_half = True
has_magma = False


def is_initialized():
    """Whether a device can be used; nothing needs to be initialised first."""
    return is_available()


def init():
    """Do what the first use of a device does; RuntimeError where there is none."""
    _cuda_memory.target()


def current_device():
    """The index of the device that `device="cuda"` means."""
    return _cuda_memory.resolve_index(None)


def set_device(device):
    """Make a device the one that `device="cuda"` means."""
    index = _index_of(device)
    if index >= 0:
        _cuda_memory.target().select_device(_cuda_memory.resolve_index(index))


def _index_of(place, optional=False):
    """The index that a device, a string or an int names."""
    if isinstance(place, int):
        return place
    chosen = _devices.device(place)
    if chosen.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {place}")
    return _cuda_memory.resolve_index(chosen.index)


class device:
    """Context manager: `device="cuda"` means another device inside; None or -1 change nothing."""

    def __init__(self, device):
        self.index = -1 if device is None else _index_of(device)
        self._previous = -1

    def __enter__(self):
        if self.index >= 0:
            self._previous = current_device()
            set_device(self.index)

    def __exit__(self, *exception):
        if self.index >= 0:
            set_device(self._previous)


class device_of(device):
    """Context manager: `device="cuda"` means the device of a tensor inside."""

    def __init__(self, obj):
        super().__init__(obj.storage.device_index if obj.is_cuda else None)


def can_device_access_peer(device, peer_device):
    """Whether one device reaches the memory of another; copies go through the host."""
    return False


def ipc_collect():
    """Nothing: memory is not shared between processes."""
