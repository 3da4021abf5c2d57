"""Calls drawn at random and made odd: numbatorch answers as PyTorch does.

The default run tries a few calls of any functions. NUMBATORCH_FUZZ_EXAMPLES is how many calls of every
function `-m slow` tries, and NUMBATORCH_FUZZ_SEED starts another sequence of them.
"""

import os
import random

import fuzz
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from op_table import Maker

import numbatorch

EXAMPLES = int(os.environ.get("NUMBATORCH_FUZZ_EXAMPLES", "20"))
SEED = int(os.environ.get("NUMBATORCH_FUZZ_SEED", "0"))

#: What may differ: function -> kinds of difference, with the reason beside it.
EXPECTED = {
    "empty_like": {"VALUES"},  # nobody wrote to that memory
    "as_strided_scatter": {"gradient VALUES", "accepts"},  # PyTorch's gradient of input is src's
    "polygamma": {"VALUES", "gradient VALUES"},  # infinite at poles, where PyTorch is only large
    "hardsigmoid": {"gradient VALUES"},  # PyTorch rounds 1/6 to float32
    "cumprod": {"gradient VALUES"},  # of infinities and NaNs
    # PyTorch promises no order of equal elements
    **dict.fromkeys(("sort", "argsort", "topk", "kthvalue", "mode"), {"VALUES", "gradient VALUES"}),
}

#: Differences that are no wrong numbers: what raises, and how.
LENIENT = ("accepts", "error type", "refuses", "requires_grad", "gradient requires_grad")

TARGETS = fuzz.targets()


def check(torch, name, call):
    """AssertionError where the frameworks give different numbers, dtypes or shapes."""
    function, reference = (fuzz.resolve(name, t, torch) for t in (numbatorch, torch))
    if reference is None:
        return  # a name of numbatorch's own
    inplace = name.endswith("_")
    theirs = fuzz.run(reference, call, torch, inplace)
    ours = fuzz.run(function, call, numbatorch, inplace)
    found = fuzz.difference(theirs, ours, torch, call)
    if found is None or found[0] in LENIENT or found[0] in EXPECTED.get(name, ()):
        return
    raise AssertionError(f"{name}{call}: {found[0]}: {found[1]}")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TARGETS))
def test_odd_calls(name):
    torch = pytest.importorskip("torch")
    samples = list(TARGETS[name](Maker()))
    for example in range(EXAMPLES):
        generator = random.Random(f"{SEED} {example} {name}")
        check(torch, name, fuzz.draw_call(generator, samples, fuzz.MILD))


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(TARGETS)), st.randoms(use_true_random=False))
def test_a_few_odd_calls(name, generator):
    torch = pytest.importorskip("torch")
    samples = list(TARGETS[name](Maker()))
    check(torch, name, fuzz.draw_call(generator, samples, fuzz.MILD))
