"""C++ extensions (`torch.utils.cpp_extension`): there is no C++ interface, so building one raises."""

CUDA_HOME = None


def _refuse(*args, **kwargs):
    """RuntimeError: PyTorch's C++ interface is not there."""
    raise RuntimeError(
        "numbatorch has no C++ interface: write the op in Python (torch.library.custom_op), or its "
        "kernel with Numba"
    )


load = load_inline = CUDAExtension = CppExtension = _refuse


class BuildExtension:
    """Stands for the build command; building an extension raises."""

    with_options = staticmethod(_refuse)
    __init__ = _refuse
