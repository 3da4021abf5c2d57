"""torch.testing against PyTorch's: what passes, and what fails how."""

import pytest

import numbatorch

PAIRS = [
    ([1.0, 2.0], [1.0, 2.0], {}),
    ([1.0, 2.0], [1.0, 2.0 + 1e-6], {}),
    ([1.0, 2.0], [1.0, 2.1], {}),
    ([1.0, 2.0], [1.0, 2.1], {"rtol": 0.1, "atol": 0}),
    ([1.0, float("nan")], [1.0, float("nan")], {}),
    ([1.0, float("nan")], [1.0, float("nan")], {"equal_nan": True}),
    ([[1.0]], [1.0], {}),
    ([1, 2], [1, 3], {}),
]


@pytest.mark.parametrize("case", range(len(PAIRS)))
def test_verdict_and_message(case):
    torch = pytest.importorskip("torch")
    a, b, options = PAIRS[case]
    verdicts = []
    for t in (torch, numbatorch):
        try:
            t.testing.assert_close(t.tensor(a), t.tensor(b), **options)
            verdicts.append("close")
        except AssertionError as error:
            verdicts.append(str(error).splitlines()[0])
    assert verdicts[0] == verdicts[1]


def test_containers_dtypes_and_options():
    close = numbatorch.testing.assert_close
    ones = numbatorch.ones(2)
    close({"a": [ones, 1.0]}, {"a": [ones.clone(), 1.0]})
    with pytest.raises(AssertionError, match="item"):
        close([ones, ones], [ones, ones + 1])
    with pytest.raises(AssertionError, match="dtype"):
        close(ones, ones.double())
    close(ones, ones.double(), check_dtype=False)
    with pytest.raises(AssertionError, match="mine"):
        close(ones, ones + 1, msg="mine")
    with pytest.raises(ValueError, match="both"):
        close(ones, ones, rtol=1)


def test_random_tensors():
    make = numbatorch.testing.make_tensor
    x = make((3, 4), dtype=numbatorch.float32, device="cpu", low=1, high=2, requires_grad=True)
    assert x.shape == (3, 4) and x.requires_grad and bool(((x >= 1) & (x < 2)).all())
    assert not make(3, 4, dtype=numbatorch.int64, device="cpu", noncontiguous=True).is_contiguous()
    assert make(2, dtype=numbatorch.bool, device="cpu").dtype is numbatorch.bool
