"""Settings of engines that PyTorch can use and numbatorch does not: they can be assigned and read."""

from . import cpu, cuda, cudnn, mha, mkl, mkldnn, mps, openmp, opt_einsum
