"""Programs drawn at random: views, writes in place, broadcasting, reductions and products in any order
give under `compile` what they give in eager mode, to the bit, with their gradients."""

import warnings
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_compiled import equal

import numbatorch as torch
from numbatorch.nn import functional as F

UNARY = (
    "neg", "abs", "sin", "tanh", "sigmoid", "relu", "square", "exp", "clone", "t", "contiguous",
)  # fmt: skip
BINARY = ("add", "sub", "mul", "maximum", "minimum", "atan2")
IN_PLACE = ("add_", "mul_", "sub_", "copy_")
REDUCTIONS = ("sum", "mean", "amax", "logsumexp", "std")

index = st.integers(0, 99)
statement = st.one_of(
    st.tuples(st.just("unary"), st.sampled_from(UNARY), index),
    st.tuples(st.just("binary"), st.sampled_from(BINARY), index, index),
    st.tuples(st.just("number"), st.sampled_from(BINARY[:3]), index, st.floats(-2, 2, width=16)),
    st.tuples(st.just("in place"), st.sampled_from(IN_PLACE), index, index),
    st.tuples(st.just("reduction"), st.sampled_from(REDUCTIONS), index, st.integers(0, 1)),
    st.tuples(st.just("product"), st.just(""), index, index),
    st.tuples(st.just("slice"), st.just(""), index, st.integers(0, 3), st.integers(1, 3)),
    st.tuples(st.just("cat"), st.just(""), index, index),
    st.tuples(st.just("softmax"), st.just(""), index, st.integers(0, 1)),
    st.tuples(st.just("layer_norm"), st.just(""), index),
    st.tuples(st.just("dropout"), st.just(""), index),
)


def run_program(statements, x, w):
    """All values are 4x4, or broadcast to it; results of the last few statements."""
    values = [x, w, x * 0.5]

    for kind, name, first, *rest in statements:
        a = values[first % len(values)]
        b = values[rest[0] % len(values)] if kind in ("binary", "in place", "product", "cat") else a
        if kind == "unary":
            found = getattr(a, name)()
        elif kind == "binary":
            found = getattr(torch, name)(a, b)
        elif kind == "number":
            found = getattr(torch, name)(a, rest[0])
        elif kind == "in place":
            if a is x or a is w or a.shape != (4, 4):
                a = a + torch.zeros(4, 4)
                values.append(a)
            found = getattr(a, name)(b.detach() if b is a else b)
        elif kind == "reduction":
            found = getattr(a, name)(rest[0], keepdim=True)
        elif kind == "product":
            found = a.expand(4, 4) @ b.expand(4, 4)
        elif kind == "slice":
            found = a.expand(4, 4)[:, rest[0] : rest[0] + 1] + a.expand(4, 4)[::4]
        elif kind == "cat":
            found = torch.cat([a.expand(4, 4)[:2], b.expand(4, 4)[2:]])
        elif kind == "softmax":
            found = a.softmax(rest[0])
        elif kind == "layer_norm":
            found = F.layer_norm(a.expand(4, 4), (4,))
        else:
            found = F.dropout(a, 0.5)
        values.append(found)
    return values[-3:]


class Gradients(NamedTuple):
    """Of x and w through several results of a forward pass, which may be added in another order."""

    x: torch.Tensor | None
    w: torch.Tensor | None


def inputs(seed):
    """x and w, and the generator seeded for the program."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(4, 4, generator=generator, requires_grad=True)
    w = torch.randn(4, 1, generator=generator, requires_grad=True)
    torch.manual_seed(seed)
    return x, w


def outcome(function, statements, seed):
    """Results and gradients, or the class of what was raised."""
    x, w = inputs(seed)
    try:
        results = function(statements, x, w)
        total = sum([part.expand(4, 4).sum() for part in results])
        total.backward()
    except RuntimeError as error:
        return type(error)
    gradients = Gradients(x.grad, w.grad)
    return [r.detach() for r in results], gradients, torch.get_rng_state()


def step(statements, x, w):
    results = run_program(statements, x, w)
    total = sum([part.expand(4, 4).sum() for part in results])
    return (*results, *torch.autograd.grad(total, (x, w), allow_unused=True))


def whole(function, statements, seed):
    x, w = inputs(seed)
    try:
        return [None if r is None else r.detach() for r in function(statements, x, w)]
    except RuntimeError as error:
        return type(error)


def same(first, second, rounding=0.0):
    """Equal to the bit, or up to a part of the largest number; NaN is NaN."""
    if isinstance(first, torch.Tensor):
        first, second = first.nan_to_num(123.0), second.nan_to_num(123.0)
        if not rounding or torch.equal(first, second):
            return torch.equal(first, second)
        return (first - second).abs().max() <= rounding * second.abs().max()
    if isinstance(first, Gradients):
        rounding = 1e-6
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(
            same(a, b, rounding) for a, b in zip(first, second)
        )
    return equal(first, second)


@pytest.mark.parametrize("run, function", [(outcome, run_program), (whole, step)])
@settings(
    max_examples=15, deadline=None, suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)  # fmt: skip
@given(statements=st.lists(statement, min_size=1, max_size=9))
def test_a_program(run, function, statements):
    compiled = torch.compile(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of breaks, and of deviations of one number
        for seed in range(4):
            assert same(run(compiled, statements, seed), run(function, statements, seed))
