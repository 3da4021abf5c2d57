"""Names of PyTorch's code generator (`torch._inductor`)."""

from . import config
