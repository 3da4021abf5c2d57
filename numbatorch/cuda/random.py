"""Seeds of the CUDA generators.

Random numbers on a CUDA device come from the host's generator, so its seed is the one to set.
"""

from .. import cuda_memory
from .. import random as host


def manual_seed(seed):
    """Seed the random numbers of the current device; nothing where there is no device."""
    if cuda_memory.is_available():
        host.manual_seed(int(seed))


def manual_seed_all(seed):
    """Seed the random numbers of all devices; nothing where there is none."""
    manual_seed(seed)


def seed():
    """Seed the random numbers of the current device from the system."""
    if cuda_memory.is_available():
        host.seed()


seed_all = seed


def initial_seed():
    """The seed of the current device's random numbers, which are the host's."""
    cuda_memory.target()  # RuntimeError where there is no device
    return host.initial_seed()


def get_rng_state(device="cuda"):
    """The state of a device's random numbers."""
    cuda_memory.target()
    return host.get_rng_state()


def get_rng_state_all():
    """The states of all devices' random numbers."""
    return [host.get_rng_state() for _ in range(cuda_memory.device_count())]


def set_rng_state(new_state, device="cuda"):
    """Set the state of a device's random numbers; nothing where there is no device."""
    if cuda_memory.is_available():
        host.set_rng_state(new_state)


def set_rng_state_all(new_states):
    """Set the states of all devices' random numbers."""
    for state in new_states:
        set_rng_state(state)
