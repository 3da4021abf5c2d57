"""Objects of the library that the interpreter need not look into: their identity says enough.

What optimizers and schedulers hold is asked anew before each replay (`states`); ops do not change.
"""

from ..op import Op
from ..optim import Optimizer
from ..optim.lr_scheduler import LRScheduler
from .conditions import Identity
from .guards import handles


@handles(Op)
@handles(Optimizer)
@handles(LRScheduler)
def guard_identity(guards, object, source):
    """Guard that the source leads to the same object."""
    guards.add(Identity(source, object))
