"""DistributedDataParallel in a world of one process."""

import contextlib

from numbatorch.nn.modules.module import Module


class DistributedDataParallel(Module):
    """Calls ``module``; its gradients are those of all processes, of which there is one."""

    def __init__(
        self, module, device_ids=None, output_device=None, dim=0, broadcast_buffers=True,
        process_group=None, bucket_cap_mb=None, find_unused_parameters=False,
        gradient_as_bucket_view=False, static_graph=False, **kwargs,
    ):  # fmt: skip
        from numbatorch.distributed.group import required  # a layer above; asked only when used

        super().__init__()
        self.process_group = required(process_group)
        if not any(parameter.requires_grad for parameter in module.parameters()):
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter "
                "that requires a gradient."
            )
        self.module = module
        self.device_ids = device_ids
        self.output_device = output_device
        self.dim = dim
        self.broadcast_buffers = broadcast_buffers
        self.find_unused_parameters = find_unused_parameters
        self.static_graph = static_graph

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)

    @contextlib.contextmanager
    def no_sync(self):
        """Gradients are not exchanged inside; they never are."""
        yield

    def join(
        self, divide_by_initial_world_size=True, enable=True, throw_on_early_termination=False
    ):
        """Context manager for uneven inputs; there are no others to wait for."""
        return contextlib.nullcontext()

    def register_comm_hook(self, state, hook):
        """Accepted: nothing is communicated."""
