"""Collectives in a group of one process: every result is what this process puts in."""

import enum

from ..autograd import no_grad
from .group import required


class ReduceOp(enum.Enum):
    """How values of several processes are combined."""

    SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR, PREMUL_SUM = range(9)


reduce_op = ReduceOp


class Work:
    """A collective that is done."""

    def is_completed(self):
        return True

    def wait(self, timeout=None):
        return True


def _done(async_op):
    return Work() if async_op else None


def check_peer(rank, name):
    """ValueError where there is no process of this rank."""
    if rank not in (None, 0):
        raise ValueError(f"{name}: there is no process of rank {rank} in a world of size 1")


def _copy(target, source):
    with no_grad():
        target.copy_(source)


def all_reduce(tensor, op=ReduceOp.SUM, group=None, async_op=False):
    """`tensor` combined over all processes."""
    required(group)
    return _done(async_op)


def reduce(tensor, dst=None, op=ReduceOp.SUM, group=None, async_op=False, group_dst=None):
    """`tensor` combined over all processes, in process `dst`."""
    required(group)
    check_peer(dst, "reduce")
    return _done(async_op)


def broadcast(tensor, src=None, group=None, async_op=False, group_src=None):
    """`tensor` of process `src`."""
    required(group)
    check_peer(src, "broadcast")
    return _done(async_op)


def all_gather(tensor_list, tensor, group=None, async_op=False):
    """The tensors of all processes."""
    required(group)
    _copy(tensor_list[0], tensor)
    return _done(async_op)


def gather(tensor, gather_list=None, dst=None, group=None, async_op=False, group_dst=None):
    """The tensors of all processes, in process `dst`."""
    check_peer(dst, "gather")
    if gather_list is None:
        raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
    return all_gather(gather_list, tensor, group, async_op)


def scatter(tensor, scatter_list=None, src=None, group=None, async_op=False, group_src=None):
    """This process's tensor of a list of process `src`."""
    required(group)
    check_peer(src, "scatter")
    _copy(tensor, scatter_list[0])
    return _done(async_op)


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=None, async_op=False):
    """This process's part of a list combined over all processes."""
    required(group)
    _copy(output, input_list[0])
    return _done(async_op)


def all_to_all(output_tensor_list, input_tensor_list, group=None, async_op=False):
    """What every process has for this one."""
    required(group)
    _copy(output_tensor_list[0], input_tensor_list[0])
    return _done(async_op)


def all_gather_into_tensor(output_tensor, input_tensor, group=None, async_op=False):
    """The tensors of all processes, joined."""
    required(group)
    _copy(output_tensor, input_tensor.reshape(output_tensor.shape))
    return _done(async_op)


def reduce_scatter_tensor(output, input, op=ReduceOp.SUM, group=None, async_op=False):
    """This process's part of a tensor combined over all processes."""
    required(group)
    _copy(output, input.reshape(output.shape))
    return _done(async_op)


def all_to_all_single(
    output, input, output_split_sizes=None, input_split_sizes=None, group=None, async_op=False
):
    """What every process has for this one, joined."""
    required(group)
    _copy(output, input)
    return _done(async_op)


def all_gather_object(object_list, obj, group=None):
    """The objects of all processes."""
    required(group)
    object_list[0] = obj


def gather_object(obj, object_gather_list=None, dst=None, group=None, group_dst=None):
    """The objects of all processes, in process `dst`."""
    check_peer(dst, "gather_object")
    all_gather_object(object_gather_list, obj, group)


def broadcast_object_list(object_list, src=None, group=None, device=None, group_src=None):
    """The objects of process `src`."""
    required(group)
    check_peer(src, "broadcast_object_list")


def scatter_object_list(
    scatter_object_output_list, scatter_object_input_list=None, src=None, group=None, group_src=None
):
    """This process's object of a list of process `src`."""
    required(group)
    check_peer(src, "scatter_object_list")
    scatter_object_output_list[0] = scatter_object_input_list[0]


def barrier(group=None, async_op=False, device_ids=None):
    """Wait for all processes."""
    required(group)
    return _done(async_op)


def monitored_barrier(group=None, timeout=None, wait_all_ranks=False):
    """Wait for all processes."""
    required(group)


def send(tensor, dst=None, group=None, tag=0, group_dst=None):
    """ValueError: there is nobody to send to."""
    required(group)
    raise ValueError(
        "Invalid destination rank: destination rank should not be the same as the rank of the current process."
    )


def recv(tensor, src=None, group=None, tag=0, group_src=None):
    """ValueError: there is nobody to receive from."""
    required(group)
    raise ValueError(
        "Invalid source rank: source rank should not be the same as the rank of the current process."
    )


isend, irecv = send, recv
