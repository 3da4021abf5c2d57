"""Networks that can be made with PyTorch or with numbatorch: `make(framework)` -> (module, inputs)."""


def resnet18(t):
    """Residual network with 18 layers (He et al., 2015), on small images."""

    def norm_after(convolution):
        return t.nn.Sequential(convolution, t.nn.BatchNorm2d(convolution.out_channels))

    class Block(t.nn.Module):
        def __init__(self, inputs, width, stride):
            super().__init__()
            self.first = norm_after(t.nn.Conv2d(inputs, width, 3, stride, 1, bias=False))
            self.second = norm_after(t.nn.Conv2d(width, width, 3, 1, 1, bias=False))
            self.downsample = None
            if stride != 1 or inputs != width:
                self.downsample = norm_after(t.nn.Conv2d(inputs, width, 1, stride, bias=False))

        def forward(self, x):
            y = self.second(t.relu(self.first(x)))
            return t.relu(y + (x if self.downsample is None else self.downsample(x)))

    layers = [norm_after(t.nn.Conv2d(3, 64, 7, 2, 3, bias=False)), t.nn.ReLU(inplace=True)]
    layers.append(t.nn.MaxPool2d(3, 2, 1))
    inputs = 64
    for width, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Block(inputs, width, stride), Block(width, width, 1)]
        inputs = width
    layers += [t.nn.AdaptiveAvgPool2d(1), t.nn.Flatten(), t.nn.Linear(512, 10)]
    return t.nn.Sequential(*layers), t.rand(4, 3, 32, 32)


def language_model(t):
    """Two layers of LSTM whose output shares the weights of the embedding."""

    class Model(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = t.nn.Embedding(50, 16)
            self.lstm = t.nn.LSTM(16, 16, num_layers=2, batch_first=True)
            self.decoder = t.nn.Linear(16, 50)
            self.decoder.weight = self.embedding.weight

        def forward(self, tokens):
            return self.decoder(self.lstm(self.embedding(tokens))[0])

    return Model(), t.randint(50, (3, 12))


def transformer(t):
    """An encoder and a decoder with a causal mask."""

    class Model(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.transformer = t.nn.Transformer(
                16, 2, num_encoder_layers=2, num_decoder_layers=2, dim_feedforward=32, dropout=0.0,
                batch_first=True,
            )  # fmt: skip
            self.register_buffer("mask", t.nn.Transformer.generate_square_subsequent_mask(7))

        def forward(self, x):
            return self.transformer(x, x, tgt_mask=self.mask)

    return Model(), t.rand(2, 7, 16)


ALL = {"resnet18": resnet18, "language_model": language_model, "transformer": transformer}
