"""Image classifiers with torchvision's names and state_dict keys, so that its weights load.

Nothing is downloaded: `model.load_state_dict(torch.load("resnet18-f37072fd.pth"))` takes a file of
published weights.
"""

from fnmatch import fnmatch

from . import mobilenetv2, resnet, vgg
from .alexnet import AlexNet, alexnet
from .lenet import LeNet, lenet
from .mobilenetv2 import MobileNetV2, mobilenet_v2
from .resnet import (
    ResNet,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
    resnext50_32x4d,
    resnext101_32x8d,
    resnext101_64x4d,
    wide_resnet50_2,
    wide_resnet101_2,
)
from .vgg import VGG, vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn

_BUILDERS = {
    builder.__name__: builder
    for builder in (
        alexnet, lenet, mobilenet_v2, resnet18, resnet34, resnet50, resnet101, resnet152,
        resnext50_32x4d, resnext101_32x8d, resnext101_64x4d, wide_resnet50_2, wide_resnet101_2,
        vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn,
    )
}  # fmt: skip


def list_models(include=None, exclude=None):
    """The names that `get_model` takes, sorted; those that match a pattern, or patterns, only."""
    return sorted(
        name
        for name in _BUILDERS
        if (include is None or _matches(name, include)) and not _matches(name, exclude or ())
    )


def _matches(name, patterns):
    patterns = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatch(name, pattern) for pattern in patterns)


def get_model_builder(name):
    """The function that makes the classifier of this name."""
    if name.lower() not in _BUILDERS:
        raise ValueError(f"Unknown model {name}")
    return _BUILDERS[name.lower()]


def get_model(name, **config):
    """The classifier of this name, freshly initialised."""
    return get_model_builder(name)(**config)
