"""Adafactor and Muon beside PyTorch's."""

import numpy as np
import pytest

import numbatorch

torch = pytest.importorskip("torch")


def trajectory(t, name, shapes, **options):
    rng = np.random.default_rng(0)
    params = [
        t.tensor(rng.normal(size=shape).astype(np.float32)).requires_grad_() for shape in shapes
    ]
    optimizer = getattr(t.optim, name)(params, **options)
    for _ in range(5):
        optimizer.zero_grad()
        sum((p.sin() * p).sum() for p in params).backward()
        optimizer.step()
    return [p.detach().numpy() for p in params], optimizer


@pytest.mark.parametrize(
    "options",
    [{}, {"lr": 0.1, "weight_decay": 0.1}, {"maximize": True}, {"eps": (1e-6, 1e-2), "d": 1.5}],
)
def test_adafactor(options):
    shapes = [(3, 4), (5,), (2, 3, 4), ()]
    expected, theirs = trajectory(torch, "Adafactor", shapes, **options)
    found, ours = trajectory(numbatorch, "Adafactor", shapes, **options)
    for a, b in zip(expected, found):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)
    states = [sorted(o.state_dict()["state"][0]) for o in (theirs, ours)]
    assert states[0] == states[1]


@pytest.mark.parametrize(
    "options",
    [{}, {"lr": 0.1, "nesterov": False}, {"adjust_lr_fn": "match_rms_adamw", "weight_decay": 0}],
)
def test_muon(options):
    shapes = [(3, 4), (6, 2)]
    expected, _ = trajectory(torch, "Muon", shapes, **options)
    found, _ = trajectory(numbatorch, "Muon", shapes, **options)
    for a, b in zip(expected, found):  # the direction has the precision of bfloat16
        np.testing.assert_allclose(b, a, rtol=0, atol=0.1 * 5 * options.get("lr", 1e-3))


def test_errors():
    for t in (torch, numbatorch):
        with pytest.raises(ValueError, match="2D parameters"):
            t.optim.Muon([t.ones(3, requires_grad=True)])
        with pytest.raises(ValueError, match="beta2_decay"):
            t.optim.Adafactor([t.ones(3, requires_grad=True)], beta2_decay=1)
