"""Differentiation: the backward walk over the recorded graph, and everything built on it."""

from . import function
from .engine import backward, grad
from .function import Function
from .gradcheck import GradcheckError, gradcheck, gradgradcheck
from .modes import (
    detect_anomaly,
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_detect_anomaly,
    set_grad_enabled,
)


def Variable(data, requires_grad=False):
    """The tensor itself; what PyTorch kept of the old name (`torch.autograd.Variable`)."""
    result = data.detach()
    return result.requires_grad_() if requires_grad else result
