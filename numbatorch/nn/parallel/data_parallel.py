"""DataParallel: kept for programs that wrap their model in it."""

from collections.abc import Sequence

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
