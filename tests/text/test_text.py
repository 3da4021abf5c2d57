"""Tokens, vocabularies, batches; BLEU against numbers recorded from sacrebleu and NLTK."""

import pytest

import numbatorch as nt
from numbatorch.text import Vocab, bleu_score, build_vocab_from_iterator, join, to_tensor, tokenize


def test_tokens_and_back():
    assert tokenize("J'ai faim, toi aussi ?") == ["j'", "ai", "faim", ",", "toi", "aussi", "?"]
    assert tokenize("I'm 30. ") == ["i'", "m", "30", "."]
    assert tokenize(" \t") == []
    assert join(["j'", "ai", "faim", ",", "toi", "aussi", "?"]) == "j'ai faim, toi aussi?"


def test_vocabulary_is_in_order_of_frequency():
    lines = [["b", "a", "c"], ["c", "a"], ["c", "d"]]
    vocab = build_vocab_from_iterator(iter(lines), specials=["<pad>", "<unk>"])
    assert vocab.get_itos() == ["<pad>", "<unk>", "c", "a", "b", "d"]
    assert vocab(["d", "c"]) == vocab.lookup_indices(["d", "c"]) == [5, 2]
    assert vocab.lookup_tokens([3, 4]) == ["a", "b"]
    assert len(vocab) == 6 and "a" in vocab and "z" not in vocab
    assert vocab.get_stoi()["d"] == 5
    last = build_vocab_from_iterator(lines, 2, ["<unk>"], special_first=False)
    assert last.get_itos() == ["c", "a", "<unk>"]
    assert build_vocab_from_iterator(lines, specials=["a"], max_tokens=2).get_itos() == ["a", "c"]


def test_unknown_tokens():
    vocab = Vocab(["<unk>", "a"])
    with pytest.raises(RuntimeError, match="Token z not found"):
        vocab["z"]
    vocab.set_default_index(0)
    assert vocab.get_default_index() == 0
    assert vocab(["z", "a"]) == [0, 1]
    for index in (-1, 2):
        with pytest.raises(RuntimeError, match="out of bounds"):
            vocab.lookup_token(index)
    with pytest.raises(RuntimeError, match="already exists"):
        vocab.append_token("a")
    for options in ({"min_freq": 0}, {"specials": ["a"], "max_tokens": 1}):
        with pytest.raises(ValueError):
            build_vocab_from_iterator([["a"]], **options)


def test_batches_are_padded():
    batch = to_tensor([[1, 2, 3], [4], []], padding_value=9)
    assert batch.dtype == nt.int64
    assert batch.tolist() == [[1, 2, 3], [4, 9, 9], [9, 9, 9]]
    assert to_tensor([1.5, 2.0], dtype=nt.float32).tolist() == [1.5, 2.0]
    assert to_tensor([[], []], 0).shape == (2, 0)
    with pytest.raises(ValueError):
        to_tensor([[1, 2], [3]])


# (candidates, references, BLEU-4, BLEU-2) of sacrebleu 2.6.0 with tokenize="none" and
# smooth_method="none"; NLTK 3.10.4 agrees with it in all but the last, where it counts a run of four
# words in sentences of three.
RECORDED = {
    "several references": (
        [
            "the cat sat on the mat and looked at the dog",
            "there is a house on the hill over there",
        ],
        [
            [
                "the cat sat on the mat and watched the dog",
                "a cat was sitting on the mat and looked at a dog",
            ],
            ["there is a house on top of the hill", "over there on the hill is a house"],
        ],
        0.7589294995605214,
        0.918936583472681,
    ),
    "repeated words": (
        ["the the the the house is", "a small house stands here today ."],
        [
            ["the house is very small indeed , you know", "the house is small"],
            ["a small house stands here today , alone ."],
        ],
        0.5842896293786659,
        0.6996502622814408,
    ),
    "two references equally near in length": (
        ["one two three four five six"],
        [["one two three four", "one two three four five seven eight nine"]],
        0.7598356856515927,
        0.8164965809277259,
    ),
    "shorter than the references": (
        ["go .", "you are very old .", "i am fine"],
        [["go !", "go away ."], ["you are very old ."], ["i am fine ."]],
        0.8706304540397798,
        0.83771666864399,
    ),
}


@pytest.mark.parametrize("name", RECORDED)
def test_bleu_is_that_of_sacrebleu(name):
    candidates, references, four, two = RECORDED[name]
    candidates = [line.split() for line in candidates]
    references = [[line.split() for line in lines] for lines in references]
    assert bleu_score(candidates, references) == pytest.approx(four, rel=1e-12)
    assert bleu_score(candidates, references, 2, [0.5, 0.5]) == pytest.approx(two, rel=1e-12)


def test_bleu_at_its_ends():
    line = ["a", "b", "c", "d", "e"]
    assert bleu_score([line], [[line]]) == 1
    assert bleu_score([line], [[["v", "w", "x", "y", "z"]]]) == 0
    assert bleu_score([[]], [[line]]) == 0
    with pytest.raises(ValueError, match="should be the same"):
        bleu_score([line], [])
    with pytest.raises(ValueError, match="weights"):
        bleu_score([line], [[line]], max_n=2)
