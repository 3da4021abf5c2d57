"""Apple's GPUs (`torch.mps`): never there."""


def is_available():
    """False."""
    return False


def device_count():
    """0."""
    return 0


def synchronize():
    """RuntimeError: there is no such device."""
    raise RuntimeError("numbatorch has no MPS backend: use the devices 'cpu' or 'cuda'")


def empty_cache():
    """Nothing: there is no cache."""


def manual_seed(seed):
    """Nothing: there is no generator."""
