"""The caching allocator of a CUDA device: blocks that were freed are kept for the next tensor.

A block belongs to the stream that it was made on. Freed, it goes to work of that stream at once, since
all earlier work on it is then done; streams that were named by `record_stream` must have come as far
first, which events tell. While a graph is captured, blocks come from the graph's own pool.
"""

import threading

from . import cuda_streams


class OutOfMemoryError(RuntimeError):
    """A device has no room for an allocation (`torch.cuda.OutOfMemoryError`)."""


#: Blocks up to this size are counted in the "small pool", as PyTorch's are.
SMALL = 1 << 20


class Block:
    """Memory of a device: `size` bytes, of which a tensor asked for `requested`."""

    __slots__ = ("address", "size", "requested", "index", "stream", "pool", "users", "views")

    def __init__(self, address, size, index, stream, pool):
        self.address, self.size, self.requested = address, size, 0
        self.index, self.stream, self.pool = index, stream, pool
        self.users, self.views = set(), {}


class Figure:
    """A number that goes up and down: now, at most, and the sums of what came and went."""

    __slots__ = ("current", "peak", "allocated", "freed")

    def __init__(self):
        self.current = self.peak = self.allocated = self.freed = 0

    def add(self, amount):
        self.current += amount
        self.allocated += amount
        self.peak = max(self.peak, self.current)

    def remove(self, amount):
        self.current -= amount
        self.freed += amount


#: What is counted of tensors, and of the memory that the device gave.
_OF_TENSORS = ("allocation", "active", "allocated_bytes", "active_bytes", "requested_bytes")
_OF_DEVICE = ("segment", "reserved_bytes")
#: Blocks are never split, so these stay zero.
_OF_SPLITS = ("inactive_split", "inactive_split_bytes")


class Statistics:
    """The figures of an allocator, by PyTorch's names."""

    def __init__(self):
        self.figures = {
            (name, pool): Figure()
            for name in (*_OF_TENSORS, *_OF_DEVICE, *_OF_SPLITS)
            for pool in ("all", "large_pool", "small_pool")
        }
        self.counts = dict.fromkeys(
            ("num_alloc_retries", "num_ooms", "num_sync_all_streams", "num_device_alloc",
             "num_device_free"), 0,
        )  # fmt: skip

    def __getitem__(self, name):
        return self.figures[name, "all"]

    def change(self, block, names, amounts, method):
        pool = "small_pool" if block.size <= SMALL else "large_pool"
        for name, amount in zip(names, amounts):
            for place in ("all", pool):
                method(self.figures[name, place], amount)

    def taken(self, block):
        amounts = 1, 1, block.size, block.size, block.requested
        self.change(block, _OF_TENSORS, amounts, Figure.add)

    def given_back(self, block):
        amounts = 1, 1, block.size, block.size, block.requested
        self.change(block, _OF_TENSORS, amounts, Figure.remove)

    def reserved(self, block):
        self.counts["num_device_alloc"] += 1
        self.change(block, _OF_DEVICE, (1, block.size), Figure.add)

    def released(self, block):
        self.counts["num_device_free"] += 1
        self.change(block, _OF_DEVICE, (1, block.size), Figure.remove)

    def reset_peaks(self):
        for figure in self.figures.values():
            figure.peak = figure.current

    def reset_sums(self):
        for figure in self.figures.values():
            figure.allocated = figure.freed = 0
        self.counts = dict.fromkeys(self.counts, 0)

    def as_dict(self):
        """PyTorch's keys, such as "allocated_bytes.all.peak"."""
        found = {
            f"{name}.{pool}.{part}": getattr(figure, part)
            for (name, pool), figure in self.figures.items()
            for part in Figure.__slots__
        }
        for name in ("oversize_allocations", "oversize_segments"):
            found |= {f"{name}.{part}": 0 for part in Figure.__slots__}
        return {**found, **self.counts, "max_split_size": -1}


class DeviceAllocator:
    """Hands out the memory of one device, which it has from `driver`.

    Where it is `exact`, blocks have the sizes that were asked for: a simulated device then notices
    every access outside.
    """

    def __init__(self, index, driver, exact=False):
        self.index, self.driver, self.exact = index, driver, exact
        self.statistics = Statistics()
        self.fraction = 1.0
        self._free = {}  # (pool, stream) -> {size: [Block]}
        self._waiting = []  # (Block, events of the streams that used it)
        self._unrecorded = []  # blocks whose events must wait for the end of a capture
        self._lock = threading.RLock()  # a tensor may die while another is made

    def take(self, nbytes):
        """A Block of at least `nbytes`, for the current stream, its contents arbitrary."""
        stream, capture = cuda_streams.current(self.index), cuda_streams.capture_on(self.index)
        pool = None if capture is None else capture.pool
        size = nbytes if self.exact else size_class(nbytes)
        with self._lock:
            if self._waiting or self._unrecorded:
                self._settle()
            blocks = self._free.get((pool, stream), {}).get(size)
            block = blocks.pop() if blocks else self._fresh(size, stream, pool)
            block.requested = nbytes
            self.statistics.taken(block)
            return block

    def give_back(self, block):
        """Take a block back: for its own stream at once, after other users' work on it."""
        with self._lock:
            self.statistics.given_back(block)
            if not block.users:
                self._keep(block)
            elif cuda_streams.any_capture():
                self._unrecorded.append(block)  # an event now would become part of the capture
            else:
                self._wait(block)

    def _keep(self, block):
        lists = self._free.setdefault((block.pool, block.stream), {})
        lists.setdefault(block.size, []).append(block)

    def _wait(self, block):
        events = []
        for stream in block.users:
            event = self.driver.new_event(self.index, False)
            self.driver.record(self.index, event, stream)
            events.append(event)
        block.users.clear()
        self._waiting.append((block, events))

    def _settle(self, wait=False):
        """Keep the blocks that their users have done with."""
        if cuda_streams.any_capture():
            return
        unrecorded, self._unrecorded = self._unrecorded, []
        for block in unrecorded:
            self._wait(block)
        waiting, self._waiting = self._waiting, []
        for block, events in waiting:
            if wait:
                for event in events:
                    self.driver.wait_for_event(self.index, event)
            elif not all(self.driver.event_is_done(self.index, event) for event in events):
                self._waiting.append((block, events))
                continue
            for event in events:
                self.driver.destroy_event(self.index, event)
            self._keep(block)

    def empty_cache(self):
        """Return all free blocks to the device, but for those of graphs that may be replayed."""
        with self._lock:
            self._settle(wait=True)
            for key in [key for key in self._free if key[0] is None or key[0].is_dead]:
                self._release(self._free.pop(key))

    def _release(self, lists):
        for blocks in lists.values():
            for block in blocks:
                self.statistics.released(block)
                self.driver.free(block.address, self.index)

    def _fresh(self, size, stream, pool):
        found = self._from_device(size)
        if found is None:
            self.statistics.counts["num_alloc_retries"] += 1
            self.empty_cache()
            found = self._from_device(size)
        if found is None:
            self.statistics.counts["num_ooms"] += 1
            raise self._out_of_memory(size)
        block = Block(found, size, self.index, stream, pool)
        self.statistics.reserved(block)
        return block

    def _from_device(self, size):
        """An address, or None where there is no room."""
        if self.statistics["reserved_bytes"].current + size > self._limit():
            return None
        try:
            return self.driver.allocate(size, self.index)
        except MemoryError:
            return None

    def _limit(self):
        if self.fraction == 1.0:
            return 1 << 62
        return int(self.fraction * self.driver.memory_info(self.index)[1])

    def _out_of_memory(self, size):
        free, total = self.driver.memory_info(self.index)
        reserved = self.statistics["reserved_bytes"].current
        allocated = self.statistics["allocated_bytes"].current
        allowed = f"{readable(self._limit())} allowed; " if self.fraction < 1.0 else ""
        return OutOfMemoryError(
            f"CUDA out of memory. Tried to allocate {readable(size)}. GPU {self.index} has a total "
            f"capacity of {readable(total)} of which {readable(free)} is free. {allowed}Including "
            f"memory of others, {readable(total - free)} is in use. Of the allocated memory "
            f"{readable(allocated)} is allocated by tensors, and {readable(reserved - allocated)} "
            "is reserved but unallocated."
        )


def size_class(nbytes):
    """The size of the block for so many bytes: at most an eighth is wasted."""
    size = (nbytes + 511) & ~511 or 512
    if size <= 4096:
        return size
    step = 1 << (size.bit_length() - 4)
    return (size + step - 1) & -step


def readable(nbytes):
    """An amount of memory as PyTorch writes it."""
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if nbytes >= size:
            return f"{nbytes / size:.2f} {unit}"
    return f"{nbytes} bytes"


class Pool:
    """The private memory of captured graphs; it goes back when no graph uses it any more."""

    def __init__(self):
        self.graphs = 0

    @property
    def is_dead(self):
        return self.graphs == 0


# Page-locked host memory ------------------------------------------------------------------------


class PinnedBlock:
    """Page-locked host memory; it returns to the cache when the last tensor on it is gone."""

    __slots__ = ("address", "size", "users", "allocator")

    def __init__(self, address, size, allocator):
        self.address, self.size, self.users, self.allocator = address, size, set(), allocator

    def used_on(self, index, stream):
        """Work of a stream reads or writes this memory, later than the host asked for it."""
        self.users.add((index, stream))

    def __del__(self):
        self.allocator.give_back(self)


class PinnedAllocator:
    """Keeps page-locked memory by powers of two: locking pages is slow."""

    def __init__(self, driver):
        self.driver = driver
        self._free, self._waiting, self._unrecorded = {}, [], []
        self._lock = threading.RLock()

    def take(self, nbytes, index):
        """A PinnedBlock of at least `nbytes`."""
        size = max(64, 1 << (nbytes - 1).bit_length()) if nbytes else 64
        with self._lock:
            self._settle()
            known = self._free.get(size)
            address = known.pop() if known else self.driver.allocate_host(size, index)
        return PinnedBlock(address, size, self)

    def give_back(self, block):
        with self._lock:
            self._unrecorded.append((block.address, block.size, block.users))

    def _settle(self):
        if cuda_streams.any_capture():
            return
        unrecorded, self._unrecorded = self._unrecorded, []
        for address, size, users in unrecorded:
            events = []
            for index, stream in users:
                events.append((index, self.driver.new_event(index, False)))
                self.driver.record(*events[-1], stream)
            self._waiting.append((address, size, events))
        waiting, self._waiting = self._waiting, []
        for address, size, events in waiting:
            if all(self.driver.event_is_done(*event) for event in events):
                for event in events:
                    self.driver.destroy_event(*event)
                self._free.setdefault(size, []).append(address)
            else:
                self._waiting.append((address, size, events))
