"""Matrix products: mm, bmm, mv, dot, matmul, and those that add to something.

Every op is one call of one kernel, out = start + a @ b, which reads its operands through their
strides and broadcasts batches. The functions composed from them are in tensordot.py and einsum.py.
"""

from .. import devices, dtypes, graph, shapes
from ..op import Spec, copy_values, primitive, repeated, same_launches, scalar_name
from .arithmetic import add, conj_of, mul
from .autocast import lower_precision, widest
from .output import store, write_out
from .registry import Sample, function, samples
from .scalars import check_fits
from .views import reshape, transpose, unsqueeze

# What is common to all ---------------------------------------------------------------------------


def adjoint(x):
    """The conjugate transpose of a matrix, or of a batch of them."""
    return conj_of(transpose(x, -2, -1))


def as_column(x):
    """A vector as a matrix of one column, over the same memory."""
    return graph.alias(x, shapes.Size((*x.shape, 1)), (*x.strides, 1))


def as_row(x):
    """A vector as a matrix of one row, over the same memory."""
    return graph.alias(x, shapes.Size((1, *x.shape)), (1, *x.strides))


def multiply(out, a, b, start=None):
    """Launch the kernel: out = a @ b, or start + a @ b."""
    devices.kernels(out).matmul.matmul(out, a, b, start)


def check_dtypes(message, *operands):
    """RuntimeError where the dtypes differ."""
    first = operands[0].dtype
    for x in operands:
        if x.dtype is not first:
            raise RuntimeError(message.format(*[scalar_name(v.dtype) for v in operands]))


def reject_bool(kernel, x):
    """NotImplementedError for bools, which PyTorch does not multiply."""
    if x.dtype is dtypes.bool_:
        raise NotImplementedError(f"\"{kernel}\" not implemented for 'Bool'")


def check_matrices(kernel, mat1, mat2):
    """The checks of a product of two matrices."""
    if mat1.shape[1] != mat2.shape[0]:
        sizes = f"{mat1.shape[0]}x{mat1.shape[1]} and {mat2.shape[0]}x{mat2.shape[1]}"
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({sizes})")
    if mat1.dtype is not mat2.dtype:
        names = " != ".join(_C_NAMES.get(x.dtype.name, x.dtype.name) for x in (mat1, mat2))
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {names}")
    reject_bool(kernel, mat1)


_C_NAMES = {
    "float32": "float", "float64": "double", "float16": "c10::Half", "bfloat16": "c10::BFloat16",
    "uint8": "unsigned char", "int8": "signed char", "int16": "short", "int32": "int",
    "int64": "long long", "complex64": "c10::complex<float>", "complex128": "c10::complex<double>",
}  # fmt: skip


def check_batches(batch1, batch2):
    """The checks of a product of two batches of matrices."""
    for x, name in ((batch1, "batch1"), (batch2, "batch2")):
        if len(x.shape) != 3:
            raise RuntimeError(f"{name} must be a 3D tensor")
    expected = [batch1.shape[0], batch1.shape[2]]
    if list(batch2.shape[:2]) != expected:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: {expected} "
            f"but got: {list(batch2.shape[:2])}."
        )
    check_dtypes("expected scalar type {} but found {}", batch1, batch2)
    reject_bool("bmm", batch1)


def check_vectors(mat, vec, input=None):
    """The checks of a product of a matrix with a vector."""
    addend = vec if input is None else input
    if len(mat.shape) != 2 or len(vec.shape) != 1 or len(addend.shape) > 1:
        ranks = f"{len(addend.shape)}, {len(mat.shape)}, {len(vec.shape)}"
        raise RuntimeError(f"vector + matrix @ vector expected, got {ranks}")
    if mat.shape[1] != vec.shape[0]:
        size = mat.shape[0] if input is None or not input.shape else input.shape[0]
        raise RuntimeError(
            f"size mismatch, got input ({size}), mat ({mat.shape[0]}x{mat.shape[1]}), "
            f"vec ({vec.shape[0]})"
        )
    check_dtypes(
        "addmv input tensors must have the same dtype, but got {}, {}, and {}", addend, mat, vec
    )
    reject_bool("addmv_impl_cpu", mat)


def check_expands(shape, target):
    """RuntimeError where `shape` does not broadcast to `target`."""
    first = len(target) - len(shape)
    for d in range(len(shape) - 1, -1, -1):
        if first < 0 or shape[d] not in (1, target[first + d]):
            raise RuntimeError(
                f"The expanded size of the tensor ({target[first + d]}) must match the existing "
                f"size ({shape[d]}) at non-singleton dimension {first + d}.  Target sizes: "
                f"{list(target)}.  Tensor sizes: {list(shape)}"
            )


# Products ----------------------------------------------------------------------------------------


@primitive(name="mm")
def mm_op(mat1, mat2):
    """The product of two matrices."""
    if len(mat1.shape) != 2:
        raise RuntimeError("self must be a matrix")
    if len(mat2.shape) != 2:
        raise RuntimeError("mat2 must be a matrix")
    check_matrices("addmm_impl_cpu_", mat1, mat2)
    return Spec((mat1.shape[0], mat2.shape[1]), mat1.dtype)


@primitive(name="bmm")
def bmm_op(mat1, mat2):
    """The products of two batches of matrices, pair by pair."""
    check_batches(mat1, mat2)
    return Spec((*mat1.shape[:2], mat2.shape[2]), mat1.dtype)


@primitive(name="matmul", node_name="UnsafeViewBackward0")
def matmul_op(mat1, mat2):
    """The products of two stacks of matrices whose leading dimensions broadcast."""
    *batch1, rows, depth = mat1.shape
    *batch2, inner, columns = mat2.shape
    batch = shapes.broadcast_shapes(tuple(batch1), tuple(batch2))
    if depth != inner:
        count = shapes.numel(batch)
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{count}, {depth}] "
            f"but got: [{count}, {inner}]."
        )
    check_dtypes("expected scalar type {} but found {}", mat1, mat2)
    reject_bool("bmm", mat1)
    return Spec((*batch, rows, columns), mat1.dtype)


def differentiate_product(op, product):
    """Declare the gradients of an op that multiplies mat1 by mat2, as `product` does."""

    @op.gradient("mat1")
    def _(grad, mat2):
        return product(grad, adjoint(mat2))

    @op.gradient("mat2")
    def _(grad, mat1):
        return product(adjoint(mat1), grad)


def _bind(out, inputs, params):
    """The launch that one of these ops comes to."""
    return devices.kernels(inputs[0]).matmul.bind(out, *map(devices.form_of, inputs))


for _op in (mm_op, bmm_op, matmul_op):
    _op.forward(multiply)
    _op.bind = _bind
    same_launches(_op)
    differentiate_product(_op, _op)


@primitive(name="mv")
def mv_op(input, vec):
    """The product of a matrix with a vector."""
    check_vectors(input, vec)
    return Spec((input.shape[0],), input.dtype)


@mv_op.forward
def _(out, input, vec):
    multiply(as_column(out), input, as_column(vec))


@mv_op.gradient("input")
def _(grad, vec):
    return outer(grad, conj_of(vec))


@mv_op.gradient("vec")
def _(grad, input):
    return mv_op(adjoint(input), grad)


@primitive(name="dot")
def dot_op(input, tensor):
    """The sum of the products of two vectors' elements."""
    if len(input.shape) != 1 or len(tensor.shape) != 1:
        raise RuntimeError(
            f"1D tensors expected, but got {len(input.shape)}D and {len(tensor.shape)}D tensors"
        )
    check_dtypes(
        "dot : expected both vectors to have same dtype, but found {} and {}", input, tensor
    )
    if input.shape != tensor.shape:
        sizes = input.shape[0], tensor.shape[0]
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{sizes[0]}] and src [{sizes[1]}] to have "
            f"the same number of elements, but got {sizes[0]} and {sizes[1]} elements respectively"
        )
    reject_bool("dot", input)
    return Spec((), input.dtype)


@dot_op.forward
def _(out, input, tensor):
    multiply(graph.alias(out, shapes.Size((1, 1)), (1, 1)), as_row(input), as_column(tensor))


@dot_op.gradient("input")
def _(grad, tensor):
    return mul(grad, conj_of(tensor))


@dot_op.gradient("tensor")
def _(grad, input):
    return mul(grad, conj_of(input))


def _run(op, inputs, out):
    return op(*inputs) if out is None else write_out(op, out, inputs, {})


@function
@repeated
@lower_precision
def mm(input, mat2, *, out=None):
    """The product of two matrices, of which the first may be sparse."""
    if not isinstance(input, graph.Value) and getattr(input, "is_sparse", False):
        return input.mm(mat2)
    return _run(mm_op, (input, mat2), out)


@function
@repeated
@lower_precision
def bmm(input, mat2, *, out=None):
    """The products of two batches (b, n, m) and (b, m, p) of matrices, pair by pair."""
    return _run(bmm_op, (input, mat2), out)


@function
@repeated
@lower_precision(devices=("cuda",))
def mv(input, vec, *, out=None):
    """The product of a matrix with a vector."""
    return _run(mv_op, (input, vec), out)


@function
@repeated
@widest
def dot(input, tensor, *, out=None):
    """The dot product of two vectors, without conjugation."""
    return _run(dot_op, (input, tensor), out)


@function
@widest
def vdot(input, other, *, out=None):
    """The dot product of the conjugate of `input` with `other`."""
    return _run(dot_op, (conj_of(input), other), out)


@function
@repeated
@lower_precision
def matmul(input, other, *, out=None):
    """The matrix product; vectors count as a row on the left and as a column on the right.

    Dimensions before the last two are a batch and broadcast.
    """
    if not (isinstance(input, graph.Value) and isinstance(other, graph.Value)):
        if getattr(input, "is_sparse", False):
            return input.matmul(other)
        wrong, place = (other, 2) if isinstance(input, graph.Value) else (input, 1)
        raise TypeError(
            f"matmul(): argument '{('input', 'other')[place - 1]}' (position {place}) must be "
            f"Tensor, not {type(wrong).__name__}"
        )
    left, right = len(input.shape), len(other.shape)
    if left == 2 and right == 2:
        return mm(input, other, out=out)
    result = _matmul(input, other, left, right)
    return result if out is None else store(result, out)


def _matmul(input, other, left, right):
    if left == 0 or right == 0:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {left}D and {right}D"
        )
    if left == 1 and right == 1:
        return dot_op(input, other)
    if left == 2 and right == 1:
        return mv_op(input, other)
    if left == 1:
        product = _matmul(unsqueeze(input, 0), other, 2, right)
        return product.squeeze(-2)
    if right == 1:
        return reshape(mv_op(_folded(input), other), input.shape[:-1])
    if right == 2 and left > 2:
        return reshape(mm_op(_folded(input), other), (*input.shape[:-1], other.shape[-1]))
    return mm_op(input, other) if left == right == 2 else matmul_op(input, other)


@repeated
def _folded(input):
    """A stack of matrices as one, their rows below each other."""
    if len(input.shape) == 2:
        return input
    return reshape(input, (shapes.numel(input.shape[:-1]), input.shape[-1]))


# Products that are added to something ------------------------------------------------------------


@primitive(name="addmm")
def addmm_op(input, mat1, mat2):
    """input + mat1 @ mat2"""
    for x, name in ((mat1, "mat1"), (mat2, "mat2")):
        if len(x.shape) != 2:
            raise RuntimeError(f"{name} must be a matrix, got {len(x.shape)}-D tensor")
    check_dtypes("self and mat2 must have the same dtype, but got {} and {}", input, mat2)
    check_matrices("addmm_impl_cpu_", mat1, mat2)
    shape = (mat1.shape[0], mat2.shape[1])
    check_expands(input.shape, shape)
    return Spec(shape, input.dtype)


@primitive(name="baddbmm")
def baddbmm_op(input, mat1, mat2):
    """input + mat1 @ mat2, batches of matrices"""
    check_batches(mat1, mat2)
    if input.dtype is not mat1.dtype:
        names = [_C_NAMES.get(x.dtype.name, x.dtype.name) for x in (input, mat1, mat2)]
        raise RuntimeError(
            "Input dtypes must be the same, got: input {}, batch1: {}, batch2: {}".format(*names)
        )
    shape = (*mat1.shape[:2], mat2.shape[2])
    check_expands(input.shape, shape)
    return Spec(shape, input.dtype)


for _op, _product in ((addmm_op, mm_op), (baddbmm_op, bmm_op)):

    @_op.forward
    def _(out, input, mat1, mat2):
        multiply(out, mat1, mat2, input)

    same_launches(_op)

    @_op.gradient("input")
    def _(grad):
        return grad

    differentiate_product(_op, _product)


@primitive(name="addmv")
def addmv_op(input, mat, vec):
    """input + mat @ vec"""
    check_vectors(mat, vec, input)
    check_expands(input.shape, (mat.shape[0],))
    return Spec((mat.shape[0],), input.dtype)


@addmv_op.forward
def _(out, input, mat, vec):
    start = as_column(input) if input.shape else input
    multiply(as_column(out), mat, as_column(vec), start)


@addmv_op.gradient("input")
def _(grad):
    return grad


@addmv_op.gradient("mat")
def _(grad, vec):
    return outer(grad, conj_of(vec))


@addmv_op.gradient("vec")
def _(grad, mat):
    return mv_op(adjoint(mat), grad)


def _added(op, product, input, a, b, beta, alpha, out):
    """beta * input + alpha * (a @ b); a beta of 0 drops `input`, even where it is NaN."""
    beta, alpha = (_factor(x, input.dtype) for x in (beta, alpha))
    if beta == 1 and alpha == 1:
        return _run(op, (input, a, b), out)
    op.infer(input, a, b)
    return _weighted_sum(product(a, b), input, beta, alpha, out)


def _factor(number, dtype):
    """alpha or beta as a number of `dtype`: towards zero where that is integral."""
    if isinstance(number, graph.Value):
        number = number.item()
    check_fits(number, dtype)
    return int(number) if dtype.category < dtypes.FLOATING else number


def _weighted_sum(product, input, beta, alpha, out):
    """beta * input + alpha * product"""
    if alpha != 1:
        product = mul(product, alpha)
    if beta != 0:
        product = add(product, input if beta == 1 else mul(input, beta))
    return product if out is None else store(product, out)


@function(inplace=True)
@repeated
@lower_precision
def addmm(input, mat1, mat2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * (mat1 @ mat2)"""
    return _added(addmm_op, mm_op, input, mat1, mat2, beta, alpha, out)


@function(inplace=True)
@lower_precision
def baddbmm(input, batch1, batch2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * (batch1 @ batch2), batches of matrices"""
    return _added(baddbmm_op, bmm_op, input, batch1, batch2, beta, alpha, out)


@function(inplace=True)
@lower_precision(devices=("cuda",))
def addmv(input, mat, vec, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * (mat @ vec)"""
    return _added(addmv_op, mv_op, input, mat, vec, beta, alpha, out)


@function(inplace=True)
@lower_precision
def addbmm(input, batch1, batch2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * (the sum of the products batch1[i] @ batch2[i])"""
    check_batches(batch1, batch2)
    rows, columns = batch1.shape[1], batch2.shape[2]
    wide = reshape(transpose(batch1, 0, 1), (rows, batch1.shape[0] * batch1.shape[2]))
    tall = reshape(batch2, (wide.shape[1], columns))
    return addmm(input, wide, tall, beta=beta, alpha=alpha, out=out)


@function(inplace=True)
@lower_precision(devices=("cuda",))
def addr(input, vec1, vec2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * outer(vec1, vec2)"""
    for x, name in ((vec1, "vec1"), (vec2, "vec2")):
        if len(x.shape) != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {name}, but got {len(x.shape)}-D")
    check_expands(input.shape, (vec1.shape[0], vec2.shape[0]))
    for number, name in ((beta, "beta"), (alpha, "alpha")):
        if isinstance(number, float) and input.dtype.category < dtypes.FLOATING:
            raise RuntimeError(
                f"For integral input tensors, argument {name} must not be a floating point number."
            )
    beta, alpha = (_factor(x, input.dtype) for x in (beta, alpha))
    if all(x.dtype is dtypes.bool_ for x in (input, vec1, vec2)):
        beta, alpha = bool(beta), bool(alpha)
    return _weighted_sum(mul(unsqueeze(vec1, 1), vec2), input, beta, alpha, out)


@function(aliases=("ger",))
def outer(input, vec2, *, out=None):
    """The products of every element of `input` with every element of `vec2`."""
    for x, name in ((input, "self"), (vec2, "vec2")):
        if len(x.shape) != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {len(x.shape)}-D")
    return mul(unsqueeze(input, 1), vec2, out=out)


# The affine map ----------------------------------------------------------------------------------


@primitive(name="linear", node_name="AddmmBackward0")
def linear_op(input, weight, bias):
    """input @ weight.T + bias, over the last dimension of `input`; `bias` may be None."""
    *batch, depth = input.shape
    count = shapes.numel(batch)
    if len(weight.shape) != 2:
        raise RuntimeError(f"mat2 must be a matrix, got {len(weight.shape)}-D tensor")
    if depth != weight.shape[1]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({count}x{depth} and "
            f"{weight.shape[1]}x{weight.shape[0]})"
        )
    if bias is not None:
        check_dtypes("self and mat2 must have the same dtype, but got {} and {}", bias, weight)
        check_expands(bias.shape, (count, weight.shape[0]))
    check_dtypes("self and mat2 must have the same dtype, but got {} and {}", input, weight)
    reject_bool("addmm_impl_cpu_", input)
    return Spec((*batch, weight.shape[0]), input.dtype)


@linear_op.forward
def _(out, input, weight, bias):
    transposed = graph.alias(weight, shapes.Size(weight.shape[::-1]), weight.strides[::-1])
    if len(input.shape) == 2:
        multiply(out, input, transposed, bias)
        return
    rows, depth = shapes.numel(input.shape[:-1]), input.shape[-1]
    strides = shapes.view_strides(input.shape, input.strides, (rows, depth))
    if strides is None:  # a stack of matrices that do not lie below each other
        stacked = graph.allocate(input.shape, input.dtype, devices.of(input))
        copy_values(stacked, input)
        input, strides = stacked, (depth, 1)
    flat = graph.alias(input, shapes.Size((rows, depth)), strides)
    columns = weight.shape[0]
    multiply(graph.alias(out, shapes.Size((rows, columns)), (columns, 1)), flat, transposed, bias)


def _bind_linear(out, inputs, params):
    input, weight, bias = [None if x is None else devices.form_of(x) for x in inputs]
    if len(input.shape) != 2:
        return None
    place = weight.place
    transposed = devices.form_with(
        weight.dtype, shapes.Size(weight.shape[::-1]), weight.strides[::-1], place.type, place.index
    )
    return devices.kernels(inputs[0]).matmul.bind(out, input, transposed, bias)


linear_op.bind = _bind_linear
same_launches(linear_op)


@linear_op.gradient("input")
def _(grad, weight):
    return linear_op(grad, transpose(conj_of(weight), 0, 1), None)


@linear_op.gradient("weight")
def _(grad, input):
    return mm_op(transpose(_folded(grad), 0, 1), conj_of(_folded(input)))


@linear_op.gradient("bias")
def _(grad):
    return grad


@function(method=False)
@repeated
@lower_precision
def linear(input, weight, bias=None):
    """input @ weight.T + bias: input (..., in), weight (out, in) or (in,), bias (out)."""
    if not input.shape or not weight.shape:
        raise RuntimeError(
            "both arguments to linear need to be at least 1D, but they are "
            f"{len(input.shape)}D and {len(weight.shape)}D"
        )
    if len(weight.shape) == 1 and bias is None:
        return matmul(input, weight)
    return linear_op(input, weight, bias)


# Samples for the op table ------------------------------------------------------------------------


@samples("mm")
def _(make):
    yield Sample(make(3, 4), make(4, 2))
    yield Sample(make(4, 3).transpose(0, 1).detach().requires_grad_(), make(4, 2))
    yield Sample(make(3, 0), make(0, 2))
    yield Sample(make(2, 3, dtype=dtypes.complex128), make(3, 2, dtype=dtypes.complex128))


@samples("bmm")
def _(make):
    yield Sample(make(2, 3, 4), make(2, 4, 2))


@samples("mv")
def _(make):
    yield Sample(make(3, 4), make(4))
    yield Sample(make(2, 3, dtype=dtypes.complex128), make(3, dtype=dtypes.complex128))


@samples("dot")
def _(make):
    yield Sample(make(4), make(4))
    yield Sample(make(4, dtype=dtypes.complex128), make(4, dtype=dtypes.complex128))


@samples("vdot")
def _(make):
    yield Sample(make(4, dtype=dtypes.complex128), make(4, dtype=dtypes.complex128))


@samples("matmul")
def _(make):
    left = [(4,), (3, 4), (2, 3, 4), (2, 1, 3, 4)]
    right = [(4,), (4, 2), (2, 4, 2), (5, 4, 2)]
    for a in left:
        for b in right:
            if (a, b) != ((2, 3, 4), (5, 4, 2)):
                yield Sample(make(*a), make(*b))


@samples("addmm")
def _(make):
    yield Sample(make(3, 2), make(3, 4), make(4, 2))
    yield Sample(make(2), make(3, 4), make(4, 2), beta=0.5, alpha=2)
    yield Sample(make(), make(3, 4), make(4, 2), beta=0)


@samples("baddbmm")
def _(make):
    yield Sample(make(2, 3, 2), make(2, 3, 4), make(2, 4, 2))
    yield Sample(make(3, 1), make(2, 3, 4), make(2, 4, 2), beta=0.5, alpha=2)


@samples("addmv")
def _(make):
    yield Sample(make(3), make(3, 4), make(4))
    yield Sample(make(), make(3, 4), make(4), beta=0.5, alpha=2)


@samples("addbmm")
def _(make):
    yield Sample(make(3, 2), make(2, 3, 4), make(2, 4, 2))


@samples("addr")
def _(make):
    yield Sample(make(3, 2), make(3), make(2), beta=0.5, alpha=2)


@samples("outer")
def _(make):
    yield Sample(make(3), make(2))


@samples("linear")
def _(make):
    yield Sample(make(3, 4), make(2, 4), make(2))
    yield Sample(make(2, 3, 4), make(2, 4), None)
    yield Sample(make(4), make(2, 4), make(2))
    yield Sample(make(3, 2, 4).transpose(0, 1).detach().requires_grad_(), make(2, 4), make(2))
