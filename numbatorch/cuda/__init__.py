"""CUDA devices (`torch.cuda`): what there is, memory, streams and events, seeds.

Where there is no device, asking is harmless (`is_available()` is False, counts are 0) and using one
raises RuntimeError. In Numba's simulator (NUMBA_ENABLE_CUDASIM=1) there is one device,
or as many as NUMBATORCH_SIMULATED_DEVICES says.
"""

from ..cuda_allocator import OutOfMemoryError
from ..cuda_driver import AcceleratorError
from ..cuda_memory import device_count, is_available
from ..legacy import CUDA_TENSORS as _CUDA_TENSORS
from . import amp, nvtx
from ._devices import (
    can_device_access_peer,
    current_device,
    device,
    device_of,
    get_sync_debug_mode,
    init,
    set_device,
    set_sync_debug_mode,
)
from .graphs import CUDAGraph, graph, graph_pool_handle, make_graphed_callables
from .memory import (
    empty_cache,
    get_per_process_memory_fraction,
    max_memory_allocated,
    max_memory_cached,
    max_memory_reserved,
    mem_get_info,
    memory_allocated,
    memory_cached,
    memory_reserved,
    memory_stats,
    memory_stats_as_nested_dict,
    memory_summary,
    reset_accumulated_memory_stats,
    reset_max_memory_allocated,
    reset_max_memory_cached,
    reset_peak_memory_stats,
    set_per_process_memory_fraction,
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
    ExternalStream,
    Stream,
    StreamContext,
    current_stream,
    default_stream,
    get_stream_from_external,
    is_current_stream_capturing,
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


def ipc_collect():
    """Nothing: memory is not shared between processes."""
