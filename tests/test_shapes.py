"""Layouts, checked against NumPy over random shapes."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from numbatorch import shapes

SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)


@st.composite
def layouts(draw):
    """(shape, strides) of a view into some memory: a permuted and sliced array's."""
    shape = draw(SHAPES)
    order = draw(st.permutations(range(len(shape))))
    base = np.zeros([2 * n for n in shape])
    steps = tuple(slice(None, None, draw(st.sampled_from([1, 2]))) for _ in shape)
    view = base[steps].transpose(order)
    return view.shape, tuple(s // 8 for s in view.strides)


# the time that an example takes says nothing here on a busy machine
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@given(SHAPES)
def test_contiguous_strides_are_numpys(shape):
    array = np.zeros(shape)
    if array.size:
        assert shapes.contiguous_strides(shape) == tuple(s // 8 for s in array.strides)
        assert shapes.is_contiguous(shape, shapes.contiguous_strides(shape))


@given(layouts())
def test_contiguity_is_numpys(layout):
    shape, strides = layout
    array = np.lib.stride_tricks.as_strided(np.zeros(1), shape, [8 * s for s in strides])
    assert shapes.is_contiguous(shape, strides) == array.flags.c_contiguous


@given(SHAPES, SHAPES)
def test_broadcasting_is_numpys(a, b):
    try:
        expected = np.broadcast_shapes(a, b)
    except ValueError:
        with pytest.raises(RuntimeError, match="must match"):
            shapes.broadcast_shapes(a, b)
    else:
        assert shapes.broadcast_shapes(a, b) == expected


def offsets(shape, strides):
    """The offset of every element, in row-major order."""
    if not shape:
        return [0]
    index = np.indices(shape).reshape(len(shape), -1)
    return (index * np.array(strides, dtype=int).reshape(-1, 1)).sum(0).tolist()


@given(layouts(), st.data())
def test_views_see_the_same_elements(layout, data):
    shape, strides = layout
    count = shapes.numel(shape)
    divisors = [d for d in range(1, count + 1) if count % d == 0] or [0]
    first = data.draw(st.sampled_from(divisors))
    target = (first, count // first) if first else (0,)
    found = shapes.view_strides(shape, strides, target)
    if found is not None:
        assert offsets(target, found) == offsets(shape, strides)
    elif count:
        array = np.lib.stride_tricks.as_strided(np.zeros(1000), shape, [8 * s for s in strides])
        with pytest.raises(ValueError, match="copy"):
            np.reshape(array, target, copy=False)


@given(layouts())
def test_collapsing_keeps_the_order_of_elements(layout):
    shape, strides = layout
    if shapes.numel(shape):
        dense = shapes.contiguous_strides(shape)
        sizes, (a, b) = shapes.collapse(shape, [strides, dense])
        assert offsets(sizes, a) == offsets(shape, strides)
        assert offsets(sizes, b) == offsets(shape, dense)
        assert len(sizes) <= max(len(shape), 1)


@given(layouts())
def test_overlap_is_found(layout):
    shape, strides = layout
    if shapes.numel(shape):
        assert not shapes.has_overlap(shape, strides)
        assert shapes.has_overlap((*shape, 2), (*strides, 0))


@given(layouts())
def test_like_strides_are_dense_in_the_same_order(layout):
    shape, strides = layout
    found = shapes.strides_like(shape, strides)
    if shapes.numel(shape):
        assert sorted(offsets(shape, found)) == list(range(shapes.numel(shape)))
        assert shapes.is_dense(shape, found)


def test_dimensions_are_checked():
    assert shapes.wrap_dim(-1, 3) == 2 and shapes.wrap_dim(0, 0) == 0
    with pytest.raises(IndexError, match=r"range of \[-3, 2\], but got 3"):
        shapes.wrap_dim(3, 3)
    with pytest.raises(TypeError):
        shapes.wrap_dim(1.5, 3)
    with pytest.raises(RuntimeError, match="multiple times"):
        shapes.wrap_dims((0, -2), 2)


def test_one_size_can_be_inferred():
    assert shapes.infer_size((2, -1), 6) == (2, 3)
    for bad, message in (
        ((-1, -1), "only one"),
        ((4, -1), "invalid for input"),
        ((0, -1), "ambiguous"),
    ):
        with pytest.raises(RuntimeError, match=message):
            shapes.infer_size(bad, 6 if 0 not in bad else 0)


def test_size_is_a_tuple_that_stays_a_size():
    size = shapes.Size((2, 3))
    assert repr(size) == "torch.Size([2, 3])" and size == (2, 3) and size.numel() == 6
    assert isinstance(size[:1], shapes.Size) and isinstance(size + (1,), shapes.Size)
