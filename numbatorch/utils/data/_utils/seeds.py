"""Seeds that the loader draws, in PyTorch's order."""

from __future__ import annotations

import random

import numpy as np

from ....creation import empty
from ....dtypes import int64
from ....random import manual_seed


def draw_seed(generator=None) -> int:
    """A seed from the default generator, or another."""
    return empty((), dtype=int64).random_(generator=generator).item()


def seed_worker(base_seed: int, worker_id: int) -> int:
    """Seed all generators of a worker process; returns the seed."""
    seed = base_seed + worker_id
    random.seed(seed)
    manual_seed(seed)
    words = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    np.random.seed(np.random.SeedSequence(words).generate_state(4))
    return seed
