"""Products by cuBLAS: what it is told, against a stand-in that computes what its manual says.

Names and the order of arguments are those of `nvmath.bindings.cublas` 1.0.
"""

import ctypes
import enum

import numpy as np
import pytest

import numbatorch as torch
from numbatorch import cuda_blas, cuda_target

pytestmark = pytest.mark.skipif(not cuda_target.SIMULATED, reason="a card has the library itself")


class StandIn:
    """As much of cuBLAS as is called, on the memory of simulated devices."""

    Operation = enum.IntEnum("Operation", {"N": 0, "T": 1, "C": 2})
    ComputeType = enum.IntEnum(
        "ComputeType", {"COMPUTE_32F": 68, "COMPUTE_64F": 70, "COMPUTE_32F_FAST_TF32": 77}
    )
    GemmAlgo = enum.IntEnum("GemmAlgo", {"DEFAULT": -1})
    types = {
        0: (np.float32, np.float32), 1: (np.float64, np.float64), 2: (np.float16, np.float32),
        4: (np.complex64, np.complex64), 5: (np.complex128, np.complex128),
    }  # fmt: skip

    def __init__(self):
        self.handles, self.calls = {}, []

    def create(self):
        self.handles[len(self.handles) + 1] = {"stream": 0, "workspace": None}
        return len(self.handles)

    def destroy(self, handle):
        del self.handles[handle]

    def set_stream(self, handle, stream_id):
        self.handles[handle]["stream"] = stream_id

    def set_workspace(self, handle, workspace, workspace_size_in_bytes):
        self.handles[handle]["workspace"] = workspace, workspace_size_in_bytes

    @staticmethod
    def _matrix(address, rows, columns, leading, dtype):
        """A matrix that lies column by column, `leading` elements apart."""
        assert leading >= max(1, rows)
        count = leading * (columns - 1) + rows
        memory = (ctypes.c_uint8 * (count * np.dtype(dtype).itemsize)).from_address(address)
        flat = np.frombuffer(memory, dtype)
        steps = flat.itemsize, leading * flat.itemsize
        return np.lib.stride_tricks.as_strided(flat, (rows, columns), steps)

    def gemm_strided_batched_ex(
        self, handle, transa, transb, m, n, k, alpha, a, atype, lda, stride_a, b, btype, ldb,
        stride_b, beta, c, ctype, ldc, stride_c, batch_count, compute_type, algo,
    ):  # fmt: skip
        assert self.handles[handle]["workspace"][1] == 8 << 20
        assert atype == btype == ctype and algo == self.GemmAlgo.DEFAULT
        element, number = self.types[atype]
        alpha, beta = (
            np.frombuffer((ctypes.c_uint8 * np.dtype(number).itemsize).from_address(p), number)[0]
            for p in (alpha, beta)
        )
        size = np.dtype(element).itemsize
        self.calls.append((transa, transb, m, n, k, batch_count, compute_type))
        for batch in range(batch_count):
            shapes = [(k, m) if transa else (m, k), (n, k) if transb else (k, n), (m, n)]
            starts = [
                a + batch * stride_a * size,
                b + batch * stride_b * size,
                c + batch * stride_c * size,
            ]
            left, right, out = (
                self._matrix(start, *shape, leading, element)
                for start, shape, leading in zip(starts, shapes, (lda, ldb, ldc))
            )
            left, right = left.T if transa else left, right.T if transb else right
            result = alpha * (left.astype(number) @ right.astype(number))
            out[...] = result if beta == 0 else result + beta * out.astype(number)


@pytest.fixture
def blas(monkeypatch):
    library = StandIn()
    monkeypatch.setattr(cuda_blas, "library", lambda: library)
    monkeypatch.setattr(cuda_blas, "_handles", cuda_blas._Handles())
    return library


def draw(*shape, dtype):
    return torch.randn(*shape, dtype=torch.float64).to(dtype)


def same(found, expected):
    limit = 50 * torch.finfo(expected.dtype).eps
    np.testing.assert_allclose(found.cpu().numpy(), expected.numpy(), rtol=limit, atol=limit)


@pytest.mark.parametrize("name", ["float32", "float64", "float16", "complex64", "complex128"])
def test_products_in_every_layout(name, blas):
    dtype = getattr(torch, name)
    torch.manual_seed(0)
    a, b = draw(2, 3, 5, dtype=dtype), draw(2, 5, 4, dtype=dtype)
    for x in (a.to("cuda"), a.mT.contiguous().to("cuda").mT):
        for y in (b.to("cuda"), b.mT.contiguous().to("cuda").mT):
            same(x @ y, a @ b)
            same(x[1] @ y[1], a[1] @ b[1])
            same(x[:, :1] @ y[:, :, :1], a[:, :1] @ b[:, :, :1])
            same(x @ y[0], a @ b[0])  # one matrix for all of the batch
            same(x[:, :2, 1:4] @ y[:, 1:4, 1:], a[:, :2, 1:4] @ b[:, 1:4, 1:])
    assert len(blas.calls) == 20
    assert {call[:2] for call in blas.calls} == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_what_is_added_to(blas):
    torch.manual_seed(0)
    a, b, bias = (draw(*shape, dtype=torch.float32) for shape in [(3, 5), (5, 4), (4,)])
    found = torch.addmm(bias.to("cuda"), a.to("cuda"), b.to("cuda"))
    same(found, torch.addmm(bias, a, b))
    assert len(blas.calls) == 1


def test_transposed_results_and_gradients(blas):
    torch.manual_seed(0)
    a, b = draw(3, 5, dtype=torch.float64), draw(5, 4, dtype=torch.float64)
    x, y = a.to("cuda").requires_grad_(), b.to("cuda").requires_grad_()
    (x @ y).sum().backward()
    same(x.grad, b.sum(1).expand(3, 5))
    same(y.grad, a.sum(0)[:, None].expand(5, 4))
    out = torch.empty(4, 3, dtype=torch.float64, device="cuda")
    torch.mm(x.detach(), y.detach(), out=out.t())
    same(out, (a @ b).t())


def test_what_is_left_to_the_kernel(blas):
    integers = torch.arange(6, device="cuda").reshape(2, 3)
    assert (integers @ integers.t()).tolist() == [[5, 14], [14, 50]]
    spread = torch.arange(24.0, device="cuda").reshape(4, 6)[::2, ::2]  # no dimension is dense
    assert (spread @ spread.t()).tolist() == (spread.cpu() @ spread.cpu().t()).tolist()
    assert (torch.ones(2, 0, device="cuda") @ torch.ones(0, 2, device="cuda")).tolist() == [
        [0, 0]
    ] * 2
    assert not blas.calls


def test_precision(blas):
    x = torch.ones(2, 2, device="cuda")
    try:
        for precision, expected in [("high", "COMPUTE_32F_FAST_TF32"), ("highest", "COMPUTE_32F")]:
            torch.set_float32_matmul_precision(precision)
            x @ x
            assert blas.calls[-1][-1] == blas.ComputeType[expected]
    finally:
        torch.set_float32_matmul_precision("highest")


def test_a_handle_for_every_stream(blas):
    x = torch.ones(2, 2, device="cuda")
    x @ x
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        x @ x
        x @ x
    assert [held["stream"] for held in blas.handles.values()] == [0, side.cuda_stream]


def test_without_the_library():
    assert cuda_blas.library() is None or cuda_blas.library().create
