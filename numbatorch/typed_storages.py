"""FloatStorage and its kin: storages with a dtype, PyTorch's old way to hold memory."""

import numpy as np

from . import creation, dtypes
from .serialization import UntypedStorage


class TypedStorage:
    """Memory seen as elements of one dtype; made from a size, or from a sequence."""

    dtype = None

    def __init__(self, *arguments):
        data = arguments[0] if arguments else 0
        if isinstance(data, int):
            data = np.zeros(data, self.dtype.numpy)
        values = creation.tensor(data, dtype=self.dtype)
        self._values = values.reshape(-1)

    @classmethod
    def from_buffer(cls, buffer, byte_order="native", **kwargs):
        """The elements that lie in a bytes-like object."""
        orders = {"native": "=", "little": "<", "big": ">"}
        if byte_order not in orders:
            raise ValueError(f"invalid byte_order '{byte_order}' (expected 'big' or 'little')")
        kind = np.dtype(cls.dtype.numpy)
        found = np.frombuffer(buffer, kind.newbyteorder(orders[byte_order]))
        return cls._over(creation.tensor(found.astype(kind), dtype=cls.dtype))

    @classmethod
    def _over(cls, values):
        storage = cls.__new__(cls)
        storage._values = values
        return storage

    def untyped(self):
        """The bytes."""
        return UntypedStorage(self._values.storage)

    def __len__(self):
        return self._values.numel()

    size = __len__

    def __getitem__(self, index):
        found = self._values[index]
        return found.item() if not found.shape else type(self)._over(found)

    def __setitem__(self, index, value):
        self._values[index] = value

    def __iter__(self):
        return iter(self._values.tolist())

    def tolist(self):
        return self._values.tolist()

    def fill_(self, value):
        self._values.fill_(value)
        return self

    def nbytes(self):
        return self._values.nbytes

    def element_size(self):
        return self.dtype.itemsize

    def data_ptr(self):
        return self._values.data_ptr()

    def __repr__(self):
        lines = "".join(f" {value}\n" for value in self)
        return f"{lines}[torch.{type(self).__name__} of size {len(self)}]"


def _typed(name, dtype):
    return type(name, (TypedStorage,), {"dtype": dtype, "__module__": "torch"})


#: Name -> class.
TYPED_STORAGES = {
    f"{name}Storage": _typed(f"{name}Storage", dtype)
    for name, dtype in {
        "Float": dtypes.float32, "Double": dtypes.float64, "Half": dtypes.float16,
        "BFloat16": dtypes.bfloat16, "Byte": dtypes.uint8, "Char": dtypes.int8,
        "Short": dtypes.int16, "Int": dtypes.int32, "Long": dtypes.int64, "Bool": dtypes.bool_,
        "ComplexFloat": dtypes.complex64, "ComplexDouble": dtypes.complex128,
    }.items()
}  # fmt: skip
