"""In-place writes through views: allowed, tracked or refused as in PyTorch, with its messages."""

import itertools
import re

import pytest

import numbatorch


def _identity_function(torch, how):
    """A custom Function whose output is a view of its input, or the input itself."""

    class Identity(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return how(x)

        @staticmethod
        def backward(ctx, grad):
            return grad.reshape(-1) * 3

    return Identity.apply


#: name -> make(torch, x): the tensor that is then written to, from x of 4 elements.
VIEWS = {
    "view": lambda torch, x: x.view(2, 2),
    "select": lambda torch, x: x[1:3],
    "split": lambda torch, x: x.split(2)[0],
    "split sizes": lambda torch, x: x.split([1, 3])[1],
    "chunk": lambda torch, x: x.chunk(2)[1],
    "tensor_split": lambda torch, x: torch.tensor_split(x, 2)[0],
    "tensor_split at": lambda torch, x: torch.tensor_split(x, (1, 3))[1],
    "hsplit": lambda torch, x: x.view(2, 2).hsplit(2)[1],
    "unbind": lambda torch, x: x.view(2, 2).unbind(1)[1],
    "iteration": lambda torch, x: next(iter(x.view(2, 2))),
    "split alone": lambda torch, x: x.split(4)[0],
    "unsafe_split": lambda torch, x: torch.unsafe_split(x, 2)[0],
    "unsafe_chunk": lambda torch, x: torch.unsafe_chunk(x, 2)[0],
    "unsafe_split_with_sizes": lambda torch, x: torch.unsafe_split_with_sizes(x, (1, 3))[1],
    "view of split": lambda torch, x: x.split(2)[0].view(2, 1),
    "split of view": lambda torch, x: x.view(2, 2).split(1)[0],
    "no_grad": lambda torch, x: torch.no_grad()(lambda: x.view(2, 2))(),
    "no_grad split": lambda torch, x: torch.no_grad()(lambda: x.split(2))()[0],
    "view of no_grad": lambda torch, x: torch.no_grad()(lambda: x.view(2, 2))()[0],
    "no_grad view of split": lambda torch, x: torch.no_grad()(x.split(2)[0].view)(2, 1),
    "inference": lambda torch, x: torch.inference_mode()(lambda: x.view(2, 2))(),
    "detach": lambda torch, x: x.detach(),
    "data": lambda torch, x: x.data,
    "view of detach": lambda torch, x: x.detach().view(2, 2),
    "custom view": lambda torch, x: _identity_function(torch, lambda y: y.view(2, 2))(x),
    "custom same": lambda torch, x: _identity_function(torch, lambda y: y)(x),
    "view of custom": lambda torch, x: _identity_function(torch, lambda y: y.view(2, 2))(x)[0],
    "unfold": lambda torch, x: x.unfold(0, 2, 2),
    "diagonal": lambda torch, x: x.view(2, 2).diagonal(),
    "real": lambda torch, x: x.real,
}

#: name -> make(torch, leaf): x; the leaf requires grad.
SOURCES = {
    "of a leaf": lambda torch, leaf: leaf,
    "of a result": lambda torch, leaf: leaf * 1,
    "of a constant": lambda torch, leaf: leaf.detach().clone(),
}

#: name -> write(torch, view, leaf, x)
WRITES = {
    "mul_": lambda torch, v, leaf, x: v.mul_(2),
    "mul_ by leaf": lambda torch, v, leaf, x: v.mul_(leaf.sum()),
    "zero_": lambda torch, v, leaf, x: v.zero_(),
    "copy_": lambda torch, v, leaf, x: v.copy_(leaf.sum() * torch.ones_like(v)),
    "item": lambda torch, v, leaf, x: v.__setitem__(0, leaf.sum()),
    "fill_": lambda torch, v, leaf, x: v.fill_(3.0),
    "no_grad": lambda torch, v, leaf, x: torch.no_grad()(lambda: v.mul_(2))(),
}


def _outcome(torch, source, make, write, use):
    """What a program does: ("error", type, message), or the values and the gradient it ends with."""
    leaf = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    x = source(torch, leaf)
    try:
        view = make(torch, x)
        write(torch, view, leaf, x)
        wanted = {"base": x, "view": view}[use]
        result = (wanted * wanted).sum()
        values = x.tolist(), view.tolist(), x.requires_grad
        if not result.requires_grad:
            return values
        return *values, torch.autograd.grad(result, leaf, allow_unused=True)[0]
    except Exception as error:
        message = str(error)
        for pattern, plain in WORDING:
            message = re.sub(pattern, plain, message)
        return "error", type(error).__name__, message


#: Where PyTorch names no op, it speaks of a mode, which may not be the reason.
WORDING = (
    (r"^Output \d of \w+ is a view of a view which", "A view"),
    (
        r"^(A view was created).* modified inplace.*?(?= This view)",
        r"\1 and is being modified inplace.",
    ),
)


#: Writes to x or to another view of it.
INDIRECT = {
    "base": lambda torch, v, leaf, x: x.mul_(2),
    "another view": lambda torch, v, leaf, x: x.view(4).mul_(2),
    "slice": lambda torch, v, leaf, x: x[:1].mul_(2),
}


@pytest.mark.parametrize("use", ["base", "view"])
@pytest.mark.parametrize("source, make", list(itertools.product(SOURCES, VIEWS)))
def test_write_through_a_view(source, make, use):
    torch = pytest.importorskip("torch")
    if source == "of a constant" and "custom" in make:
        pytest.skip("a Function of constants records nothing, so its outputs are plain")
    for write in WRITES.values():
        program = SOURCES[source], VIEWS[make], write, use
        assert str(_outcome(numbatorch, *program)) == str(_outcome(torch, *program))


@pytest.mark.parametrize("source, make", list(itertools.product(SOURCES, VIEWS)))
def test_use_of_a_view_whose_base_was_written_to(source, make):
    torch = pytest.importorskip("torch")
    for write in INDIRECT.values():
        program = SOURCES[source], VIEWS[make], write, "view"
        assert str(_outcome(numbatorch, *program)) == str(_outcome(torch, *program))


def test_refusals_name_the_op_and_the_reason():
    x = numbatorch.ones(4, requires_grad=True) * 1
    with pytest.raises(RuntimeError, match="Output 1 of Split is a view and is being modified"):
        x.split(2)[1].mul_(2)
    with numbatorch.no_grad():
        view = x.view(2, 2)
    with pytest.raises(RuntimeError, match="A view was created in no_grad mode"):
        view.mul_(2)
    part = x.unbind()[0]
    x.mul_(2)
    with pytest.raises(RuntimeError, match="another view of its base has been modified inplace"):
        part * 2
