"""Functions of tensors of different dtypes, beside PyTorch: which raise, what dtype and value others have."""

import warnings

import numpy as np
import pytest

import numbatorch

DTYPES = "float32", "float64", "float16", "int64", "bool"

#: Calls of a function with two tensors of shape (4, 3), by the framework.
CALLS = {
    "binary_cross_entropy": lambda t, a, b: t.nn.functional.binary_cross_entropy(a, b),
    "binary_cross_entropy_with_logits": lambda t, a, b: (
        t.nn.functional.binary_cross_entropy_with_logits(a, b)
    ),
    "mse_loss": lambda t, a, b: t.nn.functional.mse_loss(a, b),
    "l1_loss": lambda t, a, b: t.nn.functional.l1_loss(a, b),
    "smooth_l1_loss": lambda t, a, b: t.nn.functional.smooth_l1_loss(a, b),
    "huber_loss": lambda t, a, b: t.nn.functional.huber_loss(a, b),
    "kl_div": lambda t, a, b: t.nn.functional.kl_div(a, b, reduction="batchmean"),
    "poisson_nll_loss": lambda t, a, b: t.nn.functional.poisson_nll_loss(a, b),
    "soft_margin_loss": lambda t, a, b: t.nn.functional.soft_margin_loss(a, b),
    "cosine_similarity": lambda t, a, b: t.nn.functional.cosine_similarity(a, b),
    "pairwise_distance": lambda t, a, b: t.nn.functional.pairwise_distance(a, b),
    "margin_ranking_loss": lambda t, a, b: t.nn.functional.margin_ranking_loss(a, b, t.ones(4, 3)),
    "linear": lambda t, a, b: t.nn.functional.linear(a, b),
    "matmul": lambda t, a, b: a @ b.T,
    "bmm": lambda t, a, b: t.bmm(a[None], b.T[None]),
    "addmm": lambda t, a, b: t.addmm(a[:, :1], a, b.T),
    "mv": lambda t, a, b: a.mv(b[0]),
    "dot": lambda t, a, b: a[0].dot(b[0]),
    "einsum": lambda t, a, b: t.einsum("ij,kj->ik", a, b),
    "bilinear": lambda t, a, b: t.nn.functional.bilinear(a, a, b[None]),
    "layer_norm": lambda t, a, b: t.nn.functional.layer_norm(a, (3,), b[0]),
    "batch_norm": lambda t, a, b: t.nn.functional.batch_norm(a, b[0], b[1]),
    "group_norm": lambda t, a, b: t.nn.functional.group_norm(a, 1, b[0], b[1]),
    "conv1d": lambda t, a, b: t.nn.functional.conv1d(a[None], b[:, :, None].transpose(0, 1)),
    "prelu": lambda t, a, b: t.nn.functional.prelu(a, b[0]),
    "attention": lambda t, a, b: t.nn.functional.scaled_dot_product_attention(
        a[None], b[None], b[None]
    ),
    "rnn_cell": lambda t, a, b: _fixed(t, t.nn.RNNCell(3, 2))(a.float(), b[:, :2]),
    "gru_cell": lambda t, a, b: _fixed(t, t.nn.GRUCell(3, 2))(a.float(), b[:, :2]),
    "lstm_cell": lambda t, a, b: _fixed(t, t.nn.LSTMCell(3, 2))(
        a.float(), (b[:, :2], t.zeros(4, 2))
    )[0],
    "gru": lambda t, a, b: _fixed(t, t.nn.GRU(3, 2))(a.float(), b[:1, :2])[0],
    "grid_sample": lambda t, a, b: t.nn.functional.grid_sample(
        a[None, None], b[None, :, None, :2], align_corners=False
    ),
    "cat": lambda t, a, b: t.cat([a, b]),
    "stack": lambda t, a, b: t.stack([a, b]),
    "where": lambda t, a, b: t.where(a > 0, a, b),
    "lerp": lambda t, a, b: a.lerp(b, 0.5),
    "addcmul": lambda t, a, b: a.addcmul(b, b),
    "copy_": lambda t, a, b: a.clone().copy_(b),
    "add_": lambda t, a, b: a.clone().add_(b),
    "div_": lambda t, a, b: a.clone().div_(b),
    "maximum": lambda t, a, b: t.maximum(a, b),
    "scatter": lambda t, a, b: a.scatter(0, t.zeros(1, 3, dtype=t.int64), b),
    "index_add": lambda t, a, b: a.index_add(0, t.zeros(4, dtype=t.int64), b),
    "index_put_": lambda t, a, b: a.clone().index_put_((t.tensor([0]),), b[:1]),
    "masked_scatter": lambda t, a, b: a.masked_scatter(a > 0.5, b),
    "tensordot": lambda t, a, b: t.tensordot(a, b, ([1], [1])),
    "kron": lambda t, a, b: t.kron(a, b),
    "dist": lambda t, a, b: t.dist(a, b),
    "cdist": lambda t, a, b: t.cdist(a, b),
    "cross": lambda t, a, b: t.linalg.cross(a, b),
    "solve": lambda t, a, b: t.linalg.solve(a[:3] + t.eye(3).to(a.dtype), b[:3]),
    "triangular_solve": lambda t, a, b: (
        t.triangular_solve(a[:3], b[:3] + 2 * t.eye(3).to(b.dtype)).solution
    ),
    "householder_product": lambda t, a, b: t.linalg.householder_product(a, b[0]),
    "vecdot": lambda t, a, b: t.linalg.vecdot(a, b),
    "weighted_binary_cross_entropy": lambda t, a, b: t.nn.functional.binary_cross_entropy(
        a.clamp(0, 1), a.clamp(0, 1), b
    ),
    "weighted_logits": lambda t, a, b: t.nn.functional.binary_cross_entropy_with_logits(
        a, a.clamp(0, 1), b, pos_weight=b[0]
    ),
    "sub_scaled": lambda t, a, b: t.sub(a, b, alpha=2),
    "rsub_scaled": lambda t, a, b: t.rsub(a, b, alpha=2),
    "cholesky_solve": lambda t, a, b: t.cholesky_solve(a[:3], b[:3] + t.eye(3).to(b.dtype)),
    "pow": lambda t, a, b: a**b,
    "fmod": lambda t, a, b: t.fmod(a, b + 1),
    "atan2": lambda t, a, b: t.atan2(a, b),
    "eq": lambda t, a, b: t.eq(a, b),
    "isclose": lambda t, a, b: t.isclose(a, b),
    "heaviside": lambda t, a, b: t.heaviside(a, b),
    "hypot": lambda t, a, b: t.hypot(a, b),
    "mul_out": lambda t, a, b: t.mul(a, a, out=b.clone()),
}

#: Where ours computes and PyTorch has no kernel on the CPU.
WIDER = {("cdist", "float16", "float16")}


def _fixed(t, module):
    """A module whose parameters are the same in both frameworks."""
    for parameter in module.parameters():
        count = parameter.numel()
        parameter.data = t.arange(count).float().reshape(parameter.shape).sin()
    return module


def _outcome(framework, call, values, first, second):
    a, b = (framework.tensor(values).to(getattr(framework, dtype)) for dtype in (first, second))
    try:
        result = call(framework, a, b).detach()
    except RuntimeError:
        return RuntimeError, None
    return str(result.dtype), result.double().numpy()


@pytest.mark.parametrize("name", CALLS)
def test_as_in_pytorch(name):
    torch = pytest.importorskip("torch")
    values = (np.random.default_rng(0).random((4, 3)) * 2).astype(np.float32)
    for first in DTYPES:
        for second in DTYPES:
            if (name, first, second) in WIDER:
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                kind, expected = _outcome(torch, CALLS[name], values, first, second)
                found_kind, found = _outcome(numbatorch, CALLS[name], values, first, second)
            assert found_kind == kind, (first, second)
            if expected is not None:
                precision = 2e-3 if "float16" in (first, second) else 1e-5
                np.testing.assert_allclose(
                    found, expected, precision, precision, err_msg=f"{first} {second}"
                )


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("dtype", [numbatorch.float64, numbatorch.float16, numbatorch.int64])
def test_hidden_state_of_another_dtype(kind, dtype):
    layer = getattr(numbatorch.nn, kind)(3, 2)
    hidden = numbatorch.zeros(1, 4, 2, dtype=dtype)
    state = (hidden, numbatorch.zeros(1, 4, 2)) if kind == "LSTM" else hidden
    with pytest.raises(RuntimeError, match="expected scalar type Float but found"):
        layer(numbatorch.ones(5, 4, 3), state)
