"""The backward walk, in-place changes and views, hooks, modes, and the errors that PyTorch raises."""

import gc

import numpy as np
import pytest

import numbatorch as torch


def values(x):
    return x.detach().numpy().tolist()


def leaf(*numbers):
    return torch.tensor(numbers, dtype=torch.float64, requires_grad=True)


# The walk -------------------------------------------------------------------------------------------


def test_gradients_add_up_where_a_value_is_used_twice():
    x = leaf(2.0, 3.0)
    y = x * x + x
    y.sum().backward()
    assert values(x.grad) == [5.0, 7.0]


def test_gradients_accumulate_over_walks():
    x = leaf(1.0)
    (x * 2).sum().backward()
    first = x.grad
    (x * 3).sum().backward()
    assert values(x.grad) == [5.0]
    assert x.grad is first


def test_a_long_chain_does_not_overflow_the_stack():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.sum().backward()
    assert values(x.grad) == [1.0]
    del y
    gc.collect()


def test_second_walk_raises_without_retain_graph():
    x = leaf(1.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()
    assert values(x.grad) == [4.0]


def test_third_order():
    x = leaf(2.0)
    y = (x * x * x * x).sum()
    (first,) = torch.autograd.grad(y, x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
    (third,) = torch.autograd.grad(second.sum(), x)
    assert values(first) == [32.0] and values(second) == [48.0] and values(third) == [48.0]


def test_grad_leaves_the_leaves_alone_and_names_what_is_unused():
    x, z = leaf(1.0), leaf(1.0)
    y = (x * 2).sum()
    (gradient,) = torch.autograd.grad(y, x, retain_graph=True)
    assert values(gradient) == [2.0] and x.grad is None
    with pytest.raises(RuntimeError, match="appears to not have been used"):
        torch.autograd.grad(y, [x, z], retain_graph=True)
    assert torch.autograd.grad(y, [x, z], allow_unused=True, retain_graph=True)[1] is None
    filled = torch.autograd.grad(y, [x, z], materialize_grads=True)[1]
    assert values(filled) == [0.0]


def test_gradient_of_a_value_in_the_middle():
    x = leaf(3.0)
    middle = x * x
    y = (middle * 5).sum()
    gradient, outer = torch.autograd.grad(y, [middle, x])
    assert values(gradient) == [5.0] and values(outer) == [30.0]


def test_backward_to_named_inputs_only():
    x, z = leaf(1.0), leaf(2.0)
    (x * z).sum().backward(inputs=[x])
    assert values(x.grad) == [2.0] and z.grad is None


def test_roots_must_fit():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="only for scalar outputs"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        (x * 2).backward(torch.ones(3, dtype=torch.float64))
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.ones(2).sum().backward()


def test_gradients_kept_by_leaves_do_not_share_memory():
    x, z = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x + z).sum().backward()
    x.grad.mul_(10)
    assert values(z.grad) == [1.0, 1.0] and values(x.grad) == [10.0, 10.0]


def test_gradients_come_in_the_dtype_and_shape_of_the_input():
    x = torch.ones(3, 1, requires_grad=True)
    y = torch.ones(4, dtype=torch.float64, requires_grad=True)
    (x * y).sum().backward()
    assert x.grad.dtype is torch.float32 and x.grad.shape == (3, 1)
    assert values(x.grad) == [[4.0]] * 3 and values(y.grad) == [3.0] * 4


# In place and views -----------------------------------------------------------------------------------


def test_a_leaf_may_not_be_changed_in_place():
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="view of a leaf Variable"):
        x.view(1, 1).mul_(2)
    with torch.no_grad():
        x.add_(1)
    assert values(x) == [2.0]


def test_a_modified_saved_tensor_raises():
    x = leaf(1.0, 2.0)
    y = x * 1
    z = y * y
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation.*version 1"):
        z.sum().backward()


def test_a_modified_saved_output_raises():
    x = leaf(1.0, 2.0)
    y = x.reciprocal()
    y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_data_is_not_watched():
    x = leaf(1.0, 2.0)
    y = x * x
    x.data.mul_(3)
    y.sum().backward()
    assert values(x.grad) == [6.0, 12.0]


def test_in_place_changes_are_differentiated():
    x = leaf(1.0, 2.0)
    y = x * 2
    y.mul_(3).add_(x)
    y.sum().backward()
    assert values(x.grad) == [7.0, 7.0]


def test_writing_through_a_view_reaches_the_base_and_other_views():
    x = leaf(1.0, 2.0, 3.0)
    base = torch.zeros(2, 3, dtype=torch.float64)
    other = base.transpose(0, 1)
    base.select(0, 1).copy_(x)
    assert base.requires_grad and other.requires_grad
    assert base.grad_fn.name() == "CopySlices"
    (other * 5).sum().backward()
    assert values(x.grad) == [5.0] * 3


def test_writing_to_the_base_reaches_the_views():
    x = leaf(2.0, 3.0)
    base = x * 1
    view = base.view(2, 1)
    base.mul_(x)
    (gradient,) = torch.autograd.grad(view.sum(), x)
    assert values(gradient) == [4.0, 6.0]


def test_overwriting_cuts_the_old_history():
    x, z = leaf(1.0), leaf(5.0)
    y = x * 3
    y.copy_(z)
    y.sum().backward()
    assert values(z.grad) == [1.0]
    assert x.grad is None or values(x.grad) == [0.0]


def test_views_of_views_share_a_base():
    x = leaf(1.0, 2.0, 3.0, 4.0)
    y = x * 1
    inner = y.view(2, 2).transpose(0, 1).select(0, 0)  # elements 0 and 2
    inner.mul_(10)
    y.sum().backward()
    assert values(x.grad) == [10.0, 1.0, 10.0, 1.0]


def test_expanded_memory_may_not_be_written():
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        torch.zeros(1, 3).expand(4, 3).add_(1)


def test_versions_count_changes():
    x = torch.zeros(3)
    view = x.view(3, 1)
    view.add_(1)
    x.zero_()
    assert x._version == view._version == 2


def test_in_place_result_must_fit():
    with pytest.raises(RuntimeError, match="can't be cast to the desired output type Long"):
        torch.ones(2, dtype=torch.int64).add_(0.5)
    with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
        torch.ones(1).add_(torch.ones(3))


# Hooks ------------------------------------------------------------------------------------------------


def test_hooks_see_and_replace_gradients():
    x = leaf(1.0, 2.0)
    seen = []
    middle = x * 2
    middle.register_hook(lambda grad: seen.append(values(grad)))
    handle = middle.register_hook(lambda grad: grad * 10)
    x.register_hook(lambda grad: grad + 1)
    middle.sum().backward(retain_graph=True)
    assert seen == [[1.0, 1.0]] and values(x.grad) == [21.0, 21.0]
    handle.remove()
    x.grad = None
    middle.sum().backward()
    assert values(x.grad) == [3.0, 3.0]


def test_retain_grad_keeps_the_gradient_of_an_inner_value():
    x = leaf(3.0)
    middle = x * 2
    middle.retain_grad()
    (middle * middle).sum().backward()
    assert values(middle.grad) == [12.0] and middle.retains_grad


def test_node_hooks():
    x = leaf(1.0)
    y = x * 2
    seen = []
    y.grad_fn.register_prehook(lambda grads: (grads[0] * 2,))
    y.grad_fn.register_hook(
        lambda inputs, outputs: seen.append((values(inputs[0]), values(outputs[0])))
    )
    y.sum().backward()
    assert seen == [([4.0], [2.0])] and values(x.grad) == [4.0]


# Modes ------------------------------------------------------------------------------------------------


def test_no_grad_in_every_form():
    x = leaf(1.0)

    @torch.no_grad()
    def called():
        return x * 2

    @torch.no_grad
    def bare():
        return x * 2

    @torch.no_grad()
    def generator():
        yield x * 2
        yield torch.is_grad_enabled()

    with torch.no_grad():
        inside = x * 2
        with torch.enable_grad():
            again = x * 2
    assert not any(y.requires_grad for y in (called(), bare(), inside)) and again.requires_grad
    steps = generator()
    assert not next(steps).requires_grad and torch.is_grad_enabled()
    assert next(steps) is False
    torch.set_grad_enabled(False)
    try:
        assert not (x * 2).requires_grad
    finally:
        torch.set_grad_enabled(True)
    with torch.set_grad_enabled(False):
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()


def test_inference_mode():
    with torch.inference_mode():
        x = torch.ones(2) * 2
        assert torch.is_inference_mode_enabled()
    assert x.is_inference() and not x.requires_grad
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved"):
        x * torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor"):
        x.add_(1)


def test_only_floating_tensors_may_require_grad():
    with pytest.raises(RuntimeError, match="floating point and complex"):
        torch.ones(2, dtype=torch.int64, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf variables"):
        (leaf(1.0) * 2).requires_grad_(False)


def test_anomaly_detection_names_the_forward_line():
    x = leaf(0.0)
    with torch.autograd.detect_anomaly():
        y = x * 0 / x  # the line that makes a NaN
        with pytest.raises(RuntimeError, match="returned nan values") as error:
            y.sum().backward()
    assert "the line that makes a NaN" in "".join(error.value.__notes__)


# Functions ----------------------------------------------------------------------------------------------


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.save_for_backward(x)
        ctx.factor = factor
        return x * x * x * factor

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * 3 * x * x * ctx.factor, None


def test_function_with_its_own_gradient():
    x = leaf(2.0)
    y = Cube.apply(x, 2)
    assert y.grad_fn.name() == "CubeBackward"
    (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert values(first) == [24.0] and values(second) == [24.0]
    assert torch.autograd.gradcheck(lambda x: Cube.apply(x, 2), (x,))
    assert torch.autograd.gradgradcheck(lambda x: Cube.apply(x, 2), (x,))


def test_function_that_is_wrong_is_found_out():
    class Wrong(Cube):
        @staticmethod
        def backward(ctx, grad):
            return grad, None

    with pytest.raises(torch.autograd.GradcheckError, match="Jacobian mismatch"):
        torch.autograd.gradcheck(lambda x: Wrong.apply(x, 2), (leaf(2.0),))
    assert not torch.autograd.gradcheck(
        lambda x: Wrong.apply(x, 2), (leaf(2.0),), fast_mode=True, raise_exception=False
    )


def test_function_contracts():
    class Two(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return x * 2, x.detach() * 3

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.mark_non_differentiable(output[1])

        @staticmethod
        def backward(ctx, grad, unused):
            return grad * 2, grad

    x = leaf(1.0)
    first, second = Two.apply(x)
    assert first.requires_grad and not second.requires_grad
    with pytest.raises(RuntimeError, match="incorrect number of gradients"):
        first.sum().backward()
    with pytest.warns(DeprecationWarning, match="should not be instantiated"):
        instance = Cube()
    with pytest.raises(RuntimeError, match="Cube.apply"):
        instance(x)


@pytest.mark.parametrize("join", [torch.stack, torch.cat])
def test_a_long_list_of_views_needs_a_gradient_only_where_one_of_them_does(join):
    rows = torch.ones(100, 1)
    assert not join([rows[i] for i in range(100)]).requires_grad
    x = torch.ones(100, 1, requires_grad=True)
    joined = join([rows[0], *[x[i] for i in range(99)]])
    joined.sum().backward()
    assert x.grad.flatten().tolist() == [1.0] * 99 + [0.0]


def test_the_graph_is_drawn():
    x = leaf(1.0, 2.0)
    source = str(torch.graph.draw((x * x).sum(), names={"x": x}))
    assert source.startswith("digraph") and "mul" in source and "x\\n2" in source


def test_results_agree_with_numpy_over_a_random_program():
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(3, 4)), generator.normal(size=(4,))
    x, y = torch.tensor(a, requires_grad=True), torch.tensor(b, requires_grad=True)
    ((x * y - x / 2).sum() + (y * y).sum()).backward()
    np.testing.assert_allclose(x.grad.numpy(), np.broadcast_to(b - 0.5, (3, 4)))
    np.testing.assert_allclose(y.grad.numpy(), a.sum(0) + 2 * b)


def test_the_gradient_of_a_step_function_is_zero():
    x = leaf(1.2, -0.7)
    (x.round() + x.sign() + x.floor()).sum().backward()
    assert values(x.grad) == [0.0, 0.0]
