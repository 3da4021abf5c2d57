"""Every op of the table under `compile`: values and gradients of a replay equal eager mode's to the
bit, and all ops but those listed here are replayed.

The default run takes every eighth op; `-m slow` the others.
"""

import itertools
import warnings

import pytest
from op_table import Maker, host, rows

import numbatorch as torch
from numbatorch.compiler import CompileWarning

#: Ops that break the graph, and why.
BROKEN = {
    "masked_scatter": "how many elements are taken depends on values",
    "masked_select": "the shape of the result depends on values",
    "linalg_lstsq": "the rank is counted on the host",
    "linalg_lu": "a kernel walks memory that is no tensor's",
    "linalg_lu_solve": "a kernel walks memory that is no tensor's",
    "linalg_matrix_exp": "how often it squares depends on a norm",
}
#: Ops of which some samples break the graph, and why: (op, sample).
BROKEN_SAMPLES = {
    ("index_fill", 1): "a value that is a tensor: which indices are distinct depends on values",
    ("repeat_interleave", 2): "the shape of the result depends on values",
    ("topk", 2): "how many is a tensor",
}
ROWS = list(rows())


def tensors_in(item):
    if isinstance(item, torch.Tensor):
        return [item]
    if isinstance(item, list | tuple):
        return list(itertools.chain.from_iterable(map(tensors_in, item)))
    return []


def evaluate(called, sample):
    """Results, the gradients that go back from them, and the arguments as they are afterwards."""
    args = list(sample.args)
    given = tensors_in(args)
    if sample.prepare is not None:
        args[0] = sample.prepare(args[0])
    torch.manual_seed(3)
    raw = called(*args)
    outputs = tensors_in(raw if sample.finish is None else sample.finish(raw))
    found = [type(raw), *[host(y) for y in outputs]]
    followed = [y for y in outputs if y.requires_grad]
    if followed:
        tangents = [torch.linspace(1, 2, y.numel()).reshape(y.shape).to(y.dtype) for y in followed]
        leaves = [x for x in given if x.requires_grad]
        gradients = torch.autograd.grad(followed, leaves, tangents, allow_unused=True)
        found += [None if g is None else host(g) for g in gradients]
    return found + [host(x) for x in given]


def same(first, second):
    if isinstance(first, type) or first is None or second is None:
        return first is second
    return (
        first.shape == second.shape
        and first.dtype == second.dtype
        and first.tobytes() == second.tobytes()
    )


def with_keywords(function, kwargs):
    def called(*args):
        return function(*args, **kwargs)

    return called


def check(name, function, generate, count):
    """Compare a replay with eager mode on the first samples of an op, with other numbers each time."""
    for i in range(count):
        samples = [
            next(itertools.islice(generate(Maker(seed)), i, None), None) for seed in range(4)
        ]
        if samples[0] is None:
            break
        kwargs = samples[0].kwargs
        if tensors_in(list(kwargs.values())):
            continue

        called = with_keywords(function, kwargs)
        compiled = torch.compile(called)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CompileWarning)
            for sample in samples[:2]:
                evaluate(compiled, sample)
            found = evaluate(compiled, samples[2])
        expected = evaluate(called, next(itertools.islice(generate(Maker(2)), i, None)))
        assert len(found) == len(expected), f"sample {i}"
        assert all(map(same, found, expected)), f"sample {i}"
        reasons = [str(error) for error in compiled.breaks]
        breaks = name in BROKEN or (name, i) in BROKEN_SAMPLES
        assert (len(compiled.plans) == 1) != breaks, f"sample {i}: {reasons}"


@pytest.mark.parametrize("row", ROWS[::8], ids=lambda row: row[0])
def test_sampled_ops(row):
    check(*row, count=1)


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_all_ops(row):
    check(*row, count=3)
