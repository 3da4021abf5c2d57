"""From a line of text to a list of tokens, and back."""

import re

#: A word or number up to its apostrophe, or a single mark; everything else separates.
_TOKEN = re.compile(r"\w+['’]?|[^\w\s]")


def tokenize(line):
    """The lower-case words and marks of `line`: "J'ai faim !" -> ["j'", "ai", "faim", "!"].

    An apostrophe stays with the letters before it, so that what French and English contract comes
    apart: "I'm" is "i'" and "m".
    """
    return _TOKEN.findall(line.lower())


def join(tokens):
    """The line of a list of tokens, with blanks where English has them."""
    line = " ".join(tokens)
    return re.sub(r"(?<=['’]) | (?=[.,!?;:])", "", line)
