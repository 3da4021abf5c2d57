"""Small models trained on the device and on the CPU: the same losses."""

import numpy as np
import pytest

import numbatorch as torch
from numbatorch import nn


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)
        )
        self.classes = nn.Linear(2 * 2 * 2, 3)

    def forward(self, x):
        return self.classes(torch.flatten(self.features(x), 1))


class Sequence(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.recurrent = nn.GRU(4, 3, batch_first=True)
        self.norm = nn.LayerNorm(3)
        self.classes = nn.Linear(3, 3)

    def forward(self, x):
        states, _ = self.recurrent(self.embedding(x))
        return self.classes(self.norm(states[:, -1]))


def images():
    return torch.rand(4, 1, 6, 6)


def words():
    return torch.randint(0, 5, (4, 3))


def losses(device, model_type, inputs, optimizer_type, steps=3):
    torch.manual_seed(0)
    model = model_type().to(device)
    x, target = inputs().to(device), torch.tensor([0, 1, 2, 1]).to(device)
    optimizer = optimizer_type(model.parameters(), lr=0.05)
    found = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("model, inputs", [(Convolutional, images), (Sequence, words)])
def test_same_losses(model, inputs, optimizer, same_draws):
    optimizer_type = getattr(torch.optim, optimizer)
    expected = losses("cpu", model, inputs, optimizer_type)
    found = losses("cuda", model, inputs, optimizer_type)
    assert expected[0] != expected[-1]
    np.testing.assert_allclose(found, expected, rtol=2e-5)
