"""Functions of functions beside PyTorch's."""

import numpy as np
import pytest

import numbatorch

torch = pytest.importorskip("torch")

#: PyTorch warns of what it does itself.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

X = np.random.default_rng(0).normal(size=(4, 3))


def close(found, expected):
    """Whether nested results agree, in structure too."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            close(found[key], expected[key])
    elif isinstance(expected, tuple | list):
        assert type(found) is type(expected)
        assert len(found) == len(expected)
        for one, other in zip(found, expected):
            close(one, other)
    elif isinstance(expected, torch.Tensor):
        assert found.requires_grad == expected.requires_grad
        assert tuple(found.shape) == tuple(expected.shape)
        np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), atol=1e-10)
    else:
        assert found == expected


def scalar(t, x):
    return (x.sin() * x.exp()).sum() + (x[0] * x[-1]).prod()


def vector(t, x):
    return t.stack([x.sum() ** 2, (x * x).sum(), x.prod()])


CALLS = {
    "grad": lambda t, x: t.func.grad(lambda x: scalar(t, x))(x),
    "grad of a part": lambda t, x: t.func.grad(lambda x: scalar(t, x[:2]))(x),
    "grad twice": lambda t, x: t.func.grad(
        lambda x: t.func.grad(lambda x: scalar(t, x))(x).pow(2).sum())(x),
    "grad by two": lambda t, x: t.func.grad(lambda a, b: (a * b.sin()).sum(), (0, 1))(x, x + 1),
    "grad with aux": lambda t, x: t.func.grad(lambda x: (scalar(t, x), x * 2), has_aux=True)(x),
    "grad of a tree": lambda t, x: t.func.grad(
        lambda p: (p["a"] * p["b"][0]).sum())({"a": x, "b": [x + 1]}),
    "grad of nothing": lambda t, x: t.func.grad(lambda x: t.zeros((), dtype=t.float64))(x),
    "grad_and_value": lambda t, x: t.func.grad_and_value(lambda x: scalar(t, x))(x),
    "vjp": lambda t, x: (lambda out, f: (out, f(t.ones(3, dtype=t.float64))))(
        *t.func.vjp(lambda x: vector(t, x), x)),
    "vjp of two": lambda t, x: (lambda out, f: (out, f(out)))(
        *t.func.vjp(lambda a, b: (a * b, a.sum()), x, x + 1)),
    "jvp": lambda t, x: t.func.jvp(lambda x: vector(t, x), (x,), (x * 0 + 1,)),
    "jacrev": lambda t, x: t.func.jacrev(lambda x: vector(t, x))(x),
    "jacrev of two": lambda t, x: t.func.jacrev(lambda a, b: {"c": a * b, "d": b}, (0, 1))(x, x + 1),
    "jacfwd": lambda t, x: t.func.jacfwd(lambda x: vector(t, x))(x),
    "jacfwd of two": lambda t, x: t.func.jacfwd(lambda a, b: (a * b, b), (0, 1))(x, x + 1),
    "hessian": lambda t, x: t.func.hessian(lambda x: scalar(t, x))(x[0]),
    "vmap": lambda t, x: t.vmap(lambda x: vector(t, x))(x),
    "vmap of a dot": lambda t, x: t.vmap(t.dot)(x, x + 1),
    "vmap along 1": lambda t, x: t.vmap(lambda x: x * 2, 1, 1)(x),
    "vmap of some": lambda t, x: t.vmap(lambda a, b: a @ b, (0, None))(x, x.T),
    "vmap of a tree": lambda t, x: t.vmap(
        lambda p, y: {"s": p["a"] + y, "m": (p["a"] * y).sum()}, ({"a": 0}, None))({"a": x}, x[0]),
    "vmap of a vmap": lambda t, x: t.vmap(t.vmap(lambda a, b: a * b, (None, 0)), (0, None))(x[0], x[1]),
    "gradients of samples": lambda t, x: t.vmap(
        t.func.grad(lambda w, x: (w * x).sum().tanh()), (None, 0))(x[0], x),
    "jacobian of a batch": lambda t, x: t.vmap(t.func.jacrev(lambda x: vector(t, x)))(x),
    "vmap in chunks": lambda t, x: t.vmap(lambda x: x.sum(), chunk_size=2)(x),
    "linearize": lambda t, x: (lambda out, f: (out, f(x)))(
        *t.func.linearize(lambda x: vector(t, x), x)),
    "functional vjp": lambda t, x: t.autograd.functional.vjp(
        lambda x: vector(t, x), x, t.ones(3, dtype=t.float64)),
    "functional jvp": lambda t, x: t.autograd.functional.jvp(lambda x: vector(t, x), x, x),
    "functional jacobian": lambda t, x: t.autograd.functional.jacobian(
        lambda a, b: (vector(t, a), a * b), (x, x + 1)),
    "functional jacobian forward": lambda t, x: t.autograd.functional.jacobian(
        lambda a: vector(t, a), x, vectorize=True, strategy="forward-mode"),
    "functional hessian": lambda t, x: t.autograd.functional.hessian(lambda x: scalar(t, x), x),
    "functional hessian of two": lambda t, x: t.autograd.functional.hessian(
        lambda a, b: (a * b.sin()).sum(), (x[0], x[1])),
    "functional vhp": lambda t, x: t.autograd.functional.vhp(lambda x: scalar(t, x), x, x),
    "functional hvp": lambda t, x: t.autograd.functional.hvp(lambda x: scalar(t, x), x, x),
    "functional jacobian recorded": lambda t, x: t.autograd.functional.jacobian(
        lambda x: vector(t, x), x.requires_grad_(), create_graph=True),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_calls(call):
    close(call(numbatorch, numbatorch.tensor(X)), call(torch, torch.tensor(X)))


@pytest.mark.parametrize("call", list(CALLS.values())[:3], ids=list(CALLS)[:3])
def test_the_user_differentiates_on(call):
    results = []
    for t in (torch, numbatorch):
        x = t.tensor(X, requires_grad=True)
        call(t, x).sum().backward()
        results.append(x.grad)
    close(results[1], results[0])


def test_captured_parameters_stay_differentiable():
    results = []
    for t in (torch, numbatorch):
        w = t.tensor(X[0], requires_grad=True)
        found = t.func.grad(lambda x: (w * x * x).sum())(t.tensor(X[1]))  # noqa: B023
        assert found.requires_grad
        found.sum().backward()
        results.append(w.grad)
    close(results[1], results[0])


def test_modules_are_called_with_other_parameters():
    results = []
    for t in (torch, numbatorch):
        t.manual_seed(0)
        models = [t.nn.Linear(3, 2) for _ in range(3)]
        parameters, buffers = t.func.stack_module_state(models)
        assert buffers == {}
        x = t.tensor(X, dtype=t.float32)
        found = t.vmap(lambda p: t.func.functional_call(models[0], p, (x,)))(parameters)  # noqa: B023
        results.append(found)
    np.testing.assert_allclose(results[1].detach().numpy(), results[0].detach().numpy(), rtol=1e-5)


def test_random_numbers_in_a_batch():
    x = numbatorch.zeros(3)
    with pytest.raises(RuntimeError, match="randomness"):
        numbatorch.vmap(lambda x: x + numbatorch.randn(()))(x)
    same = numbatorch.vmap(lambda x: x + numbatorch.randn(()), randomness="same")(x)
    assert len(set(same.tolist())) == 1
    other = numbatorch.vmap(lambda x: x + numbatorch.randn(()), randomness="different")(x)
    assert len(set(other.tolist())) == 3


BAD = {
    "not scalar": lambda t: t.func.grad(lambda x: x)(t.ones(2)),
    "not a tensor": lambda t: t.func.grad(lambda x: 1.0)(t.ones(2)),
    "argnums": lambda t: t.func.grad(lambda x: x.sum(), argnums=3)(t.ones(2)),
    "sizes": lambda t: t.vmap(lambda a, b: a)(t.ones(2), t.ones(3)),
    "in_dims": lambda t: t.vmap(lambda a: a, in_dims=2)(t.ones(2)),
    "nothing mapped": lambda t: t.vmap(lambda a: a, in_dims=None)(t.ones(2)),
    "tangents": lambda t: t.func.jvp(lambda x: x, (t.ones(2),), (t.ones(3),)),
    "structure": lambda t: t.func.jvp(lambda x: x, (t.ones(2),), (t.ones(2), t.ones(2))),
    "v": lambda t: t.autograd.functional.vjp(lambda x: x, t.ones(2)),
    "v size": lambda t: t.autograd.functional.jvp(lambda x: x, t.ones(2), t.ones(3)),
    "no scalar": lambda t: t.autograd.functional.hessian(lambda x: x, t.ones(2)),
    "type": lambda t: t.autograd.functional.jacobian(lambda x: x, [1.0]),
    "strict": lambda t: t.autograd.functional.jacobian(
        lambda x: t.zeros(2, requires_grad=True) * 1, t.ones(2), strict=True),
}  # fmt: skip


@pytest.mark.parametrize("call", BAD.values(), ids=BAD)
def test_what_is_refused(call):
    with pytest.raises(Exception) as expected:  # noqa: PT011, B017
        call(torch)
    with pytest.raises(expected.type):
        call(numbatorch)
