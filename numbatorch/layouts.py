"""PyTorch's names of memory formats and layouts; outputs are row-major whichever is asked for."""


class _Name(str):
    """A name that shows itself as an attribute of torch."""

    __slots__ = ()

    def __repr__(self):
        return f"torch.{self}"


class memory_format(_Name):
    """The order of dimensions in memory."""

    __slots__ = ()


class layout(_Name):
    """How elements are stored."""

    __slots__ = ()


contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")

strided = layout("strided")
sparse_coo = layout("sparse_coo")
sparse_csr = layout("sparse_csr")
jagged = layout("jagged")
