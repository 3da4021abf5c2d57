"""Figures of the caching allocators (`torch.cuda.memory`)."""

from .. import cuda_memory
from ..devices import device as _device


def allocator_of(device=None):
    """The allocator of a device (the current one by default), None where there is no device."""
    if not cuda_memory.is_available():
        return None
    if device is None or isinstance(device, int):
        index = device
    else:
        index = _device(device).index
    return cuda_memory.allocator(cuda_memory.resolve_index(index))


def _figure(name, device):
    allocator = allocator_of(device)
    return 0 if allocator is None else getattr(allocator, name)


def memory_allocated(device=None):
    """Bytes that tensors occupy."""
    return _figure("allocated_bytes", device)


def max_memory_allocated(device=None):
    """The most bytes that tensors occupied since the last reset of the peaks."""
    return _figure("peak_bytes", device)


def memory_reserved(device=None):
    """Bytes that this process has from the device: those of tensors and those kept for the next."""
    return _figure("reserved_bytes", device)


def max_memory_reserved(device=None):
    """The most bytes that this process had from the device since the last reset of the peaks."""
    return _figure("peak_reserved_bytes", device)


def reset_peak_memory_stats(device=None):
    """Let the peaks start from what is in use now."""
    allocator = allocator_of(device)
    if allocator is not None:
        allocator.peak_bytes = allocator.allocated_bytes
        allocator.peak_reserved_bytes = allocator.reserved_bytes


reset_max_memory_allocated = reset_peak_memory_stats


def empty_cache():
    """Give freed memory back to the devices."""
    for index in range(cuda_memory.device_count()):
        cuda_memory.allocator(index).empty_cache()


def mem_get_info(device=None):
    """(free, total) bytes of a device."""
    return cuda_memory.target().memory_info(allocator_of(device).index)


def memory_stats(device=None):
    """The allocator's figures, by PyTorch's names."""
    if allocator_of(device) is None:
        return {}
    return {
        "allocated_bytes.all.current": memory_allocated(device),
        "allocated_bytes.all.peak": max_memory_allocated(device),
        "reserved_bytes.all.current": memory_reserved(device),
        "reserved_bytes.all.peak": max_memory_reserved(device),
        "allocation.all.allocated": _figure("allocations", device),
    }


def memory_summary(device=None, abbreviated=False):
    """The allocator's figures as text."""
    return "\n".join(f"{name:<32}{value:>16}" for name, value in memory_stats(device).items())
