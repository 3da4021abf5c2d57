"""One pass through everything in seconds: `pytest -m smoke`."""

import io

import pytest

import numbatorch as torch
from numbatorch import nn

pytestmark = pytest.mark.smoke


def small_net():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.1), nn.Flatten(),
        nn.Linear(36, 3),
    )  # fmt: skip


def train(model, steps=30):
    """Losses of a small net that learns which row of an image is bright."""
    images, labels = torch.randn(24, 1, 8, 8) * 0.1, torch.arange(24) % 3
    for row in range(3):
        images[labels == row, 0, 3 * row] += 1
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    data = torch.utils.data.TensorDataset(images, labels)
    losses = []
    while len(losses) < steps:
        for batch, target in torch.utils.data.DataLoader(data, batch_size=8, shuffle=True):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(batch), target)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


def test_a_small_network_learns():
    losses = train(small_net())
    assert losses[-1] < 0.2 < losses[0]


def test_the_same_seed_gives_the_same_losses():
    runs = []
    for _ in range(2):
        torch.manual_seed(3)
        runs.append(train(small_net(), 6))
    assert runs[0] == runs[1]


def test_weights_are_saved_and_loaded():
    model, copy = small_net(), small_net()
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    copy.load_state_dict(torch.load(file))
    x = torch.randn(2, 1, 8, 8)
    assert torch.equal(model.eval()(x), copy.eval()(x))


def test_a_tensor_prints_and_differentiates():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (x.exp() * x).sum().backward()
    assert repr(x.grad) == "tensor([ 5.4366, 22.1672])"
