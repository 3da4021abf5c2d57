"""Further names of PyTorch: copies of views, forms that are never left for later, old functions."""

import pytest

import numbatorch as torch

x = torch.arange(12.0).reshape(3, 4)

#: The arguments of a view, and of its copy.
VIEWS = {
    "as_strided": ((2, 2), (1, 2), 1), "detach": (), "diagonal": (1,), "expand": ((2, 3, 4),),
    "permute": ((1, 0),), "select": (0, 1), "t": (), "transpose": (0, 1), "unfold": (1, 2, 1),
    "unsqueeze": (0,), "view": ((4, 3),), "squeeze": (),
}  # fmt: skip


@pytest.mark.parametrize("name", VIEWS)
def test_copies_of_views(name):
    arguments = VIEWS[name]
    view = getattr(x, name)(*arguments)
    copied = getattr(torch, f"{name}_copy")(x, *arguments)
    assert torch.equal(copied, view) and copied.data_ptr() != view.data_ptr()


def test_copies_of_parts():
    assert torch.equal(torch.alias_copy(x), x) and torch.alias_copy(x).data_ptr() != x.data_ptr()
    pairs = (
        (torch.split_copy(x, 2), x.split(2)),
        (torch.split_with_sizes_copy(x, [1, 2]), x.split([1, 2])),
        (torch.unbind_copy(x, 1), x.unbind(1)),
    )
    for copies, views in pairs:
        assert all(torch.equal(a, b) for a, b in zip(copies, views, strict=True))
        assert copies[1].untyped_storage().data_ptr() != x.untyped_storage().data_ptr()
    pairs = torch.view_as_real_copy(torch.complex(x, -x))
    assert torch.equal(torch.view_as_complex_copy(pairs), torch.complex(x, -x))


def test_nothing_is_left_for_later():
    z = torch.complex(x, x).conj()
    assert not (torch.is_conj(z) or torch.is_neg(z) or torch.is_distributed(x))
    assert torch.resolve_conj(z) is z and torch.resolve_neg(x) is x
    assert not torch.is_inference(x)
    with torch.inference_mode():
        assert torch.is_inference(torch.ones(1))
    assert torch.isreal(torch.tensor([1 + 0j, 1j])).tolist() == [True, False]
    assert torch.isreal(x).all()


def test_old_functions():
    assert torch.fill(x, 2.0).eq(2).all() and x[0, 1] == 1
    assert torch.get_device(x) == -1
    found = torch.nonzero_static(torch.tensor([0, 3, 0, 4]), size=3)
    assert found.tolist() == [[1], [3], [-1]]
    assert torch.constant_pad_nd(torch.ones(1), (1, 2), 5.0).tolist() == [5, 1, 5, 5]
    made = x.new_empty_strided((2, 3), (1, 2))
    assert made.stride() == (1, 2) and made.dtype is x.dtype
    assert x.dim_order() == (0, 1) and x.t().dim_order() == (1, 0)
    assert x.const_data_ptr() == x.data_ptr()


def test_python_functions_of_elements():
    values = torch.tensor([1, 2, 3])
    assert values.apply_(lambda n: n * n).tolist() == [1, 4, 9]
    assert values.map_(torch.tensor(2), lambda a, b: a - b).tolist() == [-1, 2, 7]
    with pytest.raises(RuntimeError, match="requires grad"):
        torch.ones(1, requires_grad=True).apply_(abs)


def test_old_methods():
    assert x.resize(4, 3).shape == (4, 3)
    assert x.resize_as(torch.ones(6, 2)).shape == (6, 2)
    with pytest.raises(RuntimeError, match="removed"):
        x.reinforce(1)
    with pytest.raises(RuntimeError, match="host memory"):
        x.record_stream(None)


def test_subclasses_share_memory_and_history():
    class Named(torch.Tensor):
        pass

    own = x.as_subclass(Named)
    assert isinstance(own, Named) and own.data_ptr() == x.data_ptr()
    leaf = torch.ones(2, requires_grad=True)
    doubled = (leaf * 2).as_subclass(Named)
    doubled.sum().backward()
    assert isinstance(doubled, Named) and leaf.grad.tolist() == [2.0, 2.0]
