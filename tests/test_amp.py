"""autocast against PyTorch's dtypes and values, and GradScaler."""

import warnings

import numpy as np
import pytest

import numbatorch
from numbatorch.amp import GradScaler, autocast, custom_bwd, custom_fwd

CALLS = {
    "linear": lambda t, f, a, x: f.linear(a, x, x[0]),
    "matmul": lambda t, f, a, x: a @ x,
    "mm": lambda t, f, a, x: t.mm(a, x),
    "bmm": lambda t, f, a, x: t.bmm(a[None], x[None]),
    "addmm": lambda t, f, a, x: t.addmm(a, x, a),
    "baddbmm": lambda t, f, a, x: t.baddbmm(a[None], x[None], x[None]),
    "einsum": lambda t, f, a, x: t.einsum("ij,jk->ik", a, x),
    "mv": lambda t, f, a, x: t.mv(a, a[0]),
    "conv1d": lambda t, f, a, x: f.conv1d(a[None], x[:, :, None], x[0]),
    "conv_transpose1d": lambda t, f, a, x: f.conv_transpose1d(a[None], x[:, :, None]),
    "attention": lambda t, f, a, x: f.scaled_dot_product_attention(a[None], x[None], x[None]),
    "softmax": lambda t, f, a, x: f.softmax(a, -1),
    "layer_norm": lambda t, f, a, x: f.layer_norm(a, (4,)),
    "mse_loss": lambda t, f, a, x: f.mse_loss(a, x),
    "l1_loss": lambda t, f, a, x: f.l1_loss(a, x),
    "cross_entropy": lambda t, f, a, x: f.cross_entropy(a, t.arange(4)),
    "nll_loss": lambda t, f, a, x: f.nll_loss(a, t.arange(4)),
    "kl_div": lambda t, f, a, x: f.kl_div(a, x.abs(), reduction="batchmean"),
    "prod": lambda t, f, a, x: a.prod(),
    "sum": lambda t, f, a, x: a.sum(),
    "trace": lambda t, f, a, x: a.trace(),
    "cdist": lambda t, f, a, x: t.cdist(a, x),
    "prelu": lambda t, f, a, x: f.prelu(a, t.ones(1)),
    "cat": lambda t, f, a, x: t.cat([a, x]),
    "gelu": lambda t, f, a, x: f.gelu(a),
    "avg_pool3d": lambda t, f, a, x: f.avg_pool3d(a[None, None, None].expand(1, 1, 4, 4, 4), 2),
}


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("name", CALLS)
def test_precision_and_values_are_pytorchs(name, half):
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
    results = []
    for t in (torch, numbatorch):
        x = t.tensor(values)
        a = x.bfloat16() if half else x
        with t.autocast("cpu", dtype=t.bfloat16):
            results.append(CALLS[name](t, t.nn.functional, a, x))
    expected, found = results
    assert str(expected.dtype) == str(found.dtype)
    np.testing.assert_allclose(
        found.float().numpy(), expected.float().numpy(), rtol=2e-2, atol=2e-2
    )


def test_gradients_are_of_the_parameters_dtype():
    layer = numbatorch.nn.Linear(3, 2)
    x = numbatorch.ones(4, 3, requires_grad=True)
    with autocast("cpu"):
        y = layer(x) + layer(x)
        assert y.dtype is numbatorch.bfloat16
    y.float().sum().backward()
    assert layer.weight.grad.dtype is numbatorch.float32 and x.grad.dtype is numbatorch.float32
    np.testing.assert_allclose(layer.weight.grad.numpy(), np.full((2, 3), 8.0))


def test_blocks_nest_and_decorate():
    x = numbatorch.ones(2, 2)
    with autocast("cpu"):
        with autocast("cpu", enabled=False):
            assert (x @ x).dtype is numbatorch.float32
        with autocast("cpu", dtype=numbatorch.float16):
            assert (x @ x).dtype is numbatorch.float16
        assert (x @ x).dtype is numbatorch.bfloat16
        assert (x.double() @ x.double()).dtype is numbatorch.float64
        assert numbatorch.is_autocast_enabled("cpu") and not numbatorch.is_autocast_enabled("cuda")
    assert (x @ x).dtype is numbatorch.float32
    assert autocast("cpu")(lambda: (x @ x).dtype)() is numbatorch.bfloat16


def test_what_cannot_be_had():
    with pytest.raises(RuntimeError, match="device type"):
        autocast("nowhere")
    with (
        pytest.warns(UserWarning, match="target dtype is not supported"),
        autocast("cpu", dtype=numbatorch.float32),
    ):
        assert (numbatorch.ones(2, 2) @ numbatorch.ones(2, 2)).dtype is numbatorch.float32
    if not numbatorch.cuda.is_available():
        with pytest.warns(UserWarning, match="CUDA is not available"):
            autocast("cuda")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scaler = numbatorch.cuda.amp.GradScaler()
        assert not scaler.is_enabled() and scaler.scale(3.0) == 3.0


def test_custom_functions():
    seen = []

    class Double(numbatorch.autograd.Function):
        @staticmethod
        @custom_fwd(device_type="cpu", cast_inputs=numbatorch.float32)
        def forward(ctx, x):
            seen.append((x.dtype, numbatorch.is_autocast_enabled("cpu")))
            return x * 2

        @staticmethod
        @custom_bwd(device_type="cpu")
        def backward(ctx, grad):
            seen.append(numbatorch.is_autocast_enabled("cpu"))
            return grad * 2

    x = numbatorch.ones(2, requires_grad=True)
    with autocast("cpu"):
        y = Double.apply(x.bfloat16())
    y.sum().backward()
    assert seen == [(numbatorch.float32, False), False]
    assert x.grad.tolist() == [2.0, 2.0]


def test_scaler_on_the_cpu():
    weight = numbatorch.ones(1, requires_grad=True)
    optimizer = numbatorch.optim.SGD([weight], lr=1.0)
    scaler = GradScaler("cpu", init_scale=8.0, growth_interval=1)
    scaler.scale((weight * 3).sum()).backward()
    assert weight.grad.item() == 24.0
    scaler.step(optimizer)
    scaler.update()
    assert weight.item() == -2.0 and scaler.get_scale() == 16.0
    optimizer.zero_grad()
    scaler.scale((weight * float("inf")).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert weight.item() == -2.0 and scaler.get_scale() == 8.0
    again = GradScaler("cpu")
    again.load_state_dict(scaler.state_dict())
    assert again.get_scale() == 8.0


@pytest.mark.parametrize("seed", range(12))
def test_scaler_goes_the_way_of_pytorchs(seed):
    """Steps drawn at random, with overflows, errors, and other factors, beside PyTorch."""
    torch = pytest.importorskip("torch")

    def course(library):
        random = np.random.default_rng(seed)
        scaler = library.amp.GradScaler(
            "cpu", init_scale=float(random.choice([8.0, 3.0, 1e38])), growth_interval=int(random.integers(1, 4)),
            growth_factor=float(random.choice([2.0, 1.1])), backoff_factor=float(random.choice([0.5, 0.3])),
        )  # fmt: skip
        weight = library.ones(3, requires_grad=True)
        optimizer = library.optim.SGD([weight], lr=0.01)
        seen = []
        for _ in range(40):
            action = random.choice(
                [
                    "backward",
                    "inf",
                    "nan",
                    "unscale",
                    "step",
                    "update",
                    "update",
                    "set",
                    "clear",
                    "load",
                ]
            )
            try:
                if action in ("backward", "inf", "nan"):
                    factor = 1e-3 if action == "backward" else float(action)
                    scaler.scale((weight * factor).sum()).backward()
                elif action == "unscale":
                    scaler.unscale_(optimizer)
                elif action == "step":
                    scaler.step(optimizer)
                elif action == "update":
                    scaler.update()
                elif action == "set":
                    scaler.update(float(random.choice([4.0, 100.0])))
                elif action == "clear":
                    optimizer.zero_grad()
                else:
                    scaler.load_state_dict(scaler.state_dict())
            except (RuntimeError, AssertionError, ValueError) as error:
                seen.append((action, type(error).__name__))
                continue
            state = {k: float(v) for k, v in scaler.state_dict().items()}
            grad = None if weight.grad is None else weight.grad.tolist()
            seen.append((str(action), scaler.get_scale(), state, weight.tolist(), grad))
        return seen

    for ours, theirs in zip(course(numbatorch), course(torch)):
        np.testing.assert_equal(ours, theirs)


def test_gradients_in_float16_are_not_unscaled():
    weight = numbatorch.ones(1, dtype=numbatorch.float16, requires_grad=True)
    optimizer = numbatorch.optim.SGD([weight], lr=1.0)
    scaler = GradScaler("cpu", init_scale=8.0)
    scaler.scale(weight.sum()).backward()
    with pytest.raises(ValueError, match="FP16 gradients"):
        scaler.unscale_(optimizer)
