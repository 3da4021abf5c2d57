"""Classifiers: torchvision's keys, its initial numbers from the same seed, and its outputs."""

import numpy as np
import pytest
from oracle_torchvision import import_torchvision

import numbatorch as nt
from numbatorch.vision import models

PARAMETERS = {
    "alexnet": 61_100_840,
    "mobilenet_v2": 3_504_872,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "vgg11_bn": 132_868_840,
}


@pytest.fixture
def torchvision():
    return import_torchvision()


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18", "resnet50"])
def test_number_of_parameters_as_published(name):
    model = models.get_model(name)
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alexnet", "resnet34", "vgg11_bn"])
def test_number_of_parameters_of_large_models(name):
    model = models.get_model(name)
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[name]


def compare(name, torchvision, size, **config):
    import torch

    torch.manual_seed(3)
    nt.manual_seed(3)
    theirs = torchvision.models.get_model(name, weights=None, **config).eval()
    ours = models.get_model(name, **config).eval()
    expected, found = theirs.state_dict(), ours.state_dict()
    assert list(found) == list(expected)
    for key, value in expected.items():
        np.testing.assert_array_equal(found[key].numpy(), value.numpy(), err_msg=key)
    images = np.random.default_rng(0).standard_normal((2, 3, size, size), dtype=np.float32)
    with torch.no_grad(), nt.no_grad():
        want = theirs(torch.from_numpy(images)).numpy()
        have = ours(nt.from_numpy(images)).numpy()
    scale = np.abs(want).max()
    np.testing.assert_allclose(have / scale, want / scale, atol=2e-5)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_as_torchvision(name, torchvision):
    compare(name, torchvision, 64, num_classes=10)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alexnet", "vgg11", "vgg13_bn", "resnet34", "resnet50"])
def test_large_models_as_torchvision(name, torchvision):
    compare(name, torchvision, 64, num_classes=10)


def test_mobilenet_of_other_widths(torchvision):
    for width in (0.35, 0.5, 1.4):
        theirs = torchvision.models.mobilenet_v2(width_mult=width, num_classes=3).state_dict()
        ours = models.mobilenet_v2(width_mult=width, num_classes=3).state_dict()
        assert {k: tuple(v.shape) for k, v in ours.items()} == {
            k: tuple(v.shape) for k, v in theirs.items()
        }


def test_lenet_takes_digits_and_small_photographs():
    assert models.LeNet()(nt.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert models.lenet(num_classes=7, in_channels=3)(nt.zeros(2, 3, 32, 32)).shape == (2, 7)


def test_a_resnet_learns():
    nt.manual_seed(0)
    model = models.resnet18(num_classes=2)
    images, labels = nt.randn(4, 3, 32, 32), nt.tensor([0, 1, 0, 1])
    optimizer = nt.optim.SGD(model.parameters(), lr=0.01)
    losses = []
    for _ in range(4):
        optimizer.zero_grad()
        loss = nt.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_zero_init_residual_makes_blocks_the_identity():
    block = models.resnet18(num_classes=2, zero_init_residual=True).eval().layer1[0]
    x = nt.rand(1, 64, 4, 4)
    assert nt.equal(block(x), x)


def test_names():
    assert "resnet50" in models.list_models()
    with pytest.raises(ValueError, match="Unknown model resnet17"):
        models.get_model("resnet17")
    with pytest.raises(NotImplementedError, match="load_state_dict"):
        models.resnet18(weights="DEFAULT")
