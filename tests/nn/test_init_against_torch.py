"""The initialisers draw what PyTorch draws."""

import warnings

import numpy as np
import pytest

import numbatorch

torch = pytest.importorskip("torch")

CASES = {
    "uniform": ((3, 4), lambda init, w: init.uniform_(w, -1, 2)),
    "normal": ((5, 7), lambda init, w: init.normal_(w, 0.5, 2)),
    "short normal": ((3,), lambda init, w: init.normal_(w)),
    "trunc_normal": ((50, 20), lambda init, w: init.trunc_normal_(w)),
    "narrow trunc_normal": ((50, 20), lambda init, w: init.trunc_normal_(w, std=0.02)),
    "trunc_normal by rejection from uniform": (
        (50, 20),
        lambda init, w: init.trunc_normal_(w, 0.0, 1.0, -0.1, 0.3),
    ),
    "trunc_normal in a tail": ((50, 20), lambda init, w: init.trunc_normal_(w, 0.0, 1.0, 1.0, 9.0)),
    "constant": ((3, 4), lambda init, w: init.constant_(w, 2.5)),
    "ones": ((3, 4), lambda init, w: init.ones_(w)),
    "zeros": ((3, 4), lambda init, w: init.zeros_(w)),
    "eye": ((3, 4), lambda init, w: init.eye_(w)),
    "dirac": ((4, 2, 3, 3), lambda init, w: init.dirac_(w)),
    "grouped dirac": ((4, 2, 3), lambda init, w: init.dirac_(w, groups=2)),
    "xavier_uniform": ((4, 2, 3, 3), lambda init, w: init.xavier_uniform_(w, gain=1.5)),
    "xavier_normal": ((4, 20), lambda init, w: init.xavier_normal_(w)),
    "kaiming_uniform": ((4, 2, 3), lambda init, w: init.kaiming_uniform_(w, a=0.2)),
    "kaiming_normal": (
        (4, 20),
        lambda init, w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
    ),
    "sparse": ((9, 5), lambda init, w: init.sparse_(w, 0.4)),
    "deprecated name": ((3, 4), lambda init, w: init.xavier_uniform(w)),
}


def draw(library, shape, initialise):
    library.manual_seed(3)
    weight = library.nn.Parameter(library.empty(shape))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert initialise(library.nn.init, weight) is weight
    return weight.detach().numpy()


@pytest.mark.parametrize("name", CASES)
def test_same_draws(name):
    shape, initialise = CASES[name]
    np.testing.assert_array_equal(
        draw(numbatorch, shape, initialise), draw(torch, shape, initialise)
    )


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (6, 2), (4, 3, 2)])
def test_same_orthogonal_matrices(shape):
    def initialise(init, weight):
        return init.orthogonal_(weight, gain=1.5)

    np.testing.assert_allclose(
        draw(numbatorch, shape, initialise), draw(torch, shape, initialise), atol=2e-6
    )


@pytest.mark.parametrize(
    "arguments",
    [("linear",), ("conv2d",), ("sigmoid",), ("tanh",), ("relu",), ("selu",), ("leaky_relu", 0.3)],
)
def test_same_gains(arguments):
    ours = numbatorch.nn.init.calculate_gain(*arguments)
    assert ours == torch.nn.init.calculate_gain(*arguments)


def test_generators_are_used():
    weight = numbatorch.empty(3)
    numbatorch.nn.init.uniform_(weight, generator=numbatorch.Generator().manual_seed(5))
    expected = torch.empty(3)
    torch.nn.init.uniform_(expected, generator=torch.Generator().manual_seed(5))
    assert weight.tolist() == expected.tolist()


def test_empty_tensors_are_left_alone():
    with pytest.warns(UserWarning, match="zero-element"):
        numbatorch.nn.init.kaiming_uniform_(numbatorch.empty(0, 3))
