"""A quick look for NaNs, for checks that autograd makes."""

import numpy as np

from ..dtypes import bfloat16
from .casting import to_device


def any_nan(value):
    """Whether an element of a floating-point or complex value is not a number."""
    from ..devices import CPU

    host = to_device(value, CPU).as_numpy()
    if value.dtype is bfloat16:
        host = host.astype(np.float32)
    return bool(np.isnan(host).any())
