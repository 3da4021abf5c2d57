"""nn.utils against PyTorch."""

import numpy as np
import pytest

import numbatorch

torch = pytest.importorskip("torch")


def with_gradients(library):
    library.manual_seed(0)
    layer = library.nn.Linear(3, 2)
    layer(library.ones(4, 3)).square().sum().backward()
    return layer


@pytest.mark.parametrize("norm_type", [2.0, 1.0, float("inf")])
@pytest.mark.parametrize("max_norm", [0.5, 1000.0])
def test_clip_grad_norm(norm_type, max_norm):
    ours, theirs = with_gradients(numbatorch), with_gradients(torch)
    norm = numbatorch.nn.utils.clip_grad_norm_(ours.parameters(), max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs.parameters(), max_norm, norm_type)
    assert norm.item() == pytest.approx(expected.item(), rel=1e-6)
    for a, b in zip(ours.parameters(), theirs.parameters()):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-6)


def test_clipping_refuses_infinite_norms_when_asked():
    layer = with_gradients(numbatorch)
    layer.weight.grad.fill_(float("inf"))
    with pytest.raises(RuntimeError, match="non-finite"):
        numbatorch.nn.utils.clip_grad_norm_(layer.parameters(), 1.0, error_if_nonfinite=True)


def test_clip_grad_value():
    ours, theirs = with_gradients(numbatorch), with_gradients(torch)
    numbatorch.nn.utils.clip_grad_value_(ours.parameters(), 0.3)
    torch.nn.utils.clip_grad_value_(theirs.parameters(), 0.3)
    for a, b in zip(ours.parameters(), theirs.parameters()):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-6)


def test_parameters_to_vector_and_back():
    layer = numbatorch.nn.Linear(3, 2)
    vector = numbatorch.nn.utils.parameters_to_vector(layer.parameters())
    assert tuple(vector.shape) == (8,)
    numbatorch.nn.utils.vector_to_parameters(vector.detach() * 2, layer.parameters())
    assert layer.weight.reshape(-1).tolist() == (vector[:6] * 2).tolist()


@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm(dim):
    results = []
    for library in (numbatorch, torch):
        library.manual_seed(0)
        with pytest.warns(FutureWarning) if library is torch else _nothing():
            layer = library.nn.utils.weight_norm(library.nn.Linear(3, 2), dim=dim)
        layer(library.ones(1, 3)).sum().backward()
        gradients = [layer.weight_g.grad, layer.weight_v.grad]
        names = list(layer.state_dict())
        library.nn.utils.remove_weight_norm(layer)
        results.append((names, gradients, layer.weight, list(layer.state_dict())))
    _compare(*results)


def test_spectral_norm():
    results = []
    for library in (numbatorch, torch):
        library.manual_seed(0)
        layer = library.nn.utils.spectral_norm(library.nn.Linear(3, 2))
        layer(library.ones(1, 3))
        layer(library.ones(1, 3)).sum().backward()
        names = list(layer.state_dict())
        gradients = [layer.weight_orig.grad]
        library.nn.utils.remove_spectral_norm(layer)
        results.append((names, gradients, layer.weight, list(layer.state_dict())))
    _compare(*results)


def _compare(ours, theirs):
    assert ours[0] == theirs[0] and ours[3] == theirs[3]
    for a, b in zip([*ours[1], ours[2]], [*theirs[1], theirs[2]]):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-5, atol=1e-7)


class _nothing:
    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None


def test_data_parallel_passes_through():
    layer = numbatorch.nn.Linear(2, 2)
    parallel = numbatorch.nn.DataParallel(layer)
    x = numbatorch.ones(1, 2)
    assert parallel(x).tolist() == layer(x).tolist()
    assert list(parallel.state_dict()) == ["module.weight", "module.bias"]
    with pytest.raises(RuntimeError, match="one device"):
        numbatorch.nn.DataParallel(layer, device_ids=[0, 1])


def test_attention_kernels_can_be_chosen():
    backends = numbatorch.nn.attention.SDPBackend
    query = numbatorch.ones(1, 2, 2)
    with numbatorch.nn.attention.sdpa_kernel([backends.MATH, backends.FLASH_ATTENTION]):
        out = numbatorch.nn.functional.scaled_dot_product_attention(query, query, query)
    assert out.tolist() == query.tolist()
