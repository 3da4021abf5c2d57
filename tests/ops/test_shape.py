"""Joining, splitting, rearranging and other shapes: NumPy's values, PyTorch's rules and errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numbatorch as torch


def oracle():
    """PyTorch itself, where it is installed."""
    return pytest.importorskip("torch")


def values(*shape):
    return np.arange(1.0, 1.0 + int(np.prod(shape))).reshape(shape)


def check(found, expected):
    found = found if isinstance(found, tuple | list) else [found]
    expected = expected if isinstance(expected, tuple | list) else [expected]
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected):
        assert tuple(ours.shape) == theirs.shape
        np.testing.assert_array_equal(ours.numpy(), theirs)


# Joining --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_cat(dim):
    parts = [values(2, 3, 4), -values(2, 3, 4), values(2, 3, 4) * 2]
    check(torch.cat([torch.tensor(p) for p in parts], dim), np.concatenate(parts, dim))
    check(torch.stack([torch.tensor(p) for p in parts], dim), np.stack(parts, dim))


def test_cat_promotes_and_drops_empty_vectors():
    joined = torch.cat([torch.zeros(0), torch.ones(2, 2, dtype=torch.int64)])
    assert joined.dtype is torch.float32 and joined.shape == (2, 2)
    joined = torch.cat([torch.ones(1, dtype=torch.int32), torch.ones(1, dtype=torch.float16)])
    assert joined.dtype is torch.float16


@pytest.mark.parametrize("name", ["hstack", "vstack", "dstack", "column_stack"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 2)])
def test_stacks(name, shape):
    parts = [values(*shape), -values(*shape)]
    expected = getattr(np, name)(parts)
    check(getattr(torch, name)([torch.tensor(p) for p in parts]), expected)


@pytest.mark.parametrize(
    "error, call",
    [
        (ValueError, lambda: torch.cat([])),
        (RuntimeError, lambda: torch.stack([])),
        (TypeError, lambda: torch.cat(torch.ones(2))),
        (TypeError, lambda: torch.cat([torch.ones(2), 1])),
        (RuntimeError, lambda: torch.cat([torch.ones(2, 3), torch.ones(2, 4)])),
        (RuntimeError, lambda: torch.cat([torch.ones(2, 3), torch.ones(2)])),
        (RuntimeError, lambda: torch.cat([torch.tensor(1.0)])),
        (IndexError, lambda: torch.cat([torch.ones(2)], 1)),
        (RuntimeError, lambda: torch.stack([torch.ones(2), torch.ones(3)])),
        (RuntimeError, lambda: torch.ones(5).split([2, 1])),
        (RuntimeError, lambda: torch.ones(5).split(0)),
        (RuntimeError, lambda: torch.ones(5).chunk(0)),
        (IndexError, lambda: torch.tensor(1.0).unbind()),
        (RuntimeError, lambda: torch.hsplit(torch.ones(4), 3)),
        (RuntimeError, lambda: torch.ones(2, 3).repeat(2)),
        (RuntimeError, lambda: torch.ones(2, 3).repeat(2, -1)),
        (RuntimeError, lambda: torch.ones(2, 3, 4).t()),
        (RuntimeError, lambda: torch.ones(3).mT),
        (RuntimeError, lambda: torch.ones(6).unflatten(0, (4, 2))),
        (RuntimeError, lambda: torch.ones(2, 3).movedim((0, 0), (0, 1))),
        (RuntimeError, lambda: torch.ones(2, 3).flip(0, 0)),
        (RuntimeError, lambda: torch.roll(torch.ones(3), (1, 2), 0)),
        (RuntimeError, lambda: torch.ones(3).repeat_interleave(torch.tensor([1, 2]))),
        (RuntimeError, lambda: torch.ones(3).repeat_interleave(-1)),
        (RuntimeError, lambda: torch.nn.functional.pad(torch.ones(1, 3), (3, 0), mode="reflect")),
        (RuntimeError, lambda: torch.nn.functional.pad(torch.ones(1, 3), (4, 0), mode="circular")),
        (NotImplementedError, lambda: torch.nn.functional.pad(torch.ones(3), (1, 0), mode="reflect")),
        (RuntimeError, lambda: torch.nn.functional.pad(torch.ones(3), (1,))),
        (RuntimeError, lambda: torch.ones(3).tril()),
        (RuntimeError, lambda: torch.ones(2, 3, 4).trace()),
        (RuntimeError, lambda: torch.ones(3, 3).select_scatter(torch.ones(2), 0, 0)),
        (RuntimeError, lambda: torch.ones(2, requires_grad=True).squeeze_()),
        (RuntimeError, lambda: torch.ones(2, requires_grad=True).resize_(3)),
    ],
)  # fmt: skip
def test_bad_input(error, call):
    with pytest.raises(error):
        call()


# Splitting ------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 7), st.integers(1, 8))
def test_split_and_chunk_are_those_of_pytorch(size, count):
    reference = oracle()
    data = values(2, size)
    x, theirs = torch.tensor(data), reference.tensor(data)
    for name in ("split", "chunk", "tensor_split"):
        found = getattr(x, name)(count, 1)
        expected = getattr(theirs, name)(count, 1)
        check(found, [part.numpy() for part in expected])
        assert all(part.storage is x.storage for part in found)


def test_writes_into_parts_are_followed():
    leaf = torch.tensor(values(4, 2), requires_grad=True)
    whole = leaf * 1
    first, second = whole[:2], whole[2:]
    second.mul_(3)
    (whole.sum() + first.sum()).backward()
    np.testing.assert_array_equal(leaf.grad.numpy(), [[2, 2], [2, 2], [3, 3], [3, 3]])


def test_only_some_parts_used():
    leaf = torch.tensor(values(3, 2), requires_grad=True)
    leaf.unbind()[1].sum().backward()
    np.testing.assert_array_equal(leaf.grad.numpy(), [[0, 0], [1, 1], [0, 0]])


def test_numpys_splits():
    data = values(4, 6, 2)
    x = torch.tensor(data)
    for name in ("hsplit", "vsplit", "dsplit"):
        check(getattr(x, name)(2), getattr(np, name)(data, 2))
    check(x.hsplit((1, 5)), np.hsplit(data, (1, 5)))
    check(x.unbind(-1), [data[..., 0], data[..., 1]])


# Rearranging ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["float32", "float16", "uint8", "bool", "complex128"])
def test_flip_and_roll_move_every_dtype(name):
    data = np.random.default_rng(0).integers(0, 2, (3, 4, 5)).astype(name)
    x = torch.tensor(data)
    check(x.flip(0, -1), np.flip(data, (0, -1)))
    check(x.transpose(0, 2).flip((1,)), np.flip(data.transpose(2, 1, 0), 1))
    check(x.roll((2, -7), (1, 2)), np.roll(data, (2, -7), (1, 2)))
    check(x.roll((1, 1), (1, 1)), np.roll(data, 2, 1))
    check(torch.roll(x, 4), np.roll(data, 4))
    check(torch.fliplr(x), np.fliplr(data))
    for k in range(-1, 4):
        check(torch.rot90(x, k, (2, 0)), np.rot90(data, k, (2, 0)))


def test_repetition():
    data = values(2, 3)
    x = torch.tensor(data)
    check(x.repeat(2, 1, 3), np.tile(data, (2, 1, 3)))
    check(x.tile((2,)), np.tile(data, 2))
    check(x.repeat_interleave(3, 1), np.repeat(data, 3, 1))
    check(x.repeat_interleave(torch.tensor([2, 0]), 0), np.repeat(data, [2, 0], 0))
    check(x.repeat_interleave(2), np.repeat(data, 2))
    check(torch.repeat_interleave(torch.tensor([1, 0, 2])), np.array([0, 2, 2]))
    assert x.repeat(1, 1).storage is not x.storage


MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_pad_repeats_what_is_there(mode, rank):
    data = values(2, *(4, 5, 3)[:rank])
    pads = [(1, 2), (3, 0), (2, 1)][:rank]
    flat = [count for pair in reversed(pads) for count in pair]
    found = torch.nn.functional.pad(torch.tensor(data), flat, mode=mode)
    check(found, np.pad(data, [(0, 0), *pads], mode=MODES[mode]))


def test_constant_pad_also_crops():
    data = values(3, 4)
    x = torch.tensor(data)
    check(
        torch.nn.functional.pad(x, (1, 2, 0, 1), value=7.0),
        np.pad(data, ((0, 1), (1, 2)), constant_values=7.0),
    )
    check(torch.nn.functional.pad(x, (-1, -2)), data[:, 1:-2])
    check(torch.nn.functional.pad(x, (-1, 1)), np.pad(data[:, 1:], ((0, 0), (0, 1))))


# Matrices -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (2, 3, 3), (0, 3), (3, 0), (1, 1)])
@pytest.mark.parametrize("diagonal", [-5, -1, 0, 1, 5])
def test_triangles(shape, diagonal):
    data = values(*shape)
    x = torch.tensor(data)
    for name in ("tril", "triu"):
        check(getattr(torch, name)(x, diagonal), getattr(np, name)(data, diagonal))
        check(getattr(x.clone(), f"{name}_")(diagonal), getattr(np, name)(data, diagonal))
        strided = x.transpose(-1, -2)
        check(
            getattr(torch, name)(strided, diagonal),
            getattr(np, name)(np.swapaxes(data, -1, -2), diagonal),
        )


def test_triangle_indices():
    for row, col, offset in ((3, 4, 0), (4, 2, -1), (2, 5, 2), (0, 3, 0)):
        for name in ("tril_indices", "triu_indices"):
            found = getattr(torch, name)(row, col, offset)
            expected = getattr(np, name)(row, offset, col)
            check(found, np.stack(expected).astype(np.int64))


def test_diagonals():
    data = values(3, 4)
    x = torch.tensor(data)
    for offset in (-2, 0, 1, 3):
        check(torch.diag(x, offset), np.diag(data, offset))
        check(torch.diag(x[0], offset), np.diag(data[0], offset))
        check(torch.diagflat(x, offset), np.diagflat(data, offset))
    check(x.trace(), np.trace(data))
    embedded = torch.diag_embed(x, 1, 0, 2)
    check(embedded.diagonal(1, 0, 2), data)
    assert embedded.sum() == data.sum()
    tall = torch.zeros(7, 3)
    expected = np.zeros((7, 3))
    np.fill_diagonal(expected, 5, wrap=True)
    check(tall.fill_diagonal_(5, wrap=True), expected)


def test_parts_replaced_in_a_copy():
    data = values(3, 4)
    x = torch.tensor(data)
    expected = data.copy()
    expected[:, 1] = 0
    check(x.select_scatter(torch.zeros(3), 1, 1), expected)
    expected = data.copy()
    expected[::2] = 0
    check(x.slice_scatter(torch.zeros(2, 4), 0, 0, 3, 2), expected)
    expected = data.copy()
    np.fill_diagonal(expected, 0)
    check(x.diagonal_scatter(torch.zeros(3)), expected)
    check(x, data)


# Other shapes ---------------------------------------------------------------------------------------


def test_order_of_dimensions():
    data = values(2, 3, 4)
    x = torch.tensor(data)
    check(x.movedim((0, 1), (-1, 0)), np.moveaxis(data, (0, 1), (-1, 0)))
    check(x.mT, np.swapaxes(data, 1, 2))
    check(x[0].T, data[0].T)
    check(x[0].t(), data[0].T)
    check((x * 1j).mH, np.swapaxes(data * 1j, 1, 2).conj())
    check((x[0] * 1j).H, (data[0] * 1j).conj().T)
    assert all(y.storage is x.storage for y in (x.movedim(0, 1), x.mT, x[0].T, x[0].t(), x.mH))
    with pytest.warns(UserWarning, match=r"`x.T` on tensors of dimension other than 2"):
        check(x.T, data.T)


def test_flatten_and_back():
    x = torch.tensor(values(2, 3, 4))
    assert x.flatten(1).shape == (2, 12) and x.flatten().shape == (24,)
    assert x.flatten(1).unflatten(1, (3, -1)).shape == (2, 3, 4)
    assert torch.tensor(1.0).flatten().shape == (1,)
    assert x.flatten(1, 1) is x and x.ravel().storage is x.storage
    assert x.view_as(torch.zeros(4, 6)).shape == x.reshape_as(torch.zeros(4, 6)).shape == (4, 6)


def test_at_least():
    for name in ("atleast_1d", "atleast_2d", "atleast_3d"):
        for shape in ((), (3,), (2, 3), (2, 3, 4), (1, 2, 3, 4)):
            data = values(*shape)
            check(getattr(torch, name)(torch.tensor(data)), getattr(np, name)(data))
    assert [y.shape for y in torch.atleast_2d(torch.tensor(1.0), torch.ones(2))] == [(1, 1), (1, 2)]


def test_grids():
    a, b = values(2), values(3)
    for indexing in ("ij", "xy"):
        check(
            torch.meshgrid(torch.tensor(a), torch.tensor(b), indexing=indexing),
            list(np.meshgrid(a, b, indexing=indexing)),
        )
    product = torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([3, 4]))
    assert product.tolist() == [[1, 3], [1, 4], [2, 3], [2, 4]]
    assert torch.combinations(torch.tensor([1, 2, 3])).tolist() == [[1, 2], [1, 3], [2, 3]]
    assert torch.combinations(torch.arange(2), 2, True).tolist() == [[0, 0], [0, 1], [1, 1]]
    check(
        torch.broadcast_tensors(torch.tensor(a)[:, None], torch.tensor(b)),
        list(np.broadcast_arrays(a[:, None], b)),
    )
    assert torch.broadcast_shapes((2, 1), (3,)) == (2, 3)


def test_sum_to_size_undoes_broadcasting():
    x = torch.tensor(values(2, 3, 4))
    check(x.sum_to_size(3, 1), values(2, 3, 4).sum((0, 2))[:, None])
    assert x.narrow_copy(1, 1, 2).shape == (2, 2, 4)
    with pytest.raises(RuntimeError, match="not expandable"):
        x.sum_to_size(2, 4)


@pytest.mark.parametrize("to", ["int32", "float64", "int16", "uint8", "complex64"])
def test_bytes_seen_as_another_dtype(to):
    data = np.arange(12, dtype=np.float32).reshape(3, 4)
    x = torch.tensor(data)
    seen = x.view(getattr(torch, to))
    check(seen, data.view(to))
    assert seen.storage is x.storage
    with pytest.raises(RuntimeError):
        x.transpose(0, 1).view(torch.float64)


def test_shapes_changed_in_place():
    x = torch.tensor(values(1, 3))
    memory = x.storage
    assert x.squeeze_() is x and x.shape == (3,)
    assert x.unsqueeze_(1).shape == (3, 1) and x.t_().shape == (1, 3)
    assert x.transpose_(0, 1).shape == (3, 1) and x.storage is memory
    assert x.resize_(2, 2).shape == (2, 2)
    np.testing.assert_array_equal(x.numpy().ravel()[:3], [1, 2, 3])
    y = torch.empty(0, dtype=torch.float64)
    assert y.set_(x) is y and y.storage is x.storage and y.shape == (2, 2)
    z = torch.arange(6.0)
    assert z.as_strided_((2, 2), (2, 1), 1).tolist() == [[1, 2], [3, 4]]
    assert z.is_set_to(z.detach()) and not z.is_set_to(z.clone())
    leaf = torch.tensor(values(3, 1), requires_grad=True)
    (leaf * torch.tensor(values(3, 1))).squeeze_().sum().backward()
    np.testing.assert_array_equal(leaf.grad.numpy(), values(3, 1))


def test_numpy_on_either_side():
    data = values(2, 3)
    x = torch.tensor(data)
    for mixed in (data + x, x + data, data * x, np.float64(2) * x, data - x):
        assert isinstance(mixed, torch.Tensor)
    check(data - x, data - data)
    check(np.float64(2) * x, 2 * data)
    shared = torch.from_numpy(data)
    data[0, 0] = 50
    assert shared[0, 0] == 50
    shared.numpy()[1, 1] = 60
    assert data[1, 1] == 60
    assert isinstance(np.sin(x), torch.Tensor)
    assert 3.0 in x and 77.0 not in x
    assert [row.tolist() for row in reversed(x)] == [[4, 5, 6], [1, 2, 3]]
