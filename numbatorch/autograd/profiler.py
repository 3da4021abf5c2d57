"""The older profiler (`torch.autograd.profiler`)."""

from ..profiler.session import profile as _session


class profile(_session):
    """Context manager: records the ops inside; nothing where `enabled` is False."""

    def __init__(
        self, enabled=True, *, use_cuda=False, use_device=None, record_shapes=False,
        with_flops=False, profile_memory=False, with_stack=False, with_modules=False,
        use_kineto=False, use_cpu=True, experimental_config=None, acc_events=False,
    ):  # fmt: skip
        super().__init__(
            record_shapes=record_shapes, profile_memory=profile_memory, with_stack=with_stack
        )
        self.enabled = enabled

    def __enter__(self):
        if self.enabled:
            self.start()
        return self

    def table(self, sort_by=None, row_limit=100, header=None, **options):
        """The single events as text."""
        return self.events().table(sort_by, row_limit, header=header, **options)

    def total_average(self):
        """All events added up."""
        return self.events().total_average()

    @property
    def self_cpu_time_total(self):
        """The time of all events in microseconds."""
        return self.events().self_cpu_time_total

    @property
    def function_events(self):
        """The events."""
        return self._events

    def __str__(self):
        return str(self._events) if self._events is not None else "<unfinished profile>"


class emit_nvtx:
    """Context manager that changes nothing: there are no marks for NVIDIA's tools."""

    def __init__(self, enabled=True, record_shapes=False):
        self.enabled = enabled

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return False


emit_itt = emit_nvtx
