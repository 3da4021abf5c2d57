"""save and load: PyTorch's files both ways, copies, and files that nobody should trust."""

import collections
import copy
import io
import json
import os
import pickle
import random
import struct
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_files import ARCHIVE, LEGACY

import numbatorch as nt
from numbatorch import nn
from numbatorch.serialization import safe_globals
from numbatorch.serialization.archive import ALIGNMENT, ArchiveReader, ArchiveWriter

DTYPES = (
    "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
    "complex64", "complex128", "bool",
)  # fmt: skip


def saved(obj, save=nt.save, **options):
    file = io.BytesIO()
    save(obj, file, **options)
    return file.getvalue()


def through(obj, **options):
    return nt.load(io.BytesIO(saved(obj)), **options)


def _content(torch):
    """Everything that a checkpoint may hold, made with torch or with numbatorch."""
    base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    tensors = {name: torch.tensor([2, 0, 1], dtype=getattr(torch, name)) for name in DTYPES}
    return collections.OrderedDict(
        tensors,
        whole=base,
        row=base.select(0, 1),
        column=base.transpose(0, 2).select(0, 1),
        spread=torch.ones(1).expand(3),
        scalar=torch.tensor(2.5, dtype=torch.float64),
        empty=torch.empty(0, 4),
        trained=torch.ones(2, requires_grad=True),
        parameter=torch.nn.Parameter(base.select(0, 0)),
        nested=[{"a": (1, 2.5, None, True)}, "text", b"bytes", bytearray(b"more"), 2**70, -3],
        strange={1: "int key", (1, "x"): "tuple key", 2.5: {1, 2}, None: 1 + 2j},
        size=torch.Size([2, 3]),
        dtypes=[getattr(torch, name) for name in DTYPES],
        device=torch.device("cpu"),
        counter=collections.Counter("hello"),
    )


def _plain(value):
    """A value without tensors, equal for equal contents of either library."""
    if hasattr(value, "requires_grad"):
        elements = np.array(value.detach().tolist()).tolist()
        return (
            type(value).__name__, str(value.dtype), tuple(value.shape), tuple(value.stride()),
            value.requires_grad, elements,
        )  # fmt: skip
    if isinstance(value, dict):
        return type(value).__name__, [(_plain(k), _plain(v)) for k, v in value.items()]
    if isinstance(value, list | tuple) and type(value).__name__ != "Size":
        return type(value).__name__, [_plain(item) for item in value]
    if type(value).__name__ in ("Size", "device", "dtype"):
        return str(value)
    return value


# With PyTorch -------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights_only", [True, False])
def test_files_of_pytorch_are_read(weights_only):
    torch = pytest.importorskip("torch")
    file = io.BytesIO(saved(_content(torch), torch.save))
    ours = nt.load(file, weights_only=weights_only)
    assert _plain(ours) == _plain(_content(torch))
    assert ours["whole"].storage is ours["row"].storage is ours["column"].storage


@pytest.mark.parametrize("weights_only", [True, False])
def test_pytorch_reads_our_files(weights_only):
    torch = pytest.importorskip("torch")
    theirs = torch.load(io.BytesIO(saved(_content(nt))), weights_only=weights_only)
    assert _plain(theirs) == _plain(_content(nt))
    assert theirs["whole"].data_ptr() == theirs["row"].data_ptr() - 48


@pytest.mark.parametrize("weights_only", [True, False])
def test_the_old_format_is_read(weights_only):
    torch = pytest.importorskip("torch")
    data = saved(_content(torch), torch.save, _use_new_zipfile_serialization=False)
    ours = nt.load(io.BytesIO(data), weights_only=weights_only)
    assert _plain(ours) == _plain(_content(torch))
    assert ours["whole"].storage is ours["row"].storage


@pytest.mark.parametrize("weights_only", [True, False])
def test_the_old_format_is_written(weights_only):
    torch = pytest.importorskip("torch")
    data = saved(_content(nt), _use_new_zipfile_serialization=False)
    for module in (nt, torch):
        found = module.load(io.BytesIO(data), weights_only=weights_only)
        assert _plain(found) == _plain(_content(nt))
    assert found["whole"].data_ptr() == found["row"].data_ptr() - 48


def test_pytorch_maps_our_files_into_memory(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "model.pt"
    nt.save(_content(nt), path)
    theirs = torch.load(path, mmap=True, weights_only=False)
    assert _plain(theirs) == _plain(_content(nt))


def _network(torch):
    nn = torch.nn
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2, bias=False))


def test_state_dicts_and_models_go_both_ways():
    torch = pytest.importorskip("torch")
    torch.manual_seed(3)
    theirs, ours = _network(torch), _network(nt)
    ours.load_state_dict(nt.load(io.BytesIO(saved(theirs.state_dict(), torch.save))))
    assert _plain(dict(ours.state_dict())) == _plain(dict(theirs.state_dict()))
    back = torch.load(io.BytesIO(saved(ours.state_dict())), weights_only=True)
    assert _plain(dict(back)) == _plain(dict(theirs.state_dict()))
    assert back._metadata == theirs.state_dict()._metadata


def test_whole_models_and_generators_go_both_ways():
    torch = pytest.importorskip("torch")

    def content(torch):
        generator = torch.Generator().manual_seed(5)
        torch.rand(3, generator=generator)
        layer = torch.nn.TransformerEncoderLayer(4, 2, 8)
        layer.act = torch.relu
        return [_network(torch), layer, generator]

    for here, there in ((torch, nt), (nt, torch)):
        here.manual_seed(6)
        written = content(here)
        read = there.load(io.BytesIO(saved(written, here.save)), weights_only=False)
        for original, found in zip(written[:2], read):
            assert _plain(dict(original.state_dict())) == _plain(dict(found.state_dict()))
            assert type(found).__module__.startswith(there.__name__)
        drawn = [
            torch.rand(3, generator=g).tolist()
            for torch, g in ((here, written[2]), (there, read[2]))
        ]
        assert drawn[0] == drawn[1]


def test_numpy_scalars_go_both_ways():
    torch = pytest.importorskip("torch")
    content = {"loss": np.float64(0.5), "history": np.arange(3)}
    for save, load in ((torch.save, nt.load), (nt.save, torch.load)):
        data = saved(content, save)
        found = load(io.BytesIO(data), weights_only=False)
        assert found["loss"] == 0.5
        assert found["history"].tolist() == [0, 1, 2]
        with pytest.raises(pickle.UnpicklingError, match="numpy"):
            load(io.BytesIO(data), weights_only=True)


# Without PyTorch ----------------------------------------------------------------------------------

RECORDED = {
    "weight": [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]],
    "row": [3.0, 4.0, 5.0],
    "column": [2.0, 5.0],
    "half": [1.5, -2.0],
    "count": 7,
    "flags": [True, False],
}


@pytest.mark.parametrize("data", [ARCHIVE, LEGACY], ids=["archive", "legacy"])
@pytest.mark.parametrize("weights_only", [True, False])
def test_recorded_files_of_pytorch(data, weights_only):
    found = nt.load(io.BytesIO(data), weights_only=weights_only)
    for name, expected in RECORDED.items():
        assert found[name].tolist() == expected
    assert isinstance(found, collections.OrderedDict)
    assert isinstance(found["weight"], nn.Parameter) and found["weight"].requires_grad
    assert found["row"].storage is found["weight"].storage
    assert found["half"].dtype is nt.bfloat16
    assert found["empty"].shape == (0, 4)
    assert (found["note"], found["step"], found["rate"]) == ("text", 3, 0.5)
    assert (found["size"], found["kind"]) == (nt.Size([2, 3]), nt.float16)
    assert found["place"] == nt.device("cpu")


@pytest.mark.parametrize("weights_only", [True, False])
def test_round_trip(weights_only):
    content = _content(nt)
    found = through(content, weights_only=weights_only)
    assert _plain(found) == _plain(content)
    assert found["whole"].storage is found["row"].storage
    assert found["whole"].storage is not content["whole"].storage


def test_plain_pickle_and_deepcopy_keep_sharing():
    content = _content(nt)
    for copied in (pickle.loads(pickle.dumps(content)), copy.deepcopy(content)):
        assert _plain(copied)[1][: len(DTYPES)] == _plain(content)[1][: len(DTYPES)]
        assert copied["whole"].storage is copied["row"].storage
        copied["row"].zero_()
        assert copied["whole"].select(0, 1).tolist() == [[0.0] * 4] * 3
        assert content["whole"].select(0, 1).tolist() != [[0.0] * 4] * 3
        assert copied["dtypes"][0] is nt.uint8


def test_deepcopy_copies_gradients_of_leaves_only():
    x = nt.ones(3, requires_grad=True)
    (x * x).sum().backward()
    copied = copy.deepcopy([x, x])
    assert copied[0] is copied[1]
    assert copied[0].grad.tolist() == [2.0] * 3 and copied[0].grad is not x.grad
    assert copied[0].requires_grad and copied[0].is_leaf
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(x * 2)


def test_functions_are_copied_as_themselves():
    for function in (nt.relu, nt.add, nt.nn.functional.relu, nt.softmax):
        assert copy.deepcopy(function) is function
        assert pickle.loads(pickle.dumps(function)) is function


def test_handles_of_storages():
    x = nt.arange(6).reshape(2, 3)
    for handle in (x.untyped_storage(), x.storage()):
        assert handle == x[1].untyped_storage() and handle != x.clone().untyped_storage()
        assert (handle.nbytes(), handle.device, handle.data_ptr()) == (48, x.device, x.data_ptr())
    assert len(x.untyped_storage()) == x.untyped_storage().size() == 48
    assert x.untyped_storage().clone().tolist() == list(x.numpy().tobytes())
    with pytest.raises(TypeError, match="untyped_storage"):
        len(x.storage())


def test_attributes_of_tensors_are_kept():
    x = nt.ones(2)
    x.tag = "mine"
    parameter = nn.Parameter(nt.zeros(2))
    parameter.group = 3
    found = through([x, parameter])
    assert found[0].tag == "mine" and found[1].group == 3
    assert type(found[1]) is nn.Parameter


def test_whole_models_need_trust():
    model = _network(nt)
    data = saved(model)
    with pytest.raises(pickle.UnpicklingError, match="torch.nn.modules.container.Sequential"):
        nt.load(io.BytesIO(data))
    found = nt.load(io.BytesIO(data), weights_only=False)
    assert _plain(dict(found.state_dict())) == _plain(dict(model.state_dict()))


@pytest.mark.parametrize("made_by", ["numbatorch", "torch"])
def test_whole_models_of_allowed_classes(made_by):
    """The classes that PyTorch asks to allow for a file are all that we ask for."""
    torch = pytest.importorskip("torch")
    source = {"numbatorch": nt, "torch": torch}[made_by]
    data = saved(source.nn.TransformerEncoderLayer(4, 2, 8), source.save)

    def allowed(t):
        kinds = [t.nn.TransformerEncoderLayer, t.nn.MultiheadAttention, t.nn.Dropout, t.nn.Linear]
        return [
            *kinds, t.nn.LayerNorm, t.nn.functional.relu,
            t.nn.modules.linear.NonDynamicallyQuantizableLinear,
        ]  # fmt: skip

    with safe_globals(allowed(nt)):
        ours = nt.load(io.BytesIO(data))
    with torch.serialization.safe_globals(allowed(torch)):
        theirs = torch.load(io.BytesIO(data))
    assert _plain(dict(ours.state_dict())) == _plain(dict(theirs.state_dict()))
    x = np.random.default_rng(0).standard_normal((2, 3, 4), dtype=np.float32)
    expected = theirs.eval()(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(
        ours.eval()(nt.from_numpy(x)).detach().numpy(), expected, atol=1e-5, rtol=1e-5
    )


class Settings:
    """A class of a user's program."""

    def __init__(self, rate):
        self.rate = rate


def test_safe_globals():
    data = saved({"settings": Settings(0.5)})
    with pytest.raises(pickle.UnpicklingError, match="add_safe_globals"):
        nt.load(io.BytesIO(data))
    with safe_globals([Settings]):
        assert nt.load(io.BytesIO(data))["settings"].rate == 0.5
    with pytest.raises(pickle.UnpicklingError):
        nt.load(io.BytesIO(data))


def test_one_storage_under_two_dtypes_is_refused():
    x = nt.arange(4, dtype=nt.int32)
    y = nt.from_numpy(x.numpy().view(np.float32))
    saved([x, y])  # a borrowed storage of its own
    alias = x.detach()
    alias.dtype = nt.float32
    with pytest.raises(RuntimeError, match="different types"):
        saved([x, alias])


# Files --------------------------------------------------------------------------------------------


def test_records_are_aligned_and_named_as_in_pytorch(tmp_path):
    path = tmp_path / "weights.pt"
    nt.save({"a": nt.ones(100), "b": nt.zeros(3, dtype=nt.int8)}, path)
    with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        names = [entry.filename for entry in archive.infolist()]
        assert names[0] == "weights/data.pkl"
        assert {"weights/data/0", "weights/data/1", "weights/version", "weights/byteorder"} <= set(
            names
        )
        reader = ArchiveReader(file)
        for name in names:
            assert reader.position_of(name.removeprefix("weights/")) % ALIGNMENT == 0


def test_large_archives_use_the_64_bit_fields():
    """The directory beyond 4 GiB, on a file that only counts."""

    class Counting(io.RawIOBase):
        def __init__(self):
            self.tail = b""

        def write(self, data):
            self.tail = (self.tail + bytes(data[-200:]))[-400:]
            return len(data)

    file = Counting()
    writer = ArchiveWriter(file, "big")
    writer._position = 5 << 30  # as if so much had been written
    writer.write_record("late", b"x")
    writer.close()
    assert b"PK\6\6" in file.tail and b"PK\6\7" in file.tail
    locator = file.tail.index(b"PK\6\7")
    assert struct.unpack_from("<Q", file.tail, locator + 8)[0] > 5 << 30


def test_an_interrupted_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.pt"
    nt.save({"step": 1}, path)

    class Unpicklable:
        def __reduce__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nt.save({"step": 2, "bad": Unpicklable()}, path)
    assert nt.load(path) == {"step": 1}
    assert os.listdir(tmp_path) == ["model.pt"]


def test_a_save_that_dies_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    nt.save(nt.ones(3), path)

    def fail(*arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr(ArchiveWriter, "close", fail)
    with pytest.raises(OSError, match="no space"):
        nt.save(nt.zeros(3), path)
    assert nt.load(path).tolist() == [1.0] * 3
    assert os.listdir(tmp_path) == ["model.pt"]


def test_save_keeps_links_and_permissions(tmp_path):
    path, link = tmp_path / "model.pt", tmp_path / "latest.pt"
    nt.save(1, path)
    os.chmod(path, 0o640)
    link.symlink_to(path)
    nt.save(2, link)
    assert link.is_symlink() and nt.load(path) == 2
    assert path.stat().st_mode & 0o777 == 0o640
    nt.save(3, os.devnull)
    with pytest.raises(RuntimeError, match="Parent directory"):
        nt.save(1, tmp_path / "nowhere" / "model.pt")


def test_loading_through_a_memory_map(tmp_path):
    path = tmp_path / "model.pt"
    nt.save({"x": nt.arange(1000)}, path)
    before = path.read_bytes()
    x = nt.load(path, mmap=True)["x"]
    assert x.tolist() == list(range(1000))
    x.zero_()
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match="file path"):
        nt.load(io.BytesIO(before), mmap=True)


def test_map_location():
    data = saved(nt.ones(2)).replace(b"X\x03\0\0\0cpu", b"X\x06\0\0\0cuda:3")
    data = _with_pickle(ARCHIVE_OF_ONES, _pickle_of(data))
    for location in ("cpu", nt.device("cpu"), {"cuda:3": "cpu"}):
        assert nt.load(io.BytesIO(data), map_location=location).tolist() == [1.0, 1.0]
    asked = []

    def ask(storage, location):
        asked.append((len(storage), location))
        return storage

    assert nt.load(io.BytesIO(data), map_location=ask).tolist() == [1.0, 1.0]
    assert asked == [(8, "cuda:3")]
    if not nt.cuda.is_available():
        with pytest.raises(RuntimeError, match="CUDA"):
            nt.load(io.BytesIO(data))


def test_safetensors(tmp_path):
    pytest.importorskip("safetensors")
    header = json.dumps(
        {
            "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
            "b": {"dtype": "BF16", "shape": [1, 2], "data_offsets": [8, 12]},
            "c": {"dtype": "BOOL", "shape": [], "data_offsets": [12, 13]},
        }
    ).encode()
    data = np.float32([1, 2]).tobytes() + b"\x80\x3f\x00\x40" + b"\1"
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)
    found = nt.load(path, map_location="cpu")
    assert found["a"].tolist() == [1.0, 2.0] and found["c"].item() is True
    assert found["b"].tolist() == [[1.0, 2.0]] and found["b"].dtype is nt.bfloat16


def test_big_endian_files():
    values = nt.tensor([1.0, -2.0])
    records = dict(_records(saved({"x": values})))
    records["byteorder"] = b"big"
    records["data/0"] = np.array([1.0, -2.0], ">f4").tobytes()
    assert nt.load(io.BytesIO(_archive(records)))["x"].tolist() == [1.0, -2.0]


# Hostile and damaged files ------------------------------------------------------------------------


def _records(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            yield entry.filename.partition("/")[2], archive.read(entry)


def _archive(records):
    file = io.BytesIO()
    writer = ArchiveWriter(file, "archive")
    for name, data in records.items():
        writer.write_record(name, data)
    writer.close()
    return file.getvalue()


def _with_pickle(data, text):
    return _archive({**dict(_records(data)), "data.pkl": text})


def _pickle_of(data):
    """The pickle in an archive whose text may have been changed, checksums or not."""
    start = data.index(b"\x80\x02")
    return data[start : data.index(b".PK", start) + 1]


ARCHIVE_OF_ONES = saved(nt.ones(2))


class _Call:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def _hostile(function, *arguments):
    return pickle.dumps(_Call(function, *arguments), 2)


def _storage(key=b"X\1\0\0\0" + b"0", count=b"K\2", kind=b"ctorch\nFloatStorage\n"):
    return b"(X\7\0\0\0storage" + kind + key + b"X\3\0\0\0cpu" + count + b"tQ"


def _tensor(storage, offset=b"K\0", size=b"K\2\x85", stride=b"K\1\x85", grad=b"\x89"):
    hooks = b"ccollections\nOrderedDict\n)R"
    return (
        b"\x80\2ctorch._utils\n_rebuild_tensor_v2\n("
        + storage + offset + size + stride + grad + hooks + b"tR."
    )  # fmt: skip


HOSTILE = {
    "os.system": _hostile(os.system, "true"),
    "eval": _hostile(eval, "1 + 1"),
    "exec": _hostile(exec, "pass"),
    "getattr": _hostile(getattr, str, "join"),
    "open": _hostile(open, "/dev/null"),
    "import": b"\x80\2c__builtin__\n__import__\nX\2\0\0\0os\x85R.",
    "subprocess": b"\x80\2csubprocess\nPopen\nX\4\0\0\0true\x85R.",
    "numbatorch function": b"\x80\2cnumbatorch\nload\nX\1\0\0\0x\x85R.",
    "torch function": b"\x80\2ctorch\nload\nX\1\0\0\0x\x85R.",
    "dotted name": b"\x80\2ccollections\nOrderedDict.update\n)R.",
    "stack global": b"\x80\4\x8c\2os\x8c\6system\x93.",
    "old instance": b"(S'true'\nios\nsystem\n.",
    "extension": b"\x80\2\x82\1.",
    "method of a class": b"\x80\2ccollections\nOrderedDict\nX\6\0\0\0update\x93.",
    "state of a class": b"\x80\2ctorch\nTensor\nN}X\3\0\0\0abcK\1s\x86b.",
    "state of a function": b"\x80\2ctorch._utils\n_rebuild_tensor_v2\n}X\3\0\0\0abcK\1sb.",
    "new object": b"\x80\2ctorch\nTensor\n)\x81.",
    "huge bytearray": b"\x80\2c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.",
    "huge text": b"\x80\2X\xff\xff\xff\x7fabc.",
    "another codec": b"\x80\2c_codecs\nencode\nX\1\0\0\0aX\4\0\0\0zlib\x86R.",
    "deeply nested key": b"\x80\2}K\0" + b"\x85" * 200_000 + b"K\1s.",
    "doubled key": b"\x80\2}K\0" + b"q\0h\0\x86" * 60 + b"K\1s.",
    "deeply nested set": b"\x80\2c__builtin__\nset\n]K\0" + b"\x85" * 200_000 + b"a\x85R.",
    "unhashable key": b"\x80\2}]K\1s.",
    "nothing on the stack": b"\x80\2R.",
    "no mark": b"\x80\2K\1t.",
    "no end": b"\x80\2K\1",
    "unknown memo": b"\x80\2h\7.",
    "unknown instruction": b"\x80\2\xff.",
    "number as a storage": b"\x80\2K\1Q.",
    "storage of another size": _tensor(_storage(count=b"K\3")),
    "storage of absurd size": _tensor(_storage(count=b"\x8a\x08" + struct.pack("<q", 1 << 62))),
    "storage of negative size": _tensor(_storage(count=b"J\xff\xff\xff\xff")),
    "storage that is missing": _tensor(_storage(key=b"X\1\0\0\0" + b"7")),
    "storage outside": _tensor(_storage(key=b"X\7\0\0\0../../x")),
    "storage without a type": _tensor(_storage(kind=b"K\1")),
    "tensor beyond its storage": _tensor(_storage(), size=b"K\3\x85"),
    "tensor from beyond its storage": _tensor(_storage(), offset=b"K\2"),
    "tensor before its storage": _tensor(_storage(), offset=b"J\xff\xff\xff\xff"),
    "negative stride": _tensor(_storage(), stride=b"J\xff\xff\xff\xff\x85"),
    "negative size": _tensor(_storage(), size=b"J\xff\xff\xff\xff\x85"),
    "absurd size": _tensor(_storage(), size=b"\x8a\x0a" + bytes(9) + b"\1\x85", stride=b"K\0\x85"),
    "sizes without strides": _tensor(_storage(), stride=b")"),
    "size not a number": _tensor(_storage(), size=b"X\1\0\0\0a\x85"),
    "tensor of no storage": _tensor(b"K\1"),
    "gradient of integers": _tensor(
        _storage(kind=b"ctorch\nIntStorage\n"), grad=b"\x88"
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_pickles_raise_and_do_nothing(text, monkeypatch):
    def forbidden(*arguments, **options):
        raise AssertionError("a hostile file ran something")

    monkeypatch.setattr(os, "system", forbidden)
    archive = _with_pickle(ARCHIVE_OF_ONES, text)
    acceptable = (pickle.UnpicklingError, EOFError, RuntimeError)
    with pytest.raises(acceptable):
        nt.load(io.BytesIO(archive))
    legacy = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2)
    with pytest.raises(acceptable):
        nt.load(io.BytesIO(legacy + text))


def test_a_tensor_may_repeat_one_element_without_memory():
    text = _tensor(_storage(), size=b"J\xff\xff\xff\x7f\x85", stride=b"K\0\x85")
    assert nt.load(io.BytesIO(_with_pickle(ARCHIVE_OF_ONES, text))).shape == (2**31 - 1,)


def test_records_that_share_bytes_do_not_multiply():
    """Many records over the same bytes of a file may not take more memory than the file has."""
    records = {"version": b"3\n", "data/0": bytes(4 << 20)}
    keys = [str(number) for number in range(50)]
    pickled = b"\x80\2("
    for key in keys:
        name = b"X" + struct.pack("<I", len(key)) + key.encode()
        pickled += _storage(key=name, count=b"J" + struct.pack("<i", 1 << 20))
    records["data.pkl"] = pickled + b"t."
    file = io.BytesIO()
    writer = ArchiveWriter(file, "archive")
    for name, data in records.items():
        writer.write_record(name, data)
    first = next(entry for entry in writer._directory if entry[0] == b"archive/data/0")
    writer._directory += [(b"archive/data/" + key.encode(), *first[1:]) for key in keys[1:]]
    writer.close()
    with pytest.raises(pickle.UnpicklingError):
        nt.load(io.BytesIO(file.getvalue()))


def test_not_a_checkpoint():
    for data, error in (
        (b"", EOFError),
        (b"hello world", pickle.UnpicklingError),
        (b"PK\3\4 and nothing else", RuntimeError),
        (_archive({"something": b"else"}), RuntimeError),
        (_archive({"version": b"3\n"}), RuntimeError),
    ):
        with pytest.raises(error):
            nt.load(io.BytesIO(data))
    with pytest.raises(AttributeError):
        nt.load(3)
    with pytest.raises(AttributeError):
        nt.save(1, 3)
    with pytest.raises(FileNotFoundError):
        nt.load("/there/is/no/such/file.pt")


def _touch(value):
    """Read every element, so that a tensor over foreign memory would show itself."""
    if isinstance(value, nt.Tensor):
        if value.numel() < 10_000:
            value.tolist()
    elif isinstance(value, dict):
        for item in value.values():
            _touch(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _touch(item)


FRESH = saved({"a": nt.arange(6).reshape(2, 3), "b": [1.5, "x", nt.ones(2)]})


@settings(max_examples=400, deadline=None)
@given(data=st.data(), source=st.sampled_from([ARCHIVE, LEGACY, FRESH]))
def test_damaged_files_load_or_raise(data, source):
    damaged = bytearray(source)
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        damaged[place] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del damaged[data.draw(st.integers(0, len(damaged) - 1)) :]
    _load_or_raise(bytes(damaged))


@settings(max_examples=400, deadline=None)
@given(data=st.data(), source=st.sampled_from([ARCHIVE, FRESH]))
def test_damaged_pickles_with_right_checksums_load_or_raise(data, source):
    """The container is in order, so that the damage reaches the reader of pickles."""
    text = bytearray(dict(_records(source))["data.pkl"])
    for _ in range(data.draw(st.integers(1, 4))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    _load_or_raise(_with_pickle(source, bytes(text)))


def _load_or_raise(data):
    acceptable = (pickle.UnpicklingError, EOFError, RuntimeError, ValueError)
    try:
        value = nt.load(io.BytesIO(data))
    except acceptable:
        return
    _touch(value)


def _spoilt(data, rng):
    """The data with some bits flipped, numbers made absurd, stretches repeated, removed or cut off."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(data))
        kind = rng.randrange(4)
        if kind == 0:
            data[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            absurd = rng.choice([0, 10**9, 2**31 - 1, 2**32 - 1, 2**62, 2**64 - 1])
            data[place : place + 8] = struct.pack("<Q", absurd)
        elif kind == 2:
            other = rng.randrange(len(data))
            data[place:place] = data[other : other + rng.randint(1, 40)]
        else:
            del data[place : place + rng.randint(1, 20)]
    if rng.random() < 0.2:
        del data[rng.randrange(len(data)) :]
    return bytes(data)


class _Frugal:
    """Asserts that a block takes less than a second and a few megabytes."""

    def __enter__(self):
        tracemalloc.start()
        nt.memory.reset_peak_memory_stats()
        self.before = nt.memory.memory_allocated()
        self.start = time.process_time()

    def __exit__(self, *exception):
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak + nt.memory.max_memory_allocated() - self.before < 16 << 20
        assert time.process_time() - self.start < 1


@pytest.mark.parametrize("form", ["archive", "pickle in an archive", "legacy"])
def test_spoilt_files_take_no_memory_to_speak_of(form):
    rng = random.Random(5)
    source = saved(_content(nt), _use_new_zipfile_serialization=form != "legacy")
    nt.load(io.BytesIO(source))
    for _ in range(150):
        if form == "pickle in an archive":
            spoilt = _with_pickle(source, _spoilt(dict(_records(source))["data.pkl"], rng))
        else:
            spoilt = _spoilt(source, rng)
        with _Frugal():
            _load_or_raise(spoilt)


def test_archives_that_grow_when_unpacked():
    """A compressed record of many zeros, and records that lie about their size."""
    count = 1 << 24
    text = _tensor(_storage(count=b"J" + struct.pack("<i", count)), size=b"K\2\x85")
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", text, zipfile.ZIP_STORED)
        archive.writestr("archive/version", b"3\n", zipfile.ZIP_STORED)
        with archive.open("archive/data/0", "w", force_zip64=True) as record:
            for _ in range(4 * count >> 22):
                record.write(bytes(1 << 22))
    lie = bytearray(_archive({"data.pkl": text, "version": b"3\n", "data/0": bytes(8)}))
    directory = lie.rindex(b"archive/data/0") - 46
    lie[directory + 20 : directory + 28] = struct.pack("<2L", 4 * count, 4 * count)
    for data in (bomb.getvalue(), bytes(lie)):
        with _Frugal(), pytest.raises(RuntimeError):
            nt.load(io.BytesIO(data))


def test_allowed_functions_of_numpy():
    """What PyTorch's message advises to allow, for arrays in a checkpoint."""
    from numpy._core import multiarray

    array = np.arange(6.0).reshape(2, 3)
    data = saved({"array": array, "scalar": np.float64(0.5)})
    allowed = [
        multiarray._reconstruct, multiarray.scalar, np.ndarray, np.dtype, type(array.dtype),
    ]  # fmt: skip
    with safe_globals(allowed):
        found = nt.load(io.BytesIO(data))
    assert found["scalar"] == 0.5 and found["array"].tolist() == array.tolist()
