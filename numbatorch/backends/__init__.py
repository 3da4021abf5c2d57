"""Settings of engines that PyTorch can use and numbatorch does not: they can be assigned and read."""

from . import cuda, cudnn, mkldnn, mps
