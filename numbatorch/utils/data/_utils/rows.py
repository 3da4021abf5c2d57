"""Rows of tensors: what the items of a TensorDataset, and of subsets of one, are."""

import numpy as np

from .... import graph, ops
from ....creation import tensor
from ....tensor import Tensor
from ..dataset import Subset, TensorDataset


class Rows:
    """The tensors behind a dataset, whose item i is row `numbers([i])[0]` of each of them."""

    def __init__(self, tensors, subsets):
        self.tensors = tensors
        #: The indices of the subsets, the outermost first.
        self._subsets = subsets

    def numbers(self, indices):
        """The numbers of the rows, int64; None where indices are no integers or out of range."""
        for chosen in self._subsets:
            if isinstance(indices, np.ndarray):
                indices = indices.tolist()
            try:
                indices = [chosen[i] for i in indices]
            except (LookupError, TypeError):
                return None
        if not isinstance(indices, np.ndarray) and not all([type(i) is int for i in indices]):
            return None
        found, length = np.array(indices, np.int64), len(self.tensors[0])
        found[found < 0] += length
        if len(found) == 0 or found.min() < 0 or found.max() >= length:
            return None
        return found

    def batch(self, numbers):
        """The collated items of these rows."""
        index = tensor(numbers)
        return [ops.index_select(x, 0, index) for x in self.tensors]


def rows_behind(dataset):
    """The Rows of a TensorDataset, or of a Subset of one, in host memory; None for others."""
    subsets = []
    while type(dataset) is Subset:
        subsets.append(dataset.indices)
        dataset = dataset.dataset
    if type(dataset) is not TensorDataset or not all(map(_is_plain, dataset.tensors)):
        return None
    return Rows(dataset.tensors, subsets)


def _is_plain(x):
    if type(x) is not Tensor or x.is_cuda or x.requires_grad or graph.numel(x) == 0:
        return False
    return x.is_contiguous()
