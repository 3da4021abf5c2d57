"""Figures of the caching allocators (`torch.cuda.memory`)."""

from .. import cuda_memory
from ._devices import index_of


def allocator_of(device=None):
    """The allocator of a device (the current one by default), None where there is no device."""
    return cuda_memory.allocator(index_of(device)) if cuda_memory.is_available() else None


def _figure(name, part, device):
    allocator = allocator_of(device)
    return 0 if allocator is None else getattr(allocator.statistics[name], part)


def memory_allocated(device=None):
    """Bytes that tensors occupy."""
    return _figure("allocated_bytes", "current", device)


def max_memory_allocated(device=None):
    """The most bytes that tensors occupied since the last reset of the peaks."""
    return _figure("allocated_bytes", "peak", device)


def memory_reserved(device=None):
    """Bytes that this process has from the device: those of tensors and those kept for the next."""
    return _figure("reserved_bytes", "current", device)


def max_memory_reserved(device=None):
    """The most bytes that this process had from the device since the last reset of the peaks."""
    return _figure("reserved_bytes", "peak", device)


memory_cached, max_memory_cached = memory_reserved, max_memory_reserved


def reset_peak_memory_stats(device=None):
    """Let the peaks start from what is in use now."""
    allocator = allocator_of(device)
    if allocator is not None:
        allocator.statistics.reset_peaks()


reset_max_memory_allocated = reset_max_memory_cached = reset_peak_memory_stats


def reset_accumulated_memory_stats(device=None):
    """Let the sums of what was allocated and freed, and the counts, start from nothing."""
    allocator = allocator_of(device)
    if allocator is not None:
        allocator.statistics.reset_sums()


def empty_cache():
    """Give freed memory back to the devices."""
    for index in range(cuda_memory.device_count()):
        cuda_memory.allocator(index).empty_cache()


def mem_get_info(device=None):
    """(free, total) bytes of a device."""
    return cuda_memory.target().driver().memory_info(index_of(device))


def set_per_process_memory_fraction(fraction, device=None):
    """Let this process take at most such a part of a device's memory."""
    if not isinstance(fraction, float):
        raise TypeError("Invalid type for fraction argument, must be `float`")
    if not 0 <= fraction <= 1:
        raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~1")
    cuda_memory.allocator(index_of(device)).fraction = fraction


def get_per_process_memory_fraction(device=None):
    """The part of a device's memory that this process may take."""
    return cuda_memory.allocator(index_of(device)).fraction


def memory_stats(device=None):
    """The allocator's figures, by PyTorch's names; none where there is no device."""
    allocator = allocator_of(device)
    return {} if allocator is None else dict(sorted(allocator.statistics.as_dict().items()))


def memory_stats_as_nested_dict(device=None):
    """The allocator's figures by the parts of their names."""
    nested = {}
    for name, value in memory_stats(device).items():
        *path, last = name.split(".")
        place = nested
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return nested


# As a table -------------------------------------------------------------------------------------

_AMOUNTS, _COUNTS = ("B  ", "KiB", "MiB", "GiB", "TiB", "PiB"), (" ", "K", "M")
_ROWS = (
    ("allocated_bytes", "Allocated memory", _AMOUNTS),
    ("active_bytes", "Active memory", _AMOUNTS),
    ("requested_bytes", "Requested memory", _AMOUNTS),
    ("reserved_bytes", "GPU reserved memory", _AMOUNTS),
    ("inactive_split_bytes", "Non-releasable memory", _AMOUNTS),
    ("allocation", "Allocations", _COUNTS),
    ("active", "Active allocs", _COUNTS),
    ("segment", "GPU reserved segments", _COUNTS),
    ("inactive_split", "Non-releasable allocs", _COUNTS),
    ("oversize_allocations", "Oversize allocations", _COUNTS),
    ("oversize_segments", "Oversize GPU segments", _COUNTS),
)
_PARTS = ("current", "peak", "allocated", "freed")


def _cell(value, like, units):
    """A number in the unit that suits another, as the column beside it is."""
    step, limit = (1024, 768 * 1024) if units is _AMOUNTS else (1000, 750 * 1000)
    unit = units[0]
    for greater in units[1:]:
        if like < limit:
            break
        unit, value, like = greater, value // step, like / step
    return f"{value:6d} {unit}" if units is _AMOUNTS else f"{value:7d} {unit} "


def memory_summary(device=None, abbreviated=False):
    """The allocator's figures as PyTorch's table."""
    index, stats = index_of(device), memory_stats(device)
    double, single = "=" * 75, "-" * 75
    lines = [
        double,
        f" {'':16} PyTorch CUDA memory summary, device ID {index:<17d} ",
        single,
        f"  {'':9} CUDA OOMs: {stats['num_ooms']:<12d} | {'':6} "
        f"cudaMalloc retries: {stats['num_alloc_retries']:<8d}  ",
        double,
        "        Metric         | Cur Usage  | Peak Usage | Tot Alloc  | Tot Freed  ",
    ]
    for name, title, units in _ROWS:
        lines.append(single)
        rows = [(f"{name}.all", title)]
        if name.startswith("oversize"):
            rows = [(name, title)]
        elif not abbreviated:
            rows.append((f"{name}.large_pool", "      from large pool"))
            rows.append((f"{name}.small_pool", "      from small pool"))
        first = [stats[f"{rows[0][0]}.{part}"] for part in _PARTS]
        for key, text in rows:
            values = [stats[f"{key}.{part}"] for part in _PARTS]
            cells = [_cell(value, like, units) for value, like in zip(values, first)]
            lines.append(f" {text:<21} | {' | '.join(cells)} ")
    lines.append(double)
    return "|" + "|\n|".join(lines) + "|\n"
