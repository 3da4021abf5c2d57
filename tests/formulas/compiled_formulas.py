"""Formulas compiled as kernels compile them, over NumPy arrays."""

import numba
import numpy as np


def compiled(formula):
    """run(x) -> formula of every element of x."""

    @numba.njit(error_model="numpy", fastmath={"contract"})
    def loop(x, out):
        for i in range(x.size):
            out[i] = formula(x[i])

    def run(x):
        out = np.empty_like(x)
        loop(x, out)
        return out

    return run
