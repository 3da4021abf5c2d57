"""Sparse tensors in coordinate form, against dense ones."""

import numpy as np
import pytest

import numbatorch as torch

DENSE = np.array([[0.0, 2.0, 0.0], [1.0, 0.0, -3.0], [0.0, 0.0, 0.0], [4.0, 5.0, 0.0]])


def test_there_and_back():
    sparse = torch.tensor(DENSE).to_sparse()
    assert sparse.is_sparse
    assert sparse.layout == torch.sparse_coo
    assert sparse.is_coalesced()
    assert sparse._nnz() == 5
    assert tuple(sparse.shape) == (4, 3)
    assert sparse.indices().tolist() == [[0, 1, 1, 3, 3], [1, 0, 2, 0, 1]]
    np.testing.assert_array_equal(sparse.to_dense().numpy(), DENSE)
    np.testing.assert_array_equal(sparse.t().to_dense().numpy(), DENSE.T)
    hybrid = torch.tensor(DENSE).to_sparse(1)
    assert hybrid.dense_dim() == 1
    np.testing.assert_array_equal(hybrid.to_dense().numpy(), DENSE)


def test_values_of_one_index_are_added():
    sparse = torch.sparse_coo_tensor([[0, 1, 0], [2, 0, 2]], [1.0, 2.0, 3.0], (2, 3))
    assert not sparse.is_coalesced()
    with pytest.raises(RuntimeError, match="coalesce"):
        sparse.values()
    found = sparse.coalesce()
    assert found.indices().tolist() == [[0, 1], [2, 0]]
    assert found.values().tolist() == [4.0, 2.0]
    assert sparse.to_dense().tolist() == [[0, 0, 4], [2, 0, 0]]
    assert (sparse + sparse).to_dense().tolist() == [[0, 0, 8], [4, 0, 0]]
    assert (sparse * 2).sum().item() == 12


def test_products_and_their_gradients():
    other = torch.tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    values = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64, requires_grad=True)
    sparse = torch.sparse_coo_tensor(torch.tensor([[0, 1, 1], [2, 0, 1]]), values, (2, 3))
    weights = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)
    for product in (
        torch.sparse.mm(sparse, other), torch.mm(sparse, other), sparse @ other,
        torch.matmul(sparse, other), torch.spmm(sparse, other),
    ):  # fmt: skip
        found = torch.autograd.grad((product * weights).sum(), [values, other])
        dense = sparse.detach().to_dense().requires_grad_()
        expected = dense @ other
        np.testing.assert_allclose(product.detach().numpy(), expected.detach().numpy())
        slopes = torch.autograd.grad((expected * weights).sum(), [dense, other])
        np.testing.assert_allclose(found[0].numpy(), slopes[0].numpy()[[0, 1, 1], [2, 0, 1]])
        np.testing.assert_allclose(found[1].numpy(), slopes[1].numpy())
    torch.autograd.gradcheck(
        lambda v: torch.sparse_coo_tensor([[0, 0], [1, 1]], v, (2, 2)).coalesce().values() ** 2,
        (torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True),),
    )


def test_a_dense_tensor_gets_the_gradient_of_its_sparse_form():
    x = torch.tensor(DENSE, requires_grad=True)
    (x.to_sparse() @ torch.ones(3, 2, dtype=torch.float64)).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2.0 * (DENSE != 0))


@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.sparse_coo_tensor([[0, 5]], [1.0, 2.0], (3,)),
        lambda: torch.sparse_coo_tensor([[0, -1]], [1.0, 2.0], (3,)),
        lambda: torch.sparse_coo_tensor([[0, 1]], [1.0]),
        lambda: torch.sparse_coo_tensor([[0]], [1.0], (3, 3)),
        lambda: torch.eye(3).to_sparse() @ torch.ones(2, 2),
        lambda: torch.eye(3).to_sparse() @ torch.ones(3, 2, dtype=torch.float64),
    ],
)
def test_what_is_refused(call):
    with pytest.raises(RuntimeError):
        call()


def test_functions_of_dense_tensors_refuse_sparse_ones():
    with pytest.raises(TypeError):
        torch.exp(torch.eye(3).to_sparse())


def test_old_names():
    found = torch.sparse.FloatTensor(torch.LongTensor([[0, 1], [1, 0]]), torch.FloatTensor([3, 4]))
    assert found.to_dense().tolist() == [[0, 3], [4, 0]]


@pytest.mark.filterwarnings("ignore:Sparse invariant")
def test_beside_torch():
    other = pytest.importorskip("torch")
    found = torch.sparse_coo_tensor([[0, 1, 0], [2, 0, 2]], [1.0, 2.0, 3.0], (2, 3))
    expected = other.sparse_coo_tensor([[0, 1, 0], [2, 0, 2]], [1.0, 2.0, 3.0], (2, 3))
    assert repr(found) == repr(expected)
    assert repr(found.coalesce()) == repr(expected.coalesce())
