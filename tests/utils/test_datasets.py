"""Datasets and random_split."""

import pytest

import numbatorch as nt
from numbatorch.utils import data


class Numbers(data.Dataset):
    def __init__(self, numbers):
        self.numbers = list(numbers)

    def __getitem__(self, index):
        return self.numbers[index]

    def __len__(self):
        return len(self.numbers)


class Batched(Numbers):
    def __getitems__(self, indices):
        return [self.numbers[index] * 10 for index in indices]


class Counting(data.IterableDataset):
    def __init__(self, stop):
        self.stop = stop

    def __iter__(self):
        return iter(range(self.stop))

    def __len__(self):
        return self.stop


def test_tensor_dataset():
    dataset = data.TensorDataset(nt.arange(6).reshape(3, 2), nt.arange(3))
    assert len(dataset) == 3
    row, label = dataset[1]
    assert row.tolist() == [2, 3]
    assert label.item() == 1
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        data.TensorDataset(nt.arange(3), nt.arange(4))


def test_concat():
    dataset = Numbers(range(3)) + Numbers([10, 11])
    assert [dataset[index] for index in range(5)] == [0, 1, 2, 10, 11]
    assert dataset[-1] == 11
    assert dataset.cumulative_sizes == [3, 5]
    with pytest.raises(ValueError, match="absolute value of index"):
        dataset[-6]
    with pytest.raises(IndexError):
        dataset[5]
    with pytest.raises(AssertionError, match="empty iterable"):
        data.ConcatDataset([])
    with pytest.raises(AssertionError, match="does not support IterableDataset"):
        data.ConcatDataset([Counting(2)])


def test_chain():
    dataset = Counting(2) + Counting(3)
    assert list(dataset) == [0, 1, 0, 1, 2]
    assert len(dataset) == 5
    with pytest.raises(AssertionError, match="only supports IterableDataset"):
        list(data.ChainDataset([Numbers([1])]))


def test_stack():
    pair = data.StackDataset(Numbers([1, 2]), Batched([3, 4]))
    assert pair[1] == (2, 4)
    assert len(pair) == 2
    assert pair.__getitems__([1, 0]) == [(2, 40), (1, 30)]
    named = data.StackDataset(a=Numbers([1, 2]), b=Batched([3, 4]))
    assert named[0] == {"a": 1, "b": 3}
    assert named.__getitems__([1]) == [{"a": 2, "b": 40}]
    with pytest.raises(ValueError, match="Size mismatch"):
        data.StackDataset(Numbers([1]), Numbers([1, 2]))
    with pytest.raises(ValueError, match="both types are given"):
        data.StackDataset(Numbers([1]), b=Numbers([1]))
    with pytest.raises(ValueError, match="At least one dataset"):
        data.StackDataset()

    class Short(Numbers):
        def __getitems__(self, indices):
            return []

    with pytest.raises(ValueError, match="Expected 1, got 0"):
        data.StackDataset(Short([1])).__getitems__([0])


def test_subset():
    subset = data.Subset(Numbers([5, 6, 7]), [2, 0])
    assert len(subset) == 2
    assert [subset[0], subset[1]] == [7, 5]
    assert subset.__getitems__([1]) == [5]
    assert data.Subset(Batched([5, 6, 7]), [2, 0]).__getitems__([0, 1]) == [70, 50]
    assert data.Subset(nt.arange(5), [4, 2])[[0, 1]].tolist() == [4, 2]

    class Own(data.Subset):
        def __getitem__(self, index):
            return None

    with pytest.raises(NotImplementedError, match="but not __getitems__"):
        Own(Numbers([1]), [0])


def test_the_base_classes_give_nothing():
    with pytest.raises(NotImplementedError):
        data.Dataset()[0]
    with pytest.raises(NotImplementedError):
        iter(data.Sampler())


@pytest.mark.parametrize("lengths", [[7, 3], [0.5, 0.3, 0.2], [0.65, 0.35], [1.0], [10]])
def test_random_split_as_pytorch(lengths):
    torch = pytest.importorskip("torch")

    def split(framework):
        parts = framework.utils.data
        framework.manual_seed(3)
        first = parts.random_split(range(10), lengths)
        generator = framework.Generator().manual_seed(5)
        second = parts.random_split(range(10), lengths, generator=generator)
        return [subset.indices for subset in first + second]

    assert split(nt) == split(torch)


def test_random_split_errors():
    with pytest.raises(ValueError, match="does not equal the length"):
        data.random_split(range(10), [3, 3])
    with pytest.raises(ValueError, match="Fraction at index 0 is not between 0 and 1"):
        data.random_split(range(10), [1.5, -0.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        data.random_split(range(3), [0.9, 0.1])
