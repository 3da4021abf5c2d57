"""DLPack capsules (`torch.utils.dlpack`)."""

from ..interchange import from_dlpack, to_dlpack

__all__ = ["from_dlpack", "to_dlpack"]
