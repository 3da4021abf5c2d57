"""Memory shared with other libraries: DLPack both ways, NumPy's protocols."""

import gc

import numpy as np
import pytest

import numbatorch as nt
from numbatorch.utils import dlpack

DTYPES = (
    "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64",
    "complex128", "bool",
)  # fmt: skip


@pytest.mark.parametrize("name", DTYPES)
def test_numpy_sees_our_memory_through_dlpack(name):
    x = nt.tensor([1, 0, 2], dtype=getattr(nt, name))
    array = np.from_dlpack(x)
    assert array.dtype == x.dtype.numpy
    x.fill_(1)
    assert array.tolist() == x.tolist()
    back = nt.from_dlpack(array)
    assert back.data_ptr() == x.data_ptr() and back.dtype is x.dtype


@pytest.mark.parametrize("name", DTYPES)
def test_pytorch_sees_our_memory_and_we_its(name):
    torch = pytest.importorskip("torch")
    x = nt.tensor([[1, 0], [1, 2]], dtype=getattr(nt, name)).transpose(0, 1)
    theirs = torch.from_dlpack(x)
    assert theirs.data_ptr() == x.data_ptr() and theirs.stride() == x.stride()
    ours = nt.from_dlpack(torch.ones(3, dtype=getattr(torch, name)))
    assert ours.dtype is x.dtype and ours.tolist() == [1] * 3


def test_memory_outlives_its_owner():
    array = np.from_dlpack(nt.arange(1000))
    tensor = nt.from_dlpack(np.arange(1000))
    gc.collect()
    nt.zeros(1000, dtype=nt.int64)
    assert array.tolist() == tensor.tolist() == list(range(1000))


def test_capsules():
    x = nt.ones(3)
    y = dlpack.from_dlpack(dlpack.to_dlpack(x))
    y.zero_()
    assert x.tolist() == [0.0] * 3
    copied = nt.from_dlpack(x, copy=True)
    copied.fill_(2)
    assert x.tolist() == [0.0] * 3
    assert x.__dlpack_device__() == (1, 0)
    dlpack.to_dlpack(x)  # a capsule that nobody takes


def test_bfloat16_goes_both_ways():
    torch = pytest.importorskip("torch")
    x = nt.arange(6).to(nt.bfloat16).reshape(2, 3).transpose(0, 1)
    theirs = torch.from_dlpack(x)
    assert theirs.data_ptr() == x.data_ptr() and theirs.dtype is torch.bfloat16
    assert theirs.tolist() == x.tolist() and theirs.stride() == x.stride()
    del x
    gc.collect()
    nt.zeros(6, dtype=nt.bfloat16)
    assert theirs.flatten().tolist() == [0, 3, 1, 4, 2, 5]
    ours = nt.from_dlpack(theirs[1:])
    assert ours.dtype is nt.bfloat16 and ours.tolist() == theirs[1:].tolist()
    assert ours.data_ptr() == theirs[1:].data_ptr()


def test_a_taken_capsule_is_let_go_by_its_last_user():
    from numbatorch import dlpack_capsules

    before = len(dlpack_capsules._exported)
    capsule = nt.ones(3, dtype=nt.bfloat16).__dlpack__()
    assert len(dlpack_capsules._exported) == before + 1
    found = nt.from_dlpack(capsule)
    with pytest.raises(RuntimeError, match="consumed only once"):
        nt.from_dlpack(capsule)
    view = found[1:]
    del found, capsule
    gc.collect()
    assert len(dlpack_capsules._exported) == before + 1
    assert view.tolist() == [1.0, 1.0]
    del view
    gc.collect()
    assert len(dlpack_capsules._exported) == before
    nt.ones(3, dtype=nt.bfloat16).__dlpack__()  # a capsule that nobody takes
    gc.collect()
    assert len(dlpack_capsules._exported) == before


def test_only_cuda_arrays_have_their_interface():
    with pytest.raises(AttributeError, match="non-CUDA tensor type"):
        _ = nt.ones(2).__cuda_array_interface__


def test_what_cannot_be_exported():
    with pytest.raises(BufferError, match="detach"):
        nt.ones(2, requires_grad=True).__dlpack__()
    with pytest.raises(BufferError):
        nt.ones(2).__dlpack__(dl_device=(2, 0))


def test_array_interface():
    x = nt.arange(6).reshape(2, 3).transpose(0, 1)
    interface = x.__array_interface__
    assert interface["shape"] == (3, 2) and interface["data"][0] == x.data_ptr()
    array = np.asarray(x)
    array[0, 0] = 7
    assert x.tolist()[0][0] == 7
    assert not hasattr(nt.ones(2, requires_grad=True), "__array_interface__")
    with pytest.raises(RuntimeError, match="detach"):
        np.asarray(nt.ones(2, requires_grad=True))
    with pytest.raises(TypeError, match="BFloat16"):
        np.asarray(nt.ones(2, dtype=nt.bfloat16))


def test_frombuffer():
    data = bytearray(range(16))
    x = nt.frombuffer(data, dtype=nt.int16, count=3, offset=2)
    assert x.tolist() == [770, 1284, 1798]
    data[2] = 0
    assert x[0].item() == 768
    x.zero_()
    assert data[2:8] == bytes(6)
    assert nt.frombuffer(data, dtype=nt.float32, requires_grad=True).requires_grad
    assert nt.frombuffer(data, dtype=nt.bfloat16).shape == (8,)
    for wrong in (
        {"offset": 17}, {"count": 9}, {"offset": 3}, {"count": 0}, {"offset": -1},
    ):  # fmt: skip
        with pytest.raises(ValueError):
            nt.frombuffer(data, dtype=nt.int32, **wrong)
    with pytest.raises(ValueError, match="buffer protocol"):
        nt.frombuffer(3, dtype=nt.int32)
    with pytest.warns(UserWarning, match="not writable"):
        nt.interchange._warned_of_read_only = False
        assert nt.frombuffer(b"\1\0\0\0", dtype=nt.int32).tolist() == [1]
