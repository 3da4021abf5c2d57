"""What a device is (`get_device_properties` and its kin)."""

from typing import NamedTuple

from .. import cuda_memory
from ._devices import index_of


class DeviceProperties(NamedTuple):
    """The properties of a device, by PyTorch's names."""

    name: str
    major: int
    minor: int
    total_memory: int
    multi_processor_count: int


def get_device_properties(device=None):
    """The properties of a device, the current one by default."""
    target = cuda_memory.target()
    return DeviceProperties(*target.device_description(index_of(device)))


def get_device_name(device=None):
    """The name of a device."""
    return get_device_properties(device).name


def get_device_capability(device=None):
    """The compute capability of a device, (major, minor)."""
    properties = get_device_properties(device)
    return properties.major, properties.minor


def get_arch_list():
    """Kernels are compiled for the device that is there."""
    if not cuda_memory.is_available():
        return []
    return [
        "sm_{}{}".format(*get_device_capability(index))
        for index in range(cuda_memory.device_count())
    ]


def is_bf16_supported(including_emulation=True):
    """Whether bfloat16 can be used: it is stored in 16 bits and computed in float32, everywhere."""
    return cuda_memory.is_available()
