"""Differentiation: the backward walk over the recorded graph, and everything built on it."""

from . import function, functional, graph, profiler, variable
from .engine import PostAccumulateHook, RetainedGradient, backward, grad
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
from .variable import Variable
