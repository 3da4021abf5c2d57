"""Which device is meant, and which one is current."""

from .. import cuda_memory, cuda_streams, devices


def index_of(place=None):
    """The index of a device given as a device, a string, an int or None, the current one."""
    if place is None or isinstance(place, int):
        return cuda_memory.resolve_index(place)
    chosen = devices.device(place)
    if chosen.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {place}")
    return cuda_memory.resolve_index(chosen.index)


def init():
    """Do what the first use of a device does; RuntimeError where there is none."""
    cuda_memory.target()


def current_device():
    """The index of the device that `device="cuda"` means in this thread."""
    return cuda_memory.resolve_index(None)


def set_device(device):
    """Make a device the one that `device="cuda"` means in this thread; negative numbers do nothing."""
    if isinstance(device, int) and device < 0:
        return
    cuda_streams.select_device(index_of(device))


class device:
    """Context manager: `device="cuda"` means another device inside; None or -1 change nothing."""

    def __init__(self, device):
        negative = isinstance(device, int) and device < 0
        self.index = -1 if device is None or negative else index_of(device)
        self._previous = -1

    def __enter__(self):
        if self.index >= 0:
            self._previous = current_device()
            cuda_streams.select_device(self.index)

    def __exit__(self, *exception):
        if self.index >= 0:
            cuda_streams.select_device(self._previous)


class device_of(device):
    """Context manager: `device="cuda"` means the device of a tensor inside."""

    def __init__(self, obj):
        super().__init__(obj.storage.device_index if obj.is_cuda else None)


def can_device_access_peer(device, peer_device):
    """Whether kernels on one device reach the memory of another."""
    return cuda_memory.target().driver().can_access_peer(index_of(device), index_of(peer_device))


def set_sync_debug_mode(debug_mode):
    """Let operations for which the host waits pass (0, "default"), warn (1) or raise (2, "error")."""
    names = {"default": 0, "warn": 1, "error": 2}
    if isinstance(debug_mode, str) and debug_mode not in names:
        raise RuntimeError(
            "invalid value of debug_mode, expected one of `default`, `warn`, `error`"
        )
    mode = names.get(debug_mode, debug_mode)
    if mode not in (0, 1, 2):
        raise RuntimeError("invalid value of debug_mode, expected 0, 1 or 2")
    cuda_memory.sync_debug_mode = mode


def get_sync_debug_mode():
    """0, 1 or 2: what happens where the host waits."""
    return cuda_memory.sync_debug_mode
