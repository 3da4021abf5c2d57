"""Integer tensors of one element where a function takes an integer."""

import pytest

import numbatorch as torch

x = torch.arange(24.0).reshape(4, 6)

#: Calls of one integer or several, by what they are given in.
CALLS = {
    "linspace": lambda i: torch.linspace(0, 1, i(5)),
    "logspace": lambda i: torch.logspace(0, 1, i(3)),
    "arange": lambda i: torch.arange(i(1), i(5), i(2)),
    "zeros": lambda i: torch.zeros(i(2), i(3)),
    "topk": lambda i: x.topk(i(2)).values,
    "reshape": lambda i: x.reshape(i(6), -1),
    "narrow": lambda i: x.narrow(i(0), i(1), i(2)),
    "roll": lambda i: x.roll(i(1), i(0)),
    "roll_all": lambda i: x.roll(i(5)),
    "split": lambda i: x.split(i(2))[1],
    "diagonal": lambda i: x.diagonal(i(1)),
    "diag": lambda i: x[0].diag(i(1)),
    "diag_of_matrix": lambda i: x.diag(i(-1)),
    "diag_embed": lambda i: torch.diag_embed(x, i(1)),
    "unfold": lambda i: x.unfold(0, i(2), i(1)),
    "movedim": lambda i: x.movedim(i(0), i(1)),
    "gradient": lambda i: torch.gradient(x, dim=i(0))[0],
    "fft": lambda i: torch.fft.fftn(x, s=(i(2),), dim=(i(1),)).real,
    "sum": lambda i: x.sum(i(0)),
    "repeat_interleave": lambda i: x.repeat_interleave(i(2), dim=i(0)),
    "narrow_copy": lambda i: torch.narrow_copy(x, 1, i(1), i(2)),
    "select": lambda i: x.select(i(1), i(2)),
    "kthvalue": lambda i: x.kthvalue(i(2)).values,
    "tril": lambda i: x.tril(i(-1)),
    "chunk": lambda i: x.chunk(i(2), i(1))[1],
    "cumsum": lambda i: x.cumsum(i(1)),
    "unflatten": lambda i: x.unflatten(i(1), (i(2), i(3))),
    "tensor_split": lambda i: x.tensor_split(i(3))[0],
    "split_sizes": lambda i: x.split([i(1), i(3)])[1],
    "tile": lambda i: x.tile(i(2)),
    "expand": lambda i: x.expand(i(2), -1, -1),
    "flatten": lambda i: x.flatten(i(0), i(1)),
    "squeeze": lambda i: x[None].squeeze(i(0)),
    "unsqueeze": lambda i: x.unsqueeze(i(1)),
    "rot90": lambda i: x.rot90(i(1), [i(0), i(1)]),
    "flip": lambda i: x.flip(i(0)),
    "as_strided": lambda i: x.as_strided((i(2), i(3)), (i(1), i(2)), i(1)),
    "eye": lambda i: torch.eye(i(3), i(2)),
    "full": lambda i: torch.full((i(2),), 3.0),
    "new_zeros": lambda i: x.new_zeros((i(2), i(3))),
    "tril_indices": lambda i: torch.tril_indices(i(2), i(3), i(1)),
    "hann_window": lambda i: torch.hann_window(i(4)),
    "bincount": lambda i: torch.bincount(torch.tensor([1, 2]), minlength=i(4)),
    "vander": lambda i: torch.vander(x[0], i(3)),
    "combinations": lambda i: torch.combinations(x[0], i(2)),
    "renorm": lambda i: x.renorm(2, i(0), 1.0),
    "pad": lambda i: torch.nn.functional.pad(x, (i(1), i(2))),
    "one_hot": lambda i: torch.nn.functional.one_hot(torch.tensor([0, 1]), i(3)),
    "max_pool": lambda i: torch.nn.functional.max_pool1d(x, i(2), i(1)),
    "avg_pool": lambda i: torch.nn.functional.avg_pool2d(x[None], (i(2), i(2)), i(1)),
    "adaptive_pool": lambda i: torch.nn.functional.adaptive_avg_pool2d(x[None], (i(2), i(3))),
    "conv": lambda i: torch.nn.functional.conv1d(x, torch.ones(1, 4, 2), None, i(2), i(1)),
    "fold": lambda i: torch.nn.functional.unfold(x[None, None], (i(2), i(2))),
    "pixel_shuffle": lambda i: torch.nn.functional.pixel_shuffle(x[:, :, None], i(2)),
    "glu": lambda i: torch.nn.functional.glu(x, i(1)),
    "softmax": lambda i: x.softmax(i(1)),
    "stack": lambda i: torch.stack([x, x], i(1)),
    "gather": lambda i: x.gather(i(0), torch.zeros(1, 6, dtype=torch.int64)),
    "cross": lambda i: torch.cross(x[:3], x[:3] + 1, dim=i(0)),
    "diff": lambda i: x.diff(i(1), i(0)),
    "interpolate": lambda i: torch.nn.functional.interpolate(x[None], size=i(3)),
}


@pytest.mark.parametrize("name", CALLS)
def test_same_as_integers(name):
    found, expected = CALLS[name](torch.tensor), CALLS[name](int)
    assert all(type(size) is int for size in found.shape)
    assert torch.equal(found, expected) and found.stride() == expected.stride()


@pytest.mark.parametrize("name", ["linspace", "roll", "diag", "unfold", "movedim"])
@pytest.mark.parametrize("kind", [float, lambda n: torch.tensor([n, n])])
def test_others_are_refused(name, kind):
    with pytest.raises(TypeError):
        CALLS[name](kind)


def test_normal_takes_numbers_as_tensors():
    torch.manual_seed(1)
    found = torch.normal(torch.tensor(2.0), torch.tensor(3.0), (2, 3))
    torch.manual_seed(1)
    assert torch.equal(found, torch.normal(2.0, 3.0, (2, 3)))
    with pytest.raises(TypeError, match="normal"):
        torch.normal(torch.zeros(2), 1.0, (2,))
