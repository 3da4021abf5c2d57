"""Fetch the data of one index, or of one batch of indices, and collate it."""

from __future__ import annotations

from .collate import default_collate
from .rows import rows_behind


class MapFetcher:
    """From a dataset with `__getitem__`."""

    def __init__(self, dataset, auto_collation, collate_fn, drop_last):
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn

    def fetch(self, index):
        if not self.auto_collation:
            data = self.dataset[index]
        elif self.collate_fn is default_collate and (rows := rows_behind(self.dataset)):
            numbers = rows.numbers(index)  # all rows at once, in place of one after the other
            if numbers is not None:
                return rows.batch(numbers)
            data = [self.dataset[i] for i in index]
        elif getattr(self.dataset, "__getitems__", None):
            data = self.dataset.__getitems__(index)
        else:
            data = [self.dataset[i] for i in index]
        return self.collate_fn(data)


class IterableFetcher:
    """From a dataset with `__iter__`; the indices only say how many items a batch has."""

    def __init__(self, dataset, auto_collation, collate_fn, drop_last):
        self.iterator = iter(dataset)
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.ended = False

    def fetch(self, index):
        """Raises StopIteration at the end of the dataset."""
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self.iterator))
        data = []
        for _ in index:
            try:
                data.append(next(self.iterator))
            except StopIteration:
                self.ended = True
                break
        if not data or (self.drop_last and len(data) < len(index)):
            raise StopIteration
        return self.collate_fn(data)
