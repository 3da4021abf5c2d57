"""What notebooks show of tensors, modules and animations beside their text."""

from .animations import animation_html
from .modules import module_html
from .tensors import tensor_html

__all__ = ["animation_html", "module_html", "tensor_html"]
