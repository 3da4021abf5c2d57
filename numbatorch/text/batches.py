"""Lists of different lengths as one tensor."""

from .. import creation, dtypes


def to_tensor(rows, padding_value=None, dtype=dtypes.int64):
    """The tensor of a list of numbers, or of equally long lists of them.

    With a `padding_value`, shorter lists are filled up with it at their ends: (lists, longest).
    """
    if padding_value is None or not rows or not isinstance(rows[0], list | tuple):
        return creation.tensor(rows, dtype=dtype)
    longest = max(map(len, rows))
    padded = [list(row) + [padding_value] * (longest - len(row)) for row in rows]
    return creation.tensor(padded, dtype=dtype).reshape(len(rows), longest)
