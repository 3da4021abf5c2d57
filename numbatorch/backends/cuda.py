"""Settings of CUDA libraries, which are not used: assigning these changes nothing."""


class _Products:
    """What PyTorch lets a program choose for matrix products."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True


matmul = _Products()


def is_built():
    """False: there are no CUDA libraries, only kernels."""
    return False
