"""Progress bars for training, and pictures of how it went."""

from tqdm import tqdm


class progress:
    """Walks through a loader behind a bar, and shows the latest values beside it.

        bar = progress(loader, "epoch 1")
        for images, labels in bar:
            ...
            bar.show(loss=loss.item())

    `bar.history` keeps every value that was shown: {"loss": [...]}.
    """

    def __init__(self, iterable, description=None, **options):
        self.history = {}
        self._bar = tqdm(iterable, desc=description, leave=options.pop("leave", False), **options)

    def __iter__(self):
        return iter(self._bar)

    def __len__(self):
        return len(self._bar)

    def show(self, **values):
        """Remember the values and show them beside the bar."""
        for name, value in values.items():
            self.history.setdefault(name, []).append(value)
        self._bar.set_postfix({name: f"{value:.4g}" for name, value in values.items()})
