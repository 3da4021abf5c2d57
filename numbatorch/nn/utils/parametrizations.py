"""Parametrizations: weights of a given norm, and orthogonal matrices."""

import enum

from numbatorch import creation, dtypes, linalg, ops
from numbatorch.autograd import no_grad
from numbatorch.nn import functional as F
from numbatorch.nn.modules.conv import _ConvTransposeNd
from numbatorch.nn.modules.module import Module
from numbatorch.nn.utils import parametrize
from numbatorch.nn.utils.weight_norm import _norm_except
from numbatorch.tensor import Tensor


class _WeightNorm(Module):
    """A length (original0) times a direction (original1)."""

    def __init__(self, dim: int | None = 0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / _norm_except(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return _norm_except(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Salimans and Kingma (2016): parametrise ``module.name`` by its length and direction."""
    weight = getattr(module, name)
    if dim is not None and dim < 0:
        dim += weight.dim()
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename_old_keys(state_dict, prefix, *args):
        for i, letter in enumerate("gv"):
            old = f"{prefix}{name}_{letter}"
            if old in state_dict:
                new = f"{prefix}parametrizations.{name}.original{i}"
                state_dict[new] = state_dict.pop(old)

    module._register_load_state_dict_pre_hook(rename_old_keys)
    return module


class _SpectralNorm(Module):
    """A weight divided by its largest singular value, which power iteration follows."""

    def __init__(
        self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ):
        super().__init__()
        rank = weight.dim()
        if not -rank <= dim < rank:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{rank}, {rank - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % rank
        self.eps = eps
        if rank > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._as_matrix(weight)
            rows, columns = matrix.shape
            u = creation.empty(rows, dtype=weight.dtype, device=weight.device).normal_(0, 1)
            v = creation.empty(columns, dtype=weight.dtype, device=weight.device).normal_(0, 1)
            self.register_buffer("_u", F.normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", F.normalize(v, dim=0, eps=eps))
            self._iterate(matrix, 15)

    def _as_matrix(self, weight: Tensor) -> Tensor:
        return weight.movedim(self.dim, 0).flatten(1)

    def _iterate(self, matrix: Tensor, count: int) -> None:
        with no_grad():
            for _ in range(count):
                self._u.copy_(F.normalize(ops.mv(matrix, self._v), dim=0, eps=self.eps))
                self._v.copy_(F.normalize(ops.mv(matrix.t(), self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.dim() == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = self._as_matrix(weight)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()  # the next iteration must not change these
        return weight / ops.vdot(u, ops.mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Miyato et al. (2018): divide ``module.name`` by its spectral norm."""
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if dim is None:
        dim = 1 if isinstance(module, _ConvTransposeNd) else 0
    normed = _SpectralNorm(weight.detach(), n_power_iterations, dim, eps)
    return parametrize.register_parametrization(module, name, normed)


class _OrthMaps(enum.Enum):
    """How a matrix of free numbers becomes an orthogonal one."""

    matrix_exp = enum.auto()
    cayley = enum.auto()
    householder = enum.auto()


class _Orthogonal(Module):
    """A matrix with orthonormal columns, or rows where it is wide; batches in front.

    With trivialization the map starts at `base`: the weight is base @ map(parameter).
    """

    def __init__(self, weight: Tensor, orthogonal_map: _OrthMaps, *, use_trivialization=True):
        super().__init__()
        if weight.is_complex() and orthogonal_map is _OrthMaps.householder:
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        wide = X.size(-2) < X.size(-1)
        X = X.mT if wide else X
        if self.orthogonal_map is _OrthMaps.householder:
            Q = _product_of_reflections(X)
        else:
            Q = _image_of_skew_matrix(X, self.orthogonal_map)
        if hasattr(self, "base"):
            Q = self.base @ Q
        return Q.mT if wide else Q

    @no_grad()
    def right_inverse(self, Q: Tensor) -> Tensor:
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. "
                f"Got a tensor of shape {Q.shape}."
            )
        wide = Q.size(-2) < Q.size(-1)
        tall = Q.mT if wide else Q
        if not hasattr(self, "base"):
            found = self._reflections_of(tall)
            return found.mT if wide else found
        self.base = _completed(tall)
        start = creation.zeros_like(Q)  # the map takes it to the identity
        start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return start

    def _reflections_of(self, tall: Tensor) -> Tensor:
        if self.orthogonal_map is not _OrthMaps.householder:
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential "
                "or the Cayley parametrizations when use_trivialization=False."
            )
        vectors, scales = ops.geqrf(tall)
        diagonal = vectors.diagonal(dim1=-2, dim2=-1)
        diagonal.copy_(diagonal.sign() * ops.where(scales == 0, -1, 1))
        return vectors


def _product_of_reflections(X: Tensor) -> Tensor:
    """Reflections at the columns below the diagonal, with the signs that stand on it."""
    below = X.tril(diagonal=-1)
    scales = 2.0 / (1.0 + (below * below).sum(dim=-2))
    signs = X.diagonal(dim1=-2, dim2=-1).to(dtypes.int32)  # constant while training
    return linalg.householder_product(below, scales) * signs.unsqueeze(-2)


def _image_of_skew_matrix(X: Tensor, orthogonal_map: _OrthMaps) -> Tensor:
    """exp(A), or (I - A/2)^-1 (I + A/2), of the skew-Hermitian A = X - X^H; as wide as X."""
    rows, columns = X.shape[-2:]
    X = X.tril()
    if rows != columns:
        beside = creation.zeros((), dtype=X.dtype, device=X.device)
        X = ops.cat([X, beside.expand(*X.shape[:-1], rows - columns)], dim=-1)
    A = X - X.mH
    if orthogonal_map is _OrthMaps.matrix_exp:
        return linalg.matrix_exp(A)[..., :columns]
    one = creation.eye(rows, dtype=A.dtype, device=A.device)
    return linalg.solve(one - 0.5 * A, one + 0.5 * A)[..., :columns]


def _completed(tall: Tensor) -> Tensor:
    """A square orthogonal matrix that begins with the columns of `tall`, made orthogonal."""
    rows, columns = tall.shape[-2:]
    if rows != columns:
        shape = (*tall.shape[:-1], rows - columns)
        more = creation.empty(shape, dtype=tall.dtype, device=tall.device).normal_()
        return _made_orthogonal(ops.cat([tall, more], dim=-1))
    one = creation.eye(columns, dtype=tall.dtype, device=tall.device)
    tolerance = 10.0 * rows * dtypes.finfo(tall.dtype).eps
    is_orthogonal = ops.allclose(tall.mH @ tall, one, atol=tolerance)
    return tall.clone() if is_orthogonal else _made_orthogonal(tall)


def _made_orthogonal(tall: Tensor) -> Tensor:
    """The factor Q of `tall` for which R has a positive diagonal."""
    Q, R = linalg.qr(tall)
    return Q * R.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    """Keep the matrix ``module.name`` orthogonal, by the map "matrix_exp", "cayley" or "householder".

    The default is matrix_exp for square and for complex matrices. See Lezcano-Casado (2019) for
    ``use_trivialization``.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.dim() < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.dim()} dimensions."
        )
    if orthogonal_map is None:
        square = weight.size(-2) == weight.size(-1)
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in _OrthMaps.__members__:
        raise ValueError(
            'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". '
            f"Got: {orthogonal_map}"
        )
    map_of_name = _OrthMaps[orthogonal_map]
    orth = _Orthogonal(weight, map_of_name, use_trivialization=use_trivialization)
    parametrize.register_parametrization(module, name, orth, unsafe=True)
    return module
