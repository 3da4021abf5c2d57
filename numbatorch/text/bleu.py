"""BLEU: how many runs of words a translation shares with translations by people.

Papineni, Roukos, Ward and Zhu, "BLEU: a Method for Automatic Evaluation of Machine Translation", 2002.
"""

import math
from collections import Counter


def ngrams(tokens, length):
    """{run of so many tokens: how often it occurs}"""
    return Counter(tuple(tokens[i : i + length]) for i in range(len(tokens) - length + 1))


def matches(candidate, references, length):
    """(runs of `candidate` that occur in a reference, runs in all).

    A run counts at most as often as it occurs in the reference that has it most often.
    """
    found = ngrams(candidate, length)
    allowed = Counter()
    for reference in references:
        allowed |= ngrams(reference, length)
    return (found & allowed).total(), found.total()


def nearest_length(candidate, references):
    """The length of the reference whose length is nearest to the candidate's; of two, the smaller."""
    return min(map(len, references), key=lambda length: (abs(length - len(candidate)), length))


def bleu_score(candidate_corpus, references_corpus, max_n=4, weights=(0.25, 0.25, 0.25, 0.25)):
    """The BLEU of a whole corpus, from 0 to 1: torchtext's function, without smoothing.

    `candidate_corpus` is a list of lists of tokens, and `references_corpus` holds for each of them a
    list of references. The score is the weighted geometric mean of the precisions of runs of 1 to
    `max_n` tokens, summed over the corpus, times exp(1 - references / candidates) where the
    candidates are shorter than the references. It is 0 where no run of some length matches.
    """
    if max_n != len(weights):
        raise ValueError(f'Length of the "weights" list has to be equal to max_n={max_n}')
    if len(candidate_corpus) != len(references_corpus):
        raise ValueError(
            "The length of candidate and reference corpus should be the same, but got "
            f"{len(candidate_corpus)} and {len(references_corpus)}"
        )
    matched, total, candidate_length, reference_length = [0] * max_n, [0] * max_n, 0, 0
    for candidate, references in zip(candidate_corpus, references_corpus):
        candidate_length += len(candidate)
        reference_length += nearest_length(candidate, references)
        for n in range(max_n):
            good, all_runs = matches(candidate, references, n + 1)
            matched[n] += good
            total[n] += all_runs
    if min(matched, default=0) == 0:
        return 0.0
    mean = sum(
        weight * math.log(good / all_runs)
        for weight, good, all_runs in zip(weights, matched, total)
    )
    return math.exp(min(0, 1 - reference_length / candidate_length) + mean)
