"""Matrix products by cuBLAS, where NVIDIA's `nvmath.bindings` and the library are installed.

What it cannot do is left to `cuda_kernels/matmul.py`, which has a kernel for everything.
NUMBATORCH_CUBLAS=0 leaves everything to that.
"""

import ctypes
import threading
from functools import cache

from . import config, cuda_streams, dtypes

#: dtype -> (number of its cudaDataType, type of computation, C type of the parts of alpha and beta).
_TYPES = {
    dtypes.float32: (0, "COMPUTE_32F", ctypes.c_float),
    dtypes.float64: (1, "COMPUTE_64F", ctypes.c_double),
    dtypes.float16: (2, "COMPUTE_32F", ctypes.c_float),
    dtypes.bfloat16: (14, "COMPUTE_32F", ctypes.c_float),
    dtypes.complex64: (4, "COMPUTE_32F", ctypes.c_float),
    dtypes.complex128: (5, "COMPUTE_64F", ctypes.c_double),
}

#: Bytes that cuBLAS may work in; captured products need memory that stays.
_WORKSPACE = 8 << 20

_MOST = (1 << 31) - 1


class Precision:
    """`tf32`: float32 products may round their factors to 10 binary digits, on tensor cores."""

    tf32 = False


@cache
def library():
    """`nvmath.bindings.cublas`, or None where it cannot be used."""
    if not config.CUBLAS:
        return None
    try:
        from nvmath.bindings import cublas

        cublas.destroy(cublas.create())
    except Exception:  # noqa: BLE001  the bindings raise errors of their own where a library is missing
        return None
    return cublas


class _Handles(threading.local):
    """cuBLAS handles of a thread, one for each device and stream."""

    def __init__(self):
        self.known = {}

    def handle(self, blas, index, driver):
        key = index, cuda_streams.current(index)
        found = self.known.get(key)
        if found is None:
            with driver.on(index):
                handle = blas.create()
                blas.set_stream(handle, key[1])
            blas.set_workspace(handle, driver.allocate(_WORKSPACE, index), _WORKSPACE)
            found = self.known[key] = handle
        return found


_handles = _Handles()


class Matrices:
    """A batch of matrices in memory: `address`, (rows, columns), their strides, that of the batch."""

    __slots__ = ("address", "rows", "columns", "row", "column", "batch")

    def __init__(self, address, rows, columns, row, column, batch):
        self.address, self.rows, self.columns = address, rows, columns
        self.row, self.column, self.batch = row, column, batch

    @property
    def turned(self):
        """The same memory, seen as the transposed matrices."""
        return Matrices(self.address, self.columns, self.rows, self.column, self.row, self.batch)

    def leading(self):
        """How far rows lie apart where the elements of each are neighbours; None where they are not."""
        if self.columns > 1 and self.column != 1:
            return None
        if self.rows == 1:
            return self.columns
        return self.row if self.columns <= self.row <= _MOST else None


def _operand(x):
    """(whether it is transposed, leading dimension) of a factor, or None."""
    for turned, view in ((False, x), (True, x.turned)):
        leading = view.leading()
        if leading is not None:
            return turned, leading
    return None


class Product:
    """out = a @ b, or out + a @ b, of Matrices, made ready: `of` tells whether cuBLAS can do it."""

    def __init__(self, dtype, out, a, b, batches, left, right):
        self.dtype, self.batches = dtype, batches
        self.out, self.a, self.b = out, a, b
        self.left, self.right = left, right

    @classmethod
    def of(cls, dtype, out, a, b, batches):
        """The Product, or None: for other dtypes, layouts and sizes, and where there is no cuBLAS."""
        if dtype not in _TYPES or max(out.rows, out.columns, a.columns, batches) > _MOST:
            return None
        if library() is None or not a.columns:
            return None
        if out.leading() is None:
            out, a, b = out.turned, b.turned, a.turned
        left, right = _operand(a), _operand(b)
        if out.leading() is None or left is None or right is None:
            return None
        return cls(dtype, out, a, b, batches, left, right)

    def compute(self, driver, index, accumulate):
        """Put the work on the current stream of the device `index`."""
        blas, out, a, b = library(), self.out, self.a, self.b
        data_type, kind, number = _TYPES[self.dtype]
        if self.dtype is dtypes.float32 and Precision.tf32:
            kind = "COMPUTE_32F_FAST_TF32"
        factors = (number * 4)(1.0, 0.0, 1.0 if accumulate else 0.0, 0.0)
        alpha = ctypes.addressof(factors)
        beta = alpha + 2 * ctypes.sizeof(number)
        operation = {False: int(blas.Operation.N), True: int(blas.Operation.T)}
        with driver.on(index):
            # cuBLAS counts down columns, so it is told of the transposed product, b^T a^T.
            blas.gemm_strided_batched_ex(
                _handles.handle(blas, index, driver), operation[self.right[0]],
                operation[self.left[0]], out.columns, out.rows, a.columns, alpha,
                b.address, data_type, self.right[1], b.batch,
                a.address, data_type, self.left[1], a.batch, beta,
                out.address, data_type, out.leading(), out.batch, self.batches,
                int(getattr(blas.ComputeType, kind)), int(blas.GemmAlgo.DEFAULT),
            )  # fmt: skip
