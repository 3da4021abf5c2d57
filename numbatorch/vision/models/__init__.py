"""Image classifiers with torchvision's names and state_dict keys, so that its weights load.

Nothing is downloaded: `model.load_state_dict(torch.load("resnet18-f37072fd.pth"))` takes a file of
published weights.
"""

from . import mobilenetv2, resnet, vgg
from .alexnet import AlexNet, alexnet
from .lenet import LeNet, lenet
from .mobilenetv2 import MobileNetV2, mobilenet_v2
from .resnet import ResNet, resnet18, resnet34, resnet50, resnet101, resnet152
from .vgg import VGG, vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn

_BUILDERS = {
    builder.__name__: builder
    for builder in (
        alexnet, lenet, mobilenet_v2, resnet18, resnet34, resnet50, resnet101, resnet152,
        vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn,
    )
}  # fmt: skip


def list_models():
    """The names that `get_model` takes, sorted."""
    return sorted(_BUILDERS)


def get_model(name, **config):
    """The classifier of this name, freshly initialised."""
    if name.lower() not in _BUILDERS:
        raise ValueError(f"Unknown model {name}")
    return _BUILDERS[name.lower()](**config)
