"""AlexNet in its form of one tower (Krizhevsky, 2014: "One weird trick ...")."""

from ... import nn
from .weights import refuse


def _convolution(inputs, outputs, kernel_size, **geometry):
    return [nn.Conv2d(inputs, outputs, kernel_size, **geometry), nn.ReLU(inplace=True)]


class AlexNet(nn.Module):
    """Classifies N x 3 x 224 x 224 images (any size from 63 on)."""

    def __init__(self, num_classes=1000, dropout=0.5):
        super().__init__()
        self.features = nn.Sequential(
            *_convolution(3, 64, 11, stride=4, padding=2),
            nn.MaxPool2d(kernel_size=3, stride=2),
            *_convolution(64, 192, 5, padding=2),
            nn.MaxPool2d(kernel_size=3, stride=2),
            *_convolution(192, 384, 3, padding=1),
            *_convolution(384, 256, 3, padding=1),
            *_convolution(256, 256, 3, padding=1),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def alexnet(*, weights=None, progress=True, **config):
    """AlexNet."""
    refuse("alexnet", weights, config)
    return AlexNet(**config)
