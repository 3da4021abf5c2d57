"""Every layer and loss against PyTorch: repr, state, initial weights, outputs and gradients."""

import warnings

import pytest
from module_cases import CASES
from module_comparison import Library, assert_same_state, assert_same_values, run

import numbatorch

torch = pytest.importorskip("torch")

ALL = [
    pytest.param(make, inputs, id=f"{family} {place}")
    for family, cases in CASES.items()
    for place, (make, inputs) in enumerate(cases)
]


def build(library, make):
    """The module, made by ``library`` from the seed that all comparisons use."""
    library.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(library.nn)


@pytest.mark.parametrize("make, inputs", ALL)
def test_same_state_and_repr(make, inputs):
    ours, theirs = build(numbatorch, make), build(torch, make)
    assert repr(ours) == repr(theirs)
    assert_same_state(ours, theirs)


@pytest.mark.parametrize("make, inputs", ALL)
def test_same_outputs_and_gradients(make, inputs):
    ours, theirs = build(numbatorch, make).double(), build(torch, make).double()
    outputs, gradients = run(Library(numbatorch), ours, inputs)
    expected_outputs, expected_gradients = run(Library(torch), theirs, inputs)
    assert_same_values(outputs, expected_outputs, "output")
    assert gradients.keys() == expected_gradients.keys()
    for name, expected in expected_gradients.items():
        assert_same_values([gradients[name]], [expected], f"gradient of {name}")
    for (name, buffer), expected in zip(ours.named_buffers(), theirs.buffers()):
        assert_same_values([buffer.numpy()], [expected.numpy()], name)
