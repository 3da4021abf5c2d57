"""Which rows of which tensors the batches of a DataLoader are, where that is known beforehand."""

import numpy as np

from .. import graph
from ..utils.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
    default_collate,
)
from ..utils.data._utils.rows import rows_behind

#: Samplers that draw all that they draw before the first batch, or from a generator of their own.
_KNOWN_SAMPLERS = (SequentialSampler, RandomSampler, SubsetRandomSampler, WeightedRandomSampler)


def epoch_of(loader):
    """One Epoch of a DataLoader, drawn as iterating over it draws it; None where its batches are
    something else than rows of tensors in an order that is known before the first."""
    if type(loader) is not DataLoader or not _is_plain(loader):
        return None
    rows = rows_behind(loader.dataset)
    if rows is None:
        return None
    iter(loader)  # draws a seed, as every epoch does
    numbers = rows.numbers(_drawn(loader.batch_sampler.sampler))
    if numbers is None:
        raise IndexError(f"a sampler of {loader.dataset} gave an index that is out of range")
    return Epoch(rows, numbers, loader.batch_sampler.batch_size, loader.batch_sampler.drop_last)


def _is_plain(loader):
    batches = loader.batch_sampler
    if type(batches) is not BatchSampler or type(batches.sampler) not in _KNOWN_SAMPLERS:
        return False
    return (
        len(batches.sampler) > 0
        and not _draws_on_the_way(batches.sampler)
        and loader.collate_fn is default_collate
        and not (loader.num_workers or loader.pin_memory or loader.timeout)
    )


def _draws_on_the_way(sampler):
    """Whether a sampler draws from a generator that a step may draw from too, between batches."""
    if type(sampler) is not RandomSampler or sampler.generator is None:
        return False
    return sampler.replacement or sampler.num_samples > len(sampler.data_source)


def _drawn(sampler):
    """All indices of a sampler: an array where they are integers for certain."""
    if type(sampler) in (SequentialSampler, RandomSampler):
        return np.fromiter(sampler, np.int64)  # to its end: it may still draw then
    return list(sampler)


class Epoch:
    """Batches of rows, whose numbers are `numbers`: all but the last have `size` rows."""

    def __init__(self, rows, numbers, size, drop_last):
        self.rows, self.numbers, self.size = rows, numbers, size
        #: Batches of `size` rows, and all batches.
        self.full = len(numbers) // size
        self.batches = self.full if drop_last else -(-len(numbers) // size)

    def batch(self, position):
        """The tensors of one batch."""
        return tuple(self.rows.batch(self.numbers_of(position, 1)))

    def numbers_of(self, first, count):
        """The numbers of the rows of `count` batches."""
        return self.numbers[first * self.size : (first + count) * self.size]

    def columns(self, batch):
        """(where rows come from, where they go, bytes of a row) for each tensor of a full batch."""
        return [
            (x.address, y.address, y.dtype.itemsize * graph.numel(y) // self.size)
            for x, y in zip(self.rows.tensors, batch)
        ]
