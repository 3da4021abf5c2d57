"""Calls drawn at random and made odd: numbatorch answers as PyTorch does.

The default run tries a few calls of any functions. NUMBATORCH_FUZZ_EXAMPLES is how many calls of every
function `-m slow` tries, and NUMBATORCH_FUZZ_SEED starts another sequence of them.
"""

import functools
import os
import random

import fuzz
import fuzz_judgement
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import numbatorch

EXAMPLES = int(os.environ.get("NUMBATORCH_FUZZ_EXAMPLES", "20"))
SEED = int(os.environ.get("NUMBATORCH_FUZZ_SEED", "0"))

#: What may differ: function -> kinds of difference, with the reason beside it.
EXPECTED = {
    "empty_like": {"VALUES"},  # nobody wrote to that memory
    "as_strided_scatter": {"gradient VALUES", "accepts"},  # PyTorch's gradient of input is src's
    "polygamma": {"VALUES", "gradient VALUES"},  # infinite at poles, where PyTorch is only large
    "hardsigmoid": {"gradient VALUES"},  # PyTorch rounds 1/6 to float32
    "nn.functional.hardsigmoid": {"gradient VALUES"},
    "__rsub__": {"type"},  # of a number, which PyTorch gives back to Python
    "gcd": {"VALUES"},  # PyTorch's signs of what the least number of a dtype divides
    "gradient": {"VALUES"},  # differences of whole numbers overflow in PyTorch
    "cdist": {"gradient count"},  # of nothing
    "linalg.cond": {"gradient count"},
    # vectors may have other signs, and the gradients follow them
    **dict.fromkeys(
        ("linalg.eigh", "linalg_eigh", "linalg_svd", "linalg.svd"), {"VALUES", "gradient VALUES"}
    ),
    # of singular matrices
    **dict.fromkeys(("linalg.tensorsolve", "linalg.lstsq.grad_oriented"), {"VALUES"}),
    "cumprod": {"gradient VALUES"},  # of infinities and NaNs
}

#: Differences that are no wrong numbers: what raises, and how.
LENIENT = ("accepts", "error type", "refuses", "requires_grad", "gradient requires_grad")

#: How many tests share the targets of PyTorch's databases.
SHARDS = 24


@functools.cache
def table_targets():
    """name -> target, of the functions that have samples here."""
    torch = pytest.importorskip("torch")
    return {target.name: target for target in fuzz.table_targets(torch)}


@functools.cache
def database_targets():
    """name -> target, of PyTorch's databases of ops and modules, and of the distributions."""
    pytest.importorskip("torch")
    pytest.importorskip("expecttest")
    import fuzz_database

    return fuzz_database.targets()


def difference(target, generator, calls):
    """What differs in number, dtype or shape in one call, as text; None where nothing does."""
    torch = pytest.importorskip("torch")
    call = fuzz.draw_call(generator, calls, fuzz.MILD)
    theirs = fuzz.run(target.reference, call, torch, target.writes)
    ours = fuzz.run(target.function, call, numbatorch, target.writes)
    found = fuzz.difference(theirs, ours, torch, call)
    name = target.name.removeprefix("db ")
    if found is None or found[0] in LENIENT or found[0] in EXPECTED.get(name, ()):
        return None
    if found[0] in ("VALUES", "gradient VALUES") and (
        fuzz_judgement.is_other_choice(target, name, call, theirs, ours, torch)
        or fuzz_judgement.is_rounding(target, call, theirs, ours, torch)
    ):
        return None
    return f"{name}{call}: {found[0]}: {found[1]}"


def differences(target):
    """What differs in EXAMPLES calls."""
    calls = target.calls()
    for example in range(EXAMPLES if calls else 0):
        yield difference(target, random.Random(f"{SEED} {example} {target.name}"), calls)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(fuzz.targets()))
def test_odd_calls(name):
    if name not in table_targets():
        pytest.skip("a name of numbatorch's own")
    assert not [text for text in differences(table_targets()[name]) if text]


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
def test_odd_calls_of_the_databases(shard):
    names = sorted(database_targets())[shard::SHARDS]
    found = [text for name in names for text in differences(database_targets()[name]) if text]
    assert not found, "\n".join(found)


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_few_odd_calls(data):
    target = table_targets()[data.draw(st.sampled_from(sorted(table_targets())))]
    found = difference(target, data.draw(st.randoms(use_true_random=False)), target.calls())
    assert found is None, found
