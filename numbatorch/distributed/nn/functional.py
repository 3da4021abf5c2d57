"""Collectives whose results take part in autograd; in a group of one they are copies of what goes in."""

from ..collectives import ReduceOp, check_peer
from ..group import required


def _copies(tensors, group):
    required(group)
    return tuple(tensor.clone() for tensor in tensors)


def _fill(output, value, group):
    required(group)
    return output.copy_(value)


def all_reduce(tensor, op=ReduceOp.SUM, group=None):
    """`tensor` combined over all processes."""
    return _copies([tensor], group)[0]


def reduce(tensor, dst, op=ReduceOp.SUM, group=None):
    """`tensor` combined over all processes, in process `dst`."""
    check_peer(dst, "reduce")
    return all_reduce(tensor, op, group)


def broadcast(tensor, src, group=None):
    """`tensor` of process `src`."""
    check_peer(src, "broadcast")
    return _copies([tensor], group)[0]


def scatter(tensors, src=0, group=None):
    """This process's tensor of a list of process `src`."""
    check_peer(src, "scatter")
    return _copies(tensors, group)[0]


def all_gather(tensor, group=None):
    """A tuple of the tensors of all processes."""
    return _copies([tensor], group)


def gather(tensor, dst=0, group=None):
    """A tuple of the tensors of all processes, in process `dst`."""
    check_peer(dst, "gather")
    return all_gather(tensor, group)


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=None):
    """This process's part of a list combined over all processes, in `output`."""
    return _fill(output, input_list[0], group)


def all_to_all(output_tensor_list, input_tensor_list, group=None):
    """What every process has for this one, in a list of tensors."""
    return tuple(_fill(*pair, group) for pair in zip(output_tensor_list, input_tensor_list))


def all_to_all_single(output, input, output_split_sizes=None, input_split_sizes=None, group=None):
    """What every process has for this one, joined in `output`."""
    return _fill(output, input, group)
