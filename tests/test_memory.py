"""Storage: aligned, reused when freed, kept alive by whoever looks at it."""

import gc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import numbatorch as torch
from numbatorch import memory
from numbatorch.host_allocator import ALIGNMENT, HostAllocator
from numbatorch.memory import Storage


@pytest.fixture
def allocator():
    return HostAllocator(Storage)


def test_blocks_are_aligned_and_large_enough(allocator):
    for nbytes in (0, 1, 63, 64, 65, 1000, 1024, 1025, 2000, 5000, 1 << 20, (1 << 20) + 1):
        before = allocator.allocated_bytes
        storage = allocator.allocate(nbytes)
        size = allocator.allocated_bytes - before
        assert storage.address % ALIGNMENT == 0 and storage.nbytes == nbytes
        assert nbytes <= size <= max(64, nbytes * 9 // 8 + 64)
        np.asarray(storage)[:] = 1
        del storage


def test_freed_blocks_are_handed_out_again(allocator):
    storage = allocator.allocate(1000)
    address = storage.address
    del storage
    assert allocator.cached_bytes == 1024 and allocator.allocated_bytes == 0
    storage = allocator.allocate(970)
    assert storage.address == address
    assert allocator.cached_bytes == 0 and allocator.allocated_bytes == 1024


def test_live_blocks_do_not_overlap(allocator):
    rng = np.random.default_rng(0)
    live = []
    for size in rng.integers(0, 10000, 2000):
        live.append(allocator.allocate(int(size)))
        if len(live) > 50:
            del live[rng.integers(len(live))]
        places = sorted((s.address, s.address + s.nbytes) for s in live)
        assert all(end <= start for (_, end), (start, _) in zip(places, places[1:]))
    live.clear()
    assert allocator.allocated_bytes == 0 and allocator.allocations == 2000


def test_the_cache_is_bounded_and_can_be_emptied(allocator):
    allocator.limit = 1 << 16
    blocks = [allocator.allocate(1 << 15) for _ in range(4)]
    assert allocator.peak_bytes == 1 << 17
    blocks.clear()
    assert allocator.cached_bytes == 1 << 16
    allocator.empty_cache()
    assert allocator.cached_bytes == 0
    allocator.reset_peak()
    assert allocator.peak_bytes == 0
    assert allocator.allocate(1 << 15).nbytes == 1 << 15


def test_memory_is_reported():
    before = memory.memory_allocated()
    x = torch.empty(1 << 20)
    assert memory.memory_allocated() - before == 1 << 22
    assert memory.max_memory_allocated() >= memory.memory_allocated()
    del x
    assert memory.memory_allocated() == before
    assert memory.memory_reserved() >= before + (1 << 22)
    limit = memory.memory_stats()["cached_bytes_limit"]
    memory.set_cached_bytes_limit(0)
    assert memory.memory_reserved() == memory.memory_allocated()
    memory.set_cached_bytes_limit(limit)


def test_threads_allocate_and_free_each_others_blocks(allocator):
    def work(seed):
        kept = []
        for size in np.random.default_rng(seed).integers(0, 3000, 2000):
            storage = allocator.allocate(int(size))
            np.asarray(storage)[:] = seed
            kept.append(storage)
            if len(kept) > 20:
                assert (np.asarray(kept.pop(0)) == seed).all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(8)))
    assert allocator.allocated_bytes == 0


def test_an_array_outlives_its_tensor():
    x = torch.ones(1000)
    array = x.numpy()
    del x
    gc.collect()
    others = [torch.zeros(1000) for _ in range(20)]
    assert array.sum() == 1000 and len(others) == 20


def test_numpy_shares_memory_both_ways():
    array = np.arange(6.0).reshape(2, 3)
    x = torch.from_numpy(array.T)
    array[0, 1] = 50
    assert x.tolist()[1][0] == 50.0 and x.stride() == (1, 3)
    x.fill_(7)
    assert (array == 7).all()
    y = torch.zeros(2, 2)
    y.numpy()[0, 0] = 3
    assert y.tolist() == [[3.0, 0.0], [0.0, 0.0]]


def test_arrays_that_cannot_be_shared_are_refused():
    with pytest.raises(ValueError, match="negative"):
        torch.from_numpy(np.arange(3)[::-1])
    with pytest.raises(TypeError, match="can't convert np.ndarray"):
        torch.from_numpy(np.array(["a"]))
    with pytest.raises(TypeError, match="expected np.ndarray"):
        torch.from_numpy([1, 2])


def test_storage_grows_and_keeps_its_bytes():
    storage = Storage(4)
    np.asarray(storage)[:] = [1, 2, 3, 4]
    storage.resize(8)
    assert np.asarray(storage)[:4].tolist() == [1, 2, 3, 4] and storage.nbytes == 8


def test_no_memory_is_a_runtime_error():
    with pytest.raises(RuntimeError, match="you tried to allocate"):
        torch.empty(1 << 50)


def test_empty_views_become_arrays():
    x = torch.zeros(2, 3)
    view = x.as_strided((0, 3), (7, 1), 6)
    assert view.numpy().shape == (0, 3)
