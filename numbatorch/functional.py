"""Functions that PyTorch writes in Python (`torch.functional`)."""

from .ops.registry import FUNCTIONS as _FUNCTIONS

_NAMES = (
    "atleast_1d", "atleast_2d", "atleast_3d", "align_tensors", "block_diag", "broadcast_shapes",
    "broadcast_tensors", "cartesian_prod", "cdist", "chain_matmul", "einsum", "istft", "lu",
    "meshgrid", "norm", "split", "stft", "tensordot", "unique", "unique_consecutive", "unravel_index",
)  # fmt: skip

globals().update({name: _FUNCTIONS[name] for name in _NAMES if name in _FUNCTIONS})
