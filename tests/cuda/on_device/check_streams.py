"""Streams, events, copies that do not wait, page-locked memory, several devices.

In the simulator work is put off until somebody waits for it (`lazy`), so that a missing wait gives
wrong numbers in every run.
"""

import pytest

import numbatorch as torch
from numbatorch import cuda_target
from numbatorch.utils.data import DataLoader

simulated_only = pytest.mark.skipif(not cuda_target.SIMULATED, reason="needs simulated devices")
two_devices = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two devices")


@pytest.fixture
def lazy():
    """The driver of simulated devices, which does nothing before it must."""
    driver = cuda_target.driver()
    torch.cuda.synchronize()
    driver.lazy = True
    yield driver
    torch.cuda.synchronize()
    driver.lazy = False


def ones(count=4):
    return torch.ones(count, device="cuda")


def test_work_goes_to_the_stream_that_is_chosen():
    stream = torch.cuda.Stream()
    assert torch.cuda.current_stream() == torch.cuda.default_stream() != stream
    with torch.cuda.stream(stream):
        assert torch.cuda.current_stream() == stream
        x = ones() + 1
    with stream:
        assert torch.cuda.current_stream() == stream
    assert torch.cuda.current_stream() == torch.cuda.default_stream()
    stream.synchronize()
    assert stream.query()
    torch.cuda.current_stream().wait_stream(stream)
    assert x.tolist() == [2.0] * 4
    with torch.cuda.stream(None):
        assert torch.cuda.current_stream() == torch.cuda.default_stream()


@simulated_only
def test_a_stream_runs_ahead_of_another_unless_it_waits(lazy):
    x = torch.zeros(4, device="cuda")
    torch.cuda.synchronize()
    x.fill_(1)
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        early = x + 0
    stream.synchronize()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        late = x + 0
    stream.synchronize()
    assert (early.tolist(), late.tolist()) == ([0.0] * 4, [1.0] * 4)


@simulated_only
def test_events_order_streams(lazy):
    x, event = ones(), torch.cuda.Event()
    assert event.query()
    event.record()
    assert not event.query()
    stream = torch.cuda.Stream()
    event.wait(stream)
    with torch.cuda.stream(stream):
        y = x + 1
    done = stream.record_event()
    done.synchronize()
    assert event.query() and y.tolist() == [2.0] * 4


def test_time_between_events():
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    ones() + 1
    end.record()
    end.synchronize()
    assert start.elapsed_time(end) >= 0
    with pytest.raises(ValueError, match="enable_timing"):
        start.elapsed_time(torch.cuda.Event())
    with pytest.raises(ValueError, match="must be recorded"):
        start.elapsed_time(torch.cuda.Event(enable_timing=True))


@simulated_only
def test_memory_that_another_stream_reads_is_not_handed_out(lazy):
    stream = torch.cuda.Stream()
    for recorded in (False, True):
        torch.cuda.empty_cache()
        x = ones(1000)
        address = x.data_ptr()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            y = x + 1
        if recorded:
            x.record_stream(stream)
        del x
        other = torch.zeros(1000, device="cuda")
        assert (other.data_ptr() == address) is not recorded
        assert other.sum().item() == 0  # the default stream runs ahead
        stream.synchronize()
        with torch.cuda.stream(stream):
            assert (y.sum().item() == 2000) is recorded
    again = torch.empty(1000, device="cuda")  # by now the other stream is done
    assert again.data_ptr() == address


def test_memory_stays_with_its_stream():
    torch.cuda.empty_cache()
    x = ones(3000)
    address = x.data_ptr()
    del x
    with torch.cuda.stream(torch.cuda.Stream()):
        assert torch.empty(3000, device="cuda").data_ptr() != address
    assert torch.empty(3000, device="cuda").data_ptr() == address


@simulated_only
def test_backward_waits_for_the_forward_pass(lazy):
    x = torch.full((4,), 3.0, device="cuda", requires_grad=True)
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        loss = (x.sigmoid() * 2).sum()
    loss.backward()  # on the default stream
    expected = torch.full((4,), 3.0, requires_grad=True)
    (expected.sigmoid() * 2).sum().backward()
    torch.testing.assert_close(x.grad.cpu(), expected.grad)


def test_pinned_memory():
    x = torch.arange(6.0)
    assert not x.is_pinned()
    pinned = x.pin_memory()
    assert pinned.is_pinned() and pinned[2:].is_pinned() and pinned.pin_memory() is pinned
    assert pinned.tolist() == x.tolist()
    there = pinned.to("cuda", non_blocking=True)
    back = (there * 2).to("cpu", non_blocking=True)
    assert back.is_pinned()
    torch.cuda.synchronize()
    assert back.tolist() == [0, 2, 4, 6, 8, 10]
    target = torch.zeros(6).pin_memory()
    target.copy_(there, non_blocking=True)
    torch.cuda.synchronize()
    assert target.tolist() == x.tolist()
    assert there.reshape(2, 3).t().to("cpu").is_pinned() is False
    with pytest.raises(RuntimeError, match="only dense CPU tensors can be pinned"):
        there.pin_memory()
    assert all(batch.is_pinned() for batch in DataLoader([1, 2], pin_memory=True))


@simulated_only
def test_what_does_not_wait(lazy):
    """A page-locked source is read when its turn comes, any other at once."""
    for source, seen in ((torch.ones(3), 1.0), (torch.ones(3).pin_memory(), 5.0)):
        there = source.to("cuda", non_blocking=True)
        source.fill_(5)
        assert there.tolist() == [seen] * 3
    there = ones()
    back = there.to("cpu", non_blocking=True)
    there.fill_(7)
    torch.cuda.synchronize()
    assert back.tolist() == [1.0] * 4


@simulated_only
def test_pinned_memory_is_kept_until_it_was_read(lazy):
    source = torch.ones(1000).pin_memory()
    address = source.data_ptr()
    there = source.to("cuda", non_blocking=True)
    del source
    other = torch.zeros(1000).pin_memory()
    assert other.data_ptr() != address
    assert there.sum().item() == 1000


def test_waiting_can_be_made_visible():
    x = ones()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        assert torch.cuda.get_sync_debug_mode() == 1
        with pytest.warns(UserWarning, match="synchronizing CUDA operation"):
            x.sum().item()
        torch.cuda.set_sync_debug_mode(2)
        x + 1
        with pytest.raises(RuntimeError, match="synchronizing CUDA operation"):
            x.tolist()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    with pytest.raises(RuntimeError, match="expected one of"):
        torch.cuda.set_sync_debug_mode("loud")


@simulated_only
def test_a_failure_raises_at_the_op_in_blocking_mode(lazy, monkeypatch):
    """CUDA_LAUNCH_BLOCKING=1; else it is noticed by whoever waits next."""
    from numbatorch import config
    from numbatorch.cuda_simulator import SimulatedMemory

    def fail(self, index):
        raise cuda_target.AcceleratorError("CUDA error: an illegal memory access")

    x = ones()
    torch.cuda.synchronize()
    with monkeypatch.context() as patch:
        patch.setattr(SimulatedMemory, "_check", fail)
        x + 1
        with pytest.raises(torch.AcceleratorError, match="illegal memory access"):
            torch.cuda.synchronize()
        torch.cuda.synchronize()
        patch.setattr(config, "LAUNCH_BLOCKING", True)
        with pytest.raises(torch.AcceleratorError, match="binary_kernel.*illegal memory"):
            x + 1


@two_devices
def test_devices_side_by_side():
    x, y = torch.arange(4.0, device="cuda:0"), torch.arange(4.0, device="cuda:1")
    assert ((x + 1).device.index, (y + 1).device.index) == (0, 1)
    with torch.cuda.device(1):
        assert torch.cuda.current_device() == 1
        assert torch.ones(2, device="cuda").device.index == 1
        assert (x * 2).device.index == 0
    assert torch.cuda.current_device() == 0
    torch.cuda.set_device("cuda:1")
    assert torch.randn(2, device="cuda").device.index == 1
    torch.cuda.set_device(0)
    with torch.cuda.device_of(y):
        assert torch.cuda.current_device() == 1
    with torch.cuda.stream(torch.cuda.Stream(device=1)):
        assert torch.cuda.current_device() == 1
    moved = (x + 1).to("cuda:1")
    assert moved.device.index == 1 and (moved + y).tolist() == [1, 3, 5, 7]
    assert x.reshape(2, 2).t().to("cuda:1").tolist() == [[0, 2], [1, 3]]
    with pytest.raises(RuntimeError, match="on the same device"):
        x + y
    assert not torch.cuda.can_device_access_peer(0, 0)


@two_devices
@simulated_only
def test_copies_between_devices_are_ordered(lazy):
    x = torch.full((4,), 2.0, device="cuda:0")
    y = x.to("cuda:1")
    x.fill_(9)
    assert (y + 1).tolist() == [3.0] * 4


def test_a_model_on_two_streams():
    """Two halves of a batch beside each other give what one batch gives."""
    torch.manual_seed(0)
    model, x = torch.nn.Linear(3, 2).to("cuda"), torch.randn(4, 3, device="cuda")
    expected = model(x)
    streams = [torch.cuda.Stream() for _ in range(2)]
    parts = []
    for stream, part in zip(streams, x.chunk(2)):
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            parts.append(model(part))
    for stream, part in zip(streams, parts):
        torch.cuda.current_stream().wait_stream(stream)
        part.record_stream(torch.cuda.current_stream())
    torch.testing.assert_close(torch.cat(parts), expected)


def test_out_of_memory_is_tried_again_with_an_emptied_cache():
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    total = torch.cuda.mem_get_info()[1]
    allowed = (torch.cuda.memory_reserved() + (8 << 20)) / total
    torch.cuda.set_per_process_memory_fraction(allowed)
    try:
        stats = torch.cuda.memory_stats()
        x = torch.empty(5 << 20, dtype=torch.uint8, device="cuda")
        del x
        y = torch.empty(6 << 20, dtype=torch.uint8, device="cuda")
        assert torch.cuda.memory_stats()["num_alloc_retries"] == stats["num_alloc_retries"] + 1
        with pytest.raises(torch.cuda.OutOfMemoryError) as raised:
            torch.empty(8 << 20, dtype=torch.uint8, device="cuda")
        text = str(raised.value)
        assert text.startswith("CUDA out of memory. Tried to allocate 8.00 MiB. GPU 0 has a total")
        assert " allowed; " in text
        assert torch.cuda.memory_stats()["num_ooms"] == stats["num_ooms"] + 1
        assert y.numel() == 6 << 20
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert torch.empty(4, device="cuda").is_cuda
