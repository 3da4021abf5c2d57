"""Printing, held to recorded texts of PyTorch 2.13 and, where it is installed, to PyTorch."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from numbatorch import dtypes, printing

OPTION_SETS = [
    {},
    {"precision": 2},
    {"profile": "short"},
    {"profile": "full"},
    {"threshold": 5},
    {"threshold": 3, "edgeitems": 1},
    {"threshold": 3, "edgeitems": 0},
    {"linewidth": 30},
    {"sci_mode": True},
    {"sci_mode": False, "precision": 8},
]

RECORDED = [
    (np.array([1.0, 2.5, -3.0], np.float32), "tensor([ 1.0000,  2.5000, -3.0000])"),
    (np.array([1.0, 2.0], np.float32), "tensor([1., 2.])"),
    (np.array(1.5e10, np.float32), "tensor(1.5000e+10)"),
    (np.array([np.inf, 1.0], np.float32), "tensor([inf, 1.])"),
    (np.array([1e-8, 1.0], np.float32), "tensor([1.0000e-08, 1.0000e+00])"),
    (np.array(3, np.int8), "tensor(3, dtype=torch.int8)"),
    (np.zeros((0,), np.float32), "tensor([])"),
    (np.zeros((2, 0), np.float64), "tensor([], size=(2, 0), dtype=torch.float64)"),
    (np.array([True, False]), "tensor([ True, False])"),
    (np.arange(2000), "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])"),
    (np.array([1 + 2j, 3 - 4.5j], np.complex64), "tensor([1.+2.0000j, 3.-4.5000j])"),
    (np.array([[[1, 2], [3, 4]]]), "tensor([[[1, 2],\n         [3, 4]]])"),
]


@pytest.fixture(autouse=True)
def restore_options():
    yield
    printing.set_printoptions(profile="default")


def text(values, **suffixes):
    return printing.format_tensor(values, dtypes.from_numpy(values.dtype), **suffixes)


@pytest.mark.parametrize("values, expected", RECORDED, ids=lambda v: str(v)[:30])
def test_recorded_texts(values, expected):
    assert text(values) == expected


def test_suffixes_wrap_at_the_line_width():
    values = np.arange(16, dtype=np.float64) / 7
    assert text(values, grad_fn="MulBackward0").endswith(
        "2.1429],\n       dtype=torch.float64, grad_fn=<MulBackward0>)"
    )
    assert text(np.float32([1.0]), requires_grad=True) == "tensor([1.], requires_grad=True)"
    assert text(np.float32([1.0]), device="cuda:0") == "tensor([1.], device='cuda:0')"


def test_printoptions_restores():
    with printing.printoptions(precision=1, sci_mode=True):
        assert text(np.float32([1.25])) == "tensor([1.2e+00])"
    assert text(np.float32([1.25])) == "tensor([1.2500])"
    assert printing.get_printoptions()["sci_mode"] is None


DTYPES = [d.name for d in dtypes.ALL if d.name != "bfloat16"]
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9)


@settings(max_examples=300, deadline=None)
@given(
    values=st.sampled_from(DTYPES).flatmap(lambda name: hnp.arrays(name, SHAPES)),
    given_options=st.sampled_from(OPTION_SETS),
    requires_grad=st.booleans(),
)
def test_text_is_that_of_pytorch(values, given_options, requires_grad):
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(values.copy())
    requires_grad = requires_grad and values.dtype.kind in "fc"
    tensor.requires_grad_(requires_grad)
    with torch._tensor_str.printoptions(**given_options), printing.printoptions(**given_options):
        assert text(values, requires_grad=requires_grad) == repr(tensor)
    torch.set_printoptions(profile="default")
    printing.set_printoptions(profile="default")


SHAPES_OF_ORDINARY_NUMBERS = [
    (), (1,), (7,), (40,), (3, 40), (2, 3, 4), (1001,), (50, 50), (5, 9, 30),
]  # fmt: skip


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e3, 1e6, 1e12])
@pytest.mark.parametrize("shape", SHAPES_OF_ORDINARY_NUMBERS, ids=str)
def test_text_of_ordinary_numbers(shape, scale):
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(0).standard_normal(shape) * scale
    values = np.asarray(values, np.float32)
    assert text(values) == repr(torch.from_numpy(values))
    rounded = np.asarray(np.round(values))
    assert text(rounded) == repr(torch.from_numpy(rounded))
    halves = values.astype(ml_dtypes.bfloat16)
    assert text(halves) == repr(torch.from_numpy(values).bfloat16())
