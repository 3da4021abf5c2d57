"""Seeds of the CUDA generators.

Random numbers on a CUDA device come from the host's generator, so its seed is the one to set.
"""

from .. import cuda_memory


def manual_seed(seed):
    """Seed the random numbers of the current device; nothing where there is no device."""
    if cuda_memory.is_available():
        from ..random import manual_seed as seed_the_host

        seed_the_host(int(seed))


def manual_seed_all(seed):
    """Seed the random numbers of all devices; nothing where there is none."""
    manual_seed(seed)


def seed():
    """Seed the random numbers of the current device from the system."""
    if cuda_memory.is_available():
        from ..random import seed as seed_the_host

        seed_the_host()


seed_all = seed
