"""Special functions (`torch.special`)."""

from .ops.registry import namespace

globals().update(namespace("special"))
