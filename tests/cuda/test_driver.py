"""The driver's calls, checked without a card: their order, their arguments, what the allocator asks."""

import inspect

import pytest

from numbatorch import cuda_streams
from numbatorch.cuda_allocator import DeviceAllocator, OutOfMemoryError, PinnedAllocator, Pool
from numbatorch.cuda_driver import AcceleratorError, CardDriver
from numbatorch.cuda_simulated_driver import SimulatedDriver


def methods(cls):
    return {
        name: str(inspect.signature(function))
        for name, function in inspect.getmembers(cls, inspect.isfunction)
        if name[0] != "_"
    }


def test_both_drivers_have_the_same_methods():
    ours = methods(SimulatedDriver)
    assert {name: ours.get(name) for name in methods(CardDriver)} == methods(CardDriver)


class FakeBinding:
    """NVIDIA's binding as far as it goes without a driver: names and arguments are its own."""

    def __init__(self):
        self.calls, self.results, self.status = [], {}, {}
        try:
            from cuda.bindings import driver
        except ImportError:
            pytest.skip("needs the package cuda-bindings")
        self.real = driver
        self.CUstreamCaptureMode = driver.CUstreamCaptureMode

    def __getattr__(self, name):
        signature = inspect.signature(getattr(self.real, name))

        def call(*arguments):
            signature.bind(*arguments)
            self.calls.append((name, *arguments))
            return self.status.get(name, 0), *self.results.get(name, (7,))

        return call


NO_RESULT = (
    "cuInit cuCtxPushCurrent cuCtxSynchronize cuMemFree cuMemFreeHost cuMemcpyHtoDAsync "
    "cuMemcpyDtoHAsync cuMemcpyPeerAsync cuStreamSynchronize cuStreamQuery cuEventDestroy "
    "cuEventRecord cuEventQuery cuEventSynchronize cuStreamWaitEvent cuStreamBeginCapture "
    "cuGraphLaunch cuGraphDestroy cuGraphExecDestroy cuGraphDebugDotPrint"
)


@pytest.fixture
def binding():
    fake = FakeBinding()
    fake.results = dict.fromkeys(NO_RESULT.split(), ())
    fake.results["cuMemGetInfo"] = fake.results["cuCtxGetStreamPriorityRange"] = (3, 4)
    mode = fake.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL
    fake.results["cuThreadExchangeStreamCaptureMode"] = (mode,)
    fake.results["cuGetErrorString"] = (b"an illegal memory access was encountered",)
    return fake


#: Arguments for every method of a driver, by the names of its parameters.
ARGUMENTS = {
    "index": 0, "other": 1, "nbytes": 64, "address": 4096, "host_address": 8192, "stream": 5,
    "priority": -1, "timed": True, "event": 6, "start": 6, "end": 7, "mode": "global", "graph": 8,
    "executable": 9, "path": "graph.dot", "target_index": 1, "target": 4096, "source": 8192,
}  # fmt: skip


def test_every_call_has_the_arguments_that_the_binding_takes(binding):
    driver = CardDriver(binding)
    for name in set(methods(CardDriver)) - {"on", "relaxed"}:
        names = list(inspect.signature(getattr(driver, name)).parameters)
        getattr(driver, name)(*[ARGUMENTS[n] for n in names])
    called = {name for name, *_ in binding.calls}
    assert set(NO_RESULT.split()) <= called and len(called) > 30
    pushed = [n for n, *_ in binding.calls if n in ("cuCtxPushCurrent", "cuCtxPopCurrent")]
    assert pushed.count("cuCtxPushCurrent") == pushed.count("cuCtxPopCurrent")


def test_order_of_arguments(binding):
    driver = CardDriver(binding)
    driver.upload(0, 4096, 8192, 64, 5)
    driver.download(0, 8192, 4096, 64, 5)
    driver.copy_to_peer(1, 11, 0, 22, 64, 5)
    driver.let_wait(0, 5, 6)
    copies = [call for call in binding.calls if "Memcpy" in call[0] or "Wait" in call[0]]
    assert copies == [
        ("cuMemcpyHtoDAsync", 4096, 8192, 64, 5),
        ("cuMemcpyDtoHAsync", 8192, 4096, 64, 5),
        ("cuMemcpyPeerAsync", 11, 7, 22, 7, 64, 5),
        ("cuStreamWaitEvent", 5, 6, 0),
    ]


def test_failures_of_the_driver(binding):
    driver = CardDriver(binding)
    binding.status["cuMemAlloc"] = 2
    with pytest.raises(MemoryError):
        driver.allocate(64, 0)
    binding.status["cuStreamSynchronize"] = 700
    with pytest.raises(AcceleratorError, match="an illegal memory access.*CUDA_LAUNCH_BLOCKING=1"):
        try:
            driver.wait_for_stream(0, 5)
        except AcceleratorError as error:
            raise AcceleratorError(str(error).replace("\n", " ")) from None
    binding.status["cuEventQuery"] = 600
    assert not driver.event_is_done(0, 6)


# The allocator ----------------------------------------------------------------------------------


@pytest.fixture
def driver(monkeypatch):
    monkeypatch.setattr(cuda_streams, "used", {})
    monkeypatch.setattr(cuda_streams, "_here", cuda_streams._Here())
    return SimulatedDriver(memory=1 << 20, lazy=True)


def test_blocks_are_reused_on_their_stream(driver):
    allocator = DeviceAllocator(0, driver)
    block = allocator.take(1000)
    assert (block.size, block.requested) == (1024, 1000)
    allocator.give_back(block)
    assert allocator.take(900) is block
    allocator.give_back(block)
    stream = driver.new_stream(0, 0)
    cuda_streams.select(0, stream)
    try:
        assert allocator.take(900) is not block
    finally:
        cuda_streams.select(0, 0)
    assert allocator.take(900) is block


def test_a_block_waits_for_its_users(driver):
    allocator, stream = DeviceAllocator(0, driver), driver.new_stream(0, 0)
    block = allocator.take(512)
    driver.enqueue(0, stream, lambda: None)
    block.users.add(stream)
    allocator.give_back(block)
    assert allocator.take(512) is not block
    driver.wait_for_stream(0, stream)
    assert allocator.take(512) is block
    assert not driver._events  # and events are given back


def test_pinned_blocks_wait_for_their_users(driver):
    allocator, stream = PinnedAllocator(driver), driver.new_stream(0, 0)
    block = allocator.take(100, 0)
    address = block.address
    driver.enqueue(0, stream, lambda: None)
    block.used_on(0, stream)
    del block
    assert allocator.take(100, 0).address != address
    driver.wait_for_stream(0, stream)
    first, second = allocator.take(100, 0), allocator.take(100, 0)
    assert address in (first.address, second.address)


def test_an_emptied_cache_makes_room(driver):
    allocator = DeviceAllocator(0, driver)
    first = allocator.take(900 << 10)
    allocator.give_back(first)
    second = allocator.take(600 << 10)
    statistics = allocator.statistics
    assert statistics.counts["num_alloc_retries"] == 1
    assert statistics["reserved_bytes"].current == second.size
    with pytest.raises(OutOfMemoryError) as raised:
        allocator.take(900 << 10)
    assert str(raised.value) == (
        "CUDA out of memory. Tried to allocate 960.00 KiB. GPU 0 has a total capacity of 1.00 MiB "
        "of which 384.00 KiB is free. Including memory of others, 640.00 KiB is in use. Of the "
        "allocated memory 640.00 KiB is allocated by tensors, and 0 bytes is reserved but "
        "unallocated."
    )
    assert statistics.counts["num_ooms"] == 1


def test_figures_have_pytorchs_names(driver):
    allocator = DeviceAllocator(0, driver)
    block = allocator.take(2000)
    allocator.give_back(block)
    found = allocator.statistics.as_dict()
    assert found["allocated_bytes.all.current"] == 0
    assert found["allocated_bytes.small_pool.peak"] == found["reserved_bytes.all.current"] == 2048
    assert found["requested_bytes.all.freed"] == 2000
    assert found["allocation.large_pool.allocated"] == 0
    allocator.statistics.reset_peaks()
    allocator.statistics.reset_sums()
    assert allocator.statistics.as_dict()["allocated_bytes.all.peak"] == 0
    assert allocator.statistics.as_dict()["allocation.all.allocated"] == 0


def test_a_pool_keeps_its_memory_while_a_graph_lives(driver):
    allocator, pool, stream = DeviceAllocator(0, driver), Pool(), driver.new_stream(0, 0)
    pool.graphs = 1
    capture = cuda_streams.Capture(0, pool)
    cuda_streams.select(0, stream)
    cuda_streams.begin_capture(0, stream, capture)
    try:
        block = allocator.take(512)
        allocator.give_back(block)
    finally:
        cuda_streams.end_capture(capture)
    assert allocator.take(512) is not block
    cuda_streams.select(0, 0)
    allocator.empty_cache()
    assert block.address in driver._memory
    pool.graphs = 0
    allocator.empty_cache()
    assert block.address not in driver._memory


@pytest.mark.parametrize("nbytes", [0, 1, 512, 513, 4096, 5000, 10**6, 10**9])
def test_sizes_waste_at_most_an_eighth(nbytes):
    from numbatorch.cuda_allocator import size_class

    assert nbytes <= size_class(nbytes) <= max(512, nbytes * 1.125 + 512)
    assert size_class(size_class(nbytes)) == size_class(nbytes)
