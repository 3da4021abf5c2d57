"""Classifiers: torchvision's keys, its initial numbers from the same seed, and its outputs."""

import inspect

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


CONFIGS = {
    "resnet18": [
        {"norm_layer": lambda m: lambda channels: m.GroupNorm(4, channels)},
        {"zero_init_residual": True},
    ],
    "resnet50": [
        {"replace_stride_with_dilation": (False, True, True)},
        {"groups": 4, "width_per_group": 16},
    ],
    "mobilenet_v2": [
        {"inverted_residual_setting": [[1, 8, 1, 1], [3, 16, 2, 2]], "round_nearest": 4},
        {"norm_layer": lambda m: lambda channels: m.GroupNorm(2, channels), "width_mult": 0.5},
        {"dropout": 0.7},
    ],
    "resnext50_32x4d": [{}],
}


@pytest.mark.parametrize(
    ("name", "number"), [(name, i) for name, all in CONFIGS.items() for i in range(len(all))]
)
def test_arguments_as_torchvision(name, number, torchvision):
    """The keys, shapes and outputs, with the same weights on both sides."""
    import torch

    config = {"num_classes": 5, **CONFIGS[name][number]}
    made = []
    for modules, build in ((torch.nn, torchvision.models.get_model), (nt.nn, models.get_model)):
        options = dict(config)
        if "norm_layer" in options:
            options["norm_layer"] = options["norm_layer"](modules)
        made.append(build(name, **options).eval())
    theirs, ours = made
    expected = {key: value.numpy() for key, value in theirs.state_dict().items()}
    assert {k: tuple(v.shape) for k, v in ours.state_dict().items()} == {
        k: v.shape for k, v in expected.items()
    }
    assert list(ours.state_dict()) == list(expected)
    ours.load_state_dict({key: nt.from_numpy(value) for key, value in expected.items()})
    images = np.random.default_rng(0).standard_normal((1, 3, 48, 64), dtype=np.float32)
    with torch.no_grad(), nt.no_grad():
        want = theirs(torch.from_numpy(images)).numpy()
        have = ours(nt.from_numpy(images)).numpy()
    np.testing.assert_allclose(have, want, atol=2e-5 * np.abs(want).max())


def test_signatures_and_names_as_torchvision(torchvision):
    for kind in ("AlexNet", "VGG", "ResNet", "MobileNetV2"):
        expected, found = (
            inspect.signature(getattr(m, kind)) for m in (torchvision.models, models)
        )
        assert {p.name: p.default for p in found.parameters.values()} == {
            p.name: p.default for p in expected.parameters.values()
        }
    known = set(torchvision.models.list_models(torchvision.models))
    assert set(models.list_models()) - known == {"lenet"}
    assert models.list_models("resnet*") == torchvision.models.list_models(
        torchvision.models, include="resnet*"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn", "resnet101",
     "resnet152", "resnext101_32x8d", "resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2"],
)  # fmt: skip
def test_keys_of_large_models_as_torchvision(name, torchvision):
    import torch

    with torch.device("meta"):
        expected = torchvision.models.get_model(name).state_dict()
    found = models.get_model(name).state_dict()
    assert {k: tuple(v.shape) for k, v in found.items()} == {
        k: tuple(v.shape) for k, v in expected.items()
    }


#: Keys of published weights: what every ResNet-50, VGG-16 with batch normalization, AlexNet has.
KEYS = {
    "resnet50": ["conv1.weight", "bn1.running_var", "layer1.0.downsample.1.num_batches_tracked",
                 "layer3.5.conv3.weight", "layer4.2.bn3.bias", "fc.weight"],
    "mobilenet_v2": ["features.0.0.weight", "features.0.1.running_mean", "features.1.conv.1.weight",
                     "features.17.conv.3.bias", "features.18.1.weight", "classifier.1.bias"],
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_keys_as_published(name):
    keys = models.get_model(name).state_dict()
    assert [key for key in KEYS[name] if key not in keys] == []


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_vgg_of_one_stage_reads_images(batch_norm):
    features = models.vgg.make_features(11, batch_norm)
    kinds = [type(module).__name__ for module in features]
    assert kinds.count("Conv2d") == 8 and kinds.count("BatchNorm2d") == 8 * batch_norm
    assert features(nt.zeros(1, 3, 32, 32)).shape == (1, 512, 1, 1)


def test_alexnet_and_vgg_classify(monkeypatch):
    """With narrow linear layers: their own have 60 and 100 million weights."""

    class Narrow(nt.nn.Linear):
        def __init__(self, inputs, outputs):
            super().__init__(16 if inputs == 4096 else inputs, 16 if outputs == 4096 else outputs)

    monkeypatch.setattr(nt.nn, "Linear", Narrow)
    for model in (models.alexnet(num_classes=3), models.vgg11_bn(num_classes=3)):
        assert model.eval()(nt.rand(2, 3, 64, 64)).shape == (2, 3)
        assert [type(m).__name__ for m in model.classifier].count("Dropout") == 2


def test_dilated_stages_keep_the_size():
    stages = {"layers": (1, 1, 1, 1), "num_classes": 2, "width_per_group": 4}
    block = models.resnet.Bottleneck
    plain = models.ResNet(block, **stages)
    wide = models.ResNet(block, **stages, replace_stride_with_dilation=(False, True, True))
    assert [m.dilation for m in wide.modules() if getattr(m, "dilation", 1) == (2, 2)]
    x = nt.rand(1, 3, 64, 64)
    sizes = []
    for model in (plain, wide):
        y = model.maxpool(model.conv1(x))
        sizes.append(model.layer4(model.layer3(model.layer2(model.layer1(y)))).shape[-1])
    assert sizes == [2, 8]


def test_bad_arguments():
    basic, bottleneck = models.resnet.BasicBlock, models.resnet.Bottleneck
    for make, error, message in [
        (
            lambda: models.ResNet(basic, (1, 1, 1, 1), groups=2),
            ValueError,
            "only supports groups=1",
        ),
        (
            lambda: models.resnet18(replace_stride_with_dilation=(True, True, True)),
            NotImplementedError,
            "Dilation > 1 not supported in BasicBlock",
        ),
        (
            lambda: models.ResNet(bottleneck, (1, 1, 1, 1), replace_stride_with_dilation=(1,)),
            ValueError,
            "None or a 3-element tuple, got",
        ),
        (
            lambda: models.mobilenet_v2(inverted_residual_setting=[]),
            ValueError,
            "non-empty or a 4-element list",
        ),
        (
            lambda: models.mobilenetv2.InvertedResidual(8, 8, 3, 1),
            ValueError,
            "stride should be 1 or 2 instead of 3",
        ),
    ]:
        with pytest.raises(error, match=message):
            make()


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
    for asked in ({"weights": "DEFAULT"}, {"pretrained": True}):
        with pytest.raises(NotImplementedError, match="load_state_dict"):
            models.resnet18(**asked)
    assert isinstance(models.get_model("LeNet", pretrained=False), models.LeNet)
    assert models.list_models(include=["vgg*", "lenet"], exclude="*_bn") == [
        "lenet", "vgg11", "vgg13", "vgg16", "vgg19",
    ]  # fmt: skip
