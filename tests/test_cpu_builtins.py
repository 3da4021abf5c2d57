"""The builtins that Numba compiles: what every op call goes through."""

import sys

import pytest
from numba import types

import numbatorch as torch
from numbatorch import cpu_builtins, cpu_target, devices, graph
from numbatorch.cpu_kernels.native import integer, real, span


def write_slots():
    def write_slots_kernel(begin, end, arguments):
        out = span(integer(arguments, 0), 2, types.float64)
        out[0] = integer(arguments, 1)
        out[1] = real(arguments, 2)

    return write_slots_kernel


def test_launch_fills_the_slots_of_a_kernel():
    out = torch.zeros(2, dtype=torch.float64)
    cpu_target.specialise(write_slots)(1, 1, out.address, -7, reals=[2.5])
    assert out.tolist() == [-7.0, 2.5]


def test_launch_refuses_what_does_not_fit():
    kernel = cpu_target.specialise(write_slots)
    with pytest.raises(TypeError):
        kernel(1, 1, *range(cpu_builtins.MOST_SLOTS + 1))
    with pytest.raises(TypeError):
        kernel(1, 1, "address", 1)
    with pytest.raises(TypeError):
        kernel(1, 1, 1, 1, reals=("number",))


def add_to_array():
    def add_kernel(begin, end, arguments):
        x = span(integer(arguments, 1), 3, types.float32)
        for i in range(begin, end):
            x[i] += real(arguments, 2) * integer(arguments, 0)

    return add_kernel


def test_bound_kernels_find_the_addresses_of_views():
    base, kernel = torch.zeros(6), cpu_target.specialise(add_to_array)
    slots = (10, 0, *cpu_target.real_slots(0.5))
    cpu_target.BoundKernel(kernel, 3, 100, slots, [1])(base[2:])
    assert base.tolist() == [0.0, 0.0, 5.0, 5.0, 5.0, 0.0]


def test_forms_are_shared_and_say_what_is_no_array():
    x, y = torch.zeros(2, 3), torch.zeros(2, 3)
    assert devices.forms_of((x, None, y, 2.0)) == (x.form, None, x.form, float)
    assert devices.form_of(x.t()) is not x.form
    assert devices.form_of(x.double()).dtype is torch.float64
    x.data = torch.zeros(4)
    assert devices.form_of(x).shape == (4,)


def test_copies_hold_their_references():
    shape = torch.Size([3, 7, 11])
    form = devices.form_with(torch.float32, shape, (77, 11, 1), "cpu", None)
    values = [graph.fresh(form) for _ in range(10)]
    before = sys.getrefcount(form)
    del values
    assert before - sys.getrefcount(form) == 10


def test_edges_say_who_needs_a_gradient():
    from numbatorch.op import saving

    leaf, plain = torch.zeros(2, requires_grad=True), torch.zeros(2)
    made = leaf * 2
    saving.find_edges((plain,))  # compiled now
    assert saving.find_edges((plain, None)) is None
    edges, needs = saving.find_edges((plain, leaf, None, made))
    assert edges[0] is edges[2] is None
    assert edges[1][0] is leaf and edges[3] == (made.grad_fn, 0)
    assert needs == saving.needs_of(edges) == 0b11010
    assert saving.find_edges((plain, leaf[0])) is False  # the history of a view may be old
    assert saving.find_edges((leaf,) * 100)[1] == saving.needs_of([1] * 100) == -100


def test_plans_follow_what_calls_look_like():
    x = torch.ones(3)
    for other, expected in ((1, 2.0), (1.5, 2.5), (True, 2.0), (-0.0, 1.0), (torch.ones(3), 2.0)):
        for _ in range(2):
            assert (x + other).tolist() == [expected] * 3
    assert (torch.ones(3, dtype=torch.int64) + 1.5).dtype is torch.float32
    assert (1 / (x * -0.0)).tolist() == [-torch.inf] * 3
    assert (1 / (x * 0.0)).tolist() == [torch.inf] * 3
    with pytest.raises(RuntimeError, match="size of tensor"):
        x + torch.ones(4)
