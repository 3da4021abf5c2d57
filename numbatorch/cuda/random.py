"""Seeds and states of the CUDA devices' generators."""

from .. import cuda_memory, devices
from .. import random as generators


def _generator(device="cuda"):
    """The default generator of a device, named in any way; RuntimeError where there is none."""
    index = device if isinstance(device, int) else devices.device(device).index
    return generators.cuda_generator(cuda_memory.resolve_index(index))


def manual_seed(seed):
    """Seed the random numbers of the current device; nothing where there is no device."""
    if cuda_memory.is_available():
        _generator().manual_seed(int(seed))


def manual_seed_all(seed):
    """Seed the random numbers of all devices; nothing where there is none."""
    if cuda_memory.is_available():
        generators.seed_cuda(int(seed))


def seed():
    """Seed the random numbers of the current device from the system."""
    if cuda_memory.is_available():
        _generator().seed()


def seed_all():
    """Seed the random numbers of all devices from the system, alike."""
    if cuda_memory.is_available():
        generators.seed_cuda(_generator().seed())


def initial_seed():
    """The seed of the current device's random numbers."""
    return _generator().initial_seed()


def get_rng_state(device="cuda"):
    """The state of a device's random numbers, as a tensor of bytes."""
    return _generator(device).get_state()


def get_rng_state_all():
    """The states of all devices' random numbers."""
    return [get_rng_state(index) for index in range(cuda_memory.device_count())]


def set_rng_state(new_state, device="cuda"):
    """Set the state of a device's random numbers; nothing where there is no device."""
    if cuda_memory.is_available():
        _generator(device).set_state(new_state)


def set_rng_state_all(new_states):
    """Set the states of all devices' random numbers."""
    for index, state in enumerate(new_states):
        set_rng_state(state, index)
