"""The optimizer kernels against the rules written in NumPy, over lists of tensors of many sizes."""

import numpy as np
import pytest

import numbatorch as torch
from numbatorch.formulas import optimizer as formulas
from numbatorch.ops import optimizer
from numbatorch.optim.adadelta import adadelta_numbers
from numbatorch.optim.adam import adam_numbers
from numbatorch.optim.sgd import first_momentum_numbers, momentum_numbers, sgd_numbers

SIZES = [(3, 4), (5,), (), (0, 2), (40000,), (7, 5)]


def columns(count, dtype=torch.float64, seed=0):
    """`count` lists of tensors of SIZES, non-negative from the third list on (state)."""
    generator = np.random.default_rng(seed)
    lists = []
    for k in range(count):
        draws = [generator.normal(size=size) for size in SIZES]
        draws = [np.abs(x) if k > 1 else x for x in draws]
        lists.append([torch.tensor(x, dtype=dtype) for x in draws])
    return lists


def update(formula, lists, numbers, steps=None, **group):
    steps = steps or [None] * len(lists[0])
    optimizer.update_(formula, lists, [numbers(group, step) for step in steps])


def hosts(lists):
    return [[x.numpy().copy() for x in tensors] for tensors in lists]


def check(lists, expected):
    for tensors, values in zip(lists, expected):
        for x, value in zip(tensors, values):
            np.testing.assert_allclose(x.numpy(), value, rtol=1e-12, atol=1e-12)


def test_sgd():
    params, grads = columns(2)
    p, g = hosts((params, grads))
    update(formulas.sgd, (params, grads), sgd_numbers, lr=0.1, weight_decay=0.01)
    check([params, grads], [[x - 0.1 * (y + 0.01 * x) for x, y in zip(p, g)], g])


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_sgd_with_momentum(nesterov, first):
    params, grads, buffers = columns(3)
    if first:
        for buffer in buffers:
            buffer.fill_(float("nan"))  # what it holds does not matter
    p, g, b = hosts((params, grads, buffers))
    update(
        formulas.sgd_momentum, (params, grads, buffers),
        first_momentum_numbers if first else momentum_numbers,
        lr=0.1, weight_decay=0, momentum=0.9, dampening=0.5, nesterov=nesterov,
    )  # fmt: skip
    b = [y if first else 0.9 * z + 0.5 * y for y, z in zip(g, b)]
    step = [y + 0.9 * z if nesterov else z for y, z in zip(g, b)]
    check([params, grads, buffers], [[x - 0.1 * s for x, s in zip(p, step)], g, b])


@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("decoupled", [False, True])
def test_adam(amsgrad, decoupled):
    params, grads, means, squares, largest = columns(5)
    steps = range(1, len(SIZES) + 1)
    p, g, m, v, top = hosts((params, grads, means, squares, largest))
    lists = [params, grads, means, squares, *([largest] if amsgrad else [])]
    update(
        formulas.adam_amsgrad if amsgrad else formulas.adam, lists, adam_numbers, steps, lr=0.1,
        betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1, decoupled_weight_decay=decoupled,
    )  # fmt: skip
    for i, step in enumerate(steps):
        if decoupled:
            p[i] = p[i] * (1 - 0.1 * 0.1)
        grad = g[i] if decoupled else g[i] + 0.1 * p[i]
        m[i] = 0.9 * m[i] + 0.1 * grad
        v[i] = 0.99 * v[i] + 0.01 * grad**2
        square = top[i] = np.maximum(top[i], v[i]) if amsgrad else v[i]
        p[i] = p[i] - 0.1 * (m[i] / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
    check([params, grads, means, squares], [p, g, m, v])
    if amsgrad:
        check([largest], [top])


def test_adadelta():
    params, grads, squares, accumulated = columns(4)
    p, g, s, a = hosts((params, grads, squares, accumulated))
    update(
        formulas.adadelta, (params, grads, squares, accumulated), adadelta_numbers, lr=0.5, rho=0.9,
        eps=1e-6, weight_decay=0,
    )  # fmt: skip
    s = [0.9 * x + 0.1 * y**2 for x, y in zip(s, g)]
    delta = [np.sqrt(z + 1e-6) / np.sqrt(x + 1e-6) * y for x, y, z in zip(s, g, a)]
    a = [0.9 * z + 0.1 * d**2 for z, d in zip(a, delta)]
    check([params, grads, squares, accumulated], [[x - 0.5 * d for x, d in zip(p, delta)], g, s, a])


def test_the_number_of_threads_does_not_matter():
    results, threads = [], torch.get_num_threads()
    for count in (1, 2):
        torch.set_num_threads(count)
        params, grads, means, squares = columns(4, torch.float32)
        update(
            formulas.adam, (params, grads, means, squares), adam_numbers, [1] * len(params), lr=0.1,
            betas=(0.9, 0.99), eps=1e-8, weight_decay=0, decoupled_weight_decay=False,
        )  # fmt: skip
        results.append(hosts([params, means, squares]))
    torch.set_num_threads(threads)
    for first, second in zip(*results):
        for x, y in zip(first, second):
            np.testing.assert_array_equal(x, y)


def test_a_step_counts_as_a_change():
    params, grads = columns(2)
    before = [p._version for p in params]
    update(formulas.sgd, (params, grads), sgd_numbers, lr=0.1, weight_decay=0)
    assert [p._version for p in params] == [version + 1 for version in before]


def test_only_alike_dense_tensors_share_a_launch():
    params, grads = columns(2)
    assert optimizer.fusable(params, grads)
    assert not optimizer.fusable(params, [g.float() for g in grads])
    assert not optimizer.fusable([torch.ones(3, 4)], [torch.ones(4, 3).t()])
    assert not optimizer.fusable([torch.ones(3).long()], [torch.ones(3).long()])
