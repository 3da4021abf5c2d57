"""Attention in tiles against the same function composed from ops, which holds all scores."""

import numpy as np
import pytest

import numbatorch as torch
from numbatorch.ops import attention

F = torch.nn.functional


def random(*shape):
    return torch.randn(*shape, dtype=torch.float64)


#: Queries, keys and values: one tile, several, tiles that are cut off, other widths.
SIZES = {
    "one tile": [(2, 3, 8, 16), (2, 3, 8, 16), (2, 3, 8, 16)],
    "several tiles": [(1, 2, 70, 32), (1, 2, 300, 32), (1, 2, 300, 64)],
    "ragged": [(2, 1, 33, 5), (2, 1, 129, 5), (2, 1, 129, 7)],
    "no batch": [(37, 6), (45, 6), (45, 6)],
    "deep batch": [(2, 1, 2, 2, 9, 4), (2, 1, 2, 2, 11, 4), (2, 1, 2, 2, 11, 4)],
    "one query": [(1, 4, 1, 16), (1, 4, 200, 16), (1, 4, 200, 16)],
    "grouped": [(2, 6, 40, 8), (2, 2, 40, 8), (2, 2, 40, 8)],
}


def masks(sizes):
    """No mask, one row for all queries, a full one, one that hides whole rows."""
    *leading, length, _ = sizes[0]
    keys = sizes[1][-2]
    full = random(*leading, length, keys)
    hiding = torch.where(random(length, keys) > 0.3, 0.0, -np.inf)
    hiding[length // 2] = -np.inf
    return {"none": None, "row": random(1, keys), "full": full, "hiding": hiding}


def results(operands, dtype, function):
    leaves = [x.to(dtype).detach().requires_grad_() for x in operands]
    output = function(*leaves)
    loss = (output * output.detach().cos()).sum()
    return [x.detach().numpy() for x in (output, *torch.autograd.grad(loss, leaves))]


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("mask", ["none", "causal", "row", "full", "hiding"])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_tiles_agree_with_the_composed_form(monkeypatch, sizes, mask, dropout):
    """float64 to 1e-11, float32 to 1e-5 of the largest value, against float64."""
    torch.manual_seed(0)
    operands = [random(*size) for size in sizes]
    extra = masks(sizes).get(mask)

    def run(*leaves):
        torch.manual_seed(1)  # both forms draw the same noise
        return F.scaled_dot_product_attention(
            *leaves, None if extra is None else extra.to(leaves[0].dtype), dropout,
            is_causal=mask == "causal", enable_gqa=len(sizes[0]) > 2,
        )  # fmt: skip

    with monkeypatch.context() as patch:
        patch.setattr(attention, "_has_kernel", lambda *_: False)
        expected = results(operands, torch.float64, run)
    for dtype, tolerance in ((torch.float64, 1e-11), (torch.float32, 1e-5)):
        if dropout and dtype is torch.float32:
            continue  # the noise of float32 is drawn in another way
        for found, x in zip(results(operands, dtype, run), expected):
            assert found.shape == x.shape
            np.testing.assert_allclose(found, x, rtol=0, atol=tolerance * max(1, abs(x).max()))


def test_results_do_not_depend_on_threads():
    torch.manual_seed(0)
    operands = [torch.randn(2, 3, 150, 24) for _ in range(3)]
    threads = torch.get_num_threads()
    found = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            found.append(results(operands, torch.float32, F.scaled_dot_product_attention))
    finally:
        torch.set_num_threads(threads)
    for others in found[1:]:
        for x, y in zip(found[0], others):
            np.testing.assert_array_equal(x, y)


def test_not_a_number_is_passed_on():
    query, key, value = (torch.ones(1, 3, 4) for _ in range(3))
    query[0, 1, 2] = np.nan
    output = F.scaled_dot_product_attention(query, key, value).numpy()
    assert np.isnan(output[0, 1]).all() and not np.isnan(output[0, [0, 2]]).any()


def test_a_mask_that_wants_a_gradient_gets_one():
    operands = [random(2, 5, 4) for _ in range(3)]
    mask = random(5, 5).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda mask: F.scaled_dot_product_attention(*operands, mask), [mask]
    )


def test_operands_are_read_where_they_lie():
    """Views into one packed projection, as MultiheadAttention makes them."""
    torch.manual_seed(0)
    packed = random(7, 2, 3, 4, 8)
    operands = [packed[:, :, i].permute(1, 2, 0, 3) for i in range(3)]
    expected = F.scaled_dot_product_attention(*[x.contiguous() for x in operands])
    found = F.scaled_dot_product_attention(*operands)
    assert found.transpose(1, 2).transpose(0, 1).is_contiguous()  # in the order of the query
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-13)


@pytest.mark.parametrize(
    "sizes", [[(2, 3, 4), (2, 3, 5), (2, 3, 4)], [(2, 3, 4), (2, 5, 4), (2, 6, 4)]]
)
def test_sizes_must_fit(sizes):
    with pytest.raises(RuntimeError, match="do not fit each other"):
        F.scaled_dot_product_attention(*[random(*size) for size in sizes])


def test_heads_must_divide():
    sizes = [(1, 4, 3, 2), (1, 3, 3, 2), (1, 3, 3, 2)]
    with pytest.raises(RuntimeError):
        F.scaled_dot_product_attention(*[random(*size) for size in sizes], enable_gqa=True)
