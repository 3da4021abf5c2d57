"""Automatic mixed precision (`torch.amp`): products in 16 bits, losses in float32, scaled gradients."""

from . import autocast_mode, grad_scaler
from .autocast_mode import autocast, custom_bwd, custom_fwd, is_autocast_available
from .grad_scaler import GradScaler
