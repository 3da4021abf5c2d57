"""Which PyTorch numbatorch follows (`torch.version`), and its own version."""

#: The version of numbatorch itself.
numbatorch = "0.1.0"

#: Programs compare it with PyTorch's versions; the part after + says what is behind it.
__version__ = f"2.13.0+numbatorch.{numbatorch}"

debug = False
cuda = None
hip = None
git_version = "unknown"


class TorchVersion(str):
    """A version that compares by its numbers: with strings, and with tuples such as (2, 0)."""

    __slots__ = ()

    @property
    def release(self):
        """The numbers before any letter."""
        return _numbers(self)

    def __lt__(self, other):
        return self.release < _numbers(other)

    def __le__(self, other):
        return self.release <= _numbers(other)

    def __gt__(self, other):
        return self.release > _numbers(other)

    def __ge__(self, other):
        return self.release >= _numbers(other)


def _numbers(version):
    """(2, 13) of "2.13.0+cpu": the release, without zeros at its end."""
    parts = version if isinstance(version, tuple | list) else version.partition("+")[0].split(".")
    numbers = []
    for part in parts:
        digits = "".join(c for c in str(part)[: _length_of_number(str(part))])
        if not digits:
            break
        numbers.append(int(digits))
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _length_of_number(text):
    return next((i for i, c in enumerate(text) if not c.isdigit()), len(text))
