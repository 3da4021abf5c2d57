"""Autocast on CUDA: which functions compute in 16 bits, which in float32, as PyTorch's lists have it."""

import pytest

import numbatorch as torch
from numbatorch.nn import functional as F


def half(*shape):
    return torch.full(shape, 0.5, dtype=torch.float16, device="cuda")


def full(*shape):
    return half(*shape).float()


IN_FULL = {
    **{
        name: lambda name=name: getattr(torch, name)(half(3))
        for name in (
            "acos", "asin", "cosh", "erfinv", "exp", "expm1", "log", "log10", "log2", "log1p",
            "reciprocal", "rsqrt", "sinh", "tan", "sum", "prod", "norm",
        )
    },
    "method": lambda: half(3).exp(),
    "pow": lambda: half(3) ** 2,
    "pow of a number": lambda: 2 ** half(3),
    "softplus": lambda: F.softplus(half(3)),
    "softmax": lambda: half(2, 3).softmax(1),
    "log_softmax": lambda: half(2, 3).log_softmax(1),
    "cumsum": lambda: half(3).cumsum(0),
    "cumprod": lambda: half(3).cumprod(0),
    "logsumexp": lambda: half(3).logsumexp(0),
    "layer_norm": lambda: F.layer_norm(half(2, 3), (3,)),
    "rms_norm": lambda: F.rms_norm(half(2, 3), (3,)),
    "group_norm": lambda: F.group_norm(half(2, 4, 2), 2),
    "vector norm": lambda: torch.linalg.vector_norm(half(3)),
    "matrix norm": lambda: torch.linalg.matrix_norm(half(3, 2)),
    "dist": lambda: torch.dist(half(3), half(3) * 2),
    "cdist": lambda: torch.cdist(half(2, 3), half(2, 3)),
    "mse_loss": lambda: F.mse_loss(half(3), half(3)),
    "cross_entropy": lambda: F.cross_entropy(half(1, 3), torch.tensor([1], device="cuda")),
    "interpolate": lambda: F.interpolate(half(1, 1, 2, 2), scale_factor=2, mode="bilinear"),
    "dot of mixed": lambda: torch.dot(half(3), full(3)),
    "tensordot of mixed": lambda: torch.tensordot(half(2, 3), full(3, 2), 1),
}  # fmt: skip

IN_16_BITS = {
    "mm": lambda: full(2, 3) @ full(3, 2),
    "mv": lambda: torch.mv(full(2, 3), full(3)),
    "addmv": lambda: torch.addmv(full(2), full(2, 3), full(3)),
    "addr": lambda: torch.addr(full(2, 3), full(2), full(3)),
    "linear": lambda: F.linear(full(2, 3), full(4, 3), full(4)),
    "conv1d": lambda: F.conv1d(full(1, 2, 3), full(1, 2, 2)),
    "einsum": lambda: torch.einsum("ij,jk->ik", full(2, 3), full(3, 2)),
    "vecdot": lambda: torch.linalg.vecdot(full(3), full(3)),
    "attention": lambda: F.scaled_dot_product_attention(*[full(1, 1, 2, 2)] * 3),
    "lstm_cell": lambda: torch.nn.LSTMCell(2, 2).to("cuda")(full(1, 2))[0],
    "gru_cell": lambda: torch.nn.GRUCell(2, 2).to("cuda")(full(1, 2)),
    "lstm": lambda: torch.nn.LSTM(2, 2).to("cuda")(full(1, 1, 2))[0],
}

AS_THEY_ARE = {
    "in place": lambda: half(3).exp_(),
    "sum in a dtype": lambda: half(3).sum(dtype=torch.float16),
    "tanh": lambda: half(3).tanh(),
    "gelu": lambda: F.gelu(half(3)),
    "mean": lambda: half(3).mean(),
    "dot": lambda: torch.dot(half(3), half(3)),
}


@pytest.mark.parametrize(
    "dtype, function",
    [
        pytest.param(dtype, function, id=name)
        for dtype, functions in (
            (torch.float32, IN_FULL), (torch.float16, IN_16_BITS), (torch.float16, AS_THEY_ARE),
        )
        for name, function in functions.items()
    ],
)  # fmt: skip
def test_precision(dtype, function):
    with torch.autocast("cuda"):
        assert function().dtype is dtype


def test_not_on_the_cpu():
    with torch.autocast("cuda"):
        assert torch.ones(3, dtype=torch.float16).exp().dtype is torch.float16


def test_gradients_have_the_dtype_of_their_leaves():
    x = half(3).requires_grad_()
    with torch.autocast("cuda"):
        x.exp().log().sum().backward()
    assert x.grad.dtype is torch.float16
    assert x.grad.tolist() == [1.0] * 3


def test_binary_cross_entropy_of_probabilities_is_refused():
    with torch.autocast("cuda"), pytest.raises(RuntimeError, match="unsafe to autocast"):
        F.binary_cross_entropy(half(3), half(3))
    with torch.autocast("cuda"):
        assert F.binary_cross_entropy(torch.full((2,), 0.5), torch.ones(2)).dtype is torch.float32
