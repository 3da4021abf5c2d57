"""The device layer: memory, copies, streams, errors."""

import gc

import numpy as np
import pytest

import numbatorch as torch
from numbatorch import cuda_memory, cuda_target, devices
from numbatorch.ops.casting import to_device

CUDA = devices.resolve("cuda")

simulated_only = pytest.mark.skipif(
    not cuda_target.SIMULATED, reason="a card gives more memory than was asked for"
)


def bring(x):
    return to_device(x, CUDA)


def home(x):
    return to_device(x, devices.CPU)


def test_there_is_a_device():
    assert torch.cuda.is_available()
    assert torch.cuda.device_count() >= 1
    assert torch.cuda.current_device() == 0
    assert torch.cuda.get_device_name()
    assert torch.cuda.get_device_properties(0).multi_processor_count >= 1
    torch.cuda.set_device("cuda:0")
    with torch.cuda.device(0):
        torch.cuda.synchronize()


def test_a_device_that_is_missing():
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        torch.ones(3, device="cuda:1000")


def test_values_go_there_and_back():
    x = torch.ones(3, device="cuda") + 1
    assert x.device == torch.device("cuda", 0)
    assert x.tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("name", ["float16", "bfloat16", "int64", "uint8", "bool", "complex64"])
def test_copies_keep_every_dtype(name):
    dtype = getattr(torch, name)
    values = np.arange(24).reshape(2, 3, 4) % 2
    x = torch.tensor(values.tolist(), dtype=dtype)
    assert home(bring(x)).tolist() == x.tolist()


def test_copies_between_any_strides():
    x = torch.arange(24).reshape(2, 3, 4)
    turned = x.permute(2, 0, 1)
    there = bring(turned)
    assert there.tolist() == turned.tolist()
    whole = bring(x)
    assert home(whole.permute(2, 0, 1)).tolist() == turned.tolist()
    part = whole.select(1, 2)
    assert home(part).tolist() == x.select(1, 2).tolist()
    part.copy_(torch.zeros(2, 4, dtype=torch.int64))
    assert home(whole).select(1, 2).tolist() == [[0] * 4] * 2
    assert home(whole).select(1, 1).tolist() == x.select(1, 1).tolist()


def test_empty_tensors():
    x = torch.zeros(0, 3, device="cuda")
    assert (x + x).shape == (0, 3)
    assert home(x).tolist() == []


@simulated_only
def test_memory_is_counted_and_reused():
    torch.zeros(1000, device="cuda")  # the first fill keeps the number that it fills with
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    x = torch.zeros(1000, device="cuda")
    assert torch.cuda.memory_allocated() == before + 4000
    address = x.data_ptr()
    del x
    assert torch.cuda.memory_allocated() == before
    assert torch.cuda.memory_reserved() >= before + 4000
    assert torch.cuda.max_memory_allocated() >= before + 4000
    again = torch.zeros(1000, device="cuda")
    assert again.data_ptr() == address
    del again
    torch.cuda.empty_cache()
    assert torch.cuda.memory_reserved() == torch.cuda.memory_allocated()
    assert "allocated_bytes.all.peak" in torch.cuda.memory_stats()


def test_out_of_memory(monkeypatch):
    asked = []

    def refuse(nbytes, index):
        asked.append(nbytes)
        raise MemoryError

    monkeypatch.setattr(cuda_target.driver(), "allocate", refuse)
    with pytest.raises(torch.cuda.OutOfMemoryError, match="Tried to allocate 1.00 GiB"):
        torch.empty(1 << 28, device="cuda")
    assert asked == [1 << 30] * 2  # once more after the cache was emptied
    assert issubclass(torch.cuda.OutOfMemoryError, RuntimeError)


def test_resizing_keeps_the_bytes_that_fit():
    storage = bring(torch.arange(4)).storage
    storage.resize(16)
    assert storage.nbytes == 16
    kept = np.empty(16, np.uint8)
    storage.copy_to_host(kept)
    assert kept.view(np.int64).tolist() == [0, 1]


@simulated_only
def test_kernels_do_not_reach_outside():
    memory = cuda_memory.CudaStorage(8, 0).typed(torch.int32.numba)
    for index in (-1, 2):
        with pytest.raises(IndexError):
            memory[index]
        with pytest.raises(IndexError):
            memory[index] = 0


def test_devices_do_not_mix():
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        torch.ones(3, device="cuda") + torch.ones(3)
    assert (torch.ones(3, device="cuda") + torch.tensor(1.0)).is_cuda  # a 0-d tensor may come


class ForeignArray:
    """What another library has: the interface of an array, on memory of its own."""

    def __init__(self, tensor):
        self.__cuda_array_interface__ = dict(tensor.__cuda_array_interface__)
        self.owner = tensor


@pytest.mark.parametrize("name", ["float32", "float16", "int64", "bool", "complex64"])
def test_the_interface_of_cuda_arrays(name):
    x = torch.arange(6, device="cuda").to(getattr(torch, name)).reshape(2, 3)
    interface = x.t().__cuda_array_interface__
    size = x.dtype.itemsize
    assert interface["shape"] == (3, 2) and interface["strides"] == (size, 3 * size)
    assert interface["data"] == (x.data_ptr(), False)
    shared = torch.as_tensor(ForeignArray(x.t()), device="cuda")
    assert shared.data_ptr() == x.data_ptr() and shared.dtype is x.dtype
    assert shared.tolist() == x.t().tolist()
    shared.zero_()
    assert x.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert torch.tensor(ForeignArray(x)).data_ptr() != x.data_ptr()
    with pytest.raises(RuntimeError, match="not resizable"):
        shared.storage.resize(100)
    with pytest.raises(RuntimeError, match="requires grad"):
        _ = torch.ones(2, device="cuda", requires_grad=True).__cuda_array_interface__


@pytest.mark.parametrize("name", ["float32", "bfloat16", "uint8"])
def test_dlpack_on_the_device(name):
    x = torch.arange(6, device="cuda").to(getattr(torch, name)).reshape(2, 3)
    assert x.__dlpack_device__() == (2, 0)
    shared = torch.from_dlpack(x.t())
    assert shared.is_cuda and shared.data_ptr() == x.data_ptr()
    assert shared.stride() == (1, 3) and shared.tolist() == x.t().tolist()
    shared.fill_(1)
    assert x.tolist() == [[1, 1, 1], [1, 1, 1]]
    assert torch.from_dlpack(x, copy=True).data_ptr() != x.data_ptr()
    with pytest.raises(BufferError, match="to the device"):
        x.__dlpack__(dl_device=(1, 0))


def test_gradients_accumulate_on_the_device():
    x = torch.ones(3, device="cuda", requires_grad=True)
    for _ in range(2):
        (x * x).sum().backward()
    assert x.grad.is_cuda
    assert x.grad.tolist() == [4.0, 4.0, 4.0]


@pytest.mark.parametrize("size", [1, 7, 8, 9, 300])
def test_reductions_in_segments(size, monkeypatch):
    """Long enough for two stages, whatever the block size is in the simulator."""
    from numbatorch.cuda_kernels import reduction

    monkeypatch.setattr(reduction, "SEGMENT", 16)
    monkeypatch.setattr(reduction, "SHORT", 4)
    values = np.random.default_rng(0).normal(size=(2, size))
    x = torch.tensor(values.tolist(), dtype=torch.float64)
    found = bring(x)
    np.testing.assert_allclose(found.sum().item(), values.sum(), rtol=1e-12)
    np.testing.assert_allclose(home(found.sum(dim=1)).numpy(), values.sum(1), rtol=1e-12)
    assert found.max().item() == values.max()
    assert found.argmin().item() == values.argmin()


@pytest.mark.parametrize("name", ["float32", "float64"])
@pytest.mark.parametrize(
    "causal, masked, width", [(True, False, 3), (False, True, 5), (False, False, 9)]
)
def test_attention_over_several_tiles(name, causal, masked, width):
    dtype = getattr(torch, name)
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, dtype=dtype, generator=generator)

    sources = [draw(2, 4, 9, width), draw(2, 2, 11, width), draw(2, 2, 11, 6)]
    mask = draw(9, 11) if masked else None
    if masked:
        mask[2] = -torch.inf  # a query that sees nothing
    found = []
    for place in ("cpu", "cuda"):
        q, k, v = (x.detach().to(place).requires_grad_() for x in sources)
        seen = torch.nn.functional.scaled_dot_product_attention(
            q, k, v, None if mask is None else mask.to(place), is_causal=causal, enable_gqa=True
        )
        (seen * torch.arange(6, dtype=dtype, device=place)).sum().backward()
        found.append([home(x.detach()).numpy() for x in (seen, q.grad, k.grad, v.grad)])
    limit = 200 * torch.finfo(dtype).eps
    for ours, theirs in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=limit, atol=limit)


@pytest.mark.parametrize("rows", [1, 4, 5, 23])
def test_weight_gradients_of_layer_norm_in_segments(rows, monkeypatch):
    from numbatorch.cuda_kernels import normalization

    monkeypatch.setattr(normalization, "SEGMENT", 4)
    monkeypatch.setattr(normalization, "MOST_SEGMENTS", 3)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rows, 6, dtype=torch.float64, generator=generator)
    found = []
    for place in ("cpu", "cuda"):
        norm = torch.nn.LayerNorm(6, dtype=torch.float64, device=place)
        (norm(x.to(place)) * x.to(place)).sum().backward()
        found.append([norm.weight.grad.tolist(), norm.bias.grad.tolist()])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)


@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16", "float64", "int64"])
@pytest.mark.parametrize("rows, depth, columns", [(19, 7, 21), (16, 8, 16), (1, 9, 33), (5, 1, 3)])
def test_products_in_tiles_of_either_size(name, rows, depth, columns, monkeypatch):
    from numbatorch.cuda_kernels import product_tiles

    monkeypatch.setattr(product_tiles, "resident_threads", lambda index: 1)
    generator = np.random.default_rng(0)
    a, b, start = (
        torch.tensor(generator.integers(-4, 5, shape).tolist(), dtype=getattr(torch, name))
        for shape in [(2, rows, depth), (2, depth, columns), (columns,)]
    )
    expected = a @ b
    found = bring(a) @ bring(b)
    assert torch.equal(home(found), expected)
    turned = bring(a.mT.contiguous()).mT @ bring(b.mT.contiguous()).mT
    assert torch.equal(home(turned), expected)
    added = torch.addmm(bring(start), bring(a)[0], bring(b)[0])
    assert torch.equal(home(added), torch.addmm(start, a[0], b[0]))


def test_labels_out_of_range():
    scores = torch.zeros(2, 3, device="cuda")
    with pytest.raises(IndexError, match="Target 3 is out of bounds"):
        torch.nll_loss(scores, torch.tensor([0, 3], device="cuda"))


def test_indices_out_of_range():
    x = torch.zeros(5, device="cuda")
    with pytest.raises(IndexError, match="out of bounds"):
        x[torch.tensor([5], device="cuda")]


@pytest.mark.parametrize("name", ["float32", "float16", "int64", "int8"])
def test_no_summand_is_lost(name):
    dtype = getattr(torch, name)
    index = torch.tensor(np.random.default_rng(0).integers(0, 3, 40).tolist(), device="cuda")
    found = torch.zeros(3, dtype=dtype, device="cuda").index_add(
        0, index, torch.ones(40, dtype=dtype, device="cuda")
    )
    assert found.tolist() == np.bincount(home(index).numpy(), minlength=3).tolist()


@pytest.mark.parametrize("non_blocking", [False, True])
def test_copies_between_devices_keep_dense_strides(non_blocking):
    x = torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1)
    there = x.to("cuda", non_blocking=non_blocking)
    back = there.to("cpu", non_blocking=non_blocking)
    torch.cuda.synchronize()
    assert x.stride() == there.stride() == back.stride() == (1, 12, 4)
    assert torch.equal(back, x)
    assert x[:, :, ::2].to("cuda").stride() == (4, 2, 1)
    assert torch.equal(x[:, :, ::2].to("cuda").cpu(), x[:, :, ::2])
