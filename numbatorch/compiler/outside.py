"""Where a plan finds, in another call, what came from outside the step in the captured one."""

from .made import ViewMaker, is_view_of


class Outside:
    """What comes with the arguments of a call; all else that is outside stays where it is."""

    def __init__(self, guards):
        self.guards = guards
        self.arguments = guards.argument_tensors()

    def place(self, storage):
        """(getter, shift): the memory that stands for `storage` begins `shift` bytes before the
        first element of the tensor that getter(args, kwargs) finds. None where it never moves."""
        found = self.guards.argument_of(storage)
        if found is None:
            return None
        getter, tensor = found
        return getter, tensor.offset * tensor.dtype.itemsize

    def finder(self, storage):
        """find(args, kwargs) -> where the memory that stands for `storage` begins, or None."""
        found = self.place(storage)
        return None if found is None else address_finder(*found)

    def getter(self, tensor):
        """get(args, kwargs) -> the argument that stands for `tensor`, or None."""
        if any(x is tensor for x in self.arguments):
            return self.guards.getter(tensor)
        return None

    def view(self, tensor):
        """make(args, kwargs) -> a view of what `tensor` is a mere view of, or None."""
        for source in self.arguments:
            if is_view_of(tensor, source):
                return ViewMaker(tensor, source, self.guards.getter(source))
        base = tensor._base
        if base is not None and self.place(base.storage) is None and is_view_of(tensor, base):
            return ViewMaker(tensor, base, lambda args, kwargs: base)
        return None


def address_finder(getter, shift):
    """find(args, kwargs) -> the address `shift` bytes before a tensor's first element."""
    return lambda args, kwargs: getter(args, kwargs).address - shift
