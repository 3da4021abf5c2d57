"""Running one module on several devices or in several processes; here there is one of each."""

from numbatorch.nn.parallel import distributed
from numbatorch.nn.parallel.data_parallel import (
    DataParallel,
    data_parallel,
    gather,
    parallel_apply,
    replicate,
    scatter,
)
from numbatorch.nn.parallel.distributed import DistributedDataParallel

DistributedDataParallelCPU = DistributedDataParallel

__all__ = [
    "DataParallel",
    "DistributedDataParallel",
    "data_parallel",
    "gather",
    "parallel_apply",
    "replicate",
    "scatter",
]
