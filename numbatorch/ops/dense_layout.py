"""What is asked of sparse tensors, asked of a dense one."""

from .casting import cast
from .registry import method


@method
def to_dense(self, dtype=None, *, masked_grad=None):
    """The tensor itself, cast where a dtype is given."""
    return self if dtype is None else cast(self, dtype)


@method
def sparse_dim(self):
    """0: no dimension of a dense tensor is sparse."""
    return 0


@method
def dense_dim(self):
    """The number of dimensions, all of which are dense."""
    return len(self.shape)


def _of_sparse_ones(name, layout):
    def refuse(self):
        raise RuntimeError(f"{name} expected {layout} tensor layout but got Strided")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"RuntimeError: a dense tensor has no {layout} layout."
    method(refuse, name=name)


#: Method -> the layout that it is a question about.
_LAYOUTS = {
    "values": "sparse",
    **dict.fromkeys(("indices", "coalesce", "is_coalesced"), "sparse coordinate"),
    **dict.fromkeys(("crow_indices", "col_indices"), "sparse row compressed"),
    **dict.fromkeys(("ccol_indices", "row_indices"), "sparse column compressed"),
}

for _name, _layout in _LAYOUTS.items():
    _of_sparse_ones(_name, _layout)
