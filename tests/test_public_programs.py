"""What public programs asked for (docs/programs.md) that nothing else tests."""

import numpy as np
import pytest

import numbatorch as nt


def test_the_method_split_calls_its_sizes_split_size():
    x = nt.arange(6).reshape(2, 3)
    assert [part.tolist() for part in x.split(split_size=[1, 2], dim=-1)] == [
        [[0], [3]],
        [[1, 2], [4, 5]],
    ]
    assert [part.shape[0] for part in x.split(split_size=1)] == [1, 1]
    with pytest.raises(TypeError):
        nt.split(x, split_size=1)


def test_a_bound_of_clamp_may_be_a_tensor_of_one_element_beside_a_number():
    x = nt.tensor([-1.0, 0.5, 9.0])
    assert nt.clamp(x, 0, nt.tensor(2.0)).tolist() == [0.0, 0.5, 2.0]
    assert x.clamp(nt.tensor(0.25), 1).tolist() == [0.25, 0.5, 1.0]
    with pytest.raises(TypeError):
        nt.clamp(x, 0, nt.tensor([2.0]))


def test_functions_may_keep_sparse_tensors_for_backward():
    class Product(nt.autograd.Function):
        @staticmethod
        def forward(ctx, values, b):
            a = nt.sparse_coo_tensor(nt.tensor([[0, 1], [1, 0]]), values, (2, 2))
            ctx.save_for_backward(a, b)
            return nt.matmul(a, b)

        @staticmethod
        def backward(ctx, grad):
            a, b = ctx.saved_tensors
            assert a.is_sparse
            return (grad @ b.t())[[0, 1], [1, 0]], a.to_dense().t() @ grad

    values, b = nt.tensor([2.0, 3.0], requires_grad=True), nt.eye(2).requires_grad_()
    Product.apply(values, b).sum().backward()
    assert values.grad.tolist() == [1.0, 1.0]
    assert b.grad.tolist() == [[3.0, 3.0], [2.0, 2.0]]


def plus_one(x):
    return x + 1


def test_fx_wrap_marks_functions_and_changes_nothing():
    namespace = {"__name__": "program", "plus_one": plus_one, "torch": nt}
    exec("wrapped = torch.fx.wrap(plus_one); torch.fx.wrap('plus_one')", namespace)
    assert namespace["wrapped"] is plus_one
    with pytest.raises(NotImplementedError, match="top level"):
        nt.fx.wrap(plus_one)
    with pytest.raises(NotImplementedError, match="not built"):
        nt.fx.symbolic_trace(nt.nn.Linear(1, 1))


def test_frozen_batch_norm_is_batch_norm_in_evaluation():
    from numbatorch.vision.ops import FrozenBatchNorm2d

    norm = nt.nn.BatchNorm2d(3)
    norm(nt.randn(4, 3, 5, 5) * 2 + 1)
    frozen = FrozenBatchNorm2d(3)
    frozen.load_state_dict(norm.state_dict())
    x = nt.randn(2, 3, 4, 4)
    np.testing.assert_allclose(frozen(x), norm.eval()(x).detach(), rtol=1e-5, atol=1e-6)
    assert not list(frozen.parameters())
