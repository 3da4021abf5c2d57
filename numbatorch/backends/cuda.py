"""Settings of CUDA libraries, which are not used: assigning these changes nothing."""

import warnings
from contextlib import contextmanager


class _Products:
    """What PyTorch lets a program choose for matrix products."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True


matmul = _Products()


def is_built():
    """False: there are no CUDA libraries, only kernels."""
    return False


# Which implementations of attention may be used; there is one, which is none of them.


def _setting(kind):
    """(the function that asks for a setting, the one that makes it)"""
    setting = [True]

    def asked():
        return setting[0]

    def made(enabled):
        setting[0] = bool(enabled)

    asked.__doc__ = f"Whether attention by {kind} is allowed."
    made.__doc__ = f"Allow attention by {kind}, or not."
    return asked, made


flash_sdp_enabled, enable_flash_sdp = _setting("flash kernels")
mem_efficient_sdp_enabled, enable_mem_efficient_sdp = _setting("kernels that save memory")
math_sdp_enabled, enable_math_sdp = _setting("products and softmax")
cudnn_sdp_enabled, enable_cudnn_sdp = _setting("cuDNN")


@contextmanager
def sdp_kernel(enable_flash=True, enable_math=True, enable_mem_efficient=True, enable_cudnn=True):
    """Context manager that makes all four settings, and takes them back (deprecated in PyTorch)."""
    warnings.warn(
        "`torch.backends.cuda.sdp_kernel()` is deprecated. In the future, this context manager will be "
        "removed. Please see `torch.nn.attention.sdpa_kernel()` for the new context manager.",
        FutureWarning, stacklevel=3,
    )  # fmt: skip
    makers = enable_flash_sdp, enable_math_sdp, enable_mem_efficient_sdp, enable_cudnn_sdp
    kept = flash_sdp_enabled(), math_sdp_enabled(), mem_efficient_sdp_enabled(), cudnn_sdp_enabled()
    wanted = enable_flash, enable_math, enable_mem_efficient, enable_cudnn
    for make, enabled in zip(makers, wanted):
        make(enabled)
    try:
        yield {}
    finally:
        for make, enabled in zip(makers, kept):
            make(enabled)
