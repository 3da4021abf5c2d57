"""ONNX export (`torch.onnx`), which is not built."""


def export(*args, **kwargs):
    """NotImplementedError: there is no ONNX writer."""
    raise NotImplementedError(
        "numbatorch has no ONNX export: save the state dict, load it in PyTorch, and export there"
    )


def is_in_onnx_export():
    """False."""
    return False
