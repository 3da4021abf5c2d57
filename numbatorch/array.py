"""Array: memory seen through a dtype, a shape, strides and an offset. Kernels take Arrays."""

import numpy as np

from . import dtypes, recording, shapes
from .memory import Storage


class Array:
    """Elements of `storage`, at `offset` and `strides` (both counted in elements).

    `form` is None or what `devices.form_of` found.
    """

    __slots__ = ("storage", "dtype", "shape", "strides", "offset", "form")

    @property
    def address(self):
        """Where the first element lies in host memory."""
        return self.storage.address + self.offset * self.dtype.itemsize

    @property
    def contiguous_layout(self):
        """Whether the elements lie in row-major order without gaps."""
        return shapes.is_contiguous(self.shape, self.strides)

    def as_numpy(self):
        """A NumPy array over the same memory."""
        if recording.recorder is not None:
            recording.recorder.host_access(self)
        if 0 in self.shape:
            return np.empty(self.shape, self.dtype.numpy)
        bytes_ = np.asarray(self.storage)
        itemsize = self.dtype.itemsize
        return np.ndarray(
            self.shape,
            self.dtype.numpy,
            bytes_,
            self.offset * itemsize,
            tuple(stride * itemsize for stride in self.strides),
        )


def initialise(array, storage, dtype, shape, strides, offset=0):
    """Fill the fields of a new Array and return it."""
    array.storage = storage
    array.dtype = dtype
    array.shape = shape
    array.strides = strides
    array.offset = offset
    array.form = None
    return array


def empty(shape, dtype, strides=None):
    """An Array of arbitrary contents in fresh host memory, dense."""
    storage = Storage(shapes.numel(shape) * dtype.itemsize)
    strides = shapes.contiguous_strides(shape) if strides is None else strides
    return initialise(Array(), storage, dtype, shape, strides)


def reshaped(array, shape):
    """The same elements of a dense Array in another shape."""
    shape = shapes.Size(shape)
    strides = shapes.contiguous_strides(shape)
    return initialise(Array(), array.storage, array.dtype, shape, strides, array.offset)


def over_memory(borrow, dtype, shape, strides=None):
    """(storage, dtype, shape, strides, offset) of an Array over memory of others.

    borrow(nbytes) makes its storage; the memory is row-major where `strides` is None.
    """
    if strides is None:
        strides = shapes.contiguous_strides(shape)
    if any(step < 0 for step in strides):
        raise ValueError("tensors with negative strides are not currently supported")
    reach = sum((size - 1) * step for size, step in zip(shape, strides))
    nbytes = 0 if 0 in shape else (reach + 1) * dtype.itemsize
    return borrow(nbytes), dtype, shapes.Size(shape), tuple(strides), 0


def check_strides(ndarray):
    """ValueError where a NumPy array runs backwards through memory."""
    if any(stride < 0 for stride in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative "
            "strides are not currently supported. (You can probably work around this by making a "
            "copy of your array  with array.copy().)"
        )


def over_numpy(ndarray):
    """(storage, dtype, shape, strides, offset) of an Array that shares a NumPy array's memory."""
    dtype = dtypes.from_numpy(ndarray.dtype)
    itemsize = dtype.itemsize
    check_strides(ndarray)
    if any(stride % itemsize for stride in ndarray.strides):
        raise ValueError(
            "given numpy array strides not a multiple of the element byte size. Copy the numpy "
            "array to reallocate the memory."
        )
    strides = tuple(stride // itemsize for stride in ndarray.strides)

    def borrow(nbytes):
        return Storage.borrow(ndarray.ctypes.data, nbytes, ndarray)

    return over_memory(borrow, dtype, ndarray.shape, strides)
