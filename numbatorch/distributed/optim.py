"""Optimizers over several processes (`torch.distributed.optim`); here there is one."""


def ZeroRedundancyOptimizer(params, optimizer_class, **defaults):
    """optimizer_class(params, **defaults): one process keeps the whole state."""
    for name in ("process_group", "parameters_as_bucket_view", "overlap_with_ddp"):
        defaults.pop(name, None)
    return optimizer_class(params, **defaults)
