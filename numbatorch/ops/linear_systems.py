"""Square matrices: factors by elimination, inverses, solutions, determinants; Cholesky's factor.

One kernel call does a whole batch, one item a matrix; the formulas are those of
`formulas/triangular_factors.py`.
"""

from .. import devices, dtypes, graph, recording, return_types, shapes
from ..formulas import arithmetic
from ..formulas import triangular_factors as formulas
from ..op import Spec, copy_values, primitive, scalar_name
from .arithmetic import conj_of
from .casting import to_device
from .checks import any_set
from .matmul import adjoint, matmul
from .matrices import tril_op, triu_op
from .output import deliver, refuse_gradients, store
from .registry import FUNCTIONS, Sample, function, in_namespace, samples
from .views import transpose

linalg = in_namespace("linalg")


class LinAlgError(RuntimeError):
    """A matrix that the algorithm cannot go on with (`torch.linalg.LinAlgError`)."""


# What linear algebra has in common ----------------------------------------------------------------


def check_matrices(name, input, label="A", square=False):
    """RuntimeError unless `input` is a (batch of) floating-point matrices, square if need be."""
    if len(input.shape) < 2:
        raise RuntimeError(f"{name}: The input tensor {label} must have at least 2 dimensions.")
    rows, columns = input.shape[-2:]
    if square and rows != columns:
        raise RuntimeError(
            f"{name}: {label} must be batches of square matrices, but they are {rows} by {columns} "
            "matrices"
        )
    check_numbers(name, input)


def check_numbers(name, input, halves=False):
    """RuntimeError unless the dtype is one that linear algebra computes in, `halves` or not."""
    if input.dtype.category < dtypes.FLOATING:
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got "
            f"{scalar_name(input.dtype)}"
        )
    if input.dtype.is_half and not halves:
        raise RuntimeError(
            f"{name}: Low precision dtypes not supported. Got {scalar_name(input.dtype)}"
        )


def check_same_dtype(name, a, b):
    """RuntimeError unless both operands have one dtype."""
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"{name}: Expected A and B to have the same dtype, but found A of type "
            f"{scalar_name(a.dtype)} and B of type {scalar_name(b.dtype)} instead"
        )


def dense_copy(x, shape=None):
    """The values of `x`, broadcast to `shape`, in fresh row-major memory."""
    shape = x.shape if shape is None else shapes.Size(shape)
    result = graph.allocate(shape, x.dtype, devices.of(x))
    copy_values(result, x)
    return result


def scratch(like, shape, dtype=None):
    """Fresh memory beside `like`."""
    return graph.allocate(shapes.Size(shape), dtype or like.dtype, devices.of(like))


def turned(x):
    """The transposes of matrices, over the same memory."""
    shape, strides = (*x.shape[:-2], x.shape[-1], x.shape[-2]), x.strides
    return graph.alias(x, shapes.Size(shape), (*strides[:-2], strides[-1], strides[-2]))


def conjugated(x):
    """The complex conjugate, without history."""
    if not x.dtype.is_complex:
        return x
    result = scratch(x, x.shape)
    devices.kernels(x).elementwise.apply(arithmetic.conj, result, x)
    return result


def for_each_matrix(formula, items, arrays, sizes, work):
    """Run a formula on every matrix of a batch; `work` is its steps for one, about."""
    devices.kernels(arrays[0]).batched.apply(formula, items, arrays, sizes, work=work)


def raise_where(info, name, message):
    """LinAlgError for the first matrix whose `info` is not 0; `{info}` stands for it in messages."""
    if recording.recorder is not None and not any_set(info):
        return
    codes = to_device(info, devices.CPU).as_numpy()
    failed = codes.reshape(-1).nonzero()[0]
    if len(failed):
        place = f"(Batch element {failed[0]}): " if codes.ndim else ""
        code = int(codes.reshape(-1)[failed[0]])
        raise LinAlgError(f"{name}: {place}{message.format(info=code)}")


def deliver_several(name, results, out, kind=None):
    """Results as a tuple of type `kind`, written into the tensors `out` where they are given."""
    if out is not None:
        refuse_gradients(name, *out, *results)
        results = [store(result, target) for result, target in zip(results, out)]
    return kind(results) if kind else tuple(results)


def broadcast_batches(a, b):
    """The batch dimensions of two (batches of) matrices together."""
    return shapes.broadcast_shapes(a.shape[:-2], b.shape[:-2])


# LU factors ---------------------------------------------------------------------------------------


@primitive(name="linalg_lu_factor_ex", node_name="LinalgLuFactorExBackward0")
def lu_op(input):
    """L and U in one matrix, the row exchanges (from 1), and 0 or the row of the first zero pivot."""
    *batch, rows, columns = input.shape
    return (
        Spec(input.shape, input.dtype),
        Spec((*batch, min(rows, columns)), dtypes.int32),
        Spec(batch, dtypes.int32),
    )


@lu_op.forward
def _(out, input):
    factors, pivots, info = out
    copy_values(factors, input)
    rows, columns = input.shape[-2:]
    for_each_matrix(
        formulas.lu, shapes.numel(info.shape), (factors, pivots, info), (rows, columns),
        rows * columns * min(rows, columns),
    )  # fmt: skip


@lu_op.gradient("input")
def _(grads, outputs):
    return _lu_gradient(grads[0], outputs[0], outputs[1])


def _lu_gradient(grad, factors, pivots):
    """The gradient of P L U with respect to the matrix (Walter, Structured Higher-Order AD, 2012).

    The factors are square blocks, and beside them the rest of L below or the rest of U on the right.
    """
    rows, columns = factors.shape[-2:]
    count = min(rows, columns)
    square, inside = factors[..., :count, :count], grad[..., :count, :count]
    lower, upper = adjoint(square), adjoint(triu_op(square, diagonal=0))
    on_lower = matmul(adjoint(unit_lower(square)), tril_op(inside, diagonal=-1))
    on_upper = matmul(triu_op(inside, diagonal=0), upper)
    rest = None
    if columns > rows:
        on_lower = on_lower - matmul(grad[..., count:], adjoint(factors[..., count:]))
        rest = triangular_op(lower, grad[..., count:], upper=True, unit=True)
    if rows > columns:
        on_upper = on_upper - matmul(adjoint(factors[..., count:, :]), grad[..., count:, :])
        rest = divide_right(grad[..., count:, :], upper)
    core = tril_op(on_lower, diagonal=-1) + triu_op(on_upper, diagonal=0)
    core = divide_right(triangular_op(lower, core, upper=True, unit=True), upper)
    if rest is not None:
        core = FUNCTIONS["cat"]([core, rest], -1 if columns > rows else -2)
    return matmul(permutation_matrix(pivots, rows, grad.dtype), core)


def unit_lower(factors):
    """The lower triangle with ones on the diagonal."""
    rows, columns = factors.shape[-2:]
    eye = FUNCTIONS["eye"](rows, columns, dtype=factors.dtype, device=devices.of(factors))
    return tril_op(factors, diagonal=-1) + eye


def divide_right(x, lower):
    """x lower^-1 for a lower triangular matrix."""
    turned = triangular_op(transpose(lower, -2, -1), transpose(x, -2, -1), upper=True, unit=False)
    return transpose(turned, -2, -1)


def permutation_matrix(pivots, rows, dtype):
    """The P of P L U, from the row exchanges."""
    *batch, count = pivots.shape
    order = scratch(pivots, (*batch, rows), dtypes.int64)
    for_each_matrix(
        formulas.permutation, shapes.numel(batch), (order, pivots), (rows, count), rows
    )  # fmt: skip
    index = FUNCTIONS["arange"](rows, device=devices.of(pivots)).unsqueeze(-1)
    return (index == order.unsqueeze(-2)).to(dtype)


def _lu_factor_ex(name, input, pivot):
    check_matrices(name, input)
    if not pivot:
        raise RuntimeError(f"{name}: LU without pivoting is not implemented on the CPU")
    return lu_op(input)


@linalg
def lu_factor_ex(A, *, pivot=True, check_errors=False, out=None):
    """L and U in one matrix, the row exchanges, and which pivot is zero (0 where none is)."""
    results = _lu_factor_ex("linalg.lu_factor_ex", A, pivot)
    if check_errors:
        raise_where(results[2], "torch.linalg.lu_factor_ex", _ZERO_PIVOT)
    return deliver_several("linalg_lu_factor_ex", results, out, return_types.linalg_lu_factor_ex)


_ZERO_PIVOT = (
    "U[{info},{info}] is zero and using it on lu_solve would result in a division by zero. If you "
    "still want to perform the factorization, consider calling linalg.lu(A, pivot) or "
    "linalg.lu_factor_ex(A, pivot)"
)


@linalg
def lu_factor(A, *, pivot=True, out=None):
    """L and U in one matrix, and the row exchanges (from 1)."""
    factors, pivots, info = _lu_factor_ex("torch.linalg.lu_factor", A, pivot)
    raise_where(info, "torch.linalg.lu_factor", _ZERO_PIVOT)
    return deliver_several(
        "linalg_lu_factor", (factors, pivots), out, return_types.linalg_lu_factor
    )


@linalg
def lu(A, *, pivot=True, out=None):
    """P, L and U with A = P L U."""
    factors, pivots, _ = _lu_factor_ex("linalg.lu", A, pivot)
    count = min(A.shape[-2:])
    results = (
        permutation_matrix(pivots, A.shape[-2], A.dtype),
        unit_lower(factors[..., :count]),
        triu_op(factors[..., :count, :], diagonal=0),
    )
    return deliver_several("linalg_lu", results, out, return_types.linalg_lu)


_adjoint = adjoint


@linalg(name="lu_solve")
def linalg_lu_solve(LU, pivots, B, *, left=True, adjoint=False, out=None):
    """The X with A X = B (X A = B unless `left`), or A^H for A with `adjoint`, from factors of A."""
    if not left:
        turned = linalg_lu_solve(LU, pivots, conj_of(transpose(B, -2, -1)), adjoint=not adjoint)
        return deliver("linalg_lu_solve", conj_of(transpose(turned, -2, -1)), out)
    P = permutation_matrix(pivots, LU.shape[-1], LU.dtype)
    if adjoint:
        middle = triangular_op(_adjoint(LU), B, upper=False, unit=False)
        solved = triangular_op(_adjoint(LU), middle, upper=True, unit=True)
        return deliver("linalg_lu_solve", matmul(P, solved), out)
    middle = triangular_op(LU, matmul(transpose(P, -2, -1), B), upper=False, unit=True)
    return deliver("linalg_lu_solve", triangular_op(LU, middle, upper=True, unit=False), out)


@function(method=True)
def lu_solve(input, LU_data, LU_pivots, *, out=None):
    """The x with A x = b, from the factors of A."""
    return linalg_lu_solve(LU_data, LU_pivots, input, out=out)


# Triangular systems -------------------------------------------------------------------------------


@primitive(name="linalg_solve_triangular", node_name="LinalgSolveTriangularBackward0")
def triangular_op(A, B, *, upper, unit):
    """The X with A X = B for triangular A; the batch dimensions broadcast."""
    return Spec((*broadcast_batches(A, B), *B.shape[-2:]), B.dtype)


@triangular_op.forward
def _(out, A, B, *, upper, unit):
    n, columns = B.shape[-2:]
    batch = out.shape[:-2]
    copy_values(out, B)
    for_each_matrix(
        formulas.solve_triangular, shapes.numel(batch), (dense_copy(A, (*batch, n, n)), out),
        (n, columns, int(upper), int(unit)), n * n * columns // 2,
    )  # fmt: skip


@triangular_op.gradient("B")
def _(grad, A, upper, unit):
    return triangular_op(adjoint(A), grad, upper=not upper, unit=unit)


@triangular_op.gradient("A")
def _(grad, A, output, upper, unit):
    found = -matmul(triangular_op(adjoint(A), grad, upper=not upper, unit=unit), adjoint(output))
    side = 1 if unit else 0
    return triu_op(found, diagonal=side) if upper else tril_op(found, diagonal=-side)


@linalg
def solve_triangular(input, B, *, upper, left=True, unitriangular=False, out=None):
    """The X with A X = B (X A = B unless `left`) for a triangular A."""
    name = "linalg.solve_triangular"
    check_same_dtype(name, input, B)
    check_matrices(name, input, square=True)
    check_matrices(name, B, "B")
    if input.shape[-1] != B.shape[-2 if left else -1]:
        form = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {form} "
            f"({input.shape[-2]}x{input.shape[-1]} and {B.shape[-2]}x{B.shape[-1]})"
        )
    if left:
        result = triangular_op(input, B, upper=upper, unit=unitriangular)
    else:
        turned = triangular_op(
            transpose(input, -2, -1), transpose(B, -2, -1), upper=not upper, unit=unitriangular
        )
        result = transpose(turned, -2, -1)
    return deliver("linalg_solve_triangular", result, out)


@function
def triangular_solve(input, A, upper=True, transpose=False, unitriangular=False, *, out=None):
    """(the x with A x = b, A); the old name of `linalg.solve_triangular`."""
    check_numbers("triangular_solve", input)
    check_same_dtype("triangular_solve", A, input)
    turned = adjoint(A) if transpose else A
    solved = triangular_op(turned, input, upper=upper != transpose, unit=unitriangular)
    results = solved, A.clone().expand(*solved.shape[:-2], *A.shape[-2:])
    return deliver_several("triangular_solve", results, out, return_types.triangular_solve)


# Solutions and inverses ---------------------------------------------------------------------------


@primitive(name="linalg_solve_ex", node_name="LinalgSolveExBackward0")
def solve_op(A, B):
    """The X with A X = B, and 0 or the row of a zero pivot; the batch dimensions broadcast."""
    batch = broadcast_batches(A, B)
    return Spec((*batch, *B.shape[-2:]), B.dtype), Spec(batch, dtypes.int32)


@solve_op.forward
def _(out, A, B):
    result, info = out
    n, columns = B.shape[-2:]
    batch = info.shape
    copy_values(result, B)
    for_each_matrix(
        formulas.solve, shapes.numel(batch),
        (result, dense_copy(A, (*batch, n, n)), scratch(A, (*batch, n), dtypes.int32), info),
        (n, columns), n * n * (n + columns),
    )  # fmt: skip


@solve_op.gradient("B")
def _(grads, A):
    return solve_op(adjoint(A), grads[0])[0]


@solve_op.gradient("A")
def _(grads, A, outputs):
    return -matmul(solve_op(adjoint(A), grads[0])[0], adjoint(outputs[0]))


_SINGULAR = "The solver failed because the input matrix is singular."


def _solve(name, A, B, left):
    check_matrices(name, A, square=True)
    check_same_dtype(name, A, B)
    vector = len(B.shape) == 1 or B.shape == A.shape[:-1]
    if vector:
        B = B.unsqueeze(-1)
    if A.shape[-1] != B.shape[-2 if left else -1]:
        form = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {form} "
            f"({A.shape[-2]}x{A.shape[-1]} and {B.shape[-2]}x{B.shape[-1]})"
        )
    if left:
        result, info = solve_op(A, B)
    else:
        if vector:
            raise RuntimeError(
                "linalg.solve: Vector broadcasting of the left hand side is not supported for "
                "left=False. In this case linalg.solve is equivalent to B / A.squeeze(-1)"
            )
        result, info = solve_op(transpose(A, -2, -1), transpose(B, -2, -1))
        result = transpose(result, -2, -1)
    return result.squeeze(-1) if vector else result, _of_shape(info, A.shape[:-2])


def _of_shape(info, batch):
    """What was found for every item of a larger batch, for the items of `batch`, which repeat."""
    info = info[(0,) * (len(info.shape) - len(batch))]
    for d, size in enumerate(batch):
        if size != info.shape[d]:
            info = info.narrow(d, 0, size)
    return info


@linalg
def solve(A, B, *, left=True, out=None):
    """The X with A X = B (X A = B unless `left`); B may be a vector or a batch of vectors."""
    result, info = _solve("linalg.solve", A, B, left)
    raise_where(info, "torch.linalg.solve", _SINGULAR)
    return deliver("linalg_solve", result, out)


@linalg
def solve_ex(A, B, *, left=True, check_errors=False, out=None):
    """As `solve`, with the number of the first zero pivot (0 where there is none) beside it."""
    result, info = _solve("linalg.solve_ex", A, B, left)
    if check_errors:
        raise_where(info, "torch.linalg.solve_ex", _SINGULAR)
    return deliver_several("linalg_solve_ex", (result, info), out, return_types.linalg_solve_ex)


@primitive(name="linalg_inv_ex", node_name="LinalgInvExBackward0")
def inv_op(input):
    """The inverse, and 0 or the row of a zero pivot."""
    return Spec(input.shape, input.dtype), Spec(input.shape[:-2], dtypes.int32)


@inv_op.forward
def _(out, input):
    inverse, info = out
    n = input.shape[-1]
    pivots = scratch(input, input.shape[:-1], dtypes.int32)
    for_each_matrix(
        formulas.invert, shapes.numel(info.shape), (inverse, dense_copy(input), pivots, info), (n,),
        n * n * n,
    )  # fmt: skip


@inv_op.gradient("input")
def _(grads, outputs):
    turned = adjoint(outputs[0])
    return -matmul(matmul(turned, grads[0]), turned)


_NO_INVERSE = (
    "The diagonal element {info} is zero, the inversion could not be completed because the input "
    "matrix is singular."
)


@linalg
def inv(A, *, out=None):
    """The inverse of square matrices; LinAlgError where one is singular."""
    check_matrices("linalg.inv", A, square=True)
    inverse, info = inv_op(A)
    raise_where(info, "linalg.inv", _NO_INVERSE)
    return deliver("linalg_inv", inverse, out)


@function
def inverse(input, *, out=None):
    """`linalg.inv` by its old name."""
    return inv(input, out=out)


@linalg
def inv_ex(A, *, check_errors=False, out=None):
    """As `inv`, with the number of the first zero pivot (0 where there is none) beside it."""
    check_matrices("linalg.inv", A, square=True)
    results = inv_op(A)
    if check_errors:
        raise_where(results[1], "linalg.inv_ex", _NO_INVERSE)
    return deliver_several("linalg_inv_ex", results, out, return_types.linalg_inv_ex)


# Samples ------------------------------------------------------------------------------------------


def regular(make, *shape, dtype=dtypes.float64):
    """A matrix (or a batch) that is far from singular."""
    x = make(*shape, dtype=dtype).detach()
    n = min(shape[-2:])
    return (
        x + 3 * FUNCTIONS["eye"](*shape[-2:], dtype=dtype, device=x.device) * n
    ).requires_grad_()


@samples("linalg_inv")
def _(make):
    yield Sample(regular(make, 3, 3))
    yield Sample(regular(make, 2, 2, 3, 3))
    yield Sample(make(2, 0, 0))
    yield Sample(make(0, 2, 2))
    yield Sample(regular(make, 2, 2, dtype=dtypes.complex128))


@samples("linalg_solve")
def _(make):
    yield Sample(regular(make, 3, 3), make(3))
    yield Sample(regular(make, 3, 3), make(3, 2))
    yield Sample(regular(make, 2, 3, 3), make(4, 1, 3, 2))
    yield Sample(regular(make, 2, 3, 3), make(2, 2, 3), left=False)
    yield Sample(regular(make, 2, 2, dtype=dtypes.complex128), make(2, 1, dtype=dtypes.complex128))


@samples("linalg_solve_triangular")
def _(make):
    for upper in (False, True):
        yield Sample(regular(make, 3, 3), make(2, 3, 2), upper=upper)
        yield Sample(
            regular(make, 2, 3, 3), make(2, 3), upper=upper, left=False, unitriangular=True
        )


@samples("linalg_lu")
def _(make):
    yield Sample(regular(make, 3, 3))
    yield Sample(regular(make, 2, 3, 5))
    yield Sample(regular(make, 5, 3))


@samples("linalg_lu_solve")
def _(make):
    factors, pivots = linalg_lu_factor_of(make)
    for left in (True, False):
        for adjoint_too in (True, False):
            yield Sample(
                factors, pivots, make(3, 2) if left else make(2, 3), left=left, adjoint=adjoint_too
            )


def linalg_lu_factor_of(make):
    """(factors, pivots) of a matrix, as leaves."""
    factors, pivots = lu_factor(regular(make, 3, 3))
    return factors.detach().requires_grad_(), pivots
