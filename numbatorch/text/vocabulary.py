"""Tokens and their numbers."""

from collections import Counter


class Vocab:
    """Numbers tokens from 0 in the given order, as torchtext's class of this name.

    `vocab[token]` and `vocab(tokens)` give numbers. A token that is not known has the default
    index, or raises RuntimeError where none was set.
    """

    def __init__(self, tokens):
        self._tokens = []
        self._indices = {}
        self._default = None
        for token in tokens:
            self.append_token(token)

    def __len__(self):
        return len(self._tokens)

    def __contains__(self, token):
        return token in self._indices

    def __getitem__(self, token):
        index = self._indices.get(token, self._default)
        if index is None:
            raise RuntimeError(f"Token {token} not found and default index is not set")
        return index

    def __call__(self, tokens):
        """The numbers of a list of tokens."""
        return [self[token] for token in tokens]

    lookup_indices = __call__

    def lookup_token(self, index):
        """The token with this number; RuntimeError outside of the vocabulary."""
        if not 0 <= index < len(self._tokens):
            raise RuntimeError(
                f"Specified index {index} is out of bounds of a vocabulary of {len(self)} tokens"
            )
        return self._tokens[index]

    def lookup_tokens(self, indices):
        """The tokens with these numbers."""
        return [self.lookup_token(index) for index in indices]

    def append_token(self, token):
        """Give `token` the next number; RuntimeError where it has one."""
        if token in self._indices:
            raise RuntimeError(f"Token {token} already exists with index {self._indices[token]}")
        self._indices[token] = len(self._tokens)
        self._tokens.append(token)

    def set_default_index(self, index):
        """What an unknown token is numbered; None: it raises."""
        self._default = index

    def get_default_index(self):
        return self._default

    def get_itos(self):
        """The tokens in the order of their numbers."""
        return list(self._tokens)

    def get_stoi(self):
        """{token: number}"""
        return dict(self._indices)

    def __repr__(self):
        return f"Vocab({len(self)} tokens)"


def build_vocab_from_iterator(
    iterator, min_freq=1, specials=None, special_first=True, max_tokens=None
):
    """A Vocab of the tokens in an iterator of lists of tokens, most frequent first.

    Among equally frequent tokens, the alphabet decides. `specials` stand before all others, or after
    them, whatever their frequency; `max_tokens` counts them too. `min_freq` must be at least 1.
    """
    if min_freq < 1:
        raise ValueError(f"min_freq must be at least 1, but got {min_freq}")
    specials = list(specials or ())
    if max_tokens is not None and max_tokens <= len(specials):
        raise ValueError(
            f"max_tokens must be greater than the number of special tokens, {len(specials)}, but "
            f"got {max_tokens}"
        )
    counts = Counter(token for tokens in iterator for token in tokens)
    words = sorted(
        (word for word, n in counts.items() if n >= min_freq and word not in specials),
        key=lambda word: (-counts[word], word),
    )
    if max_tokens is not None:
        words = words[: max_tokens - len(specials)]
    return Vocab(specials + words if special_first else words + specials)
