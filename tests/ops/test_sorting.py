"""Sorting, searching and distinct elements: NumPy's values, PyTorch's order of NaN and of equals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numbatorch as torch

DTYPES = (
    "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "bool",
)  # fmt: skip


def numbers(dtype, shape, seed=0):
    """Random values with many equal ones, and where there are some, NaN, infinities and both zeros."""
    generator = np.random.default_rng(seed)
    values = np.round(generator.standard_normal(shape) * 4)
    if dtype.is_floating_point:
        special = generator.integers(0, 12, shape)
        for code, number in enumerate((np.nan, np.inf, -np.inf, -0.0)):
            values[special == code] = number
    if not dtype.is_signed:
        values = np.abs(values)
    return torch.tensor(values).to(dtype)


def as_array(x):
    return (x.float() if x.dtype is torch.bfloat16 else x).numpy()


def keys(array):
    """What NumPy sorts by: NaN last, both zeros equal."""
    return array + 0.0 if array.dtype.kind == "f" else array.astype(np.int64)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize(
    "shape, dim", [((3, 7), 1), ((300, 2), 0), ((2, 1000), -1), ((0, 3), 1), ((4, 0), 1)]
)
def test_sort_is_stable_and_nan_is_largest(shape, dim, name, descending):
    x = numbers(getattr(torch, name), shape)
    values, indices = torch.sort(x, dim=dim, descending=descending)
    array = keys(as_array(x))
    if (
        descending
    ):  # a stable descending sort is a stable ascending one of the reversed row, reversed
        flipped = np.flip(array, dim)
        expected = np.flip(array.shape[dim] - 1 - np.argsort(flipped, dim, kind="stable"), dim)
    else:
        expected = np.argsort(array, dim, kind="stable")
    np.testing.assert_array_equal(indices.numpy(), expected)
    np.testing.assert_array_equal(as_array(values), np.take_along_axis(as_array(x), expected, dim))
    assert values.dtype is x.dtype


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([n for n in DTYPES if n not in ("bool", "bfloat16")]),
    st.integers(1, 200), st.integers(0, 10_000), st.booleans(), st.data(),
)  # fmt: skip
def test_topk_is_the_head_of_sort(name, length, seed, largest, data):
    x = numbers(getattr(torch, name), (3, length), seed)
    k = data.draw(st.integers(0, length))
    values, indices = torch.topk(x, k, largest=largest)
    everything = torch.sort(x, descending=largest)
    np.testing.assert_array_equal(indices.numpy(), everything.indices.numpy()[:, :k])
    np.testing.assert_array_equal(as_array(values), as_array(everything.values)[:, :k])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(DTYPES), st.integers(0, 90), st.integers(0, 10_000), st.booleans())
def test_values_are_those_of_pytorch(name, length, seed, descending):
    reference = pytest.importorskip("torch")
    x = numbers(getattr(torch, name), (2, length), seed)
    theirs = reference.tensor(as_array(x)).to(getattr(reference, name))
    expected = reference.sort(theirs, descending=descending, stable=True)
    found = torch.sort(x, descending=descending)
    np.testing.assert_array_equal(found.indices.numpy(), expected.indices.numpy())


def test_named_results():
    found = torch.sort(torch.tensor([2.0, 1.0]))
    assert type(found) is torch.return_types.sort
    assert found.values.tolist() == [1, 2] and found.indices.tolist() == [1, 0]
    assert torch.tensor(3).sort().indices.tolist() == 0
    assert torch.tensor([[3, 1], [2, 5]]).msort().tolist() == [[2, 1], [3, 5]]
    assert torch.argsort(torch.tensor([2, 3, 1]), descending=True).tolist() == [1, 0, 2]


def test_sort_into_given_tensors():
    values, indices = torch.empty(3), torch.empty(3, dtype=torch.int64)
    torch.sort(torch.tensor([3.0, 1.0, 2.0]), out=(values, indices))
    assert values.tolist() == [1, 2, 3] and indices.tolist() == [1, 2, 0]


@pytest.mark.parametrize("name", DTYPES)
def test_unique(name):
    x = numbers(getattr(torch, name), (5, 8))
    if x.dtype.is_floating_point:
        x = x.nan_to_num() if hasattr(x, "nan_to_num") else torch.where(x != x, 0.0, x).to(x.dtype)
    found = torch.unique(x, return_inverse=True, return_counts=True)
    expected = np.unique(as_array(x), return_inverse=True, return_counts=True)
    np.testing.assert_array_equal(as_array(found[0]), expected[0])
    np.testing.assert_array_equal(found[1].numpy(), expected[1].reshape(x.shape))
    np.testing.assert_array_equal(found[2].numpy(), expected[2])
    assert torch.unique(x[:0]).shape == (0,)


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_unique_slices(dim):
    data = np.random.default_rng(1).integers(0, 2, (6, 5, 2))
    found = torch.unique(torch.tensor(data), dim=dim, return_inverse=True, return_counts=True)
    expected = np.unique(data, axis=dim, return_inverse=True, return_counts=True)
    np.testing.assert_array_equal(found[0].numpy(), expected[0])
    np.testing.assert_array_equal(found[1].numpy(), expected[1].reshape(-1))
    np.testing.assert_array_equal(found[2].numpy(), expected[2])


def test_unique_consecutive():
    x = torch.tensor([1, 1, 2, 2, 3, 1, 1])
    values, inverse, counts = x.unique_consecutive(return_inverse=True, return_counts=True)
    assert values.tolist() == [1, 2, 3, 1]
    assert inverse.tolist() == [0, 0, 1, 1, 2, 3, 3]
    assert counts.tolist() == [2, 2, 1, 2]
    rows = torch.tensor([[1, 2], [1, 2], [2, 1]])
    assert torch.unique_consecutive(rows, dim=0).tolist() == [[1, 2], [2, 1]]


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("name", [n for n in DTYPES if n != "bool"])
def test_searchsorted(name, right):
    dtype = getattr(torch, name)
    generator = np.random.default_rng(2)
    rows = np.sort(generator.integers(0, 9, (3, 12)), -1)
    sought = generator.integers(-1 if dtype.is_signed else 0, 10, (3, 20))
    side = "right" if right else "left"
    expected = np.stack([np.searchsorted(r, v, side) for r, v in zip(rows, sought)])
    boundaries, values = torch.tensor(rows).to(dtype), torch.tensor(sought).to(dtype)
    np.testing.assert_array_equal(
        torch.searchsorted(boundaries, values, right=right).numpy(), expected
    )
    found = torch.searchsorted(boundaries, values, side=side, out_int32=True)
    assert found.dtype is torch.int32
    np.testing.assert_array_equal(
        torch.bucketize(values, boundaries[0], right=right).numpy(),
        np.searchsorted(rows[0], sought, side),
    )


def test_searchsorted_with_a_sorter():
    row = torch.tensor([5.0, 1.0, 3.0])
    order = torch.argsort(row)
    assert torch.searchsorted(row, torch.tensor([0.0, 2.0, 6.0]), sorter=order).tolist() == [
        0,
        1,
        3,
    ]
    with pytest.raises(RuntimeError, match="out of range"):
        torch.searchsorted(row, torch.tensor([1.0]), sorter=torch.tensor([0, 1, 3]))


@pytest.mark.parametrize("invert", [False, True])
def test_isin(invert):
    generator = np.random.default_rng(3)
    data, known = generator.integers(0, 9, (4, 5)), generator.integers(0, 9, 4)
    for test in (known, known[:0]):
        np.testing.assert_array_equal(
            torch.isin(torch.tensor(data), torch.tensor(test), invert=invert).numpy(),
            np.isin(data, test, invert=invert),
        )
    assert torch.isin(3, torch.tensor([1, 3])).item()


@pytest.mark.parametrize(
    "error, call",
    [
        (IndexError, lambda x: torch.sort(x, 2)),
        (RuntimeError, lambda x: torch.topk(x, 4)),
        (RuntimeError, lambda x: torch.topk(x, -1)),
        (RuntimeError, lambda x: torch.sort(x.to(torch.complex64))),
        (RuntimeError, lambda x: torch.searchsorted(x, torch.ones(3, 1), side="middle")),
        (RuntimeError, lambda x: torch.searchsorted(x, torch.ones(2, 2, 2))),
        (RuntimeError, lambda x: torch.bucketize(x, x)),
    ],
)
def test_bad_input(error, call):
    with pytest.raises(error):
        call(torch.ones(2, 3))


def test_results_do_not_depend_on_threads():
    x = numbers(torch.float32, (400, 300))
    before = torch.get_num_threads()
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        results.append((torch.sort(x).indices.numpy(), torch.topk(x, 9).indices.numpy()))
    torch.set_num_threads(before)
    for one, two in zip(*results):
        np.testing.assert_array_equal(one, two)
