"""LeNet-5 (LeCun et al., 1998), with ReLU and max pooling as it is built today."""

from ... import nn
from .weights import refuse


class LeNet(nn.Module):
    """Reads N x in_channels x 28 x 28 (digits) or x 32 x 32 images."""

    def __init__(self, num_classes=10, in_channels=1):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 6, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=2),
            nn.Conv2d(6, 16, kernel_size=5),
            nn.ReLU(inplace=True),
            nn.AdaptiveMaxPool2d((5, 5)),
        )
        self.classifier = nn.Sequential(
            nn.Linear(16 * 5 * 5, 120),
            nn.ReLU(inplace=True),
            nn.Linear(120, 84),
            nn.ReLU(inplace=True),
            nn.Linear(84, num_classes),
        )

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


def lenet(*, weights=None, **config):
    """LeNet-5."""
    refuse("lenet", weights, config)
    return LeNet(**config)
