"""Every layer and loss under `compile`: outputs, gradients and buffers of a replay equal eager mode's to
the bit, and all but those listed here are replayed.

The default run takes every sixth; `-m slow` the others.
"""

import copy
import sys
import warnings
from pathlib import Path

import pytest

import numbatorch as torch
from numbatorch.compiler import CompileWarning

sys.path.append(str(Path(__file__).parents[1] / "nn"))

from module_cases import CASES  # noqa: E402
from module_comparison import Library, run  # noqa: E402

#: Modules that break the graph, and why.
BROKEN = {
    "normalization 2": "the host reads how many batches there were",
    **dict.fromkeys(("pooling 22", "pooling 23"), "unpooling checks its indices on the host"),
    **dict.fromkeys([f"embedding {i}" for i in (2, 4, 5, 6, 7, 8)], "bags, norms: host loops"),
    **dict.fromkeys(("loss 26", "loss 27"), "the host checks the range of values"),
    **dict.fromkeys([f"loss {i}" for i in range(32, 37)], "the host checks the labels"),
    **dict.fromkeys(("adaptive 0", "adaptive 1"), "shapes depend on the labels"),
}

ALL = [
    pytest.param(make, inputs, id=f"{family} {place}")
    for family, cases in CASES.items()
    for place, (make, inputs) in enumerate(cases)
]


def scaled(inputs, factor):
    """Inputs of the same form with other numbers."""
    return [x * factor if x.dtype.kind == "f" else x for x in inputs]


def same(found, expected):
    (outputs, gradients), (others, other_gradients) = found, expected
    gradients = {name.removeprefix("_orig_mod."): value for name, value in gradients.items()}
    pairs = [*zip(outputs, others, strict=True)]
    pairs += [(gradients[name], other_gradients[name]) for name in gradients]
    assert gradients.keys() == other_gradients.keys()
    return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in pairs)


@pytest.mark.parametrize("make, inputs", ALL[::6])
def test_sampled_modules(make, inputs, request):
    check(make, inputs, request.node.callspec.id)


@pytest.mark.slow
@pytest.mark.parametrize("make, inputs", ALL)
def test_all_modules(make, inputs, request):
    check(make, inputs, request.node.callspec.id)


def check(make, inputs, name):
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = make(torch.nn).double()
    twin = copy.deepcopy(module)
    compiled = torch.compile(twin)
    library = Library(torch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompileWarning)
        for seed, factor in enumerate((1.0, 0.5, 0.75, 0.25)):
            for one in (module, twin):
                one.zero_grad()
            expected = run(library, module, scaled(inputs, factor), seed)
            found = run(library, compiled, scaled(inputs, factor), seed)
            assert same(found, expected), f"call {seed}"
            for mine, other in zip(twin.buffers(), module.buffers()):
                assert mine.numpy().tobytes() == other.numpy().tobytes(), f"call {seed}"
    function = compiled._compiled
    reasons = [str(error) for error in function.breaks]
    assert (len(function.plans) == 1) == (name not in BROKEN), reasons
