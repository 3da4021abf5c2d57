"""Bad input raises what PyTorch raises, before a kernel runs, and says what was wrong."""

import importlib.util

import pytest

import numbatorch

#: (what is wrong, the call, the exception, words that the message must have)
CASES = [
    ("add: shapes", lambda t: t.ones(2, 3) + t.ones(4), RuntimeError, "must match"),
    ("mul_: shape grows", lambda t: t.ones(1).mul_(t.ones(3)), RuntimeError, "broadcast shape"),
    ("add_: float into int", lambda t: t.ones(2).long().add_(1.5), RuntimeError, "can't be cast"),
    ("sub: bools", lambda t: t.ones(2).bool() - t.ones(2).bool(), RuntimeError, "bool"),
    ("and: floats", lambda t: t.ones(2) & t.ones(2), (RuntimeError, TypeError), ""),
    ("add: a string", lambda t: t.add(t.ones(2), "a"), TypeError, ""),
    ("operator with a string", lambda t: t.ones(2) + "a", TypeError, ""),
    ("matmul: inner sizes", lambda t: t.ones(2, 3) @ t.ones(2, 3), RuntimeError, "2x3"),
    ("matmul: dtypes", lambda t: t.ones(2, 2) @ t.ones(2, 2).double(), RuntimeError, ""),
    ("matmul: scalar", lambda t: t.matmul(t.tensor(1.0), t.ones(2)), RuntimeError, ""),
    ("mm: rank", lambda t: t.mm(t.ones(2), t.ones(2, 2)), RuntimeError, ""),
    ("bmm: batch", lambda t: t.bmm(t.ones(2, 3, 4), t.ones(3, 4, 5)), RuntimeError, ""),
    ("linear: sizes", lambda t: t.nn.Linear(3, 2)(t.ones(4, 5)), RuntimeError, ""),
    ("sum: dim", lambda t: t.ones(2, 3).sum(2), IndexError, "out of range"),
    ("softmax: dim", lambda t: t.ones(2, 3).softmax(-3), IndexError, "out of range"),
    ("max of nothing", lambda t: t.ones(0).max(), RuntimeError, ""),
    ("argmax of an empty dim", lambda t: t.ones(2, 0).argmax(1), IndexError, ""),
    ("sum: a dim twice", lambda t: t.ones(2, 3).sum((0, 0)), RuntimeError, "multiple times"),
    ("amax of an empty dim", lambda t: t.ones(2, 0).amax(1), IndexError, "non-zero size"),
    ("max of complex", lambda t: t.ones(2).cfloat().max(), RuntimeError, ""),
    ("argmax of nothing", lambda t: t.ones(0).argmax(), IndexError, ""),
    ("kthvalue: k", lambda t: t.ones(3).kthvalue(4), RuntimeError, "out of range"),
    ("median of an empty dim", lambda t: t.ones(2, 0).median(1), IndexError, ""),
    ("quantile: q", lambda t: t.ones(3).quantile(1.5), RuntimeError, ""),
    ("quantile of ints", lambda t: t.ones(3).long().quantile(0.5), RuntimeError, ""),
    ("var of ints", lambda t: t.ones(3).long().var(), RuntimeError, ""),
    ("norm: infinity of nothing", lambda t: t.ones(0).norm(float("inf")), RuntimeError, ""),
    ("softmax of ints", lambda t: t.ones(3).long().softmax(0), RuntimeError, "Long"),
    ("logcumsumexp of ints", lambda t: t.ones(3).long().logcumsumexp(0), RuntimeError, ""),
    ("cumsum: dim", lambda t: t.ones(3).cumsum(1), IndexError, "out of range"),
    ("diff of a number", lambda t: t.tensor(1.0).diff(), RuntimeError, ""),
    ("mean of ints", lambda t: t.ones(2).long().mean(), RuntimeError, ""),
    ("view: size", lambda t: t.ones(6).view(4), RuntimeError, "invalid for input of size 6"),
    ("view: strides", lambda t: t.ones(2, 3).t().view(6), RuntimeError, "view size"),
    ("reshape: two unknown", lambda t: t.ones(6).reshape(-1, -1), RuntimeError, "one dimension"),
    ("expand", lambda t: t.ones(2, 3).expand(4, 3), RuntimeError, "non-singleton dimension"),
    ("permute: twice", lambda t: t.ones(2, 3).permute(0, 0), RuntimeError, "duplicate"),
    ("transpose: dim", lambda t: t.ones(2, 3).transpose(0, 5), IndexError, "out of range"),
    ("squeeze: dim", lambda t: t.ones(2).squeeze(3), IndexError, "out of range"),
    ("cat: shapes", lambda t: t.cat([t.ones(2, 3), t.ones(2, 4)]), RuntimeError, ""),
    ("cat: nothing", lambda t: t.cat([]), (RuntimeError, ValueError), ""),
    ("stack: shapes", lambda t: t.stack([t.ones(2), t.ones(3)]), RuntimeError, ""),
    ("split: sizes", lambda t: t.ones(5).split([2, 2]), RuntimeError, ""),
    ("index: too large", lambda t: t.ones(3)[3], IndexError, "out of bounds"),
    ("index: too many", lambda t: t.ones(3)[0, 0], IndexError, "too many indices"),
    ("index: tensor out of range", lambda t: t.ones(3)[t.tensor([0, 3])], IndexError, ""),
    ("index: float tensor", lambda t: t.ones(3)[t.tensor([0.0])], IndexError, ""),
    ("index: mask shape", lambda t: t.ones(3)[t.ones(4).bool()], IndexError, ""),
    ("set item: shape", lambda t: t.ones(3).__setitem__(slice(0, 2), t.ones(3)), RuntimeError, ""),
    ("gather: index range", lambda t: t.ones(3).gather(0, t.tensor([5])), RuntimeError, ""),
    ("gather: dtype", lambda t: t.ones(3).gather(0, t.tensor([0.0])), RuntimeError, ""),
    ("index_select: range", lambda t: t.ones(3).index_select(0, t.tensor([3])), IndexError, ""),
    ("scatter_: range", lambda t: t.ones(3).scatter_(0, t.tensor([7]), 1.0), RuntimeError, ""),
    ("masked_fill: dtype", lambda t: t.ones(3).masked_fill(t.ones(3), 0), RuntimeError, ""),
    ("where: dtype", lambda t: t.where(t.ones(2), t.ones(2), t.ones(2)), RuntimeError, "boolean"),
    ("embedding: range", lambda t: t.nn.Embedding(3, 2)(t.tensor([3])), IndexError, ""),
    ("embedding: dtype", lambda t: t.nn.Embedding(3, 2)(t.tensor([1.0])), RuntimeError, ""),
    ("one_hot: range", lambda t: t.nn.functional.one_hot(t.tensor([3]), 2), RuntimeError, ""),
    ("topk: k", lambda t: t.ones(3).topk(4), RuntimeError, ""),
    ("conv2d: channels", lambda t: t.nn.Conv2d(3, 4, 3)(t.ones(1, 2, 8, 8)), RuntimeError, "channels"),
    ("conv2d: rank", lambda t: t.nn.Conv2d(3, 4, 3)(t.ones(3)), RuntimeError, ""),
    ("conv2d: too small", lambda t: t.nn.Conv2d(1, 1, 5)(t.ones(1, 1, 3, 3)), RuntimeError, ""),
    ("conv2d: dtype", lambda t: t.nn.Conv2d(1, 1, 1)(t.ones(1, 1, 3, 3).double()), RuntimeError, ""),
    ("max_pool2d: rank", lambda t: t.nn.MaxPool2d(2)(t.ones(3)), (RuntimeError, IndexError), ""),
    ("max_pool2d: padding", lambda t: t.nn.MaxPool2d(2, padding=2)(t.ones(1, 4, 4)), RuntimeError, ""),
    ("batch_norm: one value", lambda t: t.nn.BatchNorm1d(3)(t.ones(1, 3)), ValueError, ""),
    ("batch_norm: channels", lambda t: t.nn.BatchNorm2d(3)(t.ones(2, 4, 5, 5)), RuntimeError, ""),
    ("layer_norm: shape", lambda t: t.nn.LayerNorm(3)(t.ones(2, 4)), RuntimeError, ""),
    ("dropout: probability", lambda t: t.nn.functional.dropout(t.ones(2), 1.5), ValueError, ""),
    ("LSTM: features", lambda t: t.nn.LSTM(3, 4)(t.ones(2, 1, 5)), RuntimeError, ""),
    (
        "nll_loss: label",
        lambda t: t.nn.functional.nll_loss(t.ones(2, 3), t.tensor([0, 3])),
        IndexError,
        "out of bounds",
    ),
    (
        "cross_entropy: negative label",
        lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.tensor([0, -1])),
        IndexError,
        "out of bounds",
    ),
    (
        "cross_entropy: batch sizes",
        lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.tensor([0])),
        ValueError,
        "batch_size",
    ),
    (
        "cross_entropy: label dtype",
        lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.tensor([0, 1]).int()),
        RuntimeError,
        "",
    ),
    (
        "bce: target above one",
        lambda t: t.nn.functional.binary_cross_entropy(t.ones(2), t.tensor([0.0, 2.0])),
        RuntimeError,
        "between 0 and 1",
    ),
    (
        "bce: target not a number",
        lambda t: t.nn.functional.binary_cross_entropy(t.ones(1), t.tensor([float("nan")])),
        RuntimeError,
        "between 0 and 1",
    ),
    (
        "bce: input outside",
        lambda t: t.nn.functional.binary_cross_entropy(t.tensor([-0.5]), t.ones(1)),
        RuntimeError,
        "between 0 and 1",
    ),
    ("bce: shapes", lambda t: t.nn.BCELoss()(t.ones(2), t.ones(3)), ValueError, ""),
    ("item of many", lambda t: t.ones(2).item(), RuntimeError, "cannot be converted to Scalar"),
    ("truth of many", lambda t: bool(t.ones(2)), RuntimeError, "ambiguous"),
    ("len of a scalar", lambda t: len(t.tensor(1)), TypeError, "0-d"),
    ("iterate a scalar", lambda t: list(t.tensor(1)), TypeError, "0-d"),
    ("tensor of None", lambda t: t.tensor(None), RuntimeError, "NoneType"),
    ("tensor of strings", lambda t: t.tensor(["a"]), (TypeError, ValueError), ""),
    ("ragged tensor", lambda t: t.tensor([[1], [1, 2]]), ValueError, ""),
    ("negative size", lambda t: t.zeros(-1), RuntimeError, "negative"),
    ("arange: step", lambda t: t.arange(0, 1, 0), RuntimeError, "nonzero"),
    ("arange: direction", lambda t: t.arange(0, 5, -1), RuntimeError, ""),
    ("multinomial: too many", lambda t: t.multinomial(t.ones(2), 3), RuntimeError, ""),
    ("multinomial: negative", lambda t: t.multinomial(t.tensor([-1.0, 2.0]), 1), RuntimeError, ""),
    ("bernoulli: probability", lambda t: t.bernoulli(t.tensor([1.5])), RuntimeError, ""),
    ("normal: std", lambda t: t.ones(2).normal_(0, -1), RuntimeError, ""),
    ("randint: empty range", lambda t: t.randint(3, 3, (2,)), RuntimeError, ""),
    ("numpy with gradient", lambda t: t.ones(2, requires_grad=True).numpy(), RuntimeError, "detach"),
    ("grad of ints", lambda t: t.ones(2).long().requires_grad_(), RuntimeError, "floating point"),
    ("grad: wrong shape", lambda t: setattr(t.ones(2), "grad", t.ones(3)), RuntimeError, ""),
    ("grad: wrong type", lambda t: setattr(t.ones(2), "grad", 3), TypeError, ""),
    ("backward: not a scalar", lambda t: t.ones(2, requires_grad=True).backward(), RuntimeError, "scalar"),
    ("backward: no graph", lambda t: t.ones(1).backward(), RuntimeError, "does not require grad"),
    ("device: unknown", lambda t: t.device("nonsense"), RuntimeError, "device"),
    ("einsum: sizes", lambda t: t.einsum("ij,jk->ik", t.ones(2, 3), t.ones(2, 3)), RuntimeError, ""),
    ("einsum: output", lambda t: t.einsum("i->j", t.ones(2)), RuntimeError, ""),
    ("SGD: learning rate", lambda t: t.optim.SGD([t.ones(1)], lr=-1), ValueError, "learning rate"),
    ("SGD: nothing", lambda t: t.optim.SGD([], lr=1), ValueError, "empty"),
    ("Adam: not a leaf", lambda t: t.optim.Adam([t.ones(1, requires_grad=True) * 2]), ValueError, "leaf"),
    ("load_state_dict", lambda t: t.nn.Linear(1, 1).load_state_dict({}), RuntimeError, "Missing key"),
]  # fmt: skip


@pytest.mark.parametrize(
    "call, expected, words", [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_bad_input(call, expected, words):
    with pytest.raises(expected) as error:
        call(numbatorch)
    assert words.lower() in str(error.value).lower()


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
@pytest.mark.parametrize("call, expected", [case[1:3] for case in CASES], ids=[c[0] for c in CASES])
def test_pytorch_raises_the_same_type(call, expected):
    import torch

    with pytest.raises(Exception) as theirs:  # noqa: B017  its type is what is asked for
        call(torch)
    with pytest.raises(Exception) as ours:  # noqa: B017
        call(numbatorch)
    assert type(ours.value) is type(theirs.value), f"PyTorch: {theirs.value!r}"


def test_devices_may_not_mix():
    if not numbatorch.cuda.is_available():
        pytest.skip("needs a CUDA device or its simulator")
    with pytest.raises(RuntimeError, match="same device"):
        numbatorch.ones(2) + numbatorch.ones(2, device="cuda")
