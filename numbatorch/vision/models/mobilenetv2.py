"""MobileNetV2: inverted residual blocks around depthwise convolutions (Sandler et al., 2018)."""

from ... import nn
from .weights import refuse

#: Stages: (expansion, channels, blocks, stride of the first block).
_STAGES = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
    (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip


def _unit(inputs, outputs, kernel_size, stride=1, groups=1):
    """Convolution, batch normalization, ReLU6."""
    return nn.Sequential(
        nn.Conv2d(
            inputs, outputs, kernel_size, stride, kernel_size // 2, groups=groups, bias=False
        ),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """Widen, convolve each channel by itself, narrow; with the input added where the shape allows."""

    def __init__(self, inputs, outputs, stride, expand_ratio):
        super().__init__()
        hidden = inputs * expand_ratio
        widen = [] if expand_ratio == 1 else [_unit(inputs, hidden, 1)]
        self.conv = nn.Sequential(
            *widen,
            _unit(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.use_res_connect = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(nn.Module):
    """Classifies N x 3 x 224 x 224 images; `width_mult` scales the channels of all layers."""

    def __init__(self, num_classes=1000, width_mult=1.0, dropout=0.2):
        super().__init__()
        inputs = _rounded(32 * width_mult)
        features = [_unit(3, inputs, 3, stride=2)]
        for expansion, channels, blocks, stride in _STAGES:
            outputs = _rounded(channels * width_mult)
            for number in range(blocks):
                features.append(
                    InvertedResidual(inputs, outputs, stride if number == 0 else 1, expansion)
                )
                inputs = outputs
        self.last_channel = _rounded(1280 * max(1.0, width_mult))
        features.append(_unit(inputs, self.last_channel, 1))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes)
        )
        self.apply(_initialise)

    def forward(self, x):
        return self.classifier(self.features(x).mean(dim=(2, 3)))


def _rounded(channels, divisor=8):
    """The nearest multiple of `divisor`, at most 10% below `channels`."""
    result = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return result if result >= 0.9 * channels else result + divisor


def _initialise(module):
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
        nn.init.zeros_(module.bias)


def mobilenet_v2(*, weights=None, progress=True, **config):
    """MobileNetV2."""
    refuse(weights, "mobilenet_v2")
    return MobileNetV2(**config)
