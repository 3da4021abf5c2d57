"""VGG: stacks of 3 x 3 convolutions (Simonyan and Zisserman, 2014)."""

from ... import nn
from .weights import refuse

#: Layers with weights -> convolutions in each of the five stages.
_STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_CHANNELS = (64, 128, 256, 512, 512)


def make_features(layers, batch_norm):
    """The convolutions of the VGG with this many layers; each stage ends by halving the image."""
    modules, inputs = [], 3
    for count, channels in zip(_STAGES[layers], _CHANNELS):
        for _ in range(count):
            modules.append(nn.Conv2d(inputs, channels, kernel_size=3, padding=1))
            if batch_norm:
                modules.append(nn.BatchNorm2d(channels))
            modules.append(nn.ReLU(inplace=True))
            inputs = channels
        modules.append(nn.MaxPool2d(kernel_size=2, stride=2))
    return nn.Sequential(*modules)


class VGG(nn.Module):
    """Classifies N x 3 x 224 x 224 images (any size from 32 on) by the given features."""

    def __init__(self, features, num_classes=1000, init_weights=True, dropout=0.5):
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            self.apply(_initialise)

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _initialise(module):
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
        nn.init.zeros_(module.bias)


def _builder(layers, batch_norm):
    def build(*, weights=None, progress=True, **config):
        refuse(build.__name__, weights, config)
        return VGG(make_features(layers, batch_norm), **config)

    build.__name__ = build.__qualname__ = f"vgg{layers}_bn" if batch_norm else f"vgg{layers}"
    normed = " and batch normalization" if batch_norm else ""
    build.__doc__ = f"VGG with {layers} layers{normed}."
    return build


vgg11, vgg13, vgg16, vgg19 = [_builder(layers, False) for layers in _STAGES]
vgg11_bn, vgg13_bn, vgg16_bn, vgg19_bn = [_builder(layers, True) for layers in _STAGES]
