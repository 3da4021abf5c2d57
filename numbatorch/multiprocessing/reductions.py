"""How tensors and storages are pickled for another process: as handles of shared memory."""

from multiprocessing.reduction import DupFd, ForkingPickler

from .. import array, graph, shared_memory
from ..memory import Storage
from ..nn.parameter import Parameter
from ..tensor import Tensor


def register():
    """Teach the pickler of Python's queues and pipes."""
    ForkingPickler.register(Tensor, reduce_tensor)
    ForkingPickler.register(Parameter, reduce_tensor)
    ForkingPickler.register(Storage, _reduce_storage)


def check_sendable(tensor):
    """RuntimeError for a tensor that another process could not use."""
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd "
            "does not support crossing process boundaries.  If you just want to transfer the data, "
            "call detach() on the tensor before serializing (e.g., putting it on the queue)."
        )
    if tensor.is_cuda:
        raise RuntimeError("tensors in CUDA memory are not shared between processes: send x.cpu()")


def reduce_tensor(tensor):
    """How a tensor is rebuilt in another process, over the same memory."""
    check_sendable(tensor)
    form = tensor.dtype, tensor.shape, tensor.strides, tensor.offset
    return _rebuild_tensor, (type(tensor), tensor.storage, form, tensor.requires_grad)


def _rebuild_tensor(kind, storage, form, requires_grad):
    dtype, shape, strides, offset = form
    result = array.initialise(graph.blank(kind), storage, dtype, shape, strides, offset)
    return result.requires_grad_() if requires_grad else result


def _reduce_storage(storage):
    if not storage.nbytes:
        return Storage, (0,)
    shared_memory.share(storage)
    return _rebuild_storage, (DupFd(shared_memory.file_of(storage)), storage.nbytes)


def _rebuild_storage(handle, nbytes):
    return shared_memory.opened(handle.detach(), nbytes)
