"""The old name of a tensor (`torch.autograd.Variable`)."""

from .. import graph


class _VariableType(type):
    """Makes `Variable` a type to test for: every tensor is one."""

    def __instancecheck__(cls, value):
        return isinstance(value, graph.Value)

    def __call__(cls, data, requires_grad=False, volatile=None):
        result = data.detach()
        return result.requires_grad_() if requires_grad else result


class Variable(metaclass=_VariableType):
    """`Variable(data, requires_grad)` is the tensor itself."""
