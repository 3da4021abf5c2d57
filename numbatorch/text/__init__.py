"""Text as far as a model needs it: tokens, their numbers, padded batches, and BLEU."""

from .batches import to_tensor
from .bleu import bleu_score
from .tokens import join, tokenize
from .vocabulary import Vocab, build_vocab_from_iterator

__all__ = ["Vocab", "bleu_score", "build_vocab_from_iterator", "join", "to_tensor", "tokenize"]
