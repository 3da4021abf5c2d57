"""Storage: aligned, reused when freed, kept alive by whoever looks at it."""

import gc

import numpy as np
import pytest

import numbatorch as torch
from numbatorch.memory import ALIGNMENT, Allocator, Storage


def test_blocks_are_aligned_and_large_enough():
    allocator = Allocator()
    for nbytes in (0, 1, 63, 64, 65, 1000, 1025, 5000, 1 << 20, (1 << 20) + 1):
        block = allocator.take(nbytes)
        assert block[1] % ALIGNMENT == 0
        assert nbytes <= block[2] <= max(64, nbytes * 9 // 8 + 64)
        start = block[0].ctypes.data
        assert start <= block[1] and block[1] + block[2] <= start + block[0].nbytes


def test_freed_blocks_are_handed_out_again():
    allocator = Allocator()
    block = allocator.take(1000)
    allocator.give_back(block)
    assert allocator.cached_bytes == block[2]
    assert allocator.take(1000) is block
    assert allocator.cached_bytes == 0 and allocator.allocated_bytes == block[2]


def test_the_cache_is_bounded_and_can_be_emptied():
    allocator = Allocator()
    allocator.limit = 1 << 16
    blocks = [allocator.take(1 << 15) for _ in range(4)]
    for block in blocks:
        allocator.give_back(block)
    assert allocator.cached_bytes <= 1 << 16
    allocator.empty_cache()
    assert allocator.cached_bytes == 0


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
