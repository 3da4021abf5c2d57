"""Numbers in the type of a value, so that float32 stays float32."""

import numpy as np
from numba.extending import overload, register_jitable

#: Marks a scalar function that kernels may call, on either target.
formula = register_jitable(forceinline=True)


def like(x, number):
    """`number` in the type of `x`."""
    return np.asarray(x).dtype.type(number)


@overload(like, inline="always")
def _like(x, number):
    def in_type_of_x(x, number):
        return x_type(number)

    x_type = x
    return in_type_of_x
