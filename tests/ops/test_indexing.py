"""Index expressions, gather, scatter and masks: NumPy's values, PyTorch's rules and errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numbatorch as torch

reference = None


def oracle():
    """PyTorch itself, where it is installed."""
    return pytest.importorskip("torch")


# Random index expressions ---------------------------------------------------------------------------
# A drawn expression is a recipe: each package makes its own tensors from it.

SHAPES = st.sampled_from([(), (4,), (3, 4), (2, 3, 4), (2, 1, 3, 2), (0, 3), (3, 0, 2)])


@st.composite
def items(draw, size):
    """One item for a dimension of `size`, now and then one that is wrong."""
    kind = draw(
        st.sampled_from(
            ["int", "slice", "slice", "full", "list", "tensor", "tensor", "mask", "none", "ellipsis",
             "scalar", "bool", "array"]
        )
    )  # fmt: skip
    near = st.integers(-size - (draw(st.integers(0, 9)) == 0), size - (size > 0))
    if kind == "int":
        return kind, draw(near)
    if kind == "scalar":
        return kind, draw(near)
    if kind == "slice":
        ends = st.none() | st.integers(-size - 2, size + 2)
        return kind, (draw(ends), draw(ends), draw(st.sampled_from([None, 1, 2, 3])))
    if kind in ("list", "array"):
        return kind, draw(st.lists(near, min_size=1, max_size=3))
    if kind == "tensor":
        shape = draw(st.sampled_from([(1,), (2,), (2, 1), (1, 2), (2, 2)]))
        count = int(np.prod(shape))
        values = draw(st.lists(near, min_size=count, max_size=count))
        return kind, np.array(values, np.int64).reshape(shape)
    if kind == "mask":
        return kind, np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)), bool)
    if kind == "bool":
        return kind, draw(st.booleans())
    return kind, None


@st.composite
def expressions(draw):
    shape = draw(SHAPES)
    wanted = draw(st.integers(0, min(len(shape) + 1, 4)))
    drawn, dim, ellipsis = [], 0, False
    for _ in range(wanted):
        item = draw(items(shape[dim] if dim < len(shape) else 2))
        if item[0] == "ellipsis":
            if ellipsis:
                continue
            ellipsis = True
        drawn.append(item)
        if item[0] not in ("none", "ellipsis", "bool"):
            dim += 1
    return shape, drawn


def build(package, item):
    kind, value = item
    if kind in ("int", "list", "bool"):
        return value
    if kind == "slice":
        return slice(*value)
    if kind == "full":
        return slice(None)
    if kind == "none":
        return None
    if kind == "ellipsis":
        return Ellipsis
    if kind == "array":
        return np.array(value, np.int64)
    return package.tensor(value)


def expression(package, drawn):
    built = tuple(build(package, item) for item in drawn)
    return built[0] if len(built) == 1 else built


def outcome(function):
    """What a call returns, or the type of what it raises."""
    try:
        return function()
    except Exception as error:  # noqa: BLE001  the type is what is compared
        return type(error)


def values(shape):
    return np.arange(1.0, 1.0 + int(np.prod(shape))).reshape(shape)


@settings(max_examples=300, deadline=None)
@given(expressions())
def test_reading_is_as_in_pytorch(drawn):
    reference = oracle()
    shape, recipe = drawn
    data = values(shape)
    ours, theirs = torch.tensor(data), reference.tensor(data)
    found = outcome(lambda: ours[expression(torch, recipe)])
    expected = outcome(lambda: theirs[expression(reference, recipe)])
    if isinstance(expected, type):
        assert found is expected
        return
    assert tuple(found.shape) == tuple(expected.shape)
    np.testing.assert_array_equal(found.numpy(), expected.numpy())
    if expected.numel():
        shared = expected.untyped_storage().data_ptr() == theirs.untyped_storage().data_ptr()
        assert (found.storage is ours.storage) == shared
        if shared:
            assert found.stride() == expected.stride()
            assert found.storage_offset() == expected.storage_offset()


@settings(max_examples=200, deadline=None)
@given(expressions(), st.sampled_from(["number", "like", "row", "wrong"]))
def test_writing_is_as_in_pytorch(drawn, kind):
    reference = oracle()
    shape, recipe = drawn
    data = values(shape)
    ours, theirs = torch.tensor(data), reference.tensor(data)
    part = outcome(lambda: theirs[expression(reference, recipe)])
    part_shape = () if isinstance(part, type) else tuple(part.shape)
    value = {
        "number": 7.5,
        "like": -values(part_shape),
        "row": -values((1, 1, *part_shape[-1:])),
        "wrong": np.ones((7,)),
    }[kind]

    def write(package, target):
        new = value if kind == "number" else package.tensor(value)
        target[expression(package, recipe)] = new

    found = outcome(lambda: write(torch, ours))
    expected = outcome(lambda: write(reference, theirs))
    assert found is expected
    if expected is None and not _writes_twice(recipe):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def _writes_twice(recipe):
    """Whether an expression may name a place twice: which value stays is not specified."""
    return any(kind in ("list", "tensor", "array") for kind, _ in recipe)


@settings(max_examples=150, deadline=None)
@given(expressions())
def test_gradient_of_reading(drawn):
    reference = oracle()
    shape, recipe = drawn
    data = values(shape)
    theirs = reference.tensor(data, requires_grad=True)
    expected = outcome(lambda: theirs[expression(reference, recipe)])
    if isinstance(expected, type):
        return
    ours = torch.tensor(data, requires_grad=True)
    found = ours[expression(torch, recipe)]
    weights = np.cos(np.arange(expected.numel())).reshape(tuple(expected.shape))
    (found * torch.tensor(weights)).sum().backward()
    (expected * reference.tensor(weights)).sum().backward()
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-12)


@settings(max_examples=100, deadline=None)
@given(expressions())
def test_gradient_of_writing(drawn):
    reference = oracle()
    shape, recipe = drawn
    if _writes_twice(recipe):
        return
    data = values(shape)

    def run(package):
        leaf = package.tensor(data, requires_grad=True)
        whole = leaf * 2
        part = whole[expression(package, recipe)]
        new = package.tensor(values(tuple(part.shape)), requires_grad=True)
        whole[expression(package, recipe)] = new * 3
        (whole * whole).sum().backward()
        return leaf.grad.numpy(), None if new.grad is None else new.grad.numpy()

    expected = outcome(lambda: run(reference))
    found = outcome(lambda: run(torch))
    if isinstance(expected, type):
        assert found is expected
        return
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
    if expected[1] is not None:
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-12)


# NumPy's values -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "item",
    [
        0, -1, slice(1, None), slice(None, None, 2), (slice(None), 1), (..., 1), None, (0, None),
        [0, 1], ([0, 1], [1, 2]), (slice(None), [2, 0]), ([0, 1], slice(None), [1, 3]),
        (slice(None), [[0, 1], [1, 2]]), (Ellipsis, [0, 3]),
    ],
    ids=repr,
)  # fmt: skip
def test_reading_and_writing_as_in_numpy(item):
    data = values((2, 3, 4))
    x = torch.tensor(data)
    np.testing.assert_array_equal(x[item].numpy(), data[item])
    x[item] = -1.0
    data[item] = -1.0
    np.testing.assert_array_equal(x.numpy(), data)


def test_masks_of_every_rank():
    data = values((3, 4, 2))
    for mask in (data > 9, data[..., 0] > 9, data[:, 0, 0] > 9):
        x = torch.tensor(data)
        chosen = torch.tensor(mask)
        np.testing.assert_array_equal(x[chosen].numpy(), data[mask])
        np.testing.assert_array_equal(
            x.transpose(0, 1).contiguous().transpose(0, 1)[chosen].numpy(), data[mask]
        )
        x[chosen] = 0.0
        expected = data.copy()
        expected[mask] = 0
        np.testing.assert_array_equal(x.numpy(), expected)


@pytest.mark.parametrize(
    "dtype", ["float32", "float16", "bfloat16", "uint8", "int16", "bool", "complex64"]
)
def test_every_element_size_is_moved(dtype):
    dtype = getattr(torch, dtype)
    x = torch.tensor([[0, 1, 1], [1, 0, 1]], dtype=dtype)
    assert x[[1, 0], [0, 2]].tolist() == [x[1, 0].item(), x[0, 2].item()]
    assert x[:, [2, 0]].dtype is dtype
    x[[0, 1], [0, 1]] = torch.tensor([1, 1], dtype=dtype)
    assert all(x.reshape(-1).tolist())


def test_values_of_another_dtype_are_refused_by_index_tensors_and_cast_by_views():
    x = torch.zeros(3, 2)
    x[0] = torch.ones(2, dtype=torch.int64)
    with pytest.raises(RuntimeError, match="dtypes match"):
        x[[0]] = torch.ones(2, dtype=torch.int64)
    assert x.sum() == 2


def test_errors_leave_the_tensor_alone():
    x = torch.zeros(3)
    with pytest.raises(IndexError, match="index 7 is out of bounds for dimension 0 with size 3"):
        x[[0, 7]] = 1.0
    with pytest.raises(IndexError):
        x[[-4]]
    with pytest.raises(RuntimeError, match="index 3 is out of bounds"):
        x.scatter_(0, torch.tensor([0, 3]), 1.0)
    with pytest.raises(RuntimeError):
        x.index_add_(0, torch.tensor([0, -1]), torch.ones(2))
    assert x.tolist() == [0.0, 0.0, 0.0]


def test_values_may_not_lie_where_they_are_written():
    x = torch.arange(4.0)
    for write in (
        lambda: x.__setitem__([1, 0, 2, 3], x),
        lambda: x.index_add_(0, torch.arange(4), x),
        lambda: x.scatter_(0, torch.arange(4), x),
    ):
        with pytest.raises(RuntimeError, match="single memory location"):
            write()
    x[[0, 1]] = x[2:]
    assert x.tolist() == [2, 3, 2, 3]
    places = torch.arange(3)
    places[places] = places.clone() * 2
    assert places.tolist() == [0, 2, 4]


@pytest.mark.parametrize(
    "error, item",
    [
        (IndexError, 3), (IndexError, (0, 0)), (ValueError, slice(None, None, -1)),
        (IndexError, 1.5), (TypeError, "a"), (IndexError, {}), (TypeError, slice(0, 1.5)),
    ],
    ids=repr,
)  # fmt: skip
def test_bad_items(error, item):
    with pytest.raises(error):
        torch.zeros(3)[item]


def test_index_tensors_of_wrong_dtype():
    x = torch.zeros(3)
    for dtype in (torch.float32, torch.int16):
        with pytest.raises(IndexError, match="long, int, byte or bool"):
            x[torch.tensor([1], dtype=dtype)]
    with pytest.raises(IndexError, match="shape of the mask"):
        x[torch.tensor([True, False])]
    with pytest.raises(IndexError, match="could not be broadcast"):
        torch.zeros(3, 3)[[0, 1], [0, 1, 2]]


# gather, scatter and index_* ------------------------------------------------------------------------


def _random(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def _indices(shape, high, seed=0):
    return np.random.default_rng(seed).integers(0, high, shape)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_gather_is_take_along_axis(dim):
    data = _random((3, 4, 5))
    index = _indices((3, 4, 5), data.shape[dim])
    x, i = torch.tensor(data), torch.tensor(index)
    expected = np.take_along_axis(data, index, dim)
    np.testing.assert_array_equal(x.gather(dim, i).numpy(), expected)
    np.testing.assert_array_equal(torch.take_along_dim(x, i, dim).numpy(), expected)
    strided = x.transpose(0, 2).contiguous().transpose(0, 2)
    np.testing.assert_array_equal(strided.gather(dim, i).numpy(), expected)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dim", [0, 1])
def test_scatter_add_loses_nothing(dim, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        index = _indices((300, 200), 7)
        source = np.ones((300, 200))
        shape = [300, 200]
        shape[dim] = 7
        found = torch.zeros(shape, dtype=torch.float64).scatter_add(
            dim, torch.tensor(index), torch.tensor(source)
        )
    finally:
        torch.set_num_threads(before)
    expected = np.zeros(shape)
    places = list(np.indices((300, 200)))
    places[dim] = index
    np.add.at(expected, tuple(places), source)
    np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize(
    "dtype", ["float32", "float16", "bfloat16", "int64", "int8", "bool", "complex128"]
)
def test_index_add_and_copy_in_every_dtype(dtype):
    reference = oracle()

    def run(package):
        kind = getattr(package, dtype)
        x = package.zeros(4, 3, dtype=kind)
        source = package.tensor([[1, 0, 1], [1, 1, 0]], dtype=kind)
        index = package.tensor([2, 2])
        return x.index_add(0, index, source).tolist(), x.index_copy(
            0, index[:1], source[:1]
        ).tolist()

    assert run(torch) == run(reference)


def test_row_gradients_of_an_embedding_add_up():
    weight = torch.tensor(_random((6, 4)), requires_grad=True)
    index = np.array([[1, 1, 5], [0, 3, 1]])
    out = torch.nn.functional.embedding(torch.tensor(index), weight, padding_idx=3)
    np.testing.assert_array_equal(out.detach().numpy(), weight.detach().numpy()[index])
    grad = _random((2, 3, 4), 1)
    out.backward(torch.tensor(grad))
    expected = np.zeros((6, 4))
    np.add.at(expected, index, grad)
    expected[3] = 0
    np.testing.assert_allclose(weight.grad.numpy(), expected, rtol=1e-14)
    with pytest.raises(IndexError):
        torch.nn.functional.embedding(torch.tensor([6]), weight)


@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("include_self", [True, False])
def test_scatter_reduce(reduce, include_self):
    reference = oracle()
    index = _indices((4, 6), 3)
    source = _random((4, 6), 2)
    source[0, :2] = 0

    def run(package):
        x = package.tensor(_random((4, 3)), requires_grad=True)
        s = package.tensor(source, requires_grad=True)
        out = x.scatter_reduce(1, package.tensor(index), s, reduce, include_self=include_self)
        (out * out).sum().backward()
        return [y.detach().numpy() for y in (out, x.grad, s.grad)]

    for found, expected in zip(run(torch), run(reference)):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_take_put_and_masked_scatter():
    data = _random((3, 4))
    x = torch.tensor(data)
    index = np.array([[0, -1], [5, 5]])
    np.testing.assert_array_equal(x.take(torch.tensor(index)).numpy(), data.take(index))
    expected = data.copy()
    np.put(expected, [1, -2], [8.0, 9.0])
    found = x.put(torch.tensor([1, -2]), torch.tensor([8.0, 9.0], dtype=torch.float64))
    np.testing.assert_array_equal(found.numpy(), expected)
    mask = data > 0
    expected = data.copy()
    expected[mask] = np.arange(mask.sum())
    found = x.masked_scatter(torch.tensor(mask), torch.arange(12, dtype=torch.float64))
    np.testing.assert_array_equal(found.numpy(), expected)
    np.testing.assert_array_equal(x.masked_select(torch.tensor(mask)).numpy(), data[mask])
    with pytest.raises(RuntimeError, match="Number of elements of source"):
        x.masked_scatter(torch.tensor(np.ones((3, 4), bool)), torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 5), (100, 300)])
def test_nonzero(shape):
    data = _indices(shape, 2) * 2.5
    x = torch.tensor(data)
    expected = np.argwhere(data)
    np.testing.assert_array_equal(x.nonzero().numpy(), expected)
    for found, wanted in zip(x.nonzero(as_tuple=True), np.nonzero(np.atleast_1d(data))):
        np.testing.assert_array_equal(found.numpy(), wanted)


def test_bincount_and_histc():
    data = _indices((50,), 9)
    np.testing.assert_array_equal(torch.bincount(torch.tensor(data)).numpy(), np.bincount(data))
    weights = _random((50,))
    np.testing.assert_allclose(
        torch.bincount(torch.tensor(data), torch.tensor(weights), minlength=12).numpy(),
        np.bincount(data, weights, 12),
    )
    with pytest.raises(RuntimeError):
        torch.bincount(torch.tensor([-1]))
    np.testing.assert_array_equal(
        torch.histc(torch.tensor(weights), 8, -2, 2).numpy(), np.histogram(weights, 8, (-2, 2))[0]
    )


@pytest.mark.parametrize("density", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_histogram(weighted, density):
    data, weights = _random((60,)), np.abs(_random((60,), 1)) if weighted else None
    weight = torch.tensor(weights) if weighted else None
    for bins, span in ((7, None), (5, (-1.0, 1.5)), (np.array([-1.0, 0.0, 0.5, 3.0]), None)):
        ours = bins if isinstance(bins, int) else torch.tensor(bins)
        found = torch.histogram(
            torch.tensor(data), ours, range=span, weight=weight, density=density
        )
        expected = np.histogram(data, bins, span, weights=weights, density=density)
        np.testing.assert_allclose(found.hist.numpy(), expected[0], rtol=1e-12)
        np.testing.assert_allclose(found.bin_edges.numpy(), expected[1], rtol=1e-12)


def test_zero_dimensional_targets():
    x = torch.tensor(3.0, requires_grad=True)
    for result in (
        x.index_select(0, torch.tensor([0])),
        x.index_add(0, torch.tensor([0]), torch.tensor(1.0)),
        x.index_copy(0, torch.tensor([0]), torch.tensor(1.0)),
        x.index_fill(0, torch.tensor([0]), 2.0),
        x.gather(0, torch.tensor(0)),
        x.scatter(0, torch.tensor(0), torch.tensor(2.0)),
    ):
        assert result.shape == ()
        result.backward()
