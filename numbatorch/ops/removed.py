"""Functions that PyTorch has taken out: they raise RuntimeError, and name what came after them."""

from .registry import function

#: Old name -> what to call instead.
REMOVED = {
    "symeig": "torch.linalg.eigh (UPLO='U' where `upper` was True), or torch.linalg.eigvalsh",
    "eig": "torch.linalg.eig, or torch.linalg.eigvals, whose results are complex",
    "solve": "torch.linalg.solve, whose arguments are the other way round",
    "lstsq": "torch.linalg.lstsq, whose arguments are the other way round",
    "matrix_rank": "torch.linalg.matrix_rank, whose `hermitian` was called `symmetric`",
}


def _declare(name, successor):
    def removed(*args, **kwargs):
        raise RuntimeError(
            f"{name}: This function was deprecated since version 1.9 and is now removed. "
            f"Please use {successor}."
        )

    removed.__name__ = removed.__qualname__ = name
    removed.__doc__ = f"RuntimeError: use {successor}."
    function(removed, method=name != "matrix_rank")


for _name, _successor in REMOVED.items():
    _declare(_name, _successor)
