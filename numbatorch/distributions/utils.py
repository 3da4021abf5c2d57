"""What distributions share: broadcasting of parameters, probabilities from logits and back."""

from functools import update_wrapper

from .. import ops
from ..autograd import enable_grad
from ..dtypes import finfo, get_default_dtype
from ..graph import Value
from ..ops.scalars import is_number

euler_constant = 0.57721566490153286060  # Euler Mascheroni Constant

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]


def broadcast_all(*values):
    """Numbers and tensors as tensors of one shape; numbers take the first tensor's dtype and device."""
    if not all(isinstance(v, Value) or is_number(v) for v in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing "
            "__torch_function__."
        )
    tensors = [v for v in values if isinstance(v, Value)]
    if len(tensors) < len(values):
        options = {"dtype": get_default_dtype()}
        if tensors:
            options = {"dtype": tensors[0].dtype, "device": tensors[0].device}
        values = [v if isinstance(v, Value) else ops.tensor(v, **options) for v in values]
    return ops.broadcast_tensors(*values)


def standard_normal(shape, dtype, device):
    """Standard normal samples, drawn as PyTorch draws them."""
    zeros = ops.zeros(shape, dtype=dtype, device=device)
    return ops.normal(zeros, ops.ones(shape, dtype=dtype, device=device))


def uniform(shape, like, low=0.0, high=1.0):
    """Uniform samples of the dtype and on the device of `like`."""
    return ops.empty(tuple(shape), dtype=like.dtype, device=like.device).uniform_(low, high)


def sum_rightmost(value, dim):
    """The sum over the last `dim` dimensions."""
    if dim == 0:
        return value
    return value.reshape(*value.shape[: len(value.shape) - dim], -1).sum(-1)


def logits_to_probs(logits, is_binary=False):
    """Probabilities: of ones from log-odds, or of categories from unnormalised logarithms."""
    return ops.sigmoid(logits) if is_binary else ops.softmax(logits, -1)


def clamp_probs(probs):
    """Probabilities that are neither 0 nor 1."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs, is_binary=False):
    """Log-odds of ones, or logarithms of the probabilities of categories."""
    clamped = clamp_probs(probs)
    logarithm = ops.log(clamped)
    return logarithm - ops.log1p(-clamped) if is_binary else logarithm


class lazy_property:
    """A property that is computed at its first use, and kept."""

    def __init__(self, wrapped):
        self.wrapped = wrapped
        update_wrapper(self, wrapped)

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


def tril_matrix_to_vec(matrix, diag=0):
    """The lower triangles of square matrices, row by row."""
    n = matrix.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = ops.tril_indices(n, n, diag, device=matrix.device)
    return matrix[..., rows, columns]


def vec_to_tril_matrix(vector, diag=0):
    """Square matrices with these lower triangles, row by row."""
    count = vector.shape[-1]
    n = (
        -(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * count + 4 * abs(diag) * (diag + 1)) ** 0.5
    ) / 2
    if abs(round(n) - n) > finfo(vector.dtype).eps:
        raise ValueError(f"The size of last dimension is {count} which cannot be expressed as the "
                         "lower triangular part of a square D x D matrix.")  # fmt: skip
    n = round(n)
    rows, columns = ops.tril_indices(n, n, diag, device=vector.device)
    zeros = ops.zeros((*vector.shape[:-1], n * n), dtype=vector.dtype, device=vector.device)
    places = (rows * n + columns).expand(vector.shape)
    return zeros.scatter(-1, places, vector).reshape(*vector.shape[:-1], n, n)
