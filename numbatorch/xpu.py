"""Intel's GPUs (`torch.xpu`): never there."""


def is_available():
    """False."""
    return False


def device_count():
    """0."""
    return 0


def _absent(*args, **kwargs):
    """RuntimeError: there is no such device."""
    raise RuntimeError("numbatorch has no XPU backend: use the devices 'cpu' or 'cuda'")


get_device_properties = get_device_name = set_device = synchronize = current_device = _absent


def empty_cache():
    """Nothing: there is no cache."""


def manual_seed_all(seed):
    """Nothing: there is no generator."""


manual_seed = manual_seed_all
