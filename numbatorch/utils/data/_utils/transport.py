"""How the tensors of a batch reach the main process: large ones in shared memory, small ones as bytes.

The main process maps the memory that the worker wrote to, so a large batch is never copied. Handing
over an open file costs a fraction of a millisecond, in which a small batch goes through a pipe.
"""

from __future__ import annotations

import pickle
from multiprocessing.reduction import ForkingPickler

from ....creation import from_numpy
from ....multiprocessing import reductions
from ....tensor import Tensor

#: Bytes from which on a tensor travels in shared memory.
SHARED_FROM = 1 << 19


def register() -> None:
    """In a worker: choose by size how a tensor is sent."""
    ForkingPickler.register(Tensor, _reduce_tensor)


def packed(answer) -> bytes:
    """What a worker sends, as bytes."""
    return bytes(ForkingPickler.dumps(answer))


def unpacked(data):
    """What a worker has sent; OSError if it no longer lives to hand over its memory."""
    return pickle.loads(data)


def _reduce_tensor(tensor: Tensor):
    reductions.check_sendable(tensor)
    nbytes = tensor.numel() * tensor.element_size()
    if nbytes < SHARED_FROM:
        return _from_bytes, (tensor.detach().as_numpy(), tensor.requires_grad)
    if nbytes < tensor.storage.nbytes:  # a part of the dataset, perhaps, which stays where it is
        tensor = tensor.detach().clone().requires_grad_(tensor.requires_grad)
    return reductions.reduce_tensor(tensor)


def _from_bytes(array, requires_grad) -> Tensor:
    return from_numpy(array).requires_grad_(requires_grad)
