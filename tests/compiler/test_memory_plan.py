"""Temporaries share memory, and elementwise instructions write over what they read last."""

import numbatorch as torch
from numbatorch.compiler import memory_plan
from numbatorch.compiler.program import TEMPORARY


def captured(function, *args):
    compiled = torch.compile(function)
    expected = function(*args)
    compiled(*args), compiled(*args)
    assert torch.equal(compiled(*args), expected)
    return compiled.plans[0][1].program


def test_a_chain_of_products_and_activations_needs_two_blocks():
    weights = [torch.randn(64, 64) for _ in range(5)]

    def chain(x):
        for weight in weights:
            x = (x @ weight).relu()
        return x.sum()

    program = captured(chain, torch.randn(64, 64))
    _, size = memory_plan.plan(program)
    assert size < 2.5 * 64 * 64 * 4


def test_what_is_needed_later_is_not_written_over():
    def twice(x, w):
        product = x @ w
        active = product.relu()
        return active @ product + active.t() @ active

    program = captured(twice, torch.randn(16, 16), torch.randn(16, 16))
    offsets, _ = memory_plan.plan(program)
    spans = memory_plan.lifetimes(program)
    for one, (first, last) in spans.items():
        for other, (begin, end) in spans.items():
            if one is not other and offsets[one] == offsets[other]:
                assert last <= begin or end <= first


def test_broadcast_operands_are_not_written_over():
    def add(x, w):
        row, full = x[:1] @ w, x @ w
        return ((row + full) @ w).sum()

    program = captured(add, torch.randn(16, 16), torch.randn(16, 16))
    for instruction in program.instructions:
        for region, out in instruction.overwritable:
            assert region.shape == out.shape and region.buffer.kind == TEMPORARY
