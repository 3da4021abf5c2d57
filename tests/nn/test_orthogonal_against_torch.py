"""`parametrizations.orthogonal`, `geqrf` and low-rank decompositions beside PyTorch."""

import numpy as np
import pytest

import numbatorch

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (2, 4, 3), (1, 1), (0, 3)])
def test_geqrf(shape, dtype):
    given = torch.randn(shape, dtype=getattr(torch, dtype))
    for theirs, ours in zip(torch.geqrf(given), numbatorch.geqrf(numbatorch.tensor(given.numpy()))):
        assert tuple(ours.shape) == tuple(theirs.shape)
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-13)


def trained(library, shape, orthogonal_map, use_trivialization):
    library.manual_seed(3)
    layer = library.nn.Linear(*shape).double()
    library.nn.utils.parametrizations.orthogonal(
        layer, orthogonal_map=orthogonal_map, use_trivialization=use_trivialization
    )
    optimizer = library.optim.SGD(layer.parameters(), lr=0.1)
    goal = library.linspace(-1, 1, shape[0] * shape[1], dtype=library.float64)
    weights = []
    for _ in range(3):
        optimizer.zero_grad()
        ((layer.weight - goal.reshape(layer.weight.shape)) ** 2).sum().backward()
        optimizer.step()
        weights.append(layer.weight.detach().numpy().copy())
    return sorted(layer.state_dict()), repr(layer), weights


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
@pytest.mark.parametrize(
    "orthogonal_map, use_trivialization",
    [
        (None, True),
        ("matrix_exp", True),
        ("cayley", True),
        ("householder", True),
        ("householder", False),
    ],
)
def test_training(shape, orthogonal_map, use_trivialization):
    theirs = trained(torch, shape, orthogonal_map, use_trivialization)
    ours = trained(numbatorch, shape, orthogonal_map, use_trivialization)
    assert ours[:2] == theirs[:2]
    np.testing.assert_allclose(ours[2], theirs[2], atol=1e-12)
    matrix = ours[2][-1] if shape[1] >= shape[0] else ours[2][-1].T
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(matrix.shape[1]), atol=1e-12)


@pytest.mark.parametrize(
    "wrong, error",
    [
        (lambda t, f: f(t.nn.Linear(2, 2), orthogonal_map="rotation"), ValueError),
        (lambda t, f: f(t.nn.Linear(2, 2), "bias"), ValueError),
        (lambda t, f: f(t.nn.Linear(2, 2), "weights"), ValueError),
        (
            lambda t, f: setattr(
                f(t.nn.Linear(2, 2), orthogonal_map="cayley", use_trivialization=False),
                "weight",
                t.eye(2),
            ),
            NotImplementedError,
        ),
        (
            lambda t, f: f(t.nn.Linear(2, 2, dtype=t.complex64), orthogonal_map="householder"),
            ValueError,
        ),
        (lambda t, f: setattr(f(t.nn.Linear(2, 2)), "weight", t.ones(3, 3)), ValueError),
    ],
)
def test_refusals(wrong, error):
    for library in (torch, numbatorch):
        with pytest.raises(error):
            wrong(library, library.nn.utils.parametrizations.orthogonal)


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (2, 6, 5)])
def test_low_rank(shape):
    given = np.random.default_rng(0).normal(size=shape)
    for name, options in [("svd_lowrank", {"q": 3}), ("pca_lowrank", {}), ("pca_lowrank", {"q": 2, "center": False})]:  # fmt: skip
        found = []
        for library in (torch, numbatorch):
            library.manual_seed(0)
            U, S, V = getattr(library, name)(library.tensor(given), **options)
            found.append((S, U @ library.diag_embed(S) @ V.mT))
        for theirs, ours in zip(*found):
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-10)
    with pytest.raises(ValueError, match="must be non-negative integer"):
        numbatorch.pca_lowrank(numbatorch.ones(3, 3), q=4)
