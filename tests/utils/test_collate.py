"""default_collate and default_convert, structure by structure."""

from collections import OrderedDict, UserDict, namedtuple
from types import MappingProxyType

import numpy as np
import pytest

import numbatorch as nt
from numbatorch.utils.data import default_collate, default_convert

torch = pytest.importorskip("torch")
Point = namedtuple("Point", "x y")


class Mapping(UserDict):
    pass


def described(value):
    """A value with its tensors as (dtype, nested list), and the types of all containers."""
    if isinstance(value, nt.Tensor | torch.Tensor):
        return str(value.dtype).split(".")[-1], value.tolist()
    if hasattr(value, "items"):
        return type(value).__name__, {key: described(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value).__name__, [described(item) for item in value]
    if isinstance(value, np.ndarray):
        return "ndarray", value.tolist()
    return value


BATCHES = [
    [1, 2, 3],
    [True, False],
    [1.5, 2.5],
    ["a", "b"],
    [b"a", b"b"],
    [np.float32(1.5), np.float32(2.5)],
    [np.int16(3), np.int16(4)],
    [np.bool_(True), np.bool_(False)],
    [np.zeros((2, 2), np.float32), np.ones((2, 2), np.float32)],
    [np.array(3), np.array(4)],
    [(1, "a"), (2, "b")],
    [[1, 2.5], [3, 4.5]],
    [Point(1, 2.5), Point(3, 4.5)],
    [{"a": 1, "b": [1, 2]}, {"a": 2, "b": [3, 4]}],
    [OrderedDict(a=1), OrderedDict(a=2)],
    [Mapping(a=1), Mapping(a=2)],
    [MappingProxyType({"a": 1}), MappingProxyType({"a": 2})],
    [range(2), range(3, 5)],
]


@pytest.mark.parametrize("batch", BATCHES, ids=str)
def test_collate_as_pytorch(batch):
    mine, theirs = default_collate(batch), torch.utils.data.default_collate(batch)
    assert described(mine) == described(theirs)


@pytest.mark.parametrize("batch", [*BATCHES, [np.array(["x"])], [np.str_("x")]], ids=str)
def test_convert_as_pytorch(batch):
    mine, theirs = default_convert(batch), torch.utils.data.default_convert(batch)
    assert described(mine) == described(theirs)


def test_tensors_are_stacked():
    assert default_collate([nt.tensor([1, 2]), nt.tensor([3, 4])]).tolist() == [[1, 2], [3, 4]]


def test_a_batch_does_not_share_memory_with_the_samples():
    sample = nt.tensor([1.0, 2.0])
    default_collate([sample])[0, 0] = 9.0
    assert sample.tolist() == [1.0, 2.0]


def test_errors():
    with pytest.raises(TypeError, match="default_collate: batch must contain tensors"):
        default_collate([object()])
    with pytest.raises(TypeError, match="batch must contain .* found <U1"):
        default_collate([np.array(["x"])])
    with pytest.raises(RuntimeError, match="of equal size"):
        default_collate([[1, 2], [3]])
