"""Functions of functions (`torch.func`): gradients, Jacobians, batches of calls."""

from ..nn.utils.stateless import functional_call
from .forward import hessian, jacfwd, jvp, linearize
from .modules import stack_module_state
from .reverse import grad, grad_and_value, jacrev, vjp
from .vectorize import vmap

__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize",
    "stack_module_state", "vjp", "vmap",
]  # fmt: skip
