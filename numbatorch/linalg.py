"""Linear algebra (`torch.linalg`)."""

from .ops.linear_systems import LinAlgError as LinAlgError
from .ops.registry import namespace

globals().update(namespace("linalg"))
