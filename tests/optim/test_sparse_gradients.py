"""Sparse gradients of embeddings, and the optimizers that take them, beside PyTorch."""

import copy

import numpy as np
import pytest

import numbatorch
from numbatorch import nn

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("ignore:Sparse invariant checks")

INDICES = [[[1, 1, 2], [3, 0, 2]], [[4, 4, 4], [0, 0, 5]], [[2, 2, 1], [1, 5, 3]]]

OPTIMIZERS = [
    ("SparseAdam", {}),
    ("SparseAdam", {"lr": 0.1, "betas": (0.8, 0.9), "maximize": True}),
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.01}),
    ("LBFGS", {"lr": 0.1}),
]


def trained(library, name, options, padding_idx, bag):
    table = np.linspace(-1, 1, 18).reshape(6, 3)
    weight = library.tensor(table)
    layer = library.nn.EmbeddingBag if bag else library.nn.Embedding
    module = layer.from_pretrained(weight, freeze=False, sparse=True, padding_idx=padding_idx)
    optimizer = getattr(library.optim, name)(module.parameters(), **options)
    kinds = []
    for indices in INDICES:

        def closure(indices=indices):
            optimizer.zero_grad()
            loss = ((module(library.tensor(indices)) - 0.3) ** 2).sum()
            loss.backward()
            return loss

        if name == "LBFGS":
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()
        gradient = module.weight.grad
        kinds.append((gradient.is_sparse, tuple(gradient.shape), gradient.is_coalesced()))
        kinds.append(gradient.coalesce().indices().tolist())
    return kinds, module.weight.detach().numpy(), gradient.to_dense().numpy()


@pytest.mark.parametrize("bag", [False, True])
@pytest.mark.parametrize("padding_idx", [None, 2])
@pytest.mark.parametrize("name, options", OPTIMIZERS)
def test_steps(name, options, padding_idx, bag):
    ours = trained(numbatorch, name, options, padding_idx, bag)
    theirs = trained(torch, name, options, padding_idx, bag)
    assert ours[0] == theirs[0]
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-10, atol=1e-12)


def step(library, name, sparse=True, **options):
    module = library.nn.Embedding(5, 2, sparse=sparse)
    optimizer = getattr(library.optim, name)(module.parameters(), **options)
    module(library.tensor([1, 3])).sum().backward()
    optimizer.step()


@pytest.mark.parametrize(
    "name, options",
    [
        *(
            (name, {})
            for name in ["Adadelta", "Adam", "AdamW", "Adamax", "ASGD", "NAdam", "RAdam", "RMSprop"]
        ),
        ("Rprop", {}),
        ("Adafactor", {}),
        ("SGD", {"weight_decay": 0.1}),
        ("SGD", {"fused": True}),
        ("Adagrad", {"weight_decay": 0.1}),
        ("SparseAdam", {"sparse": False}),
    ],
)
def test_refusals(name, options):
    with pytest.raises(RuntimeError) as theirs:
        step(torch, name, **options)
    with pytest.raises(RuntimeError) as ours:
        step(numbatorch, name, **options)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("options", [{"lr": 0}, {"eps": 0.0}, {"betas": (1.0, 0.9)}])
def test_options_of_sparse_adam(options):
    for library in (torch, numbatorch):
        with pytest.raises(ValueError, match="Invalid"):
            step(library, "SparseAdam", **options)
    with pytest.raises(ValueError, match="Complex params"):
        numbatorch.optim.SparseAdam([numbatorch.zeros(2, dtype=numbatorch.complex64)])


def mixed(library):
    """A table that is read both ways gets a dense gradient; gradients accumulate."""
    module = library.nn.Embedding(4, 2, sparse=True)
    library.nn.init.ones_(module.weight)
    index = library.tensor([1, 1, 3])
    (module(index).sum() + 2 * module.weight.sum()).backward()
    assert not module.weight.grad.is_sparse
    module(index).sum().backward()
    dense = module.weight.grad.tolist()
    module.zero_grad()
    (module(index).sum() + 3 * module(library.tensor([0])).sum()).backward()
    found = library.autograd.grad(module(index).sum() + module(index[1:]).sum(), module.weight)[0]
    module(index).sum().backward()
    return dense, module.weight.grad.to_dense().tolist(), found.to_dense().tolist()


def test_sparse_and_dense_gradients_of_one_table():
    assert mixed(numbatorch) == mixed(torch)


def test_zero_grad_keeps_a_sparse_gradient_without_elements():
    module = nn.Embedding(4, 2, sparse=True)
    optimizer = numbatorch.optim.SGD(module.parameters(), lr=0.1)
    module(numbatorch.tensor([1])).sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert module.weight.grad.is_sparse and module.weight.grad._nnz() == 0


def test_other_refusals():
    for library in (torch, numbatorch):
        module = library.nn.Embedding(4, 2, sparse=True, scale_grad_by_freq=True)
        with pytest.raises(RuntimeError, match="scale_grad_by_freq not supported"):
            module(library.tensor([1])).sum().backward()
        bag = library.nn.EmbeddingBag(4, 2, mode="max", sparse=True)
        with pytest.raises(ValueError, match="max mode does not support sparse weights"):
            bag(library.tensor([[1, 2]]))


def test_checkpoint_of_sparse_adam():
    def begun():
        module = nn.Embedding(4, 2, sparse=True)
        nn.init.ones_(module.weight)
        return module, numbatorch.optim.SparseAdam(module.parameters())

    def advance(module, optimizer):
        optimizer.zero_grad()
        (module(numbatorch.tensor([1, 2])) ** 2).sum().backward()
        optimizer.step()

    first, second = begun(), begun()
    advance(*first)
    for mine, saved in zip(second, first):
        mine.load_state_dict(copy.deepcopy(saved.state_dict()))
    advance(*first)
    advance(*second)
    assert second[1].state_dict()["state"][0]["step"] == 2
    assert first[0].weight.tolist() == second[0].weight.tolist()
