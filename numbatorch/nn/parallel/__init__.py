"""Running one module on several devices; here there is one device, so it runs there."""

from numbatorch.nn.parallel.data_parallel import DataParallel, data_parallel

__all__ = ["DataParallel", "data_parallel"]
