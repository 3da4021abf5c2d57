"""MobileNetV2: inverted residual blocks around depthwise convolutions (Sandler et al., 2018)."""

from ... import nn
from .weights import refuse

#: Stages: (expansion, channels, blocks, stride of the first block).
_STAGES = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
    (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip


def _unit(inputs, outputs, kernel_size, norm_layer, stride=1, groups=1):
    """Convolution, normalization, ReLU6."""
    return nn.Sequential(
        nn.Conv2d(
            inputs, outputs, kernel_size, stride, kernel_size // 2, groups=groups, bias=False
        ),
        norm_layer(outputs),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """Widen, convolve each channel by itself, narrow; with the input added where the shape allows."""

    def __init__(self, inp, oup, stride, expand_ratio, norm_layer=None):
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        norm_layer = norm_layer or nn.BatchNorm2d
        hidden = round(inp * expand_ratio)
        widen = [] if expand_ratio == 1 else [_unit(inp, hidden, 1, norm_layer)]
        self.conv = nn.Sequential(
            *widen,
            _unit(hidden, hidden, 3, norm_layer, stride, groups=hidden),
            nn.Conv2d(hidden, oup, 1, bias=False),
            norm_layer(oup),
        )
        self.stride = stride
        self.out_channels = oup
        self.use_res_connect = stride == 1 and inp == oup

    def forward(self, x):
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(nn.Module):
    """Classifies N x 3 x 224 x 224 images; `width_mult` scales the channels of all layers.

    `inverted_residual_setting` lists the stages as (expansion, channels, blocks, stride of the first
    block); numbers of channels are rounded to multiples of `round_nearest`.
    """

    def __init__(
        self, num_classes=1000, width_mult=1.0, inverted_residual_setting=None, round_nearest=8,
        block=None, norm_layer=None, dropout=0.2,
    ):  # fmt: skip
        super().__init__()
        block = block or InvertedResidual
        norm_layer = norm_layer or nn.BatchNorm2d
        stages = _STAGES if inverted_residual_setting is None else inverted_residual_setting
        if len(stages) == 0 or len(stages[0]) != 4:
            raise ValueError(
                "inverted_residual_setting should be non-empty or a 4-element list, got "
                f"{inverted_residual_setting}"
            )
        inputs = _rounded(32 * width_mult, round_nearest)
        features = [_unit(3, inputs, 3, norm_layer, stride=2)]
        for expansion, channels, blocks, stride in stages:
            outputs = _rounded(channels * width_mult, round_nearest)
            for number in range(blocks):
                first = stride if number == 0 else 1
                features.append(block(inputs, outputs, first, expansion, norm_layer=norm_layer))
                inputs = outputs
        self.last_channel = _rounded(1280 * max(1.0, width_mult), round_nearest)
        features.append(_unit(inputs, self.last_channel, 1, norm_layer))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes)
        )
        self.apply(_initialise)

    def forward(self, x):
        return self.classifier(self.features(x).mean(dim=(2, 3)))


def _rounded(channels, divisor):
    """The nearest multiple of `divisor`, at most 10% below `channels`."""
    result = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return result if result >= 0.9 * channels else result + divisor


def _initialise(module):
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
        nn.init.zeros_(module.bias)


def mobilenet_v2(*, weights=None, progress=True, **config):
    """MobileNetV2."""
    refuse("mobilenet_v2", weights, config)
    return MobileNetV2(**config)
