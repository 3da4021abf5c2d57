"""Names of PyTorch's tracer (`torch._dynamo`); what compiles here is `numbatorch.compiler`."""

from .. import compiler
from . import config


def reset():
    """Forget everything that was compiled."""
    compiler.reset()


def allow_in_graph(fn):
    """`fn` itself."""
    return fn
