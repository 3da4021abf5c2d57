"""Functions of matrices that products make: powers, exponentials, chains, crosses; distances; covariance."""

import functools
import math

from .. import devices, dtypes, return_types, shapes
from ..shapes import wrap_dim
from . import reduction
from .arithmetic import conj_of
from .autocast import lower_precision
from .linear_systems import (
    check_matrices,
    check_numbers,
    check_same_dtype,
    deliver_several,
    inv,
    linalg,
    regular,
    solve,
)
from .matmul import adjoint, check_dtypes, matmul
from .output import deliver
from .registry import FUNCTIONS, Sample, function, samples

# Powers -------------------------------------------------------------------------------------------


def _identity_like(A):
    eye = FUNCTIONS["eye"](A.shape[-1], dtype=A.dtype, device=devices.of(A))
    return eye.expand(A.shape)


@linalg
def matrix_power(input, n, *, out=None):
    """A to the whole power n, by squaring; the inverse where n is negative."""
    if len(input.shape) < 2 or input.shape[-1] != input.shape[-2]:
        check_matrices("linalg.matrix_power", input.to(dtypes.float32), square=True)
    if n < 0:
        input, n = inv(input), -n
    result = None
    while n:
        if n % 2:
            result = input if result is None else matmul(result, input)
        n //= 2
        if n:
            input = matmul(input, input)
    if result is None:
        result = input.clone().copy_(_identity_like(input))
    return deliver("linalg_matrix_power", result, out)


function(matrix_power, name="matrix_power")

#: Taylor terms, and the norm up to which they suffice for float64 (Bader, Blanes and Casas, 2019).
_TERMS, _LARGEST_NORM = 18, 1.09


@linalg
def matrix_exp(input):
    """The matrix exponential: a Taylor polynomial of A / 2**s, squared s times."""
    check_matrices("linalg.matrix_exp", input, square=True)
    if 0 in input.shape:
        return input.clone()
    norm = float(input.detach().abs().sum(-2).max())
    squarings = max(0, math.ceil(math.log2(norm / _LARGEST_NORM))) if 0 < norm < math.inf else 0
    scaled, identity = input / 2**squarings, _identity_like(input)
    result = identity + scaled / _TERMS
    for term in range(_TERMS - 1, 0, -1):
        result = identity + matmul(scaled, result) / term
    for _ in range(squarings):
        result = matmul(result, result)
    return result


function(matrix_exp, name="matrix_exp")

# Chains -------------------------------------------------------------------------------------------


@linalg
def multi_dot(tensors, *, out=None):
    """The product of matrices in the cheapest order; the first and the last may be vectors."""
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    chain = list(tensors)
    for i, x in enumerate(chain):
        ends = i in (0, len(chain) - 1)
        if len(x.shape) != 2 and not (ends and len(x.shape) == 1):
            where = "1D or 2D" if ends else "2D"
            raise RuntimeError(f"multi_dot(): tensor {i} must be {where} but got {len(x.shape)}D")
    row, column = len(chain[0].shape) == 1, len(chain[-1].shape) == 1
    if row:
        chain[0] = chain[0].unsqueeze(0)
    if column:
        chain[-1] = chain[-1].unsqueeze(-1)
    for left, right in zip(chain, chain[1:]):
        if left.shape[1] != right.shape[0]:
            raise RuntimeError(
                f"multi_dot(): tensors with shapes {list(left.shape)} and {list(right.shape)} "
                "cannot be multiplied"
            )
    result = _product_of_chain(chain)
    if row:
        result = result.squeeze(0)
    return deliver("linalg_multi_dot", result.squeeze(-1) if column else result, out)


def _product_of_chain(chain):
    sizes = [x.shape[0] for x in chain] + [chain[-1].shape[1]]

    @functools.cache
    def best(first, last):
        """(multiplications, where to split) of the product of chain[first : last + 1]."""
        if first == last:
            return 0, first
        return min(
            (best(first, k)[0] + best(k + 1, last)[0]
             + sizes[first] * sizes[k + 1] * sizes[last + 1], k)
            for k in range(first, last)
        )  # fmt: skip

    def multiply(first, last):
        if first == last:
            return chain[first]
        middle = best(first, last)[1]
        return matmul(multiply(first, middle), multiply(middle + 1, last))

    return multiply(0, len(chain) - 1)


@linalg
def householder_product(input, tau, *, out=None):
    """The first columns of the product of reflections I - tau v v^H, v below A's diagonal."""
    check_matrices("torch.linalg.householder_product", input)
    rows, columns = input.shape[-2:]
    if rows < columns:
        raise RuntimeError(
            "torch.linalg.householder_product: input.shape[-2] must be greater than or equal to "
            "input.shape[-1]"
        )
    check_same_dtype("torch.linalg.householder_product", input, tau)
    below = FUNCTIONS["tril"](input, -1)
    eye = FUNCTIONS["eye"](rows, columns, dtype=input.dtype, device=devices.of(input))
    vectors, result = below + eye, (input * 0).copy_(eye.expand(input.shape))
    for k in reversed(range(tau.shape[-1])):
        v = vectors[..., k : k + 1]
        result = result - tau[..., k, None, None] * matmul(v, matmul(adjoint(v), result))
    return deliver("linalg_householder_product", result, out)


@function
def orgqr(input, input2, *, out=None):
    """`linalg.householder_product` by LAPACK's name."""
    return householder_product(input, input2, out=out)


@function
def geqrf(input, *, out=None):
    """(a, tau) of LAPACK: R on and above the diagonal of a, and below it the vectors v of the
    reflections I - tau v v^H whose product is Q."""
    check_matrices("torch.geqrf", input)
    a, scales = input.clone(), [input[..., :0, 0]]
    for k in range(min(input.shape[-2:])):
        v, tau, head = _reflection(a[..., k:, k].clone())
        rest = a[..., k:, k + 1 :]
        column = v.unsqueeze(-1)
        rest -= tau.conj()[..., None, None] * matmul(column, matmul(adjoint(column), rest))
        a[..., k + 1 :, k] = v[..., 1:]
        a[..., k, k] = head
        scales.append(tau.unsqueeze(-1))
    return deliver_several("geqrf", (a, FUNCTIONS["cat"](scales, -1)), out, return_types.geqrf)


def _reflection(x):
    """v (with v[0] = 1), tau and the first element of the image of x under I - conj(tau) v v^H."""
    where = FUNCTIONS["where"]
    first, below = x[..., 0], x[..., 1:]
    real = first.real if x.dtype.is_complex else first
    unchanged = (below == 0).all(-1) & (first == real)
    length = (x.abs() ** 2).sum(-1).sqrt()
    head = where(unchanged, first, where(real >= 0, -length, length))
    tau = where(unchanged, 0, (head - first) / where(unchanged, 1, head))
    scaled = below / where(unchanged, 1, first - head).unsqueeze(-1)
    one = FUNCTIONS["ones_like"](x[..., :1])
    return FUNCTIONS["cat"]([one, scaled], -1), tau, head


# Crosses and dots ---------------------------------------------------------------------------------


@linalg(name="cross")
def linalg_cross(input, other, *, dim=-1, out=None):
    """The cross product of vectors of three elements along `dim`."""
    if len(input.shape) != len(other.shape):
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    dim = wrap_dim(dim, len(input.shape))
    if input.shape[dim] != 3 or other.shape[dim] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.shape[dim]} and "
            f"{other.shape[dim]}"
        )
    check_dtypes("expected scalar type {} but found {}", input, other)
    if input.dtype is dtypes.bool_:
        raise NotImplementedError("\"cross\" not implemented for 'Bool'")
    a, b = FUNCTIONS["broadcast_tensors"](input, other)
    result = a.roll(-1, dim) * b.roll(-2, dim) - a.roll(-2, dim) * b.roll(-1, dim)
    return deliver("linalg_cross", result, out)


@function
def cross(input, other, dim=None, *, out=None):
    """The cross product along `dim`, by default the first dimension of size 3."""
    if dim is None:
        shape = input.shape
        dim = next((d for d, size in enumerate(shape) if size == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    return linalg_cross(input, other, dim=dim, out=out)


@linalg
@lower_precision
def vecdot(x, y, *, dim=-1, out=None):
    """The sums of conj(x) * y along `dim`."""
    check_numbers("linalg.vecdot", x, halves=True)
    check_same_dtype("linalg.vecdot", x, y)
    return deliver("linalg_vecdot", (conj_of(x) * y).sum(dim), out)


@linalg(name="diagonal")
def linalg_diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """The diagonals of matrices, as a view."""
    return A.diagonal(offset, dim1, dim2)


@linalg(name="matmul")
def linalg_matmul(input, other, *, out=None):
    """`torch.matmul`."""
    return matmul(input, other, out=out)


@linalg(name="vander")
def linalg_vander(x, *, N=None):
    """The powers 0 to N - 1 of every element, in a last dimension."""
    x = x if x.shape else x.reshape(1)
    count = x.shape[-1] if N is None else N
    if count < 2:
        raise RuntimeError("N must be greater than 1.")
    ones = FUNCTIONS["ones"]((*x.shape, 1), dtype=x.dtype, device=devices.of(x))
    repeated = x.unsqueeze(-1).expand(*x.shape, count - 1)
    return FUNCTIONS["cat"]([ones, repeated.cumprod(-1)], -1)


@linalg
def tensorinv(input, ind=2, *, out=None):
    """The inverse of the map that contracts the last dimensions of A, from `ind` on."""
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    left, right = input.shape[:ind], input.shape[ind:]
    if shapes.numel(left) != shapes.numel(right):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {shapes.numel(right)} != {shapes.numel(left)}"
        )
    size = shapes.numel(left)
    return deliver("linalg_tensorinv", inv(input.reshape(size, size)).reshape(*right, *left), out)


@linalg
def tensorsolve(input, other, dims=None, *, out=None):
    """The X with tensordot(A, X, X.ndim) = B."""
    if dims is not None:
        input = FUNCTIONS["movedim"](input, tuple(dims), tuple(range(-len(dims), 0)))
    shape = input.shape[len(other.shape) :]
    size = shapes.numel(shape)
    if size != shapes.numel(other.shape):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {size} != {shapes.numel(other.shape)}"
        )
    return deliver(
        "linalg_tensorsolve",
        solve(input.reshape(size, size), other.reshape(-1)).reshape(shape),
        out,
    )


# Distances ----------------------------------------------------------------------------------------


@function(method=False)
def pdist(input, p=2.0):
    """The p-norm distances of all pairs of rows, (0, 1), (0, 2), ..."""
    if len(input.shape) != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {len(input.shape)}D")
    if not input.dtype.is_floating_point:
        raise RuntimeError("pdist only supports floating-point dtypes")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    first, second = FUNCTIONS["triu_indices"](
        input.shape[0], input.shape[0], 1, device=devices.of(input)
    )
    return reduction.vector_norm(input[first] - input[second], p, -1)


@samples("linalg_matrix_power")
def _(make):
    for n in (0, 1, 3, -2):
        yield Sample(regular(make, 2, 3, 3), n)


@samples("linalg_matrix_exp")
def _(make):
    yield Sample(make(2, 3, 3))


@samples("linalg_multi_dot")
def _(make):
    yield Sample([make(2, 3), make(3, 4), make(4, 1)])
    yield Sample([make(3), make(3, 4), make(4)])


@samples("linalg_householder_product")
def _(make):
    yield Sample(make(4, 2), make(2))


@samples("linalg_cross")
def _(make):
    yield Sample(make(2, 3), make(2, 3))
    yield Sample(make(3, 1), make(3, 4), dim=0)


@samples("pdist")
def _(make):
    yield Sample(make(4, 3))


@samples("linalg_tensorinv")
def _(make):
    yield Sample(regular(make, 4, 4).detach().reshape(2, 2, 4).requires_grad_())
