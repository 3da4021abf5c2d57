"""Residual networks (He et al., 2015) and their kin: wider ones, and ResNeXt, whose convolutions are grouped.

The strides of bottlenecks sit in their 3 x 3 convolutions.
"""

from ... import nn
from .weights import refuse


def _convolution(inputs, outputs, kernel_size, stride=1, groups=1, dilation=1):
    padding = kernel_size // 2 * dilation
    return nn.Conv2d(
        inputs, outputs, kernel_size, stride, padding, dilation, groups=groups, bias=False
    )


class BasicBlock(nn.Module):
    """relu(x + norm(conv(relu(norm(conv(x))))))"""

    expansion = 1

    def __init__(
        self, inplanes, planes, stride=1, downsample=None, groups=1, base_width=64, dilation=1,
        norm_layer=None,
    ):  # fmt: skip
        super().__init__()
        if groups != 1 or base_width != 64:
            raise ValueError("BasicBlock only supports groups=1 and base_width=64")
        if dilation > 1:
            raise NotImplementedError("Dilation > 1 not supported in BasicBlock")
        norm_layer = norm_layer or nn.BatchNorm2d
        self.conv1 = _convolution(inplanes, planes, 3, stride)
        self.bn1 = norm_layer(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = _convolution(planes, planes, 3)
        self.bn2 = norm_layer(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + identity)


class Bottleneck(nn.Module):
    """The same around three convolutions: to fewer channels, 3 x 3, and back to four times as many.

    The 3 x 3 convolution has planes * base_width / 64 channels in each of its groups.
    """

    expansion = 4

    def __init__(
        self, inplanes, planes, stride=1, downsample=None, groups=1, base_width=64, dilation=1,
        norm_layer=None,
    ):  # fmt: skip
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64)) * groups
        self.conv1 = _convolution(inplanes, width, 1)
        self.bn1 = norm_layer(width)
        self.conv2 = _convolution(width, width, 3, stride, groups, dilation)
        self.bn2 = norm_layer(width)
        self.conv3 = _convolution(width, planes * self.expansion, 1)
        self.bn3 = norm_layer(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + identity)


class ResNet(nn.Module):
    """Four stages of residual blocks, `layers[i]` of them in stage i.

    Classifies N x 3 x 224 x 224 images, or of another size. `replace_stride_with_dilation` says of
    each stage but the first whether it keeps the size of its maps and spreads its kernels instead.
    """

    def __init__(
        self, block, layers, num_classes=1000, zero_init_residual=False, groups=1,
        width_per_group=64, replace_stride_with_dilation=None, norm_layer=None,
    ):  # fmt: skip
        super().__init__()
        dilate = replace_stride_with_dilation
        if dilate is None:
            dilate = [False, False, False]
        if len(dilate) != 3:
            raise ValueError(
                f"replace_stride_with_dilation should be None or a 3-element tuple, got {dilate}"
            )
        self._norm_layer = norm_layer or nn.BatchNorm2d
        self.inplanes = 64
        self.dilation = 1
        self.groups = groups
        self.base_width = width_per_group
        self.conv1 = nn.Conv2d(3, self.inplanes, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], stride=2, dilate=dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], stride=2, dilate=dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], stride=2, dilate=dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        self._initialise(zero_init_residual)

    def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
        """One stage: its first block brings the shape to that of its output."""
        outputs, dilation = planes * block.expansion, self.dilation
        if dilate:
            self.dilation *= stride
            stride = 1
        shortcut = None
        if stride != 1 or self.inplanes != outputs:
            shortcut = nn.Sequential(
                _convolution(self.inplanes, outputs, 1, stride), self._norm_layer(outputs)
            )
        shared = {
            "groups": self.groups, "base_width": self.base_width, "norm_layer": self._norm_layer
        }  # fmt: skip
        stage = [block(self.inplanes, planes, stride, shortcut, dilation=dilation, **shared)]
        self.inplanes = outputs
        stage += [
            block(outputs, planes, dilation=self.dilation, **shared) for _ in range(1, blocks)
        ]
        return nn.Sequential(*stage)

    def _initialise(self, zero_init_residual):
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if zero_init_residual:  # each block starts as the identity
            for module in self.modules():
                if isinstance(module, BasicBlock | Bottleneck):
                    last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                    if last.weight is not None:
                        nn.init.zeros_(last.weight)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def _builder(name, block, layers, **shape):
    def build(*, weights=None, progress=True, **config):
        refuse(name, weights, config)
        return ResNet(block, layers, **{**shape, **config})

    build.__name__ = build.__qualname__ = name
    build.__doc__ = f"Residual network of {sum(layers)} blocks in stages of {layers}."
    return build


resnet18 = _builder("resnet18", BasicBlock, (2, 2, 2, 2))
resnet34 = _builder("resnet34", BasicBlock, (3, 4, 6, 3))
resnet50 = _builder("resnet50", Bottleneck, (3, 4, 6, 3))
resnet101 = _builder("resnet101", Bottleneck, (3, 4, 23, 3))
resnet152 = _builder("resnet152", Bottleneck, (3, 8, 36, 3))
resnext50_32x4d = _builder(
    "resnext50_32x4d", Bottleneck, (3, 4, 6, 3), groups=32, width_per_group=4
)
resnext101_32x8d = _builder(
    "resnext101_32x8d", Bottleneck, (3, 4, 23, 3), groups=32, width_per_group=8
)
resnext101_64x4d = _builder(
    "resnext101_64x4d", Bottleneck, (3, 4, 23, 3), groups=64, width_per_group=4
)
wide_resnet50_2 = _builder("wide_resnet50_2", Bottleneck, (3, 4, 6, 3), width_per_group=128)
wide_resnet101_2 = _builder("wide_resnet101_2", Bottleneck, (3, 4, 23, 3), width_per_group=128)
