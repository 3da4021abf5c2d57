"""Residual networks (He et al., 2015); the strides of bottlenecks sit in their 3 x 3 convolutions."""

from ... import nn
from .weights import refuse


def _convolution(inputs, outputs, kernel_size, stride=1):
    return nn.Conv2d(inputs, outputs, kernel_size, stride, padding=kernel_size // 2, bias=False)


def _shortcut(inputs, outputs, stride):
    """What brings the input of a block to the shape of its output; None where it has it already."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(_convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))


class BasicBlock(nn.Module):
    """relu(x + norm(conv(relu(norm(conv(x))))))"""

    expansion = 1

    def __init__(self, inputs, width, stride=1, downsample=None):
        super().__init__()
        self.conv1 = _convolution(inputs, width, 3, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = _convolution(width, width, 3)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = downsample

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + identity)


class Bottleneck(nn.Module):
    """The same around three convolutions: to fewer channels, 3 x 3, and back to four times as many."""

    expansion = 4

    def __init__(self, inputs, width, stride=1, downsample=None):
        super().__init__()
        self.conv1 = _convolution(inputs, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _convolution(width, width, 3, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = _convolution(width, width * self.expansion, 1)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + identity)


class ResNet(nn.Module):
    """Four stages of residual blocks, `layers[i]` of them in stage i.

    Classifies N x 3 x 224 x 224 images, or of another size.
    """

    def __init__(self, block, layers, num_classes=1000, zero_init_residual=False):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        inputs = 64
        for number, count in enumerate(layers):
            width, stride = 64 * 2**number, 1 if number == 0 else 2
            self.add_module(f"layer{number + 1}", _stage(block, inputs, width, count, stride))
            inputs = width * block.expansion
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(inputs, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if zero_init_residual:  # each block starts as the identity
            for module in self.modules():
                if isinstance(module, BasicBlock | Bottleneck):
                    last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                    nn.init.zeros_(last.weight)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def _stage(block, inputs, width, count, stride):
    outputs = width * block.expansion
    first = block(inputs, width, stride, _shortcut(inputs, outputs, stride))
    return nn.Sequential(first, *[block(outputs, width) for _ in range(count - 1)])


def _builder(name, block, layers):
    def build(*, weights=None, progress=True, **config):
        refuse(weights, name)
        return ResNet(block, layers, **config)

    build.__name__ = build.__qualname__ = name
    build.__doc__ = f"Residual network with {name.removeprefix('resnet')} layers."
    return build


resnet18 = _builder("resnet18", BasicBlock, (2, 2, 2, 2))
resnet34 = _builder("resnet34", BasicBlock, (3, 4, 6, 3))
resnet50 = _builder("resnet50", Bottleneck, (3, 4, 6, 3))
resnet101 = _builder("resnet101", Bottleneck, (3, 4, 23, 3))
resnet152 = _builder("resnet152", Bottleneck, (3, 8, 36, 3))
