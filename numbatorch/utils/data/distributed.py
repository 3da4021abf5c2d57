"""The share of one process in a dataset that several processes train on."""

from __future__ import annotations

import math

from ... import ops
from ...random import Generator
from .sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler):
    """Every `num_replicas`-th index from the `rank`-th on, of an order that all processes share.

    The order is shuffled by seed + epoch: call `set_epoch` before each epoch. Indices repeat to
    make the shares equal, or the tail goes with `drop_last`.
    """

    def __init__(
        self, dataset, num_replicas=None, rank=None, shuffle=True, seed=0, drop_last=False
    ):
        if num_replicas is None or rank is None:
            from ...distributed import get_rank, get_world_size  # a layer above

            num_replicas = get_world_size() if num_replicas is None else num_replicas
            rank = get_rank() if rank is None else rank
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        whole = len(dataset) // num_replicas
        self.num_samples = whole if drop_last else math.ceil(len(dataset) / num_replicas)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self):
        indices = list(range(len(self.dataset)))
        if self.shuffle:
            generator = Generator()
            generator.manual_seed(self.seed + self.epoch)
            indices = ops.randperm(len(self.dataset), generator=generator).tolist()
        repeats = math.ceil(self.total_size / max(1, len(indices)))
        indices = (indices * repeats)[: self.total_size]
        return iter(indices[self.rank :: self.num_replicas])

    def __len__(self):
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of this epoch; the same on all processes."""
        self.epoch = epoch
