"""SummaryWriter: tensorboardX's, which is given arrays where a program gives tensors."""

import functools

import tensorboardX
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.graph_pb2 import GraphDef
from tensorboardX.proto.versions_pb2 import VersionDef

from ... import graph
from .model_graph import nodes_of

FileWriter = tensorboardX.FileWriter


def _host(value):
    """Tensors as arrays, in nested containers too."""
    if isinstance(value, graph.Value):
        value = value.detach().cpu()
        return (value.float() if value.dtype.is_half else value).numpy()
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return type(value)(_host(item) for item in value)
    if isinstance(value, dict):
        return {key: _host(item) for key, item in value.items()}
    return value


class SummaryWriter(tensorboardX.SummaryWriter):
    """Writes scalars, images, texts, ... into a folder that TensorBoard shows."""

    def __init__(
        self, log_dir=None, comment="", purge_step=None, max_queue=10, flush_secs=120,
        filename_suffix="",
    ):  # fmt: skip
        super().__init__(log_dir, comment, purge_step, max_queue, flush_secs, filename_suffix)

    @property
    def log_dir(self):
        """The folder."""
        return self.logdir

    def get_logdir(self):
        """The folder."""
        return self.logdir

    def add_graph(self, model, input_to_model=None, verbose=False, use_strict_trace=True):
        """The ops that `model` runs on an input, as a graph."""
        inputs = input_to_model if isinstance(input_to_model, tuple | list) else (input_to_model,)
        nodes = nodes_of(model(*inputs), dict(model.named_parameters()))
        if verbose:
            print("\n".join(str(node) for node in nodes))
        found = GraphDef(node=nodes, versions=VersionDef(producer=22))
        self._get_file_writer().add_event(Event(graph_def=found.SerializeToString()))


def _taking_tensors(name):
    method = getattr(tensorboardX.SummaryWriter, name)

    @functools.wraps(method)
    def add(self, *args, **kwargs):
        return method(self, *_host(args), **_host(kwargs))

    return add


for _name in vars(tensorboardX.SummaryWriter):
    if _name.startswith("add_") and _name != "add_graph":
        setattr(SummaryWriter, _name, _taking_tensors(_name))
