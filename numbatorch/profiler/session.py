"""`profile`: a block that is recorded, step by step where a schedule says so."""

import enum
import os
import socket
import time

from .recording import Recorder
from .scheduling import ProfilerAction, always
from .table import EventList


class ProfilerActivity(enum.Enum):
    """Where what is recorded runs."""

    CPU = 0
    CUDA = 2
    XPU = 1
    MTIA = 3
    HPU = 4
    PrivateUse1 = 5


def supported_activities():
    """{ProfilerActivity.CPU}: kernels on a device are recorded by their launch."""
    return {ProfilerActivity.CPU}


_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


class profile:
    """Context manager: records the ops inside, and their times.

    With a `schedule`, `step()` ends a step; at the end of each round of recorded steps
    `on_trace_ready(profile)` is called.
    """

    def __init__(
        self, *, activities=None, schedule=None, on_trace_ready=None, record_shapes=False,
        profile_memory=False, with_stack=False, with_flops=False, with_modules=False,
        experimental_config=None, execution_trace_observer=None, acc_events=False, use_cuda=None,
        custom_trace_id_callback=None, post_processing_timeout_s=None,
    ):  # fmt: skip
        self.activities = set(activities or supported_activities())
        self.schedule = schedule or always
        self.on_trace_ready = on_trace_ready
        self.profile_memory = profile_memory
        self._options = record_shapes, profile_memory, with_stack
        self._recorder = None
        self._events = None
        self.step_num = 0

    def start(self):
        """Begin."""
        self.current_action = self.schedule(self.step_num)
        if self.current_action in _RECORDING:
            self._record()

    def stop(self):
        """End; `on_trace_ready` gets what was recorded since it was called last."""
        if self._recorder is not None:
            self._finish()

    def step(self):
        """One step is done."""
        before = self.current_action
        self.step_num += 1
        self.current_action = self.schedule(self.step_num)
        if self._recorder is not None and (
            before is ProfilerAction.RECORD_AND_SAVE or self.current_action not in _RECORDING
        ):
            self._finish()
        if self._recorder is None and self.current_action in _RECORDING:
            self._record()

    def _record(self):
        self._recorder = Recorder(*self._options)
        self._recorder.start()

    def _finish(self):
        recorder, self._recorder = self._recorder, None
        recorder.stop()
        self._events = EventList(recorder.events, self.profile_memory)
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self.stop()

    # Results ----------------------------------------------------------------

    def events(self):
        """The events, in the order in which they ended."""
        if self._events is None:
            raise AssertionError("the profiler has recorded nothing yet")
        return self._events

    def key_averages(self, group_by_input_shape=False, group_by_stack_n=0):
        """The events of each name added up."""
        return self.events().key_averages(group_by_input_shape, group_by_stack_n)

    def export_chrome_trace(self, path):
        """Write the events as a trace that chrome://tracing and Perfetto read."""
        self.events().export_chrome_trace(path)

    def add_metadata(self, key, value):
        """Accepted: traces have no place for it."""

    add_metadata_json = add_metadata


def tensorboard_trace_handler(
    dir_name, worker_name=None, use_gzip=False, use_python_export=False
):  # fmt: skip
    """A function for `on_trace_ready` that writes each trace into a folder."""

    def handler(found):
        os.makedirs(dir_name, exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        path = os.path.join(dir_name, f"{worker}.{time.time_ns()}.pt.trace.json")
        found.export_chrome_trace(path)

    return handler
