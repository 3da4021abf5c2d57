"""The group of processes: here always this one alone."""

import os
import urllib.parse


class Backend(str):
    """The name of a backend; all are the same for one process."""

    GLOO, NCCL, MPI, UCC, UNDEFINED = "gloo", "nccl", "mpi", "ucc", "undefined"

    def __new__(cls, name):
        return super().__new__(cls, name.lower())


class ProcessGroup:
    """This process alone."""

    def __init__(self, backend):
        self.backend = backend

    def rank(self):
        return 0

    def size(self):
        return 1


class group:
    """Names for the group of all processes."""

    WORLD = None
    NON_GROUP_MEMBER = object()


def is_available():
    """True."""
    return True


def is_initialized():
    """Whether `init_process_group` was called."""
    return group.WORLD is not None


def is_gloo_available():
    """True: for one process it needs no library."""
    return True


def is_nccl_available():
    """False."""
    return False


is_mpi_available = is_nccl_available


def is_torchelastic_launched():
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def init_process_group(
    backend=None, init_method=None, timeout=None, world_size=-1, rank=-1, store=None,
    group_name="", pg_options=None, device_id=None,
):  # fmt: skip
    """Start the group of this process; RuntimeError where more than one is asked for."""
    if is_initialized():
        raise ValueError("trying to initialize the default process group twice!")
    if store is None:
        rank, world_size = _rendezvous(init_method, rank, world_size)
    if world_size != 1 or rank != 0:
        raise RuntimeError(
            f"init_process_group: numbatorch runs in one process (world_size=1, rank=0), but got "
            f"world_size={world_size}, rank={rank}"
        )
    group.WORLD = ProcessGroup(Backend(backend or "gloo"))


def _rendezvous(init_method, rank, world_size):
    """(rank, world size) as given, from the query of the URL, or from the environment."""
    url = urllib.parse.urlparse(init_method or "env://")
    given = urllib.parse.parse_qs(url.query)
    found = []
    for name, value in (("rank", rank), ("world_size", world_size)):
        if value < 0:
            value = int(given[name][0]) if name in given else -1
        if value < 0 and url.scheme == "env":
            value = _from_environment(name.upper())
        if value < 0:
            raise ValueError(
                f"Error initializing torch.distributed using {url.scheme}:// rendezvous: {name} "
                "parameter missing"
            )
        found.append(value)
    return found


def _from_environment(name):
    if name not in os.environ:
        raise ValueError(
            "Error initializing torch.distributed using env:// rendezvous: environment variable "
            f"{name} expected, but not set"
        )
    return int(os.environ[name])


def destroy_process_group(group_=None):
    """End the group."""
    required(group_)
    if group_ is None or group_ is group.WORLD:
        group.WORLD = None


def required(group_=None):
    """The group to work in; ValueError before it is started."""
    if group_ is not None:
        return group_
    if group.WORLD is None:
        raise ValueError(
            "Default process group has not been initialized, please make sure to call "
            "init_process_group."
        )
    return group.WORLD


def new_group(ranks=None, timeout=None, backend=None, pg_options=None, **kwargs):
    """A group of some of the processes."""
    world = required()
    if ranks is not None and list(ranks) not in ([], [0]):
        raise ValueError(
            f"the new group's rank should be within the world_size set by init_process_group, got {ranks}"
        )
    return ProcessGroup(Backend(backend or world.backend))


def get_rank(group=None):
    """0"""
    return required(group).rank()


def get_world_size(group=None):
    """1"""
    return required(group).size()


def get_backend(group=None):
    """The name of the backend."""
    return required(group).backend


def get_default_backend_for_device(device):
    """ "gloo", or "nccl" for CUDA, as PyTorch says."""
    return "nccl" if str(device).startswith("cuda") else "gloo"


def get_process_group_ranks(group):
    """[0]"""
    required(group)
    return [0]


def get_group_rank(group, global_rank):
    """0"""
    required(group)
    return global_rank
