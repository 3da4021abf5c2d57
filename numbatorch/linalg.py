"""Linear algebra (`torch.linalg`)."""

from .ops.registry import namespace

globals().update(namespace("linalg"))
