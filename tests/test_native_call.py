"""Calls that compiled code repeats: they must do what the first call did, whatever has changed."""

import gc
import sys

import numpy as np
import pytest

import numbatorch as torch
from numbatorch import graph
from numbatorch.op import native_call


def repeated(call, times=3):
    """The results of a call, of which the later ones are repeated by compiled code."""
    return [call() for _ in range(times)]


def test_values_are_those_of_the_arguments_at_hand():
    for step in range(4):
        x, y = torch.full((5,), float(step)), torch.full((5,), 2.0)
        assert (x * y).tolist() == [2.0 * step] * 5
        assert x.sum().item() == 5.0 * step
        assert (x.view(5, 1) @ y.view(1, 5)).sum().item() == 50.0 * step


def test_one_tensor_in_two_places_is_not_taken_for_two():
    x, y = torch.full((3,), 2.0), torch.full((3,), 5.0)
    for a, b, expected in ((x, x, 4.0), (x, y, 10.0), (y, y, 25.0), (y, x, 10.0)):
        assert repeated(lambda a=a, b=b: (a * b).tolist()) == [[expected] * 3] * 3
        assert (a.view(3, 1) @ b.view(1, 3))[0, 0].item() == expected


def test_numbers_flags_and_dtypes_tell_calls_apart():
    x = torch.arange(6.0).view(2, 3)
    for _ in range(3):
        assert (x + 1)[0].tolist() == [1.0, 2.0, 3.0]
        assert (x + 1.5)[0].tolist() == [1.5, 2.5, 3.5]
        assert (x * True)[0].tolist() == [0.0, 1.0, 2.0]
        assert (x / -0.0)[1, 0].item() == -np.inf
        assert (x / 0.0)[1, 0].item() == np.inf
        assert x.sum(0).shape == (3,) and x.sum(1).shape == (2,)
        assert x.sum(0, keepdim=True).shape == (1, 3)
        assert x.sum(dim=0).shape == x.sum([0]).shape == (3,)
        assert x.sum(dtype=torch.float64).dtype is torch.float64
        assert x.sum().dtype is torch.float32
        assert x.view(3, 2).shape == x.view((3, 2)).shape == x.view([3, -1]).shape == (3, 2)


def test_too_many_numbers_still_give_the_right_results():
    x = torch.ones(3)
    for i in range(700):
        assert (x * float(i)).tolist() == [i] * 3
        assert x.narrow(0, i % 3, 1).storage_offset() == i % 3


def test_nodes_keep_what_rules_ask_for():
    x, y = torch.randn(4, requires_grad=True), torch.randn(4)
    for needs in ((True, False), (False, True), (True, True)) * 2:
        a, b = x.detach().requires_grad_(needs[0]), y.detach().requires_grad_(needs[1])
        out = a * b
        assert [edge is not None for edge in out.grad_fn.edges] == list(needs)
        assert [kept is not None for kept in out.grad_fn.saved] == [needs[1], needs[0]]
        out.backward(torch.ones(4))
        for leaf, other, wanted in ((a, y, needs[0]), (b, x, needs[1])):
            assert (leaf.grad is not None) == wanted
            assert not wanted or leaf.grad.tolist() == other.tolist()


def test_kept_outputs_and_their_versions():
    x = torch.randn(4, requires_grad=True)
    for _ in range(3):
        y = x.exp()
        y.add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()
        z = x.exp()
        (z * z.detach()).sum().backward(retain_graph=True)
        (second,) = torch.autograd.grad(z.sum(), x, create_graph=True)
        assert torch.allclose(second, x.exp()) and second.requires_grad


def test_modes_and_listeners_are_heeded():
    x = torch.randn(3, requires_grad=True)
    assert repeated(lambda: (x * x).requires_grad) == [True] * 3
    with torch.no_grad():
        assert repeated(lambda: (x * x).requires_grad) == [False] * 3
        view = x.view(3, 1)
    with pytest.raises(RuntimeError, match="no_grad mode"):
        view.add_(1)
    with torch.inference_mode():
        assert (x * x).is_inference()
    assert not (x * x).is_inference()
    seen = []
    graph.listeners.append(lambda op, *rest: seen.append(op.name))
    try:
        x * x  # noqa: B018
    finally:
        graph.listeners.pop()
    assert seen == ["mul"]
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        assert type((x * x).grad_fn.saved[0]).__name__ == "Packed"
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.bfloat16
    assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.float32


def test_defaults_are_heeded():
    whole = torch.arange(3)
    assert repeated(lambda: (whole / 2).dtype) == [torch.float32] * 3
    assert repeated(lambda: torch.empty(2).dtype) == [torch.float32] * 3
    torch.set_default_dtype(torch.float64)
    try:
        assert (whole / 2).dtype is torch.float64
        assert torch.empty(2).dtype is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert (whole / 2).dtype is torch.empty(2).dtype is torch.float32


def test_views_whose_base_was_written_to_are_seen():
    for _ in range(3):
        leaf = torch.ones(4, requires_grad=True)
        base = leaf * 1
        view = base.view(2, 2)
        base.mul_(3)
        (view * view).sum().backward()
        assert leaf.grad.tolist() == [18.0] * 4


def test_in_place_calls_count_versions_and_refuse_leaves():
    for _ in range(3):
        x = torch.zeros(3)
        version = x._version
        x.add_(torch.ones(3))
        x += 1
        assert x.tolist() == [2.0] * 3 and x._version == version + 2
        leaf = torch.zeros(3, requires_grad=True)
        with pytest.raises(RuntimeError, match="leaf Variable"):
            leaf.add_(1)
        with torch.no_grad():
            leaf.add_(1)
        assert leaf.tolist() == [1.0] * 3
    shifted = torch.arange(4.0)
    for _ in range(2):
        shifted[1:].copy_(torch.arange(3.0))
        shifted[1:].add_(shifted[:-1])
    expected = np.arange(4.0)
    for _ in range(2):
        expected[1:] = np.arange(3.0)
        expected[1:] = expected[1:] + expected[:-1]
    assert shifted.tolist() == expected.tolist()


def test_errors_are_those_of_the_first_call():
    x = torch.ones(3)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="size of tensor"):
            x + torch.ones(4)
        with pytest.raises(RuntimeError, match="invalid for input of size"):
            x.view(2, 2)
        with pytest.raises(IndexError):
            torch.nn.functional.embedding(torch.tensor([7]), torch.ones(3, 2))


def test_records_hold_no_memory_and_calls_leak_no_references():
    shape = (3, 5, 7, 11)

    def step():
        x = torch.ones(shape, requires_grad=True)
        y = (x * 2.0).exp().view(15, 77)
        (y + y.t().contiguous().t()).sum().backward()
        return x.grad

    for _ in range(5):
        step()
    gc.collect()
    used, blocks = torch.memory.memory_allocated(), sys.getallocatedblocks()
    for _ in range(200):
        step()
    gc.collect()
    assert torch.memory.memory_allocated() == used
    assert sys.getallocatedblocks() - blocks < 100


def test_threads_may_call_at_once():
    import threading

    def work(number, found):
        x = torch.full((50,), float(number), requires_grad=True)
        for _ in range(200):
            y = (x * x + 1.0).sum()
            (gradient,) = torch.autograd.grad(y, x)
            if y.item() != 50 * (number**2 + 1) or gradient[0].item() != 2 * number:
                found.append(number)

    wrong = []
    threads = [threading.Thread(target=work, args=(i, wrong)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_table_stays_bounded():
    assert len(native_call.table._kept) <= native_call.keys.ENTRIES


def test_unusual_inputs_go_through_python_each_time():
    x = torch.arange(3.0, requires_grad=True)
    with torch.no_grad():
        view = x.view(3, 1)
    with torch.inference_mode():
        inferred = torch.ones(3)
    for _ in range(4):
        assert not (view * 2).requires_grad and (view * 2).flatten().tolist() == [0.0, 2.0, 4.0]
        assert (inferred * inferred).tolist() == [1.0] * 3
        with pytest.raises(RuntimeError, match="Inference tensors cannot be saved"):
            x * inferred
        with pytest.raises(OverflowError):
            x * 2**70
        assert (x + x.detach()).tolist() == [0.0, 2.0, 4.0]


def test_what_gives_its_argument_back_does_so_each_time():
    x = torch.ones(3)
    for _ in range(4):
        assert x.contiguous() is x and x.to(torch.float32) is x and torch.Tensor.float(x) is x
        assert x.expand(3)._base is x


def test_errors_of_kernels_are_found_each_time():
    x, good, bad = torch.arange(3.0), torch.tensor([2, 0]), torch.tensor([1, 3])
    for _ in range(4):
        assert x.index_select(0, good).tolist() == [2.0, 0.0]
        with pytest.raises((IndexError, RuntimeError), match="out of (range|bounds)"):
            x.index_select(0, bad)
        assert x.gather(0, good).tolist() == [2.0, 0.0]
        with pytest.raises((IndexError, RuntimeError), match="out of (range|bounds)"):
            x.gather(0, bad)


def test_results_without_gradients_of_ops_that_have_some():
    x = torch.tensor([2.0, -1.0], requires_grad=True)
    for _ in range(4):
        assert not (x > 0).requires_grad and not x.sign().detach().requires_grad
        assert not x.to(torch.int64).requires_grad and x.to(torch.float64).requires_grad
        empty = x[:0] * 2
        assert empty.shape == (0,) and empty.requires_grad
