"""Names of PyTorch's tracer (`torch._dynamo`); what compiles here is `numbatorch.compiler`."""

from .. import compiler
from ..compiler import allow_in_graph, disable
from . import config


def reset():
    """Forget everything that was compiled."""
    compiler.reset()
