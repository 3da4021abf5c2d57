"""Convolutions in tiles and by single threads, in every geometry, beside the CPU."""

import numpy as np
import pytest

import numbatorch as torch
from numbatorch.cuda_kernels import implicit_convolution, product_tiles

CONVOLVE = {
    1: torch.nn.functional.conv1d,
    2: torch.nn.functional.conv2d,
    3: torch.nn.functional.conv3d,
}

#: (shape of the input, of the weight, options)
CASES = {
    "plain": ((2, 3, 5, 6), (4, 3, 3, 2), {}),
    "padded, strided": ((2, 3, 7, 6), (5, 3, 3, 3), {"padding": (2, 1), "stride": (2, 3)}),
    "dilated": ((1, 2, 8, 7), (3, 2, 2, 3), {"dilation": (3, 2), "padding": 1}),
    "groups": ((2, 4, 5, 5), (6, 2, 3, 3), {"groups": 2, "padding": 1}),
    "one channel a group": ((2, 3, 5, 4), (3, 1, 3, 3), {"groups": 3}),
    "two outputs of a channel": ((1, 3, 4, 4), (6, 1, 2, 2), {"groups": 3, "stride": 2}),
    "one place": ((3, 2, 3, 3), (4, 2, 3, 3), {}),
    "1d": ((3, 4, 9), (5, 4, 4), {"stride": 2, "padding": 3}),
    "3d": ((2, 2, 4, 3, 5), (3, 2, 2, 2, 3), {"stride": (1, 2, 2), "padding": (1, 0, 1), "dilation": (2, 1, 1)}),
    "by ones": ((2, 5, 4, 4), (3, 5, 1, 1), {}),
    "no images": ((0, 2, 4, 4), (3, 2, 2, 2), {}),
}  # fmt: skip


@pytest.fixture(autouse=True)
def tiles_for_small_convolutions(monkeypatch):
    """On a card too, where such small ones go to the kernels of few channels."""
    monkeypatch.setattr(implicit_convolution, "FEWEST_LINES", 2)


def whole(generator, shape, dtype):
    """Whole numbers, whose sums are exact in every dtype."""
    return torch.tensor(generator.integers(-2, 3, shape).reshape(-1).tolist(), dtype=dtype).reshape(
        shape
    )


def results(case, dtype, place, turned):
    """[the output, the gradients of input, weight and bias], from operands that are channels-last if
    `turned`."""
    x_shape, w_shape, options = CASES[case]
    generator = np.random.default_rng(0)
    shapes = x_shape, w_shape, w_shape[:1]
    x, w, b = (whole(generator, shape, dtype).to(place) for shape in shapes)
    if turned:
        x, w = (t.movedim(1, -1).contiguous().movedim(-1, 1) for t in (x, w))
    leaves = [t.requires_grad_() for t in (x, w, b)]
    out = CONVOLVE[len(x_shape) - 2](*leaves, **options)
    out.backward(whole(generator, out.shape, dtype).to(place))
    return [t.detach().cpu().float().numpy() for t in (out, *(leaf.grad for leaf in leaves))]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("turned", [False, True], ids=["rows", "channels last"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_same_as_on_the_cpu(case, dtype, turned):
    for ours, theirs in zip(*(results(case, dtype, place, turned) for place in ("cuda", "cpu"))):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("case", ["padded, strided", "groups", "3d"])
@pytest.mark.parametrize(
    "threads, segment", [(1, 1 << 20), (1 << 20, 4)], ids=["large", "segments"]
)
def test_tiles_of_other_sizes(case, threads, segment, monkeypatch):
    """Large tiles in one segment of the weight's sum, and small ones in many."""
    for module in (product_tiles, implicit_convolution):
        monkeypatch.setattr(module, "resident_threads", lambda index: threads)
    monkeypatch.setattr(implicit_convolution, "SEGMENT", segment)
    pairs = zip(*(results(case, torch.float32, place, False) for place in ("cuda", "cpu")))
    for ours, theirs in pairs:
        np.testing.assert_array_equal(ours, theirs)


def test_wide_numbers_are_summed_as_such():
    """float64, and integers beyond what a float32 can tell apart."""
    for dtype, value in ((torch.float64, 2.0**40 + 1), (torch.int64, 2**40 + 1)):
        x = torch.full((1, 2, 3, 3), value, dtype=dtype)
        w = torch.ones(3, 2, 2, 2, dtype=dtype)
        found = torch.nn.functional.conv2d(x.to("cuda"), w.to("cuda"))
        assert found.flatten().tolist() == [8 * value] * 12
