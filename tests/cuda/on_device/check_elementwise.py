"""Elementwise kernels over every layout: in runs of 16 bytes, and where no run begins or all fit."""

import numpy as np
import pytest

import numbatorch as torch
from numbatorch.cuda_kernels import elementwise

DTYPES = [
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32,
    torch.int16, torch.int8, torch.uint8, torch.complex64, torch.complex128,
]  # fmt: skip

#: A function of memory of 90 elements -> operands.
LAYOUTS = {
    "dense": lambda x: (x[:41], x[41:41].new_zeros(41) + x[:41]),
    "multiples": lambda x: (x[:32], x[32:64]),
    "misaligned": lambda x: (x[1:42], x[:41]),
    "one element": lambda x: (x[:37], x[7]),
    "every other": lambda x: (x[:80:2], x[:40]),
    "permuted": lambda x: (x[:24].reshape(2, 3, 4).permute(2, 0, 1),) * 2,
    "rows": lambda x: (x[:40].reshape(5, 8), x[80:88]),
    "crossed": lambda x: (x[:36].reshape(6, 6).t(), x[36:72].reshape(6, 6)),
    "shorter than a run": lambda x: (x[:1], x[16:17]),
}


def memory(dtype, place):
    numbers = torch.arange(90) % 23 - 11
    return (
        numbers.abs().to(dtype).to(place) if dtype is torch.uint8 else numbers.to(dtype).to(place)
    )


def same(ours, theirs):
    assert ours.is_cuda
    assert (ours.dtype, ours.stride()) == (theirs.dtype, theirs.stride())
    ours, theirs = (
        x.cpu().float().numpy() if x.dtype is torch.bfloat16 else x.cpu().numpy()
        for x in (ours, theirs)
    )  # fmt: skip
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_same_as_on_the_cpu(dtype, layout):
    results = []
    for place in ("cuda", "cpu"):
        x, y = LAYOUTS[layout](memory(dtype, place))
        total = torch.zeros(90, dtype=dtype, device=place)
        total[3 : 3 + y.numel()] += y.flatten()
        results.append([x + y, -x, x == y, torch.where(x == y, x, y), x.to(torch.float32), total])
    for ours, theirs in zip(*results):
        same(ours, theirs)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_runs_are_of_16_bytes(dtype):
    x = memory(dtype, "cuda")
    step, one = (1,), (0,)
    run = elementwise.ACCESS // dtype.itemsize
    assert elementwise.run_of([step, step], [x, x]) == run
    assert elementwise.run_of([step, one], [x, x[1]]) == run
    assert elementwise.run_of([step, step], [x, x[1:]]) == 1
    assert elementwise.run_of([step, (2,)], [x, x[::2]]) == 1
    wide = torch.zeros(4, dtype=torch.float64, device="cuda")
    assert elementwise.run_of([step, step], [wide, x]) == min(2, run)
