"""Launches that are planned once: later calls, on other memory, compute what the first one would."""

import threading

import numpy as np
import pytest

import numbatorch as torch
from numbatorch import recording
from numbatorch.ops import convolution as ops

GEOMETRY = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def correlated(x, weight):
    """A 1x1 kernel's weight gradient, in float64."""
    return np.einsum("nchw,nohw->oc", x.numpy().astype("f8"), weight.numpy().astype("f8"))


@pytest.mark.parametrize("channels", [3, 16, 32])
def test_later_calls_use_their_own_memory(channels):
    weight = torch.randn(channels, channels, 3, 3)
    inputs = [torch.randn(2, channels, 6, 6) for _ in range(3)]
    results = [torch.nn.functional.conv2d(x, weight, padding=1) for x in inputs]
    fresh = torch.nn.functional.conv2d(torch.cat(inputs), weight, padding=1)  # another plan
    np.testing.assert_allclose(torch.cat(results).numpy(), fresh.numpy(), rtol=1e-4, atol=1e-5)


def test_views_at_other_offsets():
    base, weight = torch.randn(5, 4, 6, 6), torch.randn(7, 4, 3, 3)
    for first in range(3):
        found = torch.nn.functional.conv2d(base[first : first + 2], weight)
        for n in range(2):
            alone = torch.nn.functional.conv2d(base[first + n : first + n + 1], weight)
            np.testing.assert_allclose(found[n : n + 1].numpy(), alone.numpy(), atol=1e-5)


def test_a_first_call_with_the_same_tensor_twice():
    x, grad = torch.randn(2, 5, 4, 4), torch.randn(2, 5, 4, 4)
    geometry = GEOMETRY | {"padding": (0, 0)}
    for other in (x, grad, grad):
        found = ops.convolution_weight_gradient(x, other, size=torch.Size((5, 5, 1, 1)), **geometry)
        np.testing.assert_allclose(found.numpy()[:, :, 0, 0], correlated(x, other), atol=1e-4)


def test_the_number_of_threads_may_change(threads):
    x, weight = torch.randn(8, 16, 20, 20), torch.randn(16, 16, 3, 3)
    results = []
    for count in (1, 2, 1):
        torch.set_num_threads(count)
        results += [torch.nn.functional.conv2d(x, weight) for _ in range(2)]
    assert all((result == results[0]).all() for result in results)


def test_several_results():
    x = [torch.randn(2, 3, 8, 8) for _ in range(2)]
    for values in x:
        out, places = torch.nn.functional.max_pool2d(values, 2, return_indices=True)
        assert (
            values.reshape(2, 3, 64).gather(2, places.reshape(2, 3, 16)) == out.reshape(2, 3, 16)
        ).all()


def test_while_somebody_listens_elsewhere():
    """A call that could only be planned while a capture is under way in another thread."""
    heard = recording.Recorder()
    with recording.to(heard):
        found = []

        def work():
            found.append(
                torch.nn.functional.conv2d(torch.ones(1, 1, 9, 11), torch.ones(1, 1, 2, 2))
            )

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert (found[0] == 4).all()


def test_listening_twice_in_a_thread_is_an_error():
    with recording.to(recording.Recorder()), pytest.raises(RuntimeError, match="already under way"):
        recording.to(recording.Recorder()).__enter__()


def test_attention_over_parts_of_one_tensor():
    """The first call sees parts of one tensor, later ones other parts, or tensors of their own."""
    attend = torch.nn.functional.scaled_dot_product_attention

    def heads(x):
        return [part.unflatten(-1, (2, 8)).transpose(1, 2) for part in x.chunk(3, -1)]

    def expected(query, key, value):
        q, k, v = (x.numpy().astype("f8") for x in (query, key, value))
        scores = q @ k.swapaxes(-1, -2) / np.sqrt(8)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        return weights / weights.sum(-1, keepdims=True) @ v

    for _ in range(3):
        query, key, value = heads(torch.randn(3, 20, 48))
        apart = [heads(torch.randn(3, 20, 48))[i] for i in (2, 0, 1)]
        for q, k, v in ((query, key, value), (value, query, key), apart, (query, query, query)):
            np.testing.assert_allclose(attend(q, k, v).numpy(), expected(q, k, v), atol=2e-6)


def test_gradients_of_attention_over_parts_of_one_tensor():
    attend = torch.nn.functional.scaled_dot_product_attention
    for _ in range(3):
        x = torch.randn(2, 2, 20, 24, requires_grad=True)
        parts = [part.detach().clone().requires_grad_() for part in x.chunk(3, -1)]
        grad = torch.randn(2, 2, 20, 8)
        attend(*x.chunk(3, -1)).backward(grad)
        attend(*parts).backward(grad)
        wanted = torch.cat([part.grad for part in parts], -1)
        np.testing.assert_allclose(x.grad.numpy(), wanted.numpy(), atol=1e-5)


@pytest.mark.parametrize("count", [1, 2])
def test_products_that_threads_share(threads, count):
    torch.set_num_threads(count)

    def make():
        return torch.randn(8, 64, 96), torch.randn(256, 96), torch.randn(256)

    for _ in range(3):
        x, weight, bias = (value.requires_grad_() for value in make())
        grad = torch.randn(8, 64, 256)
        out = torch.nn.functional.linear(x, weight, bias)
        out.backward(grad)
        a, w, g = (value.detach().numpy().astype("f8") for value in (x, weight, grad))
        for found, wanted in (
            (out.detach(), a @ w.T + bias.detach().numpy()),
            (x.grad, g @ w),
            (weight.grad, np.einsum("bto,bti->oi", g, a)),
            (bias.grad, g.sum((0, 1))),
        ):
            np.testing.assert_allclose(found.numpy(), wanted, atol=2e-4)


def test_joined_tensors_and_rows():
    def make():
        return [torch.randn(6, 5, 4).transpose(0, 1) for _ in range(3)]

    for _ in range(3):
        parts = make()
        wanted = np.concatenate([part.numpy() for part in parts], 2)
        np.testing.assert_array_equal(torch.cat(parts, 2).numpy(), wanted)
        np.testing.assert_array_equal(
            torch.stack(parts, 1).numpy(), np.stack([part.numpy() for part in parts], 1)
        )
        twice = torch.cat([parts[0], parts[0]])
        np.testing.assert_array_equal(twice.numpy(), np.concatenate([parts[0].numpy()] * 2))
        soft = parts[1].softmax(0).numpy()
        exponentials = np.exp(parts[1].numpy().astype("f8"))
        np.testing.assert_allclose(soft, exponentials / exponentials.sum(0), atol=1e-6)
