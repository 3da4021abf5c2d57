"""Samplers visit a dataset in PyTorch's order."""

import pytest

import numbatorch as nt
from numbatorch.utils import data

torch = pytest.importorskip("torch")

CASES = {
    "sequential": lambda parts, **kw: parts.SequentialSampler(range(10)),
    "random": lambda parts, **kw: parts.RandomSampler(range(10), **kw),
    "more than all": lambda parts, **kw: parts.RandomSampler(range(10), num_samples=25, **kw),
    "fewer": lambda parts, **kw: parts.RandomSampler(range(10), num_samples=4, **kw),
    "replacement": lambda parts, **kw: parts.RandomSampler(
        range(10), replacement=True, num_samples=70, **kw
    ),
    "subset": lambda parts, **kw: parts.SubsetRandomSampler([3, 1, 4, 1, 5], **kw),
    "weighted": lambda parts, **kw: parts.WeightedRandomSampler([0.1, 0.5, 0.4], 20, **kw),
    "weighted, no replacement": lambda parts, **kw: parts.WeightedRandomSampler(
        [0.1, 0.5, 0.4, 1.0], 3, replacement=False, **kw
    ),
    "batches": lambda parts, **kw: parts.BatchSampler(
        parts.RandomSampler(range(10), **kw), 4, False
    ),
    "full batches": lambda parts, **kw: parts.BatchSampler(
        parts.RandomSampler(range(10), **kw), 4, True
    ),
}


def orders(framework, make, with_generator):
    """Two epochs, and what the default generator says afterwards."""
    framework.manual_seed(11)
    options = {"generator": framework.Generator().manual_seed(4)} if with_generator else {}
    sampler = make(framework.utils.data, **options)
    return [list(sampler), list(sampler), len(sampler), framework.rand(2).tolist()]


@pytest.mark.parametrize("with_generator", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_same_order_as_pytorch(name, with_generator):
    make = CASES[name]
    assert orders(nt, make, with_generator) == orders(torch, make, with_generator)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("size", [1, 10, 12])
def test_distributed(shuffle, drop_last, size):
    def shares(framework):
        seen = []
        for rank in range(4):
            sampler = framework.utils.data.DistributedSampler(
                range(size), num_replicas=4, rank=rank, shuffle=shuffle, drop_last=drop_last, seed=2
            )
            for epoch in range(2):
                sampler.set_epoch(epoch)
                seen.append((len(sampler), list(sampler)))
        return seen

    assert shares(nt) == shares(torch)


def test_errors():
    with pytest.raises(ValueError, match="num_samples should be a positive integer"):
        data.RandomSampler([])
    with pytest.raises(ValueError, match="num_samples should be a positive integer"):
        data.WeightedRandomSampler([1.0], 0)
    with pytest.raises(TypeError, match="replacement should be a boolean"):
        data.RandomSampler([1], replacement=3)
    with pytest.raises(ValueError, match="replacement should be a boolean"):
        data.WeightedRandomSampler([1.0], 1, replacement=3)
    with pytest.raises(ValueError, match="weights should be a 1d sequence"):
        data.WeightedRandomSampler([[1.0]], 1)
    with pytest.raises(ValueError, match="batch_size should be a positive integer"):
        data.BatchSampler([1], 0, False)
    with pytest.raises(ValueError, match="drop_last should be a boolean"):
        data.BatchSampler([1], 1, 3)
    with pytest.raises(ValueError, match="Invalid rank 2"):
        data.DistributedSampler([1], num_replicas=2, rank=2)
    with pytest.raises(ValueError, match="has not been initialized"):
        data.DistributedSampler([1])
