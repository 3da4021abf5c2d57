"""Sequences of different lengths: padded to one tensor, or packed without padding."""

from collections import namedtuple
from collections.abc import Iterable

from numbatorch import creation, dtypes, ops
from numbatorch.tensor import Tensor

_Fields = namedtuple(
    "PackedSequence", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"]
)


class PackedSequence(_Fields):
    """Sequences step by step: first the first elements of all, then the second of those that have
    one, and so on. ``batch_sizes`` counts the sequences at every step.
    """

    __slots__ = ()

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:  # both in one tuple
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("expected data to be a (data, batch_sizes) tuple or list")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be "
                "created manually. They should be instantiated by functions like "
                "pack_sequence and pack_padded_sequences in nn.utils.rnn."
            )
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args, **kwargs) -> "PackedSequence":
        """Convert the data; indices only change device."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        moved = (
            None if indices is None else indices.to(data.device)
            for indices in (self.sorted_indices, self.unsorted_indices)
        )
        return type(self)(data, self.batch_sizes, *moved)

    def cuda(self, device=None) -> "PackedSequence":
        return self.to("cuda" if device is None else device)

    def cpu(self) -> "PackedSequence":
        return self.to("cpu")

    def double(self) -> "PackedSequence":
        return self.to(dtypes.float64)

    def float(self) -> "PackedSequence":
        return self.to(dtypes.float32)

    def half(self) -> "PackedSequence":
        return self.to(dtypes.float16)

    def long(self) -> "PackedSequence":
        return self.to(dtypes.int64)

    @property
    def is_cuda(self) -> bool:
        return self.data.is_cuda


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    if permutation is None:
        return None
    places = creation.arange(permutation.numel(), device=permutation.device)
    return creation.empty_like(permutation).scatter_(0, permutation, places)


def pack_padded_sequence(
    input: Tensor, lengths, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack (T, N, *), or (N, T, *) if ``batch_first``, keeping ``lengths[i]`` steps of sequence i.

    With ``enforce_sorted`` the lengths must not increase; otherwise sequences are sorted here.
    """
    if not isinstance(lengths, Tensor):
        lengths = creation.tensor(lengths, dtype=dtypes.int64)
    elif lengths.device.type != "cpu":
        raise RuntimeError(
            "'lengths' argument should be a 1D CPU int64 tensor, but got "
            f"{lengths.dim()}D {lengths.device} {lengths.dtype} tensor"
        )
    batch_dim = 0 if batch_first else 1
    sorted_indices = None
    if not enforce_sorted:
        lengths, sorted_indices = ops.sort(lengths, descending=True)
        sorted_indices = sorted_indices.to(input.device)
        input = input.index_select(batch_dim, sorted_indices)
    counts = _checked_lengths(lengths, input.size(batch_dim))
    steps = input.transpose(0, 1) if batch_first else input
    if counts[0] > steps.size(0):
        raise RuntimeError(
            f"Expected `len(lengths)` sequences of at most {steps.size(0)} steps, "
            f"but got a length of {counts[0]}"
        )
    batch_sizes = [sum(count > step for count in counts) for step in range(counts[0])]
    data = ops.cat([steps[step, :size] for step, size in enumerate(batch_sizes)])
    batch_sizes = creation.tensor(batch_sizes, dtype=dtypes.int64)
    return PackedSequence(data, batch_sizes, sorted_indices, None)


def _checked_lengths(lengths: Tensor, batch: int) -> list[int]:
    counts = lengths.tolist()
    if len(counts) != batch:
        raise RuntimeError(
            "Expected `len(lengths)` to be equal to batch_size, but got "
            f"{len(counts)} (batch_size={batch})"
        )
    if any(earlier < later for earlier, later in zip(counts, counts[1:])):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. "
            "You can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    if counts[-1] <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    return counts


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """(padded, lengths): `pack_padded_sequence` undone."""
    data, batch_sizes, _, unsorted_indices = sequence
    sizes = batch_sizes.tolist()
    length = len(sizes)
    if total_length is not None:
        if total_length < length:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in "
                f"input, but got total_length={total_length} and max sequence length being {length}"
            )
        length = total_length
    batch = sizes[0]
    step_of, place_of = [], []
    for step, size in enumerate(sizes):
        step_of += [step] * size
        place_of += range(size)
    rows = creation.tensor(
        [step * batch + place for step, place in zip(step_of, place_of)],
        dtype=dtypes.int64,
        device=data.device,
    )
    padded = creation.full(
        (length * batch, *data.shape[1:]), padding_value, dtype=data.dtype, device=data.device
    )
    padded = padded.index_copy(0, rows, data).reshape(length, batch, *data.shape[1:])
    lengths = creation.tensor(
        [sum(size > place for size in sizes) for place in range(batch)], dtype=dtypes.int64
    )
    if batch_first:
        padded = padded.transpose(0, 1)
    if unsorted_indices is not None:
        batch_dim = 0 if batch_first else 1
        padded = padded.index_select(batch_dim, unsorted_indices)
        lengths = lengths[unsorted_indices.cpu()]
    return padded, lengths


def pad_sequence(
    sequences: Tensor | Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences (L_i, *) in one tensor (T, N, *), or (N, T, *) if ``batch_first``."""
    if isinstance(sequences, Tensor):
        sequences = sequences.unbind(0)
    elif not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, "
            f"but got arg of type: {type(sequences)}"
        )
    sequences = list(sequences)
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    longest = max(sequence.size(0) for sequence in sequences)
    padded = []
    for sequence in sequences:
        missing = longest - sequence.size(0)
        if missing:
            filling = creation.full(
                (missing, *sequence.shape[1:]),
                padding_value,
                dtype=sequence.dtype,
                device=sequence.device,
            )
            parts = [sequence, filling] if padding_side == "right" else [filling, sequence]
            sequence = ops.cat(parts)
        padded.append(sequence)
    return ops.stack(padded, 0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """The sequences of a padded tensor, each of its own length."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [
        sequence[:length] for sequence, length in zip(padded_sequences.unbind(0), lengths.tolist())
    ]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences (L_i, *)."""
    lengths = creation.tensor([sequence.size(0) for sequence in sequences], dtype=dtypes.int64)
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """`pack_sequence` undone."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
