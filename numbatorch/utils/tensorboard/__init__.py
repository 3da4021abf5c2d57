"""Logs for TensorBoard (`torch.utils.tensorboard`), written by the library tensorboardX."""

try:
    import tensorboardX as _library
except ImportError as error:
    raise ImportError(
        "torch.utils.tensorboard needs the library tensorboardX: pip install 'numbatorch[tensorboard]'"
    ) from error

from .writer import FileWriter, SummaryWriter
