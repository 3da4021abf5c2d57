"""DataParallel: kept for programs that wrap their model in it."""

from collections.abc import Sequence

from numbatorch import ops
from numbatorch.nn.modules.module import Module


class DataParallel(Module):
    """Calls ``module``. Splitting batches over several devices is not supported."""

    def __init__(
        self,
        module: Module,
        device_ids: Sequence | None = None,
        output_device=None,
        dim: int = 0,
    ):
        super().__init__()
        _check_one_device(device_ids)
        self.module = module
        self.device_ids = [] if device_ids is None else list(device_ids)
        self.output_device = output_device
        self.dim = dim

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module,
    inputs,
    device_ids: Sequence | None = None,
    output_device=None,
    dim: int = 0,
    module_kwargs: dict | None = None,
):
    """``module(*inputs, **module_kwargs)``"""
    _check_one_device(device_ids)
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    return module(*inputs, **(module_kwargs or {}))


def _check_one_device(device_ids: Sequence | None) -> None:
    if device_ids is not None and len(device_ids) > 1:
        raise RuntimeError(
            f"DataParallel: cannot split batches over the devices {list(device_ids)}; "
            "numbatorch runs a module on one device"
        )


def replicate(network: Module, devices: Sequence, detach: bool = False) -> list[Module]:
    """The module for each of the devices, of which there is one."""
    _check_one_device(devices)
    return [network] * len(devices)


def scatter(inputs, target_gpus: Sequence, dim: int = 0) -> list:
    """The parts of a batch for each of the devices, of which there is one."""
    _check_one_device(target_gpus)
    return [inputs]


def parallel_apply(modules, inputs, kwargs_tup=None, devices=None) -> list:
    """Each module called with its inputs."""
    kwargs = kwargs_tup or [{}] * len(modules)
    return [
        module(*(given if isinstance(given, tuple | list) else (given,)), **named)
        for module, given, named in zip(modules, inputs, kwargs)
    ]


def gather(outputs, target_device, dim: int = 0):
    """The parts of a batch in one."""
    return ops.cat(list(outputs), dim) if len(outputs) > 1 else outputs[0]
