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
