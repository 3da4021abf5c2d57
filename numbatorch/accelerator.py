"""The accelerator of this machine, whichever it is (`torch.accelerator`): CUDA, or none."""

from . import cuda, cuda_memory, devices


def is_available():
    """Whether there is one."""
    return cuda_memory.is_available()


def device_count():
    """How many there are."""
    return cuda_memory.device_count()


def current_accelerator(check_available=False):
    """Its device type; None where there is none."""
    return devices.device("cuda") if is_available() else None


def _required(name):
    if not is_available():
        raise RuntimeError(
            f"torch.accelerator.{name}: cannot access accelerator device when none is available."
        )


def current_device_index():
    """The index of the one in use."""
    _required("current_device_index")
    return cuda.current_device()


current_device_idx = current_device_index


def set_device_index(device, /):
    """Use another one."""
    _required("set_device_index")
    cuda.set_device(device)


set_device_idx = set_device_index


def device_index(device, /):
    """Context manager: use another one inside; None changes nothing."""
    return cuda.device(device)


def synchronize(device=None, /):
    """Wait for all that was queued on it."""
    _required("synchronize")
    cuda.synchronize(device)


def empty_cache():
    """Give cached memory back."""
    cuda.empty_cache()
