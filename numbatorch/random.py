"""Generators of random numbers, and those that are used where none is named.

They are PyTorch's, so that a seed gives PyTorch's numbers: on the CPU MT19937, whose state lies in one
block of memory that the kernels read and advance; on CUDA Philox, whose state is a seed and an offset.
"""

import contextlib
import operator
import os
import secrets
import struct
import threading

import numpy as np

from . import cuda_memory, cuda_streams, devices, dtypes, graph, recording, shapes
from .cpu_kernels import mersenne_twister as layout

#: The seed of a new generator that nobody seeded.
DEFAULT_SEED = 67280421310721

_SEEDS = range(-(1 << 63), 1 << 64)


def _checked_seed(seed):
    if isinstance(seed, bool | float) or not hasattr(seed, "__index__"):
        raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
    seed = operator.index(seed)
    if seed not in _SEEDS:
        raise ValueError("Overflow when unpacking long long")
    return seed % (1 << 64)


def _nondeterministic_seed():
    return secrets.randbits(64)


class Generator:
    """A source of random numbers with a state of its own (`torch.Generator`)."""

    def __new__(cls, device="cpu"):
        return object.__new__(_CudaGenerator if devices.resolve(device).type == "cuda" else cls)

    def __init__(self, device="cpu"):
        #: Where the numbers are drawn.
        self.device = devices.resolve(device)
        self.lock = threading.Lock()
        self._block = np.zeros(layout.BLOCK_WORDS, np.uint32)
        #: Where kernels find the state.
        self.address = self._block.ctypes.data
        self._seed(DEFAULT_SEED)

    def __repr__(self):
        return f"<torch._C.Generator object at {id(self):#x}>"

    def _seed(self, seed):
        with self.lock:
            self._block[:] = 0
            self._block[: layout.N] = np.random.RandomState(seed & 0xFFFFFFFF).get_state()[1]
            self._block[layout.EXHAUSTED] = 1
            self._initial_seed = seed

    def manual_seed(self, seed):
        """Start the stream of numbers that belongs to `seed`."""
        self._seed(_checked_seed(seed))
        return self

    def seed(self):
        """Start an unpredictable stream and return its seed."""
        seed = _nondeterministic_seed()
        self._seed(seed)
        return seed

    def initial_seed(self):
        """The seed that the present stream began with."""
        return self._initial_seed

    def get_state(self):
        """The state as a tensor of bytes in PyTorch's format: 5056 on the CPU, 16 on CUDA."""
        state = np.frombuffer(self._state_bytes(), np.uint8)
        result = graph.allocate(shapes.Size(state.shape), dtypes.uint8)
        result.as_numpy()[...] = state
        return result

    def set_state(self, new_state):
        """Go on from a state that `get_state` (or PyTorch's) returned."""
        if not isinstance(new_state, graph.Value):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        if new_state.dtype is not dtypes.uint8 or new_state.storage.device_type != "cpu":
            raise TypeError("RNG state must be a torch.ByteTensor")
        if recording.recorder is not None:
            recording.recorder.generator_set()
        self._set_state_bytes(new_state.as_numpy().tobytes())
        return self

    def mark(self):
        """What differs as soon as a number is drawn or the state is set."""
        return self._state_bytes()

    graphsafe_get_state = get_state
    graphsafe_set_state = set_state

    def clone_state(self):
        """A new generator with the same state."""
        clone = Generator(self.device)
        clone._set_state_bytes(self._state_bytes())
        return clone

    def get_offset(self):
        raise RuntimeError("CPU Generator does not use offset")

    def set_offset(self, offset):
        raise RuntimeError("CPU Generator does not use offset")

    def __reduce__(self):
        return Generator, (self.device,), (self._initial_seed, None, self.get_state())

    def __setstate__(self, state):
        self.set_state(state[2])

    # PyTorch's bytes: seed, left, seeded, next, 624 words of 8 bytes, the cached normal samples.

    def _state_bytes(self):
        with self.lock:
            block = self._block.copy()
        position = int(block[layout.NEXT])
        left = 1 if block[layout.EXHAUSTED] else layout.N + 1 - position
        double = float(block[layout.DOUBLE : layout.DOUBLE + 2].view(np.float64)[0])
        single = float(block[layout.FLOAT : layout.FLOAT + 1].view(np.float32)[0])
        has_double, has_float = bool(block[layout.HAS_DOUBLE]), bool(block[layout.HAS_FLOAT])
        return _STATE.pack(
            self._initial_seed, left, 1, position, block[: layout.N].astype("<u8").tobytes(),
            0.0, double if has_double else 0.0, 0.0, has_double,
            single if has_float else 0.0, has_float,
        )  # fmt: skip

    def _set_state_bytes(self, state):
        if len(state) != _STATE.size:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {_STATE.size} but found the input RNG "
                f"state size to be {len(state)}"
            )
        (
            seed, left, seeded, position, words, _, double, _, has_double, single, has_float,
        ) = _STATE.unpack(state)  # fmt: skip
        exhausted = left == 1
        if not seeded or not 0 < left <= layout.N or position > layout.N:
            raise RuntimeError("Invalid mt19937 state")
        if not exhausted and position + left != layout.N + 1:
            raise RuntimeError("Invalid mt19937 state")
        with self.lock:
            block = self._block
            block[: layout.N] = np.frombuffer(words, "<u8").astype(np.uint32)
            block[layout.NEXT], block[layout.EXHAUSTED] = position, exhausted
            block[layout.HAS_DOUBLE], block[layout.HAS_FLOAT] = has_double != 0, has_float != 0
            block[layout.DOUBLE : layout.DOUBLE + 2].view(np.float64)[0] = double
            block[layout.FLOAT : layout.FLOAT + 1].view(np.float32)[0] = single
            self._initial_seed = seed


_STATE = struct.Struct("<QiiQ4992sdddi4xf?3x")


class _CudaGenerator(Generator):
    """Philox on a CUDA device: the offset counts the words that were taken off each thread's stream."""

    def __init__(self, device="cuda"):
        self.device = devices.resolve(device)
        self.lock = threading.Lock()
        self._seed(DEFAULT_SEED)

    def _seed(self, seed):
        with self.lock:
            self._initial_seed, self._offset = seed, 0

    def take(self, words):
        """(shift, seed, the block that comes next) for kernels; so many words are taken off every
        stream. What kernels add to seed and block lies in `shift`, an Array, where a graph is captured.
        """
        capture = cuda_streams.capture_on(self.device.index)
        if capture is not None:
            return capture.generators.setdefault(self, _Captured(self)).take(words)
        with self.lock:
            block = self._offset // _WORDS_OF_A_BLOCK
            self._offset += words
        return None, np.uint64(self._initial_seed), block

    def get_offset(self):
        """How many words were taken."""
        return self._offset

    def set_offset(self, offset):
        """Go on behind so many words."""
        if offset % _WORDS_OF_A_BLOCK:
            raise RuntimeError("offset must be a multiple of 4")
        self._offset = operator.index(offset)

    def _state_bytes(self):
        with self.lock:
            return _CUDA_STATE.pack(self._initial_seed, self._offset)

    def _set_state_bytes(self, state):
        if len(state) not in (_CUDA_STATE.size, _CUDA_STATE.size // 2):
            raise RuntimeError("RNG state is wrong size")
        seed, offset = _CUDA_STATE.unpack(state.ljust(_CUDA_STATE.size, b"\0"))
        self._seed(seed)
        self.set_offset(offset)


class _Captured:
    """The numbers that a captured graph draws: counted from 0, and shifted for each replay."""

    def __init__(self, generator):
        self.generator, self.words = generator, 0
        self.shift = cuda_memory.empty_on(generator.device.index, (2,), dtypes.int64)

    def take(self, words):
        block = self.words // _WORDS_OF_A_BLOCK
        self.words += words
        return self.shift, np.uint64(0), block

    def advance(self):
        """Let the next replay draw the generator's next numbers."""
        _, seed, block = self.generator.take(self.words)
        shift = np.array([seed.view(np.int64), block], np.int64)
        self.shift.storage.copy_from_host(shift.view(np.uint8))


_WORDS_OF_A_BLOCK = 4
_CUDA_STATE = struct.Struct("<Qq")


default_generator = Generator()
default_generator.seed()

#: Device index -> its default generator, made when it is first asked for; the seed that it begins with.
_cuda_generators, _cuda_seed = {}, _nondeterministic_seed()


def cuda_generator(index):
    """The default generator of a CUDA device."""
    generator = _cuda_generators.get(index)
    if generator is None:
        generator = _cuda_generators[index] = Generator(devices.device("cuda", index))
        generator.manual_seed(_cuda_seed)
    return generator


def seed_cuda(seed):
    """Seed the default generators of all CUDA devices, also those that nobody has used yet."""
    global _cuda_seed
    _cuda_seed = _checked_seed(seed)
    for generator in _cuda_generators.values():
        generator.manual_seed(seed)


def _unlock_in_child():
    default_generator.lock = threading.Lock()  # another thread of the parent may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_in_child)


def for_value(generator, value, name):
    """The generator to draw from for `value`: the one given, or its device's default."""
    place = devices.of(value)
    if generator is None:
        return default_generator if place.type == "cpu" else cuda_generator(place.index)
    if not isinstance(generator, Generator):
        raise TypeError(
            f"{name}(): argument 'generator' must be Generator, not {type(generator).__name__}"
        )
    if generator.device.type != place.type:
        raise RuntimeError(
            f"Expected a '{place.type}' device type for generator but found "
            f"'{generator.device.type}'"
        )
    return generator


def manual_seed(seed):
    """Seed the generators of all devices; returns the CPU's."""
    seed_cuda(int(seed))
    return default_generator.manual_seed(int(seed))


def seed():
    """Seed the generators of all devices unpredictably; returns the seed."""
    seed = default_generator.seed()
    seed_cuda(seed)
    return seed


def initial_seed():
    """The seed that the default generator's stream began with."""
    return default_generator.initial_seed()


def get_rng_state():
    """The state of the default generator, as a tensor of bytes."""
    return default_generator.get_state()


def set_rng_state(new_state):
    """Go on from a state that `get_rng_state` returned."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(
    devices=None, enabled=True, _caller="fork_rng", _devices_kw="devices", device_type=None
):
    """Within the `with` block random numbers are drawn; after it, as if they had not been."""
    if not enabled:
        yield
        return
    state = get_rng_state()
    cuda_states = [(one, one.get_state()) for one in _cuda_generators.values()]
    try:
        yield
    finally:
        set_rng_state(state)
        for one, cuda_state in cuda_states:
            one.set_state(cuda_state)


def thread_safe_generator():
    """The generator of a DataLoader thread worker; None outside of one."""
    return
