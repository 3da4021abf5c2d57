"""What ran, how often and how long (`torch.profiler`): a table by op."""

from .events import FunctionEvent, FunctionEventAvg
from .recording import record_function
from .scheduling import ProfilerAction, schedule
from .session import (
    ProfilerActivity,
    profile,
    supported_activities,
    tensorboard_trace_handler,
)
from .table import EventList


def kineto_available():
    """False: times are taken by numbatorch itself."""
    return False
