"""What notebooks show of tensors and modules beside their text."""

from .modules import module_html
from .tensors import tensor_html

__all__ = ["module_html", "tensor_html"]
