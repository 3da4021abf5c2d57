"""Elementwise results lie in memory as in PyTorch, and what is drawn for them follows that order."""

import pytest

import numbatorch as nt

LAYOUTS = {
    "transposed": lambda torch: torch.arange(24.0).reshape(2, 3, 4).transpose(1, 2),
    "permuted": lambda torch: torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1),
    "reversed": lambda torch: torch.arange(24.0).reshape(2, 3, 4).permute(2, 1, 0),
    "sliced": lambda torch: torch.arange(24.0).reshape(2, 3, 4).transpose(1, 2)[:, ::2],
    "expanded": lambda torch: torch.arange(6.0).reshape(2, 3, 1).expand(2, 3, 4),
    "long dimension of one": lambda torch: torch.arange(6.0).reshape(2, 3, 1).permute(2, 1, 0),
    "matrix": lambda torch: torch.arange(12.0).reshape(3, 4).t(),
    "rows": lambda torch: torch.arange(12.0).reshape(3, 4),
}

PROGRAMS = {
    "number": lambda torch, x: x * 2 + 1,
    "broadcast row": lambda torch, x: x + torch.ones(x.shape[-1]),
    "row first": lambda torch, x: torch.ones(x.shape[-1]) + x,
    "dense first": lambda torch, x: torch.ones(x.shape) - x,
    "dense last": lambda torch, x: x - torch.ones(x.shape),
    "column": lambda torch, x: x * torch.ones(x.shape[0], *[1] * (x.dim() - 1)),
    "unary": lambda torch, x: torch.exp(x / 10),
    "comparison": lambda torch, x: x > 3,
    "where": lambda torch, x: torch.where(x > 3, x, 0.0),
    "masked_fill": lambda torch, x: x.masked_fill(x > 3, 0),
    "clamp": lambda torch, x: x.clamp(2, 8),
    "cast": lambda torch, x: x.double(),
    "gelu": lambda torch, x: torch.nn.functional.gelu(x),
    "addcmul": lambda torch, x: torch.addcmul(x, x, x),
    "dropout": lambda torch, x: torch.nn.functional.dropout(x + 1, 0.4),
    "gumbel_softmax": lambda torch, x: torch.nn.functional.gumbel_softmax(x * 0.1),
    "rrelu": lambda torch, x: torch.nn.functional.rrelu(-x, training=True),
    "rand_like": lambda torch, x: torch.rand_like(x * 2),
    "bernoulli_": lambda torch, x: (x * 2).bernoulli_(0.5),
}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_strides_and_values_beside_pytorch(layout, program):
    torch = pytest.importorskip("torch")
    found = []
    for library in (nt, torch):
        library.manual_seed(0)
        result = PROGRAMS[program](library, LAYOUTS[layout](library))
        found.append((tuple(result.stride()), result.double().numpy()))
    assert found[0][0] == found[1][0]
    assert found[0][1] == pytest.approx(found[1][1], rel=1e-6)


def test_results_keep_the_order_of_dimensions():
    x = nt.arange(24.0).reshape(2, 3, 4).transpose(1, 2)
    assert (x * 2 + nt.ones(3)).stride() == x.stride() == (12, 1, 4)
    assert (x[:, ::2] > 0).stride() == (6, 1, 2)
    assert (x + nt.ones(2, 4, 3)).stride() == (12, 1, 4)
    assert (nt.ones(2, 4, 3) + x).stride() == (12, 3, 1)


def test_noise_of_a_transposed_sum_follows_memory():
    """Recorded from PyTorch 2.13: which elements dropout keeps."""
    nt.manual_seed(0)
    x = nt.ones(2, 4).t() + nt.ones(2)
    kept = nt.nn.functional.dropout(x, 0.5) > 0
    assert kept.int().tolist() == [[0, 0], [0, 0], [1, 1], [0, 1]]


def test_compiled_programs_fuse_over_transposed_memory():
    def program(x, row):
        y = (x.transpose(1, 2) * 2 + row).relu()
        return y, y.contiguous() - 1

    x, row = nt.randn(2, 3, 4), nt.randn(3)
    compiled = nt.compile(program)
    for _ in range(3):
        for found, expected in zip(compiled(x, row), program(x, row)):
            assert nt.equal(found, expected) and found.stride() == expected.stride()
